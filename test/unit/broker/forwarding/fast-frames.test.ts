/** The fast reader of frames, against mqtt-packet: whatever is sent, and wherever it is cut. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {generate, type Packet, parser} from 'mqtt-packet';
import {FastFrames} from '../../../../src/broker/forwarding/fast-frames.ts';
import type {ConnectionHandler} from '../../../../src/broker/wire/connection-handler.ts';
import {FrameSplitter} from '../../../../src/broker/wire/frame-splitter.ts';
import {decodePublish} from '../../../../src/broker/wire/publish-packet.ts';
import {publisherTo, stateWithSubscriber} from '../../../support/one-subscriber.ts';
import type {Said} from '../../../support/packet-client.ts';

type Version = 4 | 5;

const messageId = fc.integer({min: 1, max: 65_535});
const packet = fc.oneof(
  fc.record({
    cmd: fc.constant('publish'),
    topic: fc.constantFrom('a', 'a/b', 'a/c', 'ä/ö', 'long/'.repeat(30)),
    payload: fc.oneof(
      fc.uint8Array({maxLength: 80}).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(120, 130, 16_370, 20_000).map((size) => Buffer.alloc(size, 'x')),
    ),
    qos: fc.nat(2),
    messageId,
    retain: fc.constantFrom(false, false, true),
    dup: fc.constant(false),
    properties: fc.constantFrom({}, {}, {contentType: 'x'}),
  }),
  fc.record({cmd: fc.constantFrom('puback', 'pubrec'), messageId, reasonCode: fc.constantFrom(0, 0, 0x80)}),
  fc.record({cmd: fc.constantFrom('pubrel', 'pubcomp'), messageId, reasonCode: fc.constantFrom(0, 0, 0x92)}),
  fc.record({cmd: fc.constant('pingreq')}),
) as fc.Arbitrary<Said>;

const acknowledgements = ['', '', '', '', 'puback', 'pubrec', 'pubrel', 'pubcomp'];

function line(cmd: string, said: Record<string, unknown>) {
  const {topic, payload, qos, messageId: id = 0, retain, reasonCode = 0} = said;
  if (cmd !== 'publish') return `${cmd} ${id} ${reasonCode}`;
  const bytes = Buffer.from(payload as Uint8Array);
  return `publish ${topic} q${qos} m${qos === 0 ? 0 : id} r${retain} ${bytes.length} ${bytes.toString('latin1', 0, 80)}`;
}

/** What mqtt-packet makes of whole frames. */
function linesOf(frames: Buffer, protocolVersion: Version): string[] {
  const lines: string[] = [];
  const reader = parser({protocolVersion});
  reader.on('packet', (parsed) => lines.push(line(parsed.cmd, parsed as unknown as Said)));
  reader.parse(frames);
  return lines;
}

/** A publisher's fast way to one subscriber, and a line for all that takes it. */
function fastWay(version: Version, lines: string[]): FastFrames {
  const state = stateWithSubscriber(version, (bytes, frames) => {
    const sent = linesOf(bytes, version);
    assert.equal(sent.length, frames);
    lines.push(...sent);
  });
  const handler = {
    publish: (publish) => void lines.push(line('publish', {...publish, messageId: publish.packetId})),
    acknowledgement: ({type, packetId, reasonCode}) =>
      void lines.push(line(acknowledgements[type]!, {messageId: packetId, reasonCode})),
    succeeded(type, packetId) {
      lines.push(line(acknowledgements[type]!, {messageId: packetId, reasonCode: 0}));
      return true;
    },
    settled: () => undefined,
    fastPublish: () => publisherTo(state, version),
  } satisfies Partial<ConnectionHandler>;
  return new FastFrames(handler as unknown as ConnectionHandler, state.counters, version);
}

/** What the fast way makes of the chunks, and how many frames it left to mqtt-packet. */
function read(chunks: readonly Buffer[], version: Version) {
  const lines: string[] = [];
  const fast = fastWay(version, lines);
  const splitter = new FrameSplitter(268_435_460);
  let left = 0;
  for (const chunk of chunks) {
    splitter.push(chunk);
    for (;;) {
      if (fast.pass(splitter)) continue;
      const frame = splitter.next();
      if (frame === undefined) break;
      left++;
      lines.push(...linesOf(frame, version));
      const topic = frame[0]! >> 4 === 3 ? decodePublish(frame, version).topic : undefined;
      if (topic !== undefined) fast.learn(topic);
    }
  }
  assert.equal(splitter.length, 0);
  return {lines, left};
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = cuts.map((point) => point % (bytes.length + 1)).sort((one, other) => one - other);
  return [0, ...points].map((from, index) => bytes.subarray(from, points[index]));
}

describe('FastFrames', () => {
  it('reads what mqtt-packet reads, in order, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(packet, {maxLength: 60, size: 'max'}),
        fc.constantFrom<Version>(4, 5),
        fc.array(fc.nat(), {maxLength: 12}),
        (packets, version, cuts) => {
          const frames = packets.map((one) => generate(one as unknown as Packet, {protocolVersion: version}));
          const bytes = Buffer.concat(frames);
          assert.deepEqual(read(cut(bytes, cuts), version).lines, linesOf(bytes, version));
        },
      ),
      {numRuns: 400},
    );
  });

  it('leaves to others no plain frame of a topic it has seen, unless a cut goes through it', () => {
    for (const version of [4, 5] as const) {
      const frames = Array.from({length: 3000}, (_, index) => {
        const qos = (index % 3) as 0 | 1 | 2;
        const topic = `t/${index % 7}`;
        const payload = `${index}`;
        const packets: Packet[] = [
          {cmd: 'publish', topic, payload, qos, dup: false, retain: false, messageId: index + 1},
          {cmd: 'puback', messageId: index + 1},
        ];
        return Buffer.concat(packets.map((one) => generate(one, {protocolVersion: version})));
      });
      const {left, lines} = read([Buffer.concat(frames)], version);
      assert.equal(left, 7);
      assert.equal(lines.length, 6000);
    }
  });
});
