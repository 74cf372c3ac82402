/** What `tmq rr` sends. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';

test('A9: rr sends no PINGREQ between SUBACK and its PUBLISH', {timeout: 20_000}, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
    await connection.next('publish');
    connection.send({cmd: 'publish', topic: 'answer', payload: 'pong', qos: 0});
    await connection.idle();
  });
  const port = String(broker.port);
  const {stdout} = await runMain([
    'rr',
    '-h',
    '127.0.0.1',
    '-p',
    port,
    '-t',
    'ask',
    '-e',
    'answer',
    '-m',
    'ping',
  ]);
  await broker.finished(0);
  assert.equal(String(stdout), 'pong\n');
  const sent = broker.connections[0]!.packets.map(({cmd}) => cmd);
  assert.deepEqual(sent, ['connect', 'subscribe', 'publish', 'disconnect']);
});
