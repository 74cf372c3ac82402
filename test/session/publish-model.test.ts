/**
 * `tmq pub -l`, cut at random bytes, its broker killed, its input ended or the command interrupted at random: status 0
 * means that the broker has every line, and the count after any other end that it has the rest. With `-c` at QoS 2 it
 * has none twice. TMQ_MODEL_SEEDS=200 tries more seeds; the name of a test has its seed.
 */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {connect} from '../../src/client/connect.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {Random} from '../fuzz/random.ts';
import {startBrokerProcess} from '../support/broker-process.ts';
import {startCuttingProxy} from '../support/cutting-proxy.ts';
import {type RunningMain, startMain} from '../support/run.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const seeds = Number(process.env.TMQ_MODEL_SEEDS ?? 1);
/** Lines of a play. */
const count = 150;

/** At QoS 0 a session without a client gets what is published, too. */
const queueing = 'listener 0 127.0.0.1\nallow_anonymous true\nqueue_qos0_messages true\n';

const persistent = `listener 0 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {directory}/
`;

/** A session that is kept and gets all lines. */
const keeper = {clientId: 'keeper', clean: false, properties: {sessionExpiryInterval: 3600}} as const;

async function subscribeKeeper(port: number): Promise<void> {
  await using session = await connect(sessionOptions(port, keeper), sessionContext());
  await session.subscribe(['m'], {qos: 2});
}

/** What the broker has kept, in order. */
async function kept(port: number): Promise<readonly string[]> {
  await using session = await connect(sessionOptions(port, keeper), sessionContext());
  const received = collector(({payload}) => String(payload) === 'end');
  const receiving = session.receive(received);
  await using other = await connect(sessionOptions(port, {clientId: 'other'}), sessionContext());
  await other.publish(Buffer.from('end'), publication('m', {qos: 2}));
  await receiving;
  return received.texts().slice(0, -1);
}

/** Gives the lines in pieces of any size. */
async function feed(pub: RunningMain, random: Random): Promise<void> {
  const text = Array.from({length: count}, (_, number) => `${number}\n`).join('');
  for (let at = 0; at < text.length; ) {
    const end = at + random.between(1, random.pick([3, 40, 400]));
    pub.stdin.write(text.slice(at, end));
    at = end;
    if (random.permille(300)) await sleep(random.below(4));
  }
  pub.stdin.end();
}

interface Place {
  readonly port: () => number;
  /** What happens to the broker during the run. */
  readonly trouble: (random: Random, finished: Promise<unknown>) => Promise<void>;
  /** Resolves when so many messages have come, which at QoS 0 the end of the run does not show. */
  readonly handled?: (messages: number) => Promise<void>;
}

interface Setting {
  readonly qos: 0 | 1 | 2;
  readonly env: Readonly<Record<string, string>>;
  /** Whether connections are cut. */
  readonly isCut: boolean;
}

/** One run of `pub -l`, and what the broker has of it. */
async function play(random: Random, place: Place, {qos, env, isCut}: Setting): Promise<void> {
  await subscribeKeeper(place.port());
  const cutAt = (connection: number) => (isCut && connection % 3 < 2 ? 20 + random.below(900) : undefined);
  await using proxy = await startCuttingProxy({
    upstreamPort: place.port,
    toServer: cutAt,
    toClient: (connection) => (random.permille(300) ? cutAt(connection) : undefined),
  });
  const isKept = random.permille(600);
  const words = ['pub', '-h', '127.0.0.1', '-p', String(proxy.port), '-q', String(qos), '-t', 'm', '-l'];
  await using pub = startMain([...words, ...(isKept ? ['-c', '-i', 'pub'] : [])], {env});
  const feeding = feed(pub, random);
  const trouble = place.trouble(random, pub.finished);
  if (random.permille(300)) {
    await Promise.race([sleep(random.below(150)), pub.finished]);
    await pub.interrupt();
  }
  const {exitCode, stderr} = await pub.finished;
  await Promise.all([feeding, trouble]);
  await place.handled?.(qos === 0 && exitCode === 0 && proxy.cuts === 0 ? count : 0);
  const got = await kept(place.port());
  const distinct = new Set(got);
  const [, missing, read] = /^(\d+) of the (\d+) lines read were not acknowledged\.$/m.exec(stderr) ?? [];
  // At QoS 0, what a lost connection had taken may be lost.
  if (qos > 0 || proxy.cuts === 0) {
    if (exitCode === 0) assert.equal(distinct.size, count, `status 0 with ${[...distinct]}`);
    else if (missing !== undefined) assert.ok(distinct.size >= Number(read) - Number(missing), stderr);
  }
  for (const line of distinct) assert.ok(Number(line) < count, `a line that was not given: ${line}`);
  if ((qos === 2 && isKept) || (qos === 0 && !isCut))
    assert.equal(got.length, distinct.size, `twice: ${got}`);
}

async function withCuts(random: Random, setting: Omit<Setting, 'isCut'>): Promise<void> {
  await using broker = await startBroker({config: queueing});
  const isCut = random.permille(700);
  const handled = async (messages: number) => {
    if (messages > 0) await broker.waitFor('m', {count: messages, timeout: 60_000});
  };
  const place = {port: () => broker.port, trouble: async () => undefined, handled};
  await play(random, place, {...setting, isCut});
}

/** The broker is killed twice at most, and started again. */
async function withKills(random: Random, setting: Omit<Setting, 'isCut'>): Promise<void> {
  await using broker = await startBrokerProcess(persistent);
  const trouble = async (moments: Random, finished: Promise<unknown>) => {
    for (let kills = 1 + moments.below(2); kills > 0; kills--) {
      await Promise.race([sleep(moments.below(120)), finished]);
      await broker.stop('SIGKILL');
      await broker.restart();
    }
  };
  await play(random, {port: () => broker.port, trouble}, {...setting, isCut: false});
}

for (let seed = 1; seed <= seeds; seed++) {
  for (const env of [{}, {TMQ_NO_FASTPATH: '1'}]) {
    const way = 'TMQ_NO_FASTPATH' in env ? 'general' : 'fast';
    for (const qos of [0, 1, 2] as const) {
      test(`seed ${seed}: pub -l -q ${qos}, cut, ${way} way`, {timeout: 60_000}, () =>
        withCuts(new Random(seed * 10 + qos), {qos, env}),
      );
    }
    // Each takes some seconds: one where no more seeds are asked for.
    const killed = seeds > 1 ? ([1, 2] as const) : 'TMQ_NO_FASTPATH' in env ? [] : ([2] as const);
    for (const qos of killed) {
      test(`seed ${seed}: pub -l -q ${qos}, the broker killed, ${way} way`, {timeout: 60_000}, () =>
        withKills(new Random(seed * 10 + qos), {qos, env}),
      );
    }
  }
}
