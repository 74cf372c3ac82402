/** The validation of frames, statement by statement, and that valid frames pass. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {generate, type Packet} from 'mqtt-packet';
import {FrameSplitter} from '../../../../src/broker/wire/frame-splitter.ts';
import {validateFrame} from '../../../../src/broker/wire/validate.ts';
import {PacketViolation} from '../../../../src/protocol/packet-violation.ts';
import {frameOf} from '../../../support/packet-client.ts';

type Version = 3 | 4 | 5;
type Bytes = readonly (number | string)[];
type Row = readonly [statement: string, code: number, first: number, body: Bytes, version?: Version];

/** Bytes from numbers and texts. */
function bytes(parts: Bytes): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part))),
  );
}

function violation(frame: Buffer, version: Version): PacketViolation | undefined {
  try {
    validateFrame(frame, version);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof PacketViolation, String(error));
    return error;
  }
}

/** CONNECT up to the keep alive, with these flags. */
const head = (flags: number, level = 5): Bytes => [0, 4, 'MQTT', level, flags, 0, 60];
const malformed = 0x81;
const protocolError = 0x82;

const connectRows: readonly Row[] = [
  ['MQTT-2.1.3-1', malformed, 0x11, [...head(2), 0, 0, 1, 'a']],
  ['MQTT-3.1.2-1', 0x84, 0x10, [0, 4, 'MQTX', 5, 2, 0, 60, 0, 0, 1, 'a']],
  ['MQTT-3.1.2-2', 0x84, 0x10, [0, 4, 'MQTT', 6, 2, 0, 60, 0, 0, 1, 'a']],
  ['MQTT-3.1.2-2', 0x84, 0x10, [0, 6, 'MQIsdp', 4, 2, 0, 60, 0, 1, 'a']],
  ['MQTT-3.1.2-3', malformed, 0x10, [...head(3), 0, 0, 1, 'a']],
  ['MQTT-3.1.2-11', malformed, 0x10, [...head(0x0a), 0, 0, 1, 'a']],
  ['MQTT-3.1.2-12', malformed, 0x10, [...head(0x1e), 0, 0, 1, 'a', 0, 0, 1, 'w', 0, 0]],
  ['MQTT-3.1.2-13', malformed, 0x10, [...head(0x22), 0, 0, 1, 'a']],
  ['MQTT 3.1.1, MQTT-3.1.2-22', malformed, 0x10, [...head(0x42, 4), 0, 1, 'a', 0, 1, 'p'], 4],
  ['MQTT-1.5.4-1', malformed, 0x10, [...head(2, 4), 0, 2, 0xc3, 0x28], 4],
  ['MQTT-1.5.4-1', malformed, 0x10, [...head(2, 4), 0, 3, 0xed, 0xa0, 0x80], 4],
  ['MQTT-1.5.4-2', malformed, 0x10, [...head(2, 4), 0, 2, 'a', 0], 4],
  ['4.13', malformed, 0x10, [...head(2), 0, 0, 5, 'a']],
  ['4.13', malformed, 0x10, [...head(2), 0, 0, 1, 'a', 0]],
  ['4.13', malformed, 0x10, [...head(2), 9]],
  ['4.13', malformed, 0x10, [...head(0x82), 0, 0, 1, 'a']],
  ['MQTT-1.5.5-1', malformed, 0x10, [...head(2), 0x80, 0, 0, 1, 'a']],
  ['2.2.2.2', malformed, 0x10, [...head(2), 2, 4, 0, 0, 1, 'a']],
  ['2.2.2.2', malformed, 0x10, [...head(2), 3, 35, 0, 1, 0, 1, 'a']],
  ['2.2.2.2', protocolError, 0x10, [...head(2), 10, 17, 0, 0, 0, 1, 17, 0, 0, 0, 1, 0, 1, 'a']],
  ['2.2.2.1', malformed, 0x10, [...head(2), 2, 33, 0, 1, 0, 1, 'a']],
  ['3.1.2.11.3', protocolError, 0x10, [...head(2), 3, 33, 0, 0, 0, 1, 'a']],
  ['3.1.2.11.4', protocolError, 0x10, [...head(2), 5, 39, 0, 0, 0, 0, 0, 1, 'a']],
  ['3.1.2.11.6', protocolError, 0x10, [...head(2), 2, 25, 2, 0, 1, 'a']],
  ['3.1.2.11.7', protocolError, 0x10, [...head(2), 2, 23, 2, 0, 1, 'a']],
  ['3.1.2.11.10', protocolError, 0x10, [...head(2), 4, 22, 0, 1, 'x', 0, 1, 'a']],
  ['MQTT-4.7.3-1', protocolError, 0x10, [...head(6), 0, 0, 1, 'a', 0, 0, 0, 0, 0]],
  ['MQTT-4.7.0-1', malformed, 0x10, [...head(6), 0, 0, 1, 'a', 0, 0, 3, 'w/#', 0, 0]],
  ['MQTT-3.3.2-14', protocolError, 0x10, [...head(6), 0, 0, 1, 'a', 4, 8, 0, 1, '#', 0, 1, 'w', 0, 0]],
  ['2.2.2.2', malformed, 0x10, [...head(6), 0, 0, 1, 'a', 3, 35, 0, 1, 0, 1, 'w', 0, 0]],
  ['MQTT-1.5.4-1', malformed, 0x10, [...head(2), 7, 38, 0, 1, 'k', 0, 1, 0xff, 0, 1, 'a']],
];

const publishRows: readonly Row[] = [
  ['MQTT-3.3.1-4', malformed, 0x36, [0, 1, 't', 0, 1, 0]],
  ['MQTT-3.3.1-2', malformed, 0x38, [0, 1, 't', 0]],
  ['MQTT-3.3.2-2', malformed, 0x30, [0, 3, 't/#', 0]],
  ['MQTT-3.3.2-2', malformed, 0x30, [0, 3, 't/+', 0], 4],
  ['MQTT-1.5.4-2', malformed, 0x30, [0, 2, 't', 0, 0]],
  ['MQTT-2.2.1-3', protocolError, 0x32, [0, 1, 't', 0, 0, 0]],
  ['4.13', malformed, 0x32, [0, 1, 't', 0]],
  ['4.13', malformed, 0x30, [0, 9, 't', 0]],
  ['4.13', malformed, 0x30, [0, 1, 't']],
  ['3.3.2.1', protocolError, 0x30, [0, 0, 0]],
  ['MQTT-4.7.3-1', protocolError, 0x30, [0, 0], 4],
  ['MQTT-3.3.2-8', 0x94, 0x30, [0, 1, 't', 3, 35, 0, 0]],
  ['MQTT-3.3.2-14', protocolError, 0x30, [0, 1, 't', 6, 8, 0, 3, 'a/+']],
  ['MQTT-3.3.2-14', protocolError, 0x30, [0, 1, 't', 3, 8, 0, 0]],
  ['3.3.2.3.2', protocolError, 0x30, [0, 1, 't', 2, 1, 2]],
  ['MQTT-3.3.4-6', protocolError, 0x30, [0, 1, 't', 2, 11, 1]],
  ['2.2.2.2', protocolError, 0x30, [0, 1, 't', 4, 1, 1, 1, 1]],
  ['2.2.2.2', malformed, 0x30, [0, 1, 't', 5, 17, 0, 0, 0, 1]],
  ['1.5.5', malformed, 0x30, [0, 1, 't', 0x80, 0x80, 0x80, 0x80, 1]],
];

const subscribeRows: readonly Row[] = [
  ['MQTT-3.8.1-1', malformed, 0x80, [0, 1, 0, 0, 1, 't', 0]],
  ['MQTT-2.2.1-3', protocolError, 0x82, [0, 0, 0, 0, 1, 't', 0]],
  ['MQTT-3.8.3-2', protocolError, 0x82, [0, 1, 0]],
  ['MQTT-3.8.3-2', protocolError, 0x82, [0, 1], 4],
  ['MQTT-3.8.3-1', malformed, 0x82, [0, 1, 0, 0, 1, 't']],
  ['MQTT-3.8.3-4', protocolError, 0x82, [0, 1, 0, 0, 10, '$share/g/t', 4]],
  ['MQTT-3.8.3-5', malformed, 0x82, [0, 1, 0, 0, 1, 't', 0x40]],
  ['3.8.3.1', protocolError, 0x82, [0, 1, 0, 0, 1, 't', 3]],
  ['3.8.3.1', protocolError, 0x82, [0, 1, 0, 0, 1, 't', 0x30]],
  ['MQTT 3.1.1, MQTT-3.8.3-4', malformed, 0x82, [0, 1, 0, 1, 't', 3], 4],
  ['MQTT 3.1.1, MQTT-3.8.3-4', malformed, 0x82, [0, 1, 0, 1, 't', 4], 4],
  ['3.8.2.1.2', protocolError, 0x82, [0, 1, 2, 11, 0, 0, 1, 't', 0]],
  ['2.2.2.2', protocolError, 0x82, [0, 1, 4, 11, 1, 11, 2, 0, 1, 't', 0]],
  ['MQTT-4.7.3-1', protocolError, 0x82, [0, 1, 0, 0, 0, 0]],
  ['MQTT-4.7.1-1', malformed, 0x82, [0, 1, 0, 0, 3, 'a#b', 0]],
  ['MQTT-4.7.1-1', malformed, 0x82, [0, 1, 0, 0, 3, '#/b', 0]],
  ['MQTT-4.7.1-1', malformed, 0x82, [0, 1, 0, 2, 'a#', 0], 4],
  ['MQTT-4.7.1-2', malformed, 0x82, [0, 1, 0, 0, 4, 'a/b+', 0]],
  ['MQTT-4.8.2-1', protocolError, 0x82, [0, 1, 0, 0, 9, '$share//t', 0]],
  ['MQTT-4.8.2-1', protocolError, 0x82, [0, 1, 0, 0, 8, '$share/g', 0]],
  ['MQTT-4.8.2-2', protocolError, 0x82, [0, 1, 0, 0, 10, '$share/+/t', 0]],
  ['MQTT-4.8.2-2', protocolError, 0x82, [0, 1, 0, 0, 9, '$share/g/', 0]],
  ['MQTT-1.5.4-1', malformed, 0x82, [0, 1, 0, 0, 1, 0xff, 0]],
  ['MQTT-3.10.1-1', malformed, 0xa0, [0, 1, 0, 0, 1, 't']],
  ['MQTT-3.10.3-2', protocolError, 0xa2, [0, 1, 0]],
  ['MQTT-2.2.1-3', protocolError, 0xa2, [0, 0, 0, 0, 1, 't']],
  ['MQTT-4.7.1-2', malformed, 0xa2, [0, 1, 0, 0, 2, 'a+']],
  ['2.2.2.2', malformed, 0xa2, [0, 1, 2, 11, 1, 0, 1, 't']],
];

const otherRows: readonly Row[] = [
  ['2.1.2', protocolError, 0x00, []],
  ['2.1.2', protocolError, 0x20, [0, 0, 0]],
  ['2.1.2', protocolError, 0x90, [0, 1, 0, 0]],
  ['2.1.2', protocolError, 0xb0, [0, 1, 0, 0]],
  ['2.1.2', protocolError, 0xd0, []],
  ['2.1.2', protocolError, 0xf0, [0x19, 0], 4],
  ['MQTT-2.1.3-1', malformed, 0x41, [0, 1]],
  ['MQTT-2.1.3-1', malformed, 0x52, [0, 1]],
  ['MQTT-3.6.1-1', malformed, 0x60, [0, 1]],
  ['MQTT-2.1.3-1', malformed, 0x74, [0, 1]],
  ['MQTT-2.1.3-1', malformed, 0xc8, []],
  ['4.13', malformed, 0xc0, [0]],
  ['MQTT-2.2.1-3', protocolError, 0x40, [0, 0]],
  ['4.13', malformed, 0x40, [1]],
  ['4.13', malformed, 0x40, [0, 1, 0], 4],
  ['MQTT-3.4.2-1', protocolError, 0x40, [0, 1, 0x95]],
  ['MQTT-3.5.2-1', protocolError, 0x50, [0, 1, 0x92]],
  ['MQTT-3.6.2-1', protocolError, 0x62, [0, 1, 0x10]],
  ['MQTT-3.7.2-1', protocolError, 0x70, [0, 1, 0x80]],
  ['2.2.2.2', malformed, 0x40, [0, 1, 0, 2, 1, 1]],
  ['2.2.2.2', protocolError, 0x40, [0, 1, 0, 8, 31, 0, 1, 'a', 31, 0, 1, 'b']],
  ['MQTT-3.14.1-1', malformed, 0xe1, []],
  ['MQTT-3.14.2-1', protocolError, 0xe0, [0x8b]],
  ['4.13', malformed, 0xe0, [0], 4],
  ['2.2.2.2', malformed, 0xe0, [0, 3, 33, 0, 1]],
  ['MQTT-3.15.1-1', malformed, 0xf1, [0x19, 0]],
  ['MQTT-3.15.2-1', protocolError, 0xf0, [0, 0]],
  ['3.15.2.2.2', protocolError, 0xf0, [0x19, 0]],
];

const rows = [...connectRows, ...publishRows, ...subscribeRows, ...otherRows];

describe('an invalid frame breaks', () => {
  for (const [statement, code, first, body, version = 5] of rows) {
    const frame = frameOf(first, bytes(body));
    it(`${statement}: ${frame.toString('hex')}${version === 5 ? '' : ` in MQTT 3.1.1`}`, () => {
      const found = violation(frame, version);
      assert.deepEqual([found?.statement, found?.reasonCode], [statement, code], found?.message);
    });
  }

  it('no property ends before its value does', () => {
    const properties = bytes([
      ...[17, 0, 0, 0, 9, 33, 0, 5, 39, 0, 0, 1, 0, 34, 0, 5, 25, 1, 23, 0],
      ...[38, 0, 1, 'k', 0, 1, 'v', 21, 0, 1, 'm', 22, 0, 1, 'd'],
    ]);
    const frame = (list: Buffer) =>
      frameOf(0x10, bytes([...head(2), list.length, list.toString('latin1'), 0, 1, 'a']));
    assert.equal(violation(frame(properties), 5), undefined);
    const boundaries = new Set([5, 8, 13, 16, 18, 20, 27, 31, 35]);
    for (let length = 1; length < properties.length; length++) {
      const found = violation(frame(properties.subarray(0, length)), 5);
      assert.equal(found === undefined, boundaries.has(length), `${length}`);
    }
  });
});

describe('a valid frame', () => {
  const utf8 = fc.string({unit: 'binary', maxLength: 20}).filter((text) => !/[\0\p{Surrogate}]/u.test(text));
  const topic = utf8.map((text) => text.replace(/[+#]/g, '')).filter((text) => text !== '');
  const pairs = fc.dictionary(
    utf8.filter((text) => text !== '__proto__'),
    utf8,
    {minKeys: 1, maxKeys: 3},
  );
  const binary = fc.uint8Array({maxLength: 20}).map((data) => Buffer.from(data));
  const u16 = fc.integer({min: 1, max: 65_535});
  const qos = fc.constantFrom(0, 1, 2);
  const version = fc.constantFrom<Version>(3, 4, 5);
  const defined = <Value extends object>(value: Value) =>
    Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
  const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, {nil: undefined});
  const messageProperties = fc
    .record({
      payloadFormatIndicator: optional(fc.boolean()),
      messageExpiryInterval: optional(fc.nat()),
      responseTopic: optional(topic),
      correlationData: optional(binary),
      userProperties: optional(pairs),
      contentType: optional(utf8),
    })
    .map(defined);
  const connect = fc.record({
    cmd: fc.constant('connect'),
    clientId: utf8.filter((text) => text !== ''),
    clean: fc.boolean(),
    keepalive: u16,
    username: utf8.filter((text) => text !== ''),
    password: binary,
    will: fc.record({topic, payload: binary, qos, retain: fc.boolean(), properties: messageProperties}),
    properties: fc
      .record({
        sessionExpiryInterval: optional(fc.nat()),
        receiveMaximum: optional(u16),
        maximumPacketSize: optional(u16),
        topicAliasMaximum: optional(u16),
        requestProblemInformation: optional(fc.boolean()),
        userProperties: optional(pairs),
      })
      .map(defined),
  });
  const publish = fc.record({
    cmd: fc.constant('publish'),
    topic,
    payload: binary,
    qos,
    retain: fc.boolean(),
    messageId: u16,
    properties: messageProperties,
  });
  const subscribe = fc.record({
    cmd: fc.constant('subscribe'),
    messageId: u16,
    subscriptions: fc.array(
      fc.record({
        topic: topic.map((text) => `x${text}/+/#`),
        qos,
        nl: fc.boolean(),
        rap: fc.boolean(),
        rh: fc.constantFrom(0, 1, 2),
      }),
      {minLength: 1, maxLength: 3},
    ),
  });
  const acknowledgement = fc.record({
    cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
    messageId: u16,
    reasonCode: fc.constant(0),
    properties: fc.record({reasonString: utf8, userProperties: pairs}),
  });

  it('passes', () => {
    fc.assert(
      fc.property(
        version,
        fc.oneof(connect, publish, subscribe, acknowledgement),
        (protocolVersion, packet) => {
          const whole = {...packet, protocolVersion, protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT'};
          const frame = generate(whole as unknown as Packet, {protocolVersion});
          assert.equal(violation(frame, protocolVersion), undefined, frame.toString('hex'));
        },
      ),
      {numRuns: 1000},
    );
  });
});

describe('FrameSplitter', () => {
  const frame = fc
    .tuple(fc.nat(255), fc.oneof(fc.nat(200), fc.constantFrom(0, 127, 128, 16_383, 16_384, 20_000)))
    .map(([first, length]) => frameOf(first, Buffer.alloc(length, first)));

  it('gives back the frames that went in, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, {maxLength: 8}),
        fc.array(fc.nat(30_000), {maxLength: 20}),
        (frames, cuts) => {
          const all = Buffer.concat(frames);
          const points = [0, ...cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b), all.length];
          const splitter = new FrameSplitter(268_435_460);
          const found: Buffer[] = [];
          for (const [index, point] of points.slice(1).entries()) {
            splitter.push(all.subarray(points[index], point));
            for (let next = splitter.next(); next !== undefined; next = splitter.next()) found.push(next);
          }
          assert.deepEqual(found, frames);
          assert.equal(splitter.length, 0);
        },
      ),
      {numRuns: 300},
    );
  });

  for (const [what, statement, code, start] of [
    ['five bytes of length', '2.1.4', malformed, [0x30, 0x80, 0x80, 0x80, 0x80]],
    ['more bytes of length than needed', 'MQTT-1.5.5-1', malformed, [0x30, 0x81, 0x00]],
    ['over the limit', 'MQTT-3.2.2-15', 0x95, [0x30, 0xe8, 0x07]],
  ] as const) {
    it(`${statement}: ${what}, before the body is there`, () => {
      const splitter = new FrameSplitter(1000);
      splitter.push(Buffer.from(start));
      assert.throws(
        () => splitter.next(),
        (error) =>
          error instanceof PacketViolation && error.statement === statement && error.reasonCode === code,
      );
    });
  }
});
