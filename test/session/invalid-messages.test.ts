/** PUBLISH packets that a server may not send: sub prints none of them, and ends with status 2. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {variableInteger} from '../../src/protocol/fixed-header.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {runTmq} from '../support/tmq.ts';

function frame(first: number, ...parts: readonly (readonly number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.of(first), variableInteger(body.length), body]);
}

const text = (bytes: string | Buffer) => {
  const field = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.of(field.length >> 8, field.length & 255), field]);
};

interface Invalid {
  readonly first: number;
  readonly topic: string | Buffer;
  readonly identifier?: number;
  readonly payloadBytes?: number;
  /** With their length; MQTT 5. */
  readonly properties?: Buffer;
}

const invalid: Readonly<Record<string, Invalid>> = {
  'with the wildcard #': {first: 0x30, topic: 'a/#'},
  'with the wildcard +': {first: 0x30, topic: '+/a'},
  'with a NUL in its topic': {first: 0x30, topic: 'a\0b'},
  'with a topic that is not UTF-8': {first: 0x30, topic: Buffer.of(0x61, 0xff)},
  'with half a surrogate pair in its topic': {first: 0x30, topic: Buffer.of(0x61, 0xed, 0xa0, 0x80)},
  'with an empty topic': {first: 0x30, topic: ''},
  'with packet identifier 0 at QoS 1': {first: 0x32, topic: 'a', identifier: 0},
  'with packet identifier 0 at QoS 2': {first: 0x34, topic: 'a', identifier: 0},
};

const valid: Readonly<Record<string, Invalid>> = {
  'with CR in its topic': {first: 0x30, topic: 'a\r'},
  'with U+FFFD in its topic': {first: 0x30, topic: 'a\ufffd'},
};

type Version = '5' | '311';

function publish(
  {first, topic, identifier, payloadBytes = 1, properties = Buffer.of(0)}: Invalid,
  version: Version,
): Buffer {
  const id = identifier === undefined ? [] : [identifier >> 8, identifier & 255];
  return frame(first, text(topic), id, version === '5' ? properties : [], Buffer.alloc(payloadBytes, 'x'));
}

/** Answers CONNECT and SUBSCRIBE, and sends the bytes behind one of them. */
async function serve(
  connection: FakeConnection,
  bytes: Buffer,
  {version, early}: {readonly version: Version; readonly early: boolean},
): Promise<void> {
  const none = version === '5' ? [0] : [];
  await connection.next('connect');
  if (early) {
    connection.sendBytes(bytes);
  } else {
    connection.sendBytes(frame(0x20, [0, 0], none));
    const {messageId} = (await connection.next('subscribe')) as unknown as {messageId: number};
    connection.sendBytes(Buffer.concat([frame(0x90, [messageId >> 8, messageId & 255], none, [0]), bytes]));
  }
  await connection.idle();
}

async function outcome(
  message: Invalid,
  version: Version,
  {early = false, words = [] as string[], env = {}},
) {
  const bytes = publish(message, version);
  await using broker = await startFakeBroker(
    async (connection) => await serve(connection, bytes, {version, early}),
  );
  const {exitCode, stdout, stderr} = await runTmq(
    ['sub', '-V', version, '-p', String(broker.port), '-t', '#', '-C', '1', '-W', '10', ...words],
    {env},
  );
  return {exitCode, stdout: stdout.toString(), stderr};
}

for (const env of [{}, {TMQ_NO_FASTPATH: '1'}]) {
  const way = 'TMQ_NO_FASTPATH' in env ? 'through MQTT.js' : 'on the fast path';
  describe(`messages that are not allowed, ${way}`, {concurrency: 4}, () => {
    for (const version of ['5', '311'] as const) {
      for (const [name, message] of Object.entries(invalid)) {
        it(`A8: MQTT ${version}, ${name}`, async () => {
          const {exitCode, stdout, stderr} = await outcome(message, version, {env});
          assert.deepEqual([exitCode, stdout], [2, ''], stderr);
          assert.match(stderr, /^Error: .* sent what is not allowed in MQTT \(.*\)\.\n$/);
        });
      }
      for (const [name, message] of Object.entries(valid)) {
        it(`MQTT ${version}, ${name}: printed`, async () => {
          assert.deepEqual(await outcome(message, version, {env}), {exitCode: 0, stdout: 'x\n', stderr: ''});
        });
      }
      for (const first of [0x30, 0x34]) {
        it(`A8: MQTT ${version}, before CONNACK at QoS ${(first >> 1) & 3}`, async () => {
          const message = {first, topic: 'a', ...(first === 0x34 ? {identifier: 7} : {})};
          const {exitCode, stdout, stderr} = await outcome(message, version, {env, early: true});
          assert.deepEqual([exitCode, stdout], [2, ''], stderr);
        });
      }
    }
    it('A8: with a property twice', async () => {
      // Correlation data [MQTT 5, 3.3.2.3.6].
      const twice = Buffer.from([8, 9, 0, 1, 0x61, 9, 0, 1, 0x62]);
      const {exitCode, stdout, stderr} = await outcome({first: 0x30, topic: 'a', properties: twice}, '5', {
        env,
      });
      assert.deepEqual([exitCode, stdout], [2, ''], stderr);
    });
    it('A8: larger than its own maximum packet size', async () => {
      const words = ['-D', 'CONNECT', 'maximum-packet-size', '40'];
      for (const payloadBytes of [60, 200_000]) {
        const message = {first: 0x30, topic: 'a', payloadBytes};
        const {exitCode, stdout, stderr} = await outcome(message, '5', {env, words});
        assert.deepEqual([exitCode, stdout], [2, ''], stderr);
      }
    });
  });
}
