/** Time stamps follow the clock when it is set, and durations do not. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startBroker} from '../../src/testing/testing.ts';
import {runMain, startMain} from '../support/run.ts';

const second = 1_000_000_000n;

test('G4: the time stamps of sub follow the clock, forth and back, batch by batch', async () => {
  await using broker = await startBroker();
  const at = ['-p', String(broker.port), '-t', 'a'];
  for (const [format, shown] of [
    ['%U', (seconds: bigint) => new RegExp(`^${seconds}\\.0+$`)],
    ['@Y', (seconds: bigint) => new RegExp(`^${new Date(Number(seconds) * 1000).getUTCFullYear()}$`)],
    [
      '%I',
      (seconds: bigint) => new RegExp(`^${new Date(Number(seconds) * 1000).toISOString().slice(0, 13)}`),
    ],
    ['%j', (seconds: bigint) => new RegExp(new Date(Number(seconds) * 1000).toISOString().slice(0, 13))],
  ] as const) {
    let time = 0n;
    const words = ['sub', '-d', ...at, '-F', `<${format}>`, '-C', '3'];
    await using running = startMain(words, {now: () => time * second, env: {TZ: 'UTC'}});
    await running.waitFor('stderr', /received SUBACK/);
    const times = [1_700_000_000n, 1_600_000_000n, 1_800_000_000n];
    for (const [index, next] of times.entries()) {
      time = next;
      await runMain(['pub', ...at, '-m', 'x']);
      await running.waitFor('stdout', new RegExp(`(?:<.*>\\s+){${index + 1}}`));
    }
    const {stdout} = await running.finished;
    const printed = stdout.toString().match(/<.*>/g)!;
    for (const [index, line] of printed.entries()) assert.match(line.slice(1, -1), shown(times[index]!));
  }
});

test('G4: the latency of rr is not changed by a clock that is set back', async () => {
  await using broker = await startBroker();
  const at = ['-p', String(broker.port)];
  await using answering = startMain(['sub', '-d', ...at, '-t', 'question', '-C', '1']);
  await answering.waitFor('stderr', /received SUBACK/);
  let time = 1_700_000_000n;
  const now = () => {
    time -= 3600n;
    return time * second;
  };
  const words = ['rr', ...at, '-t', 'question', '-e', 'answer', '-m', 'x', '--latency'];
  await using asking = startMain(words, {now});
  await answering.finished;
  await runMain(['pub', ...at, '-t', 'answer', '-m', 'y']);
  const {stdout} = await asking.finished;
  assert.match(stdout.toString(), /^y\nLatency: (?:\d+\.\d{9}|\d+\.\d{6}ms|\d+\.\d{6}µs)\n$/);
});
