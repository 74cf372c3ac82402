// needs: mosquitto, mosquitto_pub
/** What rr adds: how long the response took, and how it ends before there is one. */

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {type Mosquitto, startMosquitto} from '../support/mosquitto.ts';
import {startMain} from '../support/run.ts';
import {run} from '../support/spawn.ts';

let broker: Mosquitto;
before(async () => {
  broker = await startMosquitto();
});
after(() => broker[Symbol.asyncDispose]());

const ask = (id: string, ...words: string[]) =>
  startMain(['rr', '-p', String(broker.port), '-i', id, '-t', `${id}/q`, '-e', `${id}/a`, '-n', ...words]);

test('--latency prints how long the response took', {timeout: 60_000}, async () => {
  await using asker = ask('timed', '--latency');
  await broker.logged(/Received PUBLISH from timed/);
  await run('mosquitto_pub', ['-p', String(broker.port), '-t', 'timed/a', '-m', 'x']);
  const {stdout, exitCode} = await asker.finished;
  assert.equal(exitCode, 0);
  assert.match(stdout.toString(), /^x\nLatency: (\d+ns|\d+\.\d{6}µs|\d+\.\d{6}ms|\d+\.\d{9})\n$/);
});

test('a signal ends rr with 130 or 143, and with DISCONNECT', {timeout: 60_000}, async () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    await using asker = ask(signal);
    await broker.logged(new RegExp(`Received PUBLISH from ${signal}`));
    const {stdout, stderr, exitCode} = await asker.interrupt(signal);
    assert.deepEqual([stdout.toString(), stderr, exitCode], ['', '', status]);
    await broker.logged(new RegExp(`Received DISCONNECT from ${signal}`));
  }
});
