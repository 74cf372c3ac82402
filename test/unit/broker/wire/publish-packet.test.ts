/** PUBLISH between bytes and values, against mqtt-packet. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {generate, type IPublishPacket, parser} from 'mqtt-packet';
import {BufferPool, WriteBuffer} from '../../../../src/broker/wire/connection-output.ts';
import {
  decodePublish,
  type PublishForm,
  PublishTemplates,
  type StoredMessage,
} from '../../../../src/broker/wire/publish-packet.ts';

type Version = 4 | 5;

const text = fc
  .string({unit: 'grapheme', minLength: 1, maxLength: 30})
  .map((value) => value.replace(/[+#\0]/g, 'x'));
const payload = fc.oneof(
  fc.uint8Array({maxLength: 200}).map((data) => Buffer.from(data)),
  fc.constantFrom(0, 120, 16_383, 16_384, 40_000).map((length) => Buffer.alloc(length, 'p')),
);
const properties = fc
  .record({
    payloadFormatIndicator: fc.option(fc.constant(true), {nil: undefined}),
    responseTopic: fc.option(text, {nil: undefined}),
    correlationData: fc.option(
      payload.filter(({length}) => length < 1000),
      {nil: undefined},
    ),
    userProperties: fc.option(fc.constant({k: ['1', '2'], j: 'x'}), {nil: undefined}),
    contentType: fc.option(text, {nil: undefined}),
  })
  .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));
const published = fc.record({
  topic: text,
  payload,
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  messageId: fc.integer({min: 1, max: 65_535}),
  properties,
});
const version = fc.constantFrom<Version>(4, 5);

function parsed(frame: Buffer, protocolVersion: Version): IPublishPacket {
  let found: IPublishPacket | undefined;
  const reader = parser({protocolVersion});
  reader.on('packet', (packet) => {
    found = packet as IPublishPacket;
  });
  reader.on('error', (error) => {
    throw error;
  });
  assert.equal(reader.parse(frame), 0);
  assert.ok(found !== undefined);
  return found;
}

describe('PUBLISH', () => {
  it('is read as mqtt-packet writes it, and what is written mqtt-packet reads', () => {
    const encoder = new PublishTemplates();
    const form = fc.record({
      protocolVersion: version,
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId: fc.integer({min: 1, max: 65_535}),
      subscriptionIdentifiers: fc.uniqueArray(fc.integer({min: 1, max: 268_435_455}), {maxLength: 3}),
      topicAlias: fc.option(fc.integer({min: 1, max: 65_535}), {nil: undefined}),
    });
    fc.assert(
      fc.property(
        published,
        fc.array(form, {minLength: 1, maxLength: 6}),
        fc.nat(100),
        (said, forms, age) => {
          const frame = generate({cmd: 'publish', dup: false, ...said}, {protocolVersion: 5});
          const decoded = decodePublish(frame, 5);
          assert.deepEqual(
            [
              decoded.topic,
              decoded.qos,
              decoded.retain,
              decoded.packetId,
              decoded.payload.equals(said.payload),
            ],
            [said.topic, said.qos, said.retain, said.qos === 0 ? 0 : said.messageId, true],
          );
          const message: StoredMessage = {
            topic: decoded.topic,
            payload: decoded.payload,
            qos: decoded.qos,
            retain: decoded.retain,
            properties: decoded.properties,
            expiresAt: 200_000,
          };
          for (const {topicAlias, packetId, dup, ...wanted} of forms) {
            const whole: PublishForm = {...wanted, ...(topicAlias === undefined ? {} : {topicAlias})};
            const {frame: pieces, size, packetIdAt} = encoder.encode(message, whole, () => age * 1000);
            const outgoing = new WriteBuffer(new BufferPool());
            outgoing.frame(pieces, wanted.qos === 0 ? undefined : {packetId, at: packetIdAt, dup});
            const bytes = Buffer.concat(outgoing.take());
            assert.equal(bytes.length, size);
            const packet = parsed(bytes, wanted.protocolVersion);
            assert.deepEqual(
              [packet.topic, packet.qos, packet.retain, Buffer.from(packet.payload).equals(said.payload)],
              [said.topic, wanted.qos, wanted.retain, true],
            );
            if (wanted.qos > 0) assert.deepEqual([packet.messageId, packet.dup], [packetId, dup]);
            if (wanted.protocolVersion < 5) continue;
            const {
              messageExpiryInterval,
              subscriptionIdentifier,
              topicAlias: alias,
              ...rest
            } = packet.properties ?? {};
            assert.equal(messageExpiryInterval, 200 - age);
            assert.equal(alias, topicAlias);
            assert.deepEqual([subscriptionIdentifier ?? []].flat(), wanted.subscriptionIdentifiers);
            const original = parsed(frame, 5).properties ?? {};
            assert.equal(JSON.stringify(rest), JSON.stringify(original));
          }
        },
      ),
      {numRuns: 300},
    );
  });

  it('shares one buffer between receivers at QoS 0', () => {
    const encoder = new PublishTemplates();
    const now = () => 0;
    const bytes = Buffer.from('x');
    const message: StoredMessage = {
      topic: 't',
      payload: bytes,
      qos: 0,
      retain: false,
      properties: Buffer.alloc(0),
    };
    const form: PublishForm = {protocolVersion: 4, qos: 0, retain: false};
    assert.equal(encoder.encode(message, form, now).frame[0], encoder.encode(message, form, now).frame[0]);
    assert.notEqual(
      encoder.encode(message, form, now).frame[0],
      encoder.encode(message, {...form, protocolVersion: 5}, now).frame[0],
    );
  });
});
