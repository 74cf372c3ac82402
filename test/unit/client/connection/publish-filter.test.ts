/** The publish filter against the general parser: the same packets, in whatever pieces they come. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {duplexPair} from 'node:stream';
import {describe, test} from 'node:test';
import {setImmediate as nextTurn} from 'node:timers/promises';
import fc from 'fast-check';
import {generate, type Packet, parser} from 'mqtt-packet';
import type {MessageSource, OfferAnswer} from '../../../../src/client/connection/events.ts';
import {PublishFilter} from '../../../../src/client/connection/publish-filter.ts';
import {ReceivedQos2, UnacknowledgedMessages} from '../../../../src/client/connection/received-qos2.ts';
import {readAcknowledgement} from '../../../../src/protocol/acknowledgement.ts';
import {packetBytes} from '../../../../src/protocol/fixed-header.ts';
import type {Message, ProtocolVersion} from '../../../../src/protocol/message.ts';
import {PublishReader} from '../../../../src/protocol/publish-reader.ts';

/** Whether it has no lone surrogate, which UTF-8 cannot say. */
const isWellFormed = (value: string) => Buffer.from(value).toString() === value;

const topic = fc
  .oneof(
    {weight: 9, arbitrary: fc.string({minLength: 1, maxLength: 20, unit: 'grapheme'})},
    fc.constant('\ufffd'),
  )
  .filter((text) => !/[#+\0]/.test(text) && isWellFormed(text));
const text = fc
  .string({maxLength: 10, unit: 'grapheme'})
  .filter((value) => !/[\0\ufffd]/.test(value) && isWellFormed(value));

const properties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.nat(),
    contentType: text,
    responseTopic: topic.filter((value) => !value.includes('\ufffd')),
    correlationData: fc.uint8Array({maxLength: 20}).map((bytes) => Buffer.from(bytes)),
    userProperties: fc.dictionary(
      text.filter((key) => key !== '' && key !== '__proto__'),
      text,
      {minKeys: 1, maxKeys: 3},
    ),
    subscriptionIdentifier: fc.integer({min: 1, max: 268_435_455}),
  },
  {requiredKeys: []},
);

/** Any packet that a server sends, as mqtt-packet takes it. */
function packets(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const messageId = fc.integer({min: 1, max: 65_535});
  const publish = fc.record({
    cmd: fc.constant('publish' as const),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    dup: fc.constant(false),
    retain: fc.boolean(),
    topic,
    payload: fc.uint8Array({maxLength: 300}).map((bytes) => Buffer.from(bytes)),
    messageId,
    ...(version === 5 ? {properties: fc.option(properties, {nil: undefined})} : {}),
  });
  const acknowledgement = fc.record({
    cmd: fc.constantFrom('puback' as const, 'pubrec' as const, 'pubcomp' as const),
    messageId,
    ...(version === 5 ? {reasonCode: fc.constant(0)} : {}),
  });
  const other = fc.oneof(
    fc.constant({cmd: 'pingresp' as const}),
    fc.record({cmd: fc.constant('pubrel' as const), messageId}),
    fc.record({cmd: fc.constant('suback' as const), messageId, granted: fc.constant([0, 1])}),
  );
  return fc.oneof({weight: 5, arbitrary: publish}, acknowledgement, other) as fc.Arbitrary<Packet>;
}

const encode = (packet: Packet, version: ProtocolVersion) => generate(packet, {protocolVersion: version});

/** What the general parser says of the bytes. */
function parseAll(bytes: Buffer, version: ProtocolVersion): Packet[] {
  const result: Packet[] = [];
  const instance = parser({protocolVersion: version});
  instance.on('packet', (packet) => result.push(packet));
  instance.parse(bytes);
  return result;
}

/** The message of a parsed PUBLISH, in the form that both ways can be compared in. */
function comparable(packet: Packet & {cmd: 'publish'}): unknown {
  const {userProperties, subscriptionIdentifier, ...rest} = packet.properties ?? {};
  return {
    topic: packet.topic,
    payload: Buffer.from(packet.payload).toString('hex'),
    qos: packet.qos,
    retain: packet.retain,
    messageId: packet.qos === 0 ? undefined : packet.messageId,
    properties: {
      ...rest,
      ...('payloadFormatIndicator' in rest
        ? {payloadFormatIndicator: Number(rest.payloadFormatIndicator)}
        : {}),
      user: Object.entries(userProperties ?? {}),
      identifiers: [subscriptionIdentifier ?? []].flat(),
    },
  };
}

function comparableMessage(message: Message): unknown {
  const {userProperties, subscriptionIdentifiers, ...rest} = message.properties ?? {};
  return {
    topic: message.topic,
    payload: Buffer.from(message.payload).toString('hex'),
    qos: message.qos,
    retain: message.retain,
    messageId: message.messageId,
    properties: {
      ...rest,
      user: [...(userProperties ?? [])].map((pair) => [...pair]),
      identifiers: [...(subscriptionIdentifiers ?? [])],
    },
  };
}

const versions = fc.constantFrom(3 as const, 4 as const, 5 as const);

test('a PUBLISH is read as the general parser reads it, or left to it', () => {
  fc.assert(
    fc.property(
      versions.chain((version) => fc.tuple(fc.constant(version), fc.array(packets(version), {maxLength: 8}))),
      ([version, list]) => {
        const reader = new PublishReader(version);
        for (const packet of list) {
          const bytes = encode(packet, version);
          assert.equal(packetBytes(bytes, 0), bytes.length);
          const [parsed] = parseAll(bytes, version);
          const message = packet.cmd === 'publish' ? reader.read(bytes, 0, bytes.length) : undefined;
          if (packet.cmd === 'publish') assert.ok(message !== undefined);
          if (message !== undefined && parsed?.cmd === 'publish') {
            assert.deepEqual(comparableMessage(message), comparable(parsed));
          }
          const acknowledgement = readAcknowledgement(bytes, 0, bytes.length);
          const expected = ['puback', 'pubrec', 'pubrel', 'pubcomp'].includes(packet.cmd)
            ? packet.cmd
            : undefined;
          assert.equal(acknowledgement?.cmd, expected);
          if (acknowledgement !== undefined) assert.equal(acknowledgement.messageId, packet.messageId);
        }
      },
    ),
    {numRuns: 1000},
  );
});

test('bytes that are no PUBLISH never make the reader throw or read past the packet', () => {
  fc.assert(
    fc.property(versions, fc.uint8Array({minLength: 2, maxLength: 60}), (version, random) => {
      const bytes = Buffer.from(random);
      bytes[0] = 0x30 | (bytes[0]! & 0x0f);
      bytes[1] = bytes.length - 2;
      const message = new PublishReader(version).read(bytes, 0, bytes.length);
      if (message !== undefined) {
        // What is taken is a packet that the general parser would have taken too.
        const [parsed] = parseAll(bytes, version);
        assert.equal(parsed?.cmd, 'publish');
      }
    }),
    {numRuns: 1000},
  );
});

interface Filtered {
  readonly filter: PublishFilter;
  readonly taken: Message[];
  readonly acknowledged: number[];
  readonly passed: Buffer[];
  readonly server: ReturnType<typeof duplexPair>[0];
  readonly sent: Buffer[];
}

/** A filter on a stream of which the test is the other end. */
function filtered(
  protocolVersion: ProtocolVersion,
  decide: (message: Message) => OfferAnswer = () => 'taken',
  [near, server] = duplexPair(),
): Filtered {
  const taken: Message[] = [];
  const acknowledged: number[] = [];
  const passed: Buffer[] = [];
  const sent: Buffer[] = [];
  let dirty = false;
  let source: MessageSource | undefined;
  const filter: PublishFilter = new PublishFilter({
    stream: near,
    options: {protocolVersion},
    receivedQos2: new ReceivedQos2(),
    unacknowledged: new UnacknowledgedMessages({}),
    events: {
      messages: {
        offered(message, from) {
          source = from;
          const answer = decide(message);
          if (answer === 'taken') {
            taken.push({...message, payload: Buffer.from(message.payload)});
            dirty = true;
          }
          return answer;
        },
        flush() {
          if (!dirty) return;
          dirty = false;
          queueMicrotask(source!.acknowledgementOfTaken());
        },
        begun: () => undefined,
      },
      acknowledged: ({messageId}) => acknowledged.push(messageId!),
    },
    connection: {
      isOpen: true,
      writeQueue: {write: (bytes) => void near.write(bytes)},
      onBytes: () => undefined,
      fail: (error) => filter.destroy(error as Error),
    },
  });
  filter.on('data', (bytes: Buffer) => passed.push(bytes));
  server.on('data', (bytes: Buffer) => sent.push(bytes));
  return {filter, taken, acknowledged, passed, server, sent};
}

const connack = (version: ProtocolVersion) =>
  encode({cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false} as Packet, version);

describe('the publish filter', () => {
  test('in whatever pieces the bytes come, every packet is taken or passed on once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        versions.chain((version) =>
          fc.tuple(
            fc.constant(version),
            fc.array(packets(version), {maxLength: 12}),
            fc.array(fc.integer({min: 1, max: 90})),
          ),
        ),
        async ([version, list, cuts]) => {
          const {filter, taken, acknowledged, passed, server, sent} = filtered(version);
          const bytes = Buffer.concat([connack(version), ...list.map((packet) => encode(packet, version))]);
          filter.once('data', () => filter.open());
          let at = 0;
          for (let index = 0; at < bytes.length; index++) {
            const size = cuts.length === 0 ? bytes.length : cuts[index % cuts.length]!;
            server.write(bytes.subarray(at, at + size));
            at += size;
          }
          server.end();
          await once(filter, 'end');
          const isPublish = (packet: Packet) => packet.cmd === 'publish';
          const acknowledging = (packet: Packet) =>
            ['puback', 'pubrec', 'pubrel', 'pubcomp'].includes(packet.cmd);
          const parsed = parseAll(bytes, version);
          assert.deepEqual(
            taken.map(comparableMessage),
            parsed.filter(isPublish).map((packet) => comparable(packet as Packet & {cmd: 'publish'})),
          );
          assert.deepEqual(
            acknowledged,
            list
              .filter((packet) => acknowledging(packet) && packet.cmd !== 'pubrel')
              .map(({messageId}) => messageId),
          );
          const rest = list.filter((packet) => !isPublish(packet) && !acknowledging(packet));
          assert.deepEqual(
            Buffer.concat(passed),
            Buffer.concat([connack(version), ...rest.map((packet) => encode(packet, version))]),
          );
          const answerTo = (packet: Packet) => {
            if (packet.cmd === 'pubrel') return 'pubcomp';
            return packet.cmd !== 'publish' || packet.qos === 0 ? '' : packet.qos === 1 ? 'puback' : 'pubrec';
          };
          const count = list.filter((packet) => answerTo(packet) !== '').length;
          // They are written once what was taken is flushed, which the end of the input does not wait for.
          while (Buffer.concat(sent).length < count * 4) await nextTurn();
          const answers = parseAll(Buffer.concat(sent), version);
          assert.equal(answers.length, count);
          for (const kind of ['puback', 'pubrec', 'pubcomp']) {
            assert.deepEqual(
              answers.filter(({cmd}) => cmd === kind).map(({messageId}) => messageId),
              list.filter((packet) => answerTo(packet) === kind).map(({messageId}) => messageId),
            );
          }
          filter.destroy();
        },
      ),
      {numRuns: 300},
    );
  });

  test("'later' holds a message and all behind it until it is offered again", async () => {
    let open = false;
    const {filter, taken, passed, server} = filtered(4, () => (open ? 'taken' : 'later'));
    const publish = encode({cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false}, 4);
    const pingresp = encode({cmd: 'pingresp'}, 4);
    filter.once('data', () => filter.open());
    server.write(Buffer.concat([connack(4), publish, pingresp]));
    while (!filter.isHolding) await nextTurn();
    assert.deepEqual([taken.length, filter.isHolding], [0, true]);
    assert.deepEqual(Buffer.concat(passed), connack(4));
    open = true;
    filter.offerAgain();
    while (Buffer.concat(passed).length === connack(4).length) await nextTurn();
    assert.equal(taken.length, 1);
    assert.deepEqual(Buffer.concat(passed), Buffer.concat([connack(4), pingresp]));
    filter.destroy();
  });

  test('a large packet comes whole, with what follows it', async () => {
    const {filter, taken, server} = filtered(4);
    const payload = Buffer.alloc(3_000_000, 'abc');
    const large = encode({cmd: 'publish', topic: 'a', payload, qos: 0, dup: false, retain: false}, 4);
    const small = encode({cmd: 'publish', topic: 'b', payload: 'x', qos: 0, dup: false, retain: false}, 4);
    filter.once('data', () => filter.open());
    server.end(Buffer.concat([connack(4), small, large, small]));
    await once(filter, 'end');
    assert.deepEqual(
      taken.map(({topic, payload}) => [topic, payload.length]),
      [
        ['b', 1],
        ['a', payload.length],
        ['b', 1],
      ],
    );
    assert.ok(payload.equals(taken[1]!.payload));
    filter.destroy();
  });

  test('bytes that are not MQTT are passed on to the protocol client', async () => {
    const {filter, passed, server} = filtered(4);
    filter.once('data', () => filter.open());
    server.end(Buffer.concat([connack(4), Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])]));
    await once(filter, 'end');
    assert.equal(Buffer.concat(passed).length, connack(4).length + 9);
    filter.destroy();
  });

  test('behind a packet that ends the connection, nothing is taken', async () => {
    const {filter, taken, passed, server} = filtered(4);
    const publish = encode({cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false}, 4);
    const bothQosBits = Buffer.from([0x36, 3, 0, 1, 0x61]);
    filter.once('data', () => filter.open());
    // As MQTT.js does with a packet that it cannot read.
    filter.on('data', (bytes: Buffer) => bytes.equals(bothQosBits) && filter.destroy());
    server.end(Buffer.concat([connack(4), publish, bothQosBits, publish]));
    await once(filter, 'close');
    assert.equal(Buffer.concat(passed).length, connack(4).length + bothQosBits.length);
    assert.equal(taken.length, 1);
  });

  test('on a stream that has closed before, it closes, too', async () => {
    const pair = duplexPair();
    pair[0].destroy();
    await once(pair[0], 'close');
    const {filter} = filtered(4, undefined, pair);
    await once(filter, 'close');
  });
});
