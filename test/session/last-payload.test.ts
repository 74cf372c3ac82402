/** A large last message on its way to the output: the same bytes as when it is held until it is whole. */

import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {describe, test} from 'node:test';
import {generate} from 'mqtt-packet';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {startMain} from '../support/run.ts';
import {startTmq} from '../support/tmq.ts';

const limit = {timeout: 60_000};
const payload = randomBytes(6_000_000);
const slow = {TMQ_NO_FASTPATH: '1'};
/** Also where all other tests take the general way. */
const fast = {TMQ_NO_FASTPATH: ''};

function packet(qos: 0 | 1, topic = 'a/b'): Buffer {
  return generate({
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain: false,
    dup: false,
    ...(qos === 1 ? {messageId: 1} : {}),
  } as never);
}

/** Accepts a subscriber, and sends it these bytes in pieces of changing size; it must take them before more is sent. */
async function sends(connection: FakeConnection, bytes: Buffer): Promise<void> {
  await connection.accept();
  const {messageId} = await connection.next('subscribe');
  connection.send({cmd: 'suback', messageId, granted: [1]});
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 300_007) {
    if (!connection.socket.writable) return;
    if (connection.socket.write(bytes.subarray(at, at + size))) continue;
    await Promise.race([once(connection.socket, 'drain').catch(() => undefined), connection.closed]);
  }
}

const small = generate({cmd: 'publish', topic: 's', payload: 'small', qos: 0, retain: false, dup: false});
const confirmed = generate({
  cmd: 'publish',
  topic: 's',
  payload: 'q1',
  qos: 1,
  retain: false,
  dup: false,
  messageId: 9,
});

const cases: Readonly<Record<string, {words: readonly string[]; bytes: readonly Buffer[]}>> = {
  'the only one': {words: ['-C', '1'], bytes: [packet(0)]},
  'with what follows it': {words: ['-C', '1', '-N'], bytes: [packet(0), small, packet(0)]},
  'with its topic': {words: ['-C', '1', '-v'], bytes: [packet(0)]},
  'behind others, in one piece': {words: ['-C', '4'], bytes: [small, confirmed, packet(0), packet(0)]},
  'at QoS 1': {words: ['-C', '1', '-q', '1'], bytes: [packet(1)]},
  'in a format': {words: ['-C', '1', '-F', '%l %t %x'], bytes: [packet(0)]},
  'when retained ones are hidden': {words: ['-C', '1', '-R'], bytes: [packet(0)]},
};

describe('a large last message', () => {
  for (const [what, {words, bytes}] of Object.entries(cases)) {
    test(`${what}: as through MQTT.js`, limit, async () => {
      const results = [];
      for (const env of [fast, slow]) {
        await using broker = await startFakeBroker(async (connection) => {
          await sends(connection, Buffer.concat(bytes));
          await connection.idle();
        });
        await using running = startMain(['sub', '-p', String(broker.port), '-t', '#', ...words], {env});
        const {stdout, stderr, exitCode} = await running.finished;
        await broker.finished(0);
        const answers = broker.connections[0]!.packets.filter(({cmd}) => cmd === 'puback');
        results.push({stdout: stdout.toString('latin1'), stderr, exitCode, answers: answers.length});
      }
      assert.equal(results[0]!.exitCode, 0);
      assert.ok(results[0]!.stdout.length >= payload.length);
      assert.ok(results[0]!.stdout === results[1]!.stdout, 'not the same output');
      assert.deepEqual({...results[0], stdout: ''}, {...results[1], stdout: ''});
    });
  }

  test('a connection lost in its midst is status 7, with what there was', limit, async () => {
    const half = packet(0).subarray(0, 5_000_000);
    await using broker = await startFakeBroker((connection) => sends(connection, half));
    const at = ['sub', '-p', String(broker.port), '-t', '#'];
    await using running = startMain([...at, '-C', '1', '-v'], {env: fast});
    const {stdout, stderr, exitCode} = await running.finished;
    assert.equal(exitCode, 7);
    assert.match(
      stderr,
      /^Error: The connection was lost in the midst of a message: \d+ of its 6000000 bytes were written\.\n$/,
    );
    assert.equal(stdout.subarray(0, 4).toString(), 'a/b ');
    assert.ok(stdout.subarray(4).equals(payload.subarray(0, stdout.length - 4)));
    assert.equal(broker.connections.length, 1);
  });

  test('where more are wanted, such a loss is one of the connection only', limit, async () => {
    const half = packet(0).subarray(0, 5_000_000);
    await using broker = await startFakeBroker(async (connection) => {
      await sends(connection, connection.number === 0 ? half : Buffer.concat([small, small]));
      if (connection.number > 0) await connection.idle();
    });
    await using running = startMain(['sub', '-p', String(broker.port), '-t', '#', '-C', '2']);
    const {stdout, exitCode} = await running.finished;
    assert.deepEqual([stdout.toString(), exitCode], ['small\nsmall\n', 0]);
  });

  test('a reader that waits gets all of it, and one that goes away ends it', limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await sends(connection, packet(0));
      await connection.idle();
    });
    const words = ['sub', '-p', String(broker.port), '-t', '#', '-C', '1', '-N'];
    const waiting = startTmq(words);
    waiting.child.stdout!.pause();
    await once(waiting.child.stdout!, 'readable');
    waiting.child.stdout!.resume();
    const {stdout, exitCode} = await waiting.finished;
    assert.deepEqual([stdout.equals(payload), exitCode], [true, 0]);
    const leaving = startTmq(words);
    leaving.child.stdout!.once('data', () => leaving.child.stdout!.destroy());
    const left = await leaving.finished;
    assert.deepEqual([left.stderr, left.exitCode], ['', 0]);
  });
});
