/** Faults that end a connection with a code, or send the client to another broker. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {parseFault} from '../../src/broker/server/faults.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {runMain, startMain} from '../support/run.ts';

const pub = (port: number, ...words: readonly string[]) =>
  runMain([
    'pub',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-t',
    'a',
    '-m',
    'x',
    '-q',
    '1',
    '-V',
    '5',
    ...words,
  ]);

test('connack with to= names the server to go to [MQTT 5, 4.13]', async () => {
  await using other = await startBroker();
  await using broker = await startBroker({faults: [`connack 0x9c to=127.0.0.1:${other.port}`]});
  const {exitCode} = await pub(broker.port);
  assert.equal(exitCode, 0);
  assert.deepEqual([broker.published.length, other.published.length], [0, 1]);
  assert.equal((await pub(broker.port, '--redirect', 'off')).exitCode, 0x9c);
  // CONNACK of MQTT 3.1.1 has no place for it.
  assert.equal((await pub(broker.port, '-V', '311')).exitCode, 0x9c);
});

test('disconnect sends DISCONNECT with the code after so many packets, and closes', async () => {
  await using broker = await startBroker({faults: ['disconnect 0x8b publish after=2 in']});
  assert.equal((await pub(broker.port)).exitCode, 0);
  assert.equal((await pub(broker.port)).exitCode, 0);
  const {exitCode, stderr} = await pub(broker.port, '-d');
  assert.match(stderr, /Received DISCONNECT \(139\)/);
  assert.equal(exitCode, 4);
  assert.equal((await pub(broker.port, '-V', '311')).exitCode, 7);
});

test('disconnect with to= moves a running session', async () => {
  await using other = await startBroker();
  await using broker = await startBroker({faults: [`disconnect 0x9d subscribe to=127.0.0.1:${other.port}`]});
  const words = ['sub', '-h', '127.0.0.1', '-p', String(broker.port), '-V', '5', '-t', 'a', '-C', '1', '-d'];
  await using subscriber = startMain(words);
  await subscriber.waitFor('stderr', /Received DISCONNECT \(157\)[\s\S]*received SUBACK/);
  assert.equal((await pub(other.port)).exitCode, 0);
  const {stdout, exitCode} = await subscriber.finished;
  assert.deepEqual([stdout.toString(), exitCode], ['x\n', 0]);
});

test('rules that cannot be are refused', () => {
  const message = (text: string) => {
    try {
      parseFault(text);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  assert.equal(message('disconnect'), "The fault 'disconnect' needs a code from 0x80, such as 0x8b.");
  assert.equal(message('disconnect 4'), "The fault 'disconnect 4' needs a code from 0x80, such as 0x8b.");
  const place = 'has to=, which goes with the codes 0x9c and 0x9d.';
  assert.equal(message('connack 0x89 to=a:1'), `The fault 'connack 0x89 to=a:1' ${place}`);
  assert.match(message('drop to=a:1') ?? '', /^'to=a:1' means nothing/);
});
