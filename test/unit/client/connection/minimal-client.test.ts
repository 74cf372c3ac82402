import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {generate, type Packet as LibraryPacket, parser} from 'mqtt-packet';
import {encodePacket, isExpected, readPacket} from '../../../../src/client/connection/minimal-client.ts';
import type {Packet} from '../../../../src/client/connection/protocol-client.ts';
import {connectBytes} from '../../../../src/protocol/packet-writer.ts';

const text = fc.string({unit: 'grapheme', minLength: 1, maxLength: 200});
const qos = fc.constantFrom(0, 1, 2);
const identifier = fc.integer({min: 1, max: 65_535});
const v4 = {protocolVersion: 4};

const parameters = fc.record(
  {
    clean: fc.constant(true),
    keepaliveSeconds: fc.integer({min: 0, max: 65_535}),
    credentials: fc.record(
      {username: fc.oneof(text, fc.constant('')), password: text},
      {requiredKeys: ['username']},
    ),
    will: fc.record({topic: text, payload: fc.uint8Array({maxLength: 300}), qos, retain: fc.boolean()}),
  },
  {requiredKeys: ['clean', 'keepaliveSeconds']},
);

test('CONNECT has the same bytes as from mqtt-packet', () => {
  fc.assert(
    fc.property(parameters, fc.oneof(text, fc.constant('')), (given, clientId) => {
      const {clean, keepaliveSeconds: keepalive, credentials, will} = given;
      const packet = {
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId,
        clean,
        keepalive,
        ...credentials,
        ...(will === undefined ? {} : {will: {...will, payload: Buffer.from(will.payload)}}),
      };
      assert.deepEqual(connectBytes({version: 4, clientId, ...given}), generate(packet as LibraryPacket, v4));
    }),
  );
});

const outgoing: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({cmd: fc.constantFrom('pingreq', 'disconnect')}),
  fc.record({cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'), messageId: identifier}),
  fc.record({
    cmd: fc.constant('subscribe'),
    messageId: identifier,
    subscriptions: fc.array(fc.record({topic: text, qos}), {minLength: 1, maxLength: 20}),
  }),
  fc.record({
    cmd: fc.constant('unsubscribe'),
    messageId: identifier,
    unsubscriptions: fc.array(text, {minLength: 1, maxLength: 20}),
  }),
);

test('any other packet has the same bytes as from mqtt-packet', () => {
  fc.assert(
    fc.property(outgoing, (packet) => {
      assert.deepEqual(encodePacket(packet), generate(packet as unknown as LibraryPacket, v4));
    }),
  );
});

test('a packet that a short session does not send is an error', () => {
  assert.throws(() => encodePacket({cmd: 'auth'}), /^Error: No auth is sent/);
});

/** What the library makes of a packet; undefined where it stops at it. */
function readByLibrary(bytes: Buffer): LibraryPacket | undefined {
  const packets: LibraryPacket[] = [];
  const reader = parser(v4);
  reader.on('packet', (packet) => packets.push(packet));
  reader.on('error', () => undefined);
  reader.parse(bytes);
  return packets[0];
}

const incoming = fc.tuple(
  fc.constantFrom(0x20, 0x90, 0xb0, 0xd0),
  fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 0x80), fc.nat(255)), {maxLength: 6}),
);

test('packets are read as mqtt-packet reads them', () => {
  let understood = 0;
  fc.assert(
    fc.property(incoming, ([first, body]) => {
      assert.ok(isExpected(first));
      const packet = readPacket(first, Uint8Array.from(body));
      if (packet === undefined) return;
      understood++;
      const theirs = readByLibrary(Buffer.of(first, body.length, ...body)) as unknown as Packet;
      for (const [key, value] of Object.entries(packet)) {
        assert.deepEqual(theirs[key as keyof Packet], value, `${key} of ${packet.cmd}`);
      }
    }),
    {numRuns: 2000},
  );
  assert.ok(understood > 100, `only ${understood} were understood`);
});

test('the answers of a broker are read', () => {
  assert.deepEqual(readPacket(0x20, Uint8Array.of(0, 0)), {
    cmd: 'connack',
    sessionPresent: false,
    returnCode: 0,
  });
  assert.deepEqual(readPacket(0x20, Uint8Array.of(0, 5)), {
    cmd: 'connack',
    sessionPresent: false,
    returnCode: 5,
  });
  assert.deepEqual(readPacket(0x90, Uint8Array.of(1, 2, 0, 0x80)), {
    cmd: 'suback',
    messageId: 258,
    granted: [0, 128],
  });
  assert.deepEqual(readPacket(0xb0, Uint8Array.of(1, 2)), {cmd: 'unsuback', messageId: 258});
  assert.deepEqual(readPacket(0xd0, new Uint8Array(0)), {cmd: 'pingresp'});
});

test('a malformed packet is not read', () => {
  for (const [first, body] of [
    [0x20, []],
    [0x20, [0]],
    [0x20, [2, 0]],
    [0x20, [0, 0, 0]],
    [0x90, [0, 1]],
    [0x90, [0, 1, 3]],
    [0xb0, [1]],
    [0xb0, [0, 1, 0]],
    [0xd0, [0]],
    [0x30, [0, 1, 97]],
  ] as const) {
    assert.equal(readPacket(first, Uint8Array.from(body)), undefined, `${first}: ${body}`);
  }
});
