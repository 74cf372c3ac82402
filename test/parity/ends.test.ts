/** How sub ends while there is no connection: before the first CONNACK, and between two connections. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain, startMain} from '../support/run.ts';

const limit = {timeout: 60_000};
const words = (port: number, ...more: string[]) => [
  'sub',
  '-h',
  '127.0.0.1',
  '-p',
  String(port),
  '-t',
  'a',
  ...more,
];

test('before the first CONNACK, -W is 27 and a signal 130 or 143', limit, async () => {
  await using broker = await startFakeBroker((connection) => connection.closed);
  const late = await runMain(words(broker.port, '-W', '3'));
  assert.deepEqual(
    [late.exitCode, late.stderr],
    [27, `Error: No connection to 127.0.0.1:${broker.port} within 3 s.\n`],
  );
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    await using waiting = startMain(words(broker.port, '-d'));
    await waiting.waitFor('stderr', /sending CONNECT/);
    assert.equal((await waiting.interrupt(signal)).exitCode, status);
  }
});

/** Accepts the first connection and closes it; sends nothing on any other. */
const accepting = () =>
  startFakeBroker(async (connection) => {
    if (connection.number > 0) await connection.closed;
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
  });

test('while it connects again, -W is 27 and a signal 0', limit, async () => {
  await using first = await accepting();
  const late = await runMain(words(first.port, '-W', '3'));
  assert.equal(late.exitCode, 27);
  assert.match(late.stderr, /was lost\. Connecting again\.\nError: No message within 3 s\.\n$/);
  await using second = await accepting();
  await using waiting = startMain(words(second.port));
  await waiting.waitFor('stderr', /Connecting again/);
  assert.equal((await waiting.interrupt()).exitCode, 0);
});
