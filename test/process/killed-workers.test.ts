// needs: mosquitto
/**
 * Workers of `sub --exec` that are killed at random moments: each message is executed at least once.
 * TMQ_WORKER_KILLS=100 kills that often, with a broker of ours and with mosquitto.
 */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {connect} from '../../src/client/connect.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';
import type {Running} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

const killsByHand = Number(process.env.TMQ_WORKER_KILLS ?? 0);
const kills = killsByHand || 4;
/** Messages for each kill: some are executed before it, some are in flight. A broker keeps 1000 for a session. */
const messagesForEachKill = 9;
/** A worker is killed when it has printed so many lines at most. */
const mostLines = 6;
/** The longest time between a line and the kill, in milliseconds: within it the acknowledgement leaves. */
const mostMilliseconds = 8;

/** What the commands have executed, one line each. */
async function executed(file: string): Promise<readonly number[]> {
  return (await readFile(file, 'utf8')).split('\n').filter(Boolean).map(Number);
}

/** Resolves when the worker has printed so many lines, or has ended. */
async function printed(worker: Running, lines: number): Promise<void> {
  await worker.waitFor('stdout', new RegExp(`(?:.*\\n){${lines}}`)).catch(() => undefined);
}

interface Course {
  readonly port: number;
  readonly workers: number;
  readonly filter: string;
}

/** Publishes, kills workers, lets them do the rest; returns how often messages were executed more than once. */
async function play({port, workers, filter}: Course): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-workers-'));
  const file = join(directory, 'executed');
  await writeFile(file, '');
  const count = kills * messagesForEachKill;
  const words = (worker: number) => [
    ...[
      'sub',
      '-p',
      String(port),
      '-V',
      '5',
      '-q',
      '1',
      '-c',
      '-i',
      `worker-${filter}-${worker}`,
      '-t',
      filter,
    ],
  ];
  const script = `read -r x; echo $x >>${file}; echo $x`;
  const options = {timeoutMilliseconds: 60_000 + kills * 3000};
  const begin = (worker: number) =>
    startTmq([...words(worker), '--exec', '--jobs', '2', '--', 'sh', '-c', script], options);
  const running: Running[] = [];
  try {
    for (let worker = 0; worker < workers; worker++) {
      assert.equal((await runTmq([...words(worker), '-E'])).exitCode, 0);
    }
    const session = await connect(sessionOptions(port, {clientId: 'publisher'}), sessionContext());
    for (let number = 0; number < count; number++) {
      await session.publish(Buffer.from(`${number}\n`), publication('jobs/a', {qos: 1}));
    }
    await session.end();
    for (let worker = 0; worker < workers; worker++) running.push(begin(worker));
    for (let kill = 0; kill < kills; kill++) {
      const worker = kill % workers;
      await Promise.race([
        printed(running[worker]!, 1 + Math.floor(Math.random() * mostLines)),
        // The others may have taken all.
        ...(workers > 1 ? [sleep(200)] : []),
      ]);
      await sleep(Math.random() * mostMilliseconds);
      await running[worker]!.stop('SIGKILL');
      running[worker] = begin(worker);
    }
    let done: readonly number[] = [];
    while (new Set(done).size < count) {
      await sleep(20);
      done = await executed(file);
      const ended = running.find(({child}) => child.exitCode !== null);
      if (ended !== undefined) assert.fail(`a worker has ended: ${ended.stderr()}`);
    }
    return done.length - count;
  } finally {
    for (const worker of running) await worker.stop('SIGTERM');
    await rm(directory, {recursive: true});
  }
}

/** All messages wait at first. */
const mosquittoConfig = 'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n';

const limit = {timeout: 60_000 + kills * 4000};

describe('workers that are killed', {...limit, concurrency: 2}, () => {
  it('with a persistent session at QoS 1: every message is executed at least once', async (context) => {
    await using broker = await startBroker();
    const repeated = await play({port: broker.port, workers: 1, filter: 'jobs/a'});
    context.diagnostic(`${kills} kills, ${repeated} executed again`);
  });

  it('with a shared subscription: three workers lose none', async (context) => {
    await using broker = await startBroker();
    const repeated = await play({port: broker.port, workers: 3, filter: '$share/work/jobs/a'});
    context.diagnostic(`${kills} kills, ${repeated} executed again`);
  });

  // Against mosquitto it takes longer, and is for runs by hand.
  if (killsByHand > 0) {
    it('with mosquitto: three workers lose none', async (context) => {
      await using broker = await startMosquitto(mosquittoConfig, undefined, limit.timeout);
      const repeated = await play({port: broker.port, workers: 3, filter: '$share/work/jobs/a'});
      context.diagnostic(`${kills} kills, ${repeated} executed again`);
    });
  }
});
