import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {generate, type IPublishPacket, type Parser, parser} from 'mqtt-packet';
import {codecProperties} from '../../../src/client/connection/mqttjs-codec.ts';
import {TmqError} from '../../../src/errors.ts';
import type {ProtocolVersion, Publication} from '../../../src/protocol/message.ts';
import {publishEncoder, publishFrames} from '../../../src/protocol/publish-writer.ts';

const text = fc.string({unit: 'grapheme', maxLength: 20});
const topic = fc.string({unit: 'grapheme', minLength: 1, maxLength: 40});
const payload = fc.oneof(fc.uint8Array({maxLength: 80}), fc.uint8Array({minLength: 100, maxLength: 17_000}));
const bytes = fc.uint8Array({maxLength: 20});

const properties = fc.record(
  {
    payloadFormatIndicator: fc.constantFrom(0, 1),
    messageExpiryInterval: fc.nat(0xffffffff),
    topicAlias: fc.integer({min: 1, max: 65_535}),
    responseTopic: topic,
    correlationData: bytes,
    userProperties: fc.array(fc.tuple(text, text), {maxLength: 4}),
    contentType: text,
  },
  {requiredKeys: []},
);

const publication: fc.Arbitrary<Publication> = fc.record({
  topic,
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  properties,
});

const version: fc.Arbitrary<ProtocolVersion> = fc.constantFrom(3, 4, 5);

function parseAll(data: Uint8Array, protocolVersion: ProtocolVersion): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  const reader = parser({protocolVersion}) as Parser;
  reader.on('packet', (packet) => packets.push(packet as IPublishPacket));
  reader.on('error', (error: Error) => {
    throw error;
  });
  assert.equal(reader.parse(Buffer.from(data)), 0, 'bytes are left over');
  return packets;
}

test('a packet has the same bytes as from mqtt-packet', () => {
  fc.assert(
    fc.property(
      publication,
      version,
      payload,
      fc.integer({min: 1, max: 65_535}),
      fc.boolean(),
      (given, protocolVersion, body, messageId, duplicate) => {
        const encoder = publishEncoder(given, protocolVersion);
        const dup = given.qos > 0 && duplicate;
        const header = encoder.header(body.length, messageId, dup);
        const expected = generate(
          {
            cmd: 'publish',
            topic: given.topic,
            payload: Buffer.from(body),
            qos: given.qos,
            retain: given.retain,
            dup,
            messageId,
            properties: codecProperties(given.properties) ?? {},
          },
          {protocolVersion},
        );
        assert.deepEqual(Buffer.concat([header, body]), expected);
        assert.equal(encoder.packetBytes(body.length), expected.length);
      },
    ),
    {numRuns: 1000},
  );
});

test('many packets in one buffer are read back one by one', () => {
  fc.assert(
    fc.property(
      publication,
      version,
      fc.array(payload, {maxLength: 12}),
      (given, protocolVersion, payloads) => {
        const messageIds = payloads.map((_, index) => 65_535 - index * 1000);
        const frames = publishFrames(publishEncoder(given, protocolVersion), payloads, {messageIds});
        const packets = parseAll(frames, protocolVersion);
        assert.deepEqual(
          packets.map(({payload: read}) => Buffer.from(read)),
          payloads.map((each) => Buffer.from(each)),
        );
        for (const packet of packets) {
          assert.deepEqual([packet.topic, packet.qos, packet.retain], [given.topic, given.qos, given.retain]);
        }
        if (given.qos > 0) {
          assert.deepEqual(
            packets.map(({messageId}) => messageId),
            messageIds,
          );
        }
      },
    ),
    {numRuns: 300},
  );
});

test('the Remaining Length grows by a byte at its limits', () => {
  const encoder = publishEncoder({topic: 'a', qos: 0, retain: false}, 4);
  for (const border of [128, 16_384, 2_097_152]) {
    for (const remaining of [border - 1, border]) {
      const body = Buffer.alloc(remaining - 3, 'x');
      const [packet] = parseAll(publishFrames(encoder, [body]), 4);
      assert.equal(packet!.payload.length, body.length);
    }
  }
});

test('an alias stands for the topic', () => {
  const encoder = publishEncoder({topic: '', qos: 0, retain: false, properties: {topicAlias: 7}}, 5);
  assert.deepEqual(
    publishFrames(encoder, [Buffer.from('x')]),
    Buffer.from([0x30, 7, 0, 0, 3, 35, 0, 7, 0x78]),
  );
});

test('a string longer than 65535 bytes is refused', () => {
  assert.throws(() => publishEncoder({topic: 'ä'.repeat(32_768), qos: 0, retain: false}, 4), TmqError);
});
