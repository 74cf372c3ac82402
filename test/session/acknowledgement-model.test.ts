/**
 * `tmq sub -c`, ended at random by -C, -W, SIGINT or a closed pipe, and cut at random bytes: over its runs the output has
 * every message. At QoS 2 none comes twice in a run, nor after a run that was neither cut nor lost its reader: what was
 * printed last may not be acknowledged then.
 * TMQ_MODEL_SEEDS=200 tries more seeds; the name of a test has its seed.
 */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {Random} from '../fuzz/random.ts';
import {startCuttingProxy} from '../support/cutting-proxy.ts';
import {type RunningMain, startMain} from '../support/run.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const seeds = Number(process.env.TMQ_MODEL_SEEDS ?? 1);
const count = 60;

const lines = (output: Buffer) => String(output).split('\n').slice(0, -1);

/** All that the runs of one subscriber print, up to the message 'end'. */
async function printed(random: Random, qos: 1 | 2, env: Readonly<Record<string, string>>) {
  await using broker = await startBroker();
  await using proxy = await startCuttingProxy({
    upstreamPort: broker.port,
    toClient: (connection) => (connection % 3 === 1 ? 10 + random.below(400) : undefined),
  });
  const words = [
    'sub',
    '-h',
    '127.0.0.1',
    '-p',
    String(proxy.port),
    '-q',
    String(qos),
    '-c',
    '-i',
    'kept',
    '-t',
    'm',
  ];
  await startMain([...words, '-E'], {env}).finished;
  {
    await using session = await connect(sessionOptions(broker.port), sessionContext());
    for (let number = 0; number < count; number++)
      await session.publish(Buffer.from(String(number)), publication('m', {qos}));
    await session.publish(Buffer.from('end'), publication('m', {qos}));
  }
  const all: string[] = [];
  const repeated: string[] = [];
  /** Printed in a run that was cut. */
  const mayRepeat = new Set<string>();
  while (!all.includes('end')) {
    const {cuts} = proxy;
    const most = 1 + random.below(15);
    const way = random.permille(20) ? '-W' : random.pick(['-C', 'SIGINT', 'closed pipe'] as const);
    const more = way === '-C' ? ['-C', String(most)] : way === '-W' ? ['-W', '1'] : [];
    await using run = startMain([...words, ...more], {env});
    const {stdout} = await ended(run, way, most);
    const got = lines(stdout);
    if (qos === 2) assert.equal(new Set(got).size, got.length, `twice in a run: ${got}`);
    repeated.push(...got.filter((line) => all.includes(line) && !mayRepeat.has(line)));
    if (proxy.cuts > cuts || way === 'closed pipe') for (const line of got) mayRepeat.add(line);
    all.push(...got);
  }
  return {all, repeated};
}

/** Ends the run in that way, after so many messages or, where there are fewer, after 'end'. */
async function ended(run: RunningMain, way: '-C' | '-W' | 'SIGINT' | 'closed pipe', most: number) {
  const isPrinted = run.waitFor('stdout', new RegExp(`^(.*\\n){${most}}|(^|\\n)end\\n`));
  isPrinted.catch(() => undefined);
  if (way === '-W') return await run.finished;
  if (way === '-C') {
    await Promise.race([isPrinted, run.finished]);
    return String(run.stdout()).includes('end\n') ? await run.interrupt() : await run.finished;
  }
  await isPrinted;
  if (way === 'SIGINT') return await run.interrupt();
  run.closeOutput();
  // It may have printed all, and then has nothing to write that would fail.
  return String(run.stdout()).includes('end\n') ? await run.interrupt() : await run.finished;
}

for (let seed = 1; seed <= seeds; seed++) {
  for (const qos of [1, 2] as const) {
    for (const env of [{}, {TMQ_NO_FASTPATH: '1'}]) {
      const way = 'TMQ_NO_FASTPATH' in env ? 'general' : 'fast';
      test(`seed ${seed}: sub -q ${qos} -c loses nothing, ${way} way`, {timeout: 60_000}, async () => {
        const {all, repeated} = await printed(new Random(seed), qos, env);
        const expected = [...Array.from({length: count}, (_, number) => String(number)), 'end'];
        assert.deepEqual(new Set(all), new Set(expected));
        if (qos === 2) assert.deepEqual(repeated, []);
      });
    }
  }
}
