/**
 * What `tmq pub` and `tmq sub` must do with any broker, over any transport, as processes of the built
 * program. Each scenario uses topics of its own and expects one message, retained on `readyTopic`.
 */

import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Scheme} from './four-listeners.ts';
import type {Running, SpawnOptions} from './spawn.ts';
import {runTmq, startTmq} from './tmq.ts';

/** A subscription to this as its last filter shows, by the retained message, that the broker has taken it. */
export const readyTopic = 'scenarios/ready';

export interface Target {
  readonly name: string;
  readonly port: number;
  readonly scheme: Scheme;
  /** PEM; for the schemes with TLS. */
  readonly cafile: string;
  /** More words for each command: user and password, the path of the WebSocket. */
  readonly words?: readonly string[];
  /** The highest QoS that the broker has; 2 where it is not said. */
  readonly maximumQos?: 0 | 1 | 2;
  /** The broker delivers at the QoS of the subscription where that of the message is lower. */
  readonly upgradesQos?: boolean;
  /** A directory for files. */
  readonly directory: string;
}

export interface Scenario {
  readonly name: string;
  /** @throws AssertionError when something was lost, changed or refused */
  readonly run: (clients: Clients) => Promise<void>;
}

/** Words that lead to the target. */
export function connectionWords({port, scheme, cafile, words = []}: Target): string[] {
  return [
    ...['-h', 'localhost', '-p', String(port)],
    ...(scheme === 'ws' || scheme === 'wss' ? ['--ws'] : []),
    ...(scheme === 'mqtts' || scheme === 'wss' ? ['--cafile', cafile] : []),
    ...words,
  ];
}

/** The commands of one scenario at one target. */
export class Clients {
  readonly target: Target;
  /** Begins all topics and client identifiers of the scenario. */
  readonly topic: string;
  readonly #words: readonly string[];

  constructor(target: Target, topic: string) {
    this.target = target;
    this.topic = topic;
    this.#words = connectionWords(target);
  }

  get maximumQos(): number {
    return this.target.maximumQos ?? 2;
  }

  /** Runs `tmq pub`, which must succeed and say nothing. */
  async pub(words: readonly string[], options: SpawnOptions = {}): Promise<void> {
    const {exitCode, stderr, timedOut} = await runTmq(['pub', ...this.#words, ...words], options);
    assert.deepEqual(
      {pub: words.join(' ').slice(0, 80), exitCode, stderr, timedOut},
      {...{pub: words.join(' ').slice(0, 80), exitCode: 0, stderr: '', timedOut: false}},
    );
  }

  /** Starts `tmq sub` and waits until the broker has taken its subscriptions; the marker is its first line. */
  async sub(words: readonly string[]): Promise<Running> {
    const running = this.#start([...words, '-t', readyTopic]);
    await running.waitFor('stdout', /ready/).catch(async (error: unknown) => {
      await running.stop('SIGKILL');
      throw error;
    });
    return running;
  }

  #start(words: readonly string[]): Running {
    return startTmq(['sub', ...this.#words, ...words]);
  }

  /** Runs `tmq sub`, which must succeed; its standard output. */
  async received(words: readonly string[]): Promise<Buffer> {
    return await this.end(this.#start(words));
  }

  /** Waits for the end of a `tmq sub`, which must succeed; its standard output. */
  async end(running: Running): Promise<Buffer> {
    const {exitCode, stderr, stdout, timedOut} = await running.finished;
    const found = {exitCode, stderr, timedOut};
    assert.deepEqual(found, {exitCode: 0, stderr: '', timedOut: false}, `sub: ${stdout.subarray(0, 200)}`);
    return stdout;
  }
}

const lines = (output: Buffer): string[] => output.toString().split('\n').slice(0, -1);

/** One message at each of the levels, in a version of the protocol. */
function messages(version: string, levels: readonly number[]): Scenario['run'] {
  return async (clients) => {
    const {topic} = clients;
    const served = levels.filter((qos) => qos <= clients.maximumQos);
    const highest = Math.max(...served);
    const sub = await clients.sub([
      ...['-V', version, '-q', String(highest), '-t', topic],
      ...['-C', String(served.length + 1), '-F', '%p %q'],
    ]);
    for (const qos of served) {
      await clients.pub(['-V', version, '-q', String(qos), '-t', topic, '-m', `message ${qos}`]);
    }
    const {upgradesQos = false} = clients.target;
    const expected = served.map((qos) => `message ${qos} ${upgradesQos ? highest : qos}`);
    assert.deepEqual(
      lines(await clients.end(sub))
        .slice(1)
        .sort(),
      expected,
    );
  };
}

async function retained(clients: Clients): Promise<void> {
  const {topic} = clients;
  await clients.pub(['-q', '1', '-r', '-t', topic, '-m', 'kept']);
  const kept = await clients.received(['-t', topic, '-C', '1', '-F', '%p %r']);
  assert.equal(kept.toString(), 'kept 1\n');
  await clients.pub(['-q', '1', '-r', '-n', '-t', topic]);
  const sub = await clients.sub(['-t', topic, '-C', '1']);
  assert.deepEqual(lines(await clients.end(sub)), ['ready']);
}

async function will(clients: Clients): Promise<void> {
  const {topic} = clients;
  const heir = await clients.sub(['-t', topic, '-C', '2']);
  const testator = await clients.sub(['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1']);
  await testator.stop('SIGKILL');
  assert.deepEqual(lines(await clients.end(heir)), ['ready', 'gone']);
}

async function persistent(clients: Clients): Promise<void> {
  const {topic} = clients;
  const session = ['-c', '-i', topic.replaceAll('/', '-'), '-q', '1', '-t', topic];
  await clients.received([...session, '-E']);
  for (const each of ['one', 'two']) await clients.pub(['-q', '1', '-t', topic, '-m', each]);
  const found = await clients.received([...session, '-C', '2']);
  assert.deepEqual(lines(found), ['one', 'two']);
  // A session that is not cleared would be left behind.
  await clients.received(['-i', topic.replaceAll('/', '-'), '-t', topic, '-E']);
}

async function large(clients: Clients): Promise<void> {
  const {topic, target} = clients;
  const payload = randomBytes(5_000_000);
  const file = join(target.directory, topic.replaceAll('/', '-'));
  await writeFile(file, payload);
  const sub = await clients.sub(['-t', topic, '-C', '2', '-N']);
  await clients.pub(['-q', '1', '-t', topic, '-f', file]);
  const found = await clients.end(sub);
  assert.equal(found.length, payload.length + 5);
  assert.ok(found.subarray(5).equals(payload));
}

/** `pub -l` with so many lines; all arrive once and in order. */
function manyLines(wanted: number, count: number): Scenario['run'] {
  return async (clients) => {
    const {topic} = clients;
    const qos = Math.min(wanted, clients.maximumQos);
    const expected = Array.from({length: count}, (_, index) => `line ${index}`);
    const sub = await clients.sub(['-q', String(qos), '-t', topic, '-C', String(count + 1)]);
    await clients.pub(['-q', String(qos), '-t', topic, '-l'], {input: `${expected.join('\n')}\n`});
    assert.deepEqual(lines(await clients.end(sub)).slice(1), expected);
  };
}

export const scenarios: readonly Scenario[] = [
  {name: 'QoS 0', run: messages('311', [0])},
  {name: 'QoS 1', run: messages('311', [1])},
  {name: 'QoS 2', run: messages('311', [2])},
  {name: 'MQTT 3.1', run: messages('31', [0, 1, 2])},
  {name: 'MQTT 5', run: messages('5', [0, 1, 2])},
  {name: 'retained', run: retained},
  {name: 'will', run: will},
  {name: 'persistent session', run: persistent},
  {name: '5 MB', run: large},
  {name: 'pub -l, 5000 lines', run: manyLines(1, 5000)},
  {name: 'sub -C 10', run: manyLines(2, 10)},
];

/** Puts the marker in place that `Clients.sub` waits for. */
export async function prepareTarget(target: Target): Promise<void> {
  await new Clients(target, readyTopic).pub(['-q', '1', '-r', '-t', readyTopic, '-m', 'ready']);
}
