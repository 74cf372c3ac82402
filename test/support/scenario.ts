/**
 * One scenario, run through a client of mosquitto and through ours: the same words, the same broker
 * behind a recorder each, and both results in a form that can be compared. Knows no expectation.
 */

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type FakeConnection, startFakeBroker} from './fake-broker.ts';
import {freePort} from './mosquitto.ts';
import {type Recorder, startRecorder} from './recorder.ts';
import {startMain} from './run.ts';
import type {SentPacket} from './sent-packets.ts';
import {patienceMilliseconds, run, start} from './spawn.ts';

export type Tool = 'pub' | 'sub' | 'rr';
export type Family = 'mosquitto' | 'tmq';

/** What stderr looks like: nothing, one line, several, or a sentence and the hint where to read on. */
export type Voice = 'silent' | 'line' | 'lines' | 'usage';

export interface Scenario {
  readonly name: string;
  /** What of the reference it shows: 'section: row'. */
  readonly shows: readonly string[];
  readonly tool: Tool;
  /** In all words, {topic} is a topic of this run's own, {directory} a directory, {port} the broker's port. */
  readonly words: readonly string[];
  readonly input?: string | Uint8Array;
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Words for mosquitto_pub: what is published before. */
  readonly before?: readonly (readonly string[])[];
  /** What is published when the client has its SUBACK or, with rr, has sent its request. */
  readonly meanwhile?: readonly (readonly string[])[];
  /** Sent to the client after that. */
  readonly signal?: 'SIGINT' | 'SIGTERM';
  /** A scripted broker instead of a real one. */
  readonly server?: (connection: FakeConnection) => Promise<void>;
  /** Nothing listens on the port. */
  readonly closedPort?: true;
  /** The words contain the broker's address; no -p is added. */
  readonly ownAddress?: true;
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly voice: Voice;
  /** The status; 128 and more for a client that a signal killed, as shells have it. */
  readonly status: number;
  readonly sent: readonly SentPacket[];
}

export function voiceOf(stderr: string): Voice {
  const lines = stderr.split('\n').filter((line) => line !== '');
  if (lines.length === 0) return 'silent';
  if (/^Use '[^']+ --help' to see usage\.$/.test(lines.at(-1)!)) return 'usage';
  return lines.length === 1 ? 'line' : 'lines';
}

/**
 * Text with the places of one run taken out of it: its topic, its directory and its port, the latter only
 * where it stands alone, since any larger number may hold the same digits.
 */
export function neutralPlaces(run: {
  readonly topic: string;
  readonly directory: string;
  readonly port: number;
}): (text: string) => string {
  const port = new RegExp(String.raw`(?<!\d)${run.port}(?!\d)`, 'g');
  return (text) =>
    text.replaceAll(run.topic, 'TOPIC').replaceAll(run.directory, 'DIRECTORY').replaceAll(port, 'PORT');
}

let runs = 0;

/** Runs the scenario; `port` is that of a real broker, for scenarios that do not bring their own. */
export async function play(scenario: Scenario, family: Family, port: number): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-scenario-'));
  // Of the same length in both families, so that packets are as well.
  const topic = `${family === 'tmq' ? 't' : 'm'}${String(++runs).padStart(5, '0')}x`;
  await using server = scenario.server === undefined ? undefined : await startFakeBroker(scenario.server, {});
  const upstream = server?.port ?? (scenario.closedPort === true ? await freePort() : port);
  await using recorder = await startRecorder(upstream);
  const target = scenario.closedPort === true ? upstream : recorder.port;
  const fill = (words: readonly string[]) =>
    words.map((word) =>
      word
        .replaceAll('{topic}', topic)
        .replaceAll('{directory}', directory)
        .replaceAll('{port}', String(target)),
    );
  try {
    for (const [name, content] of Object.entries(scenario.files ?? {})) {
      await writeFile(join(directory, name), fill([content])[0]!);
    }
    const publish = async (words: readonly string[]) => {
      const {exitCode, stderr} = await run('mosquitto_pub', ['-p', String(port), ...fill(words)]);
      if (exitCode !== 0) throw new Error(`mosquitto_pub ${words.join(' ')}: ${stderr}`);
    };
    for (const words of scenario.before ?? []) await publish(words);
    const address = scenario.ownAddress === true ? [] : ['-h', '127.0.0.1', '-p', String(target)];
    const client = starters[family](scenario, [...address, ...fill(scenario.words)], directory);
    if (scenario.meanwhile !== undefined || scenario.signal !== undefined) {
      const [side, packet] = readiness[scenario.tool];
      await Promise.race([recorder.seen(side, packet), client.finished]);
      for (const words of scenario.meanwhile ?? []) await publish(words);
      if (scenario.signal !== undefined) {
        if (scenario.meanwhile !== undefined) await client.printed();
        await client.stop(scenario.signal);
      }
    }
    const {stdout, stderr, status} = await client.finished;
    if (scenario.closedPort !== true) await recorder.idle();
    const neutral = neutralPlaces({topic, directory, port: target});
    return {
      stdout: neutral(stdout.toString('latin1')).replace(
        /^mosquitto_\w+ is a simple mqtt client .*$/s,
        'USAGE',
      ),
      stderr: neutral(stderr),
      voice: voiceOf(stderr),
      status,
      sent: neutralPackets(recorder, neutral),
    };
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

const readiness = {
  pub: ['client', 'PUBLISH'],
  sub: ['server', 'SUBACK'],
  rr: ['client', 'PUBLISH'],
} as const satisfies Readonly<Record<Tool, readonly ['client' | 'server', string]>>;

interface Client {
  readonly finished: Promise<{readonly stdout: Buffer; readonly stderr: string; readonly status: number}>;
  /** Resolves when something was printed. */
  printed(): Promise<unknown>;
  stop(signal: 'SIGINT' | 'SIGTERM'): Promise<unknown>;
}

const signalNumbers: Readonly<Record<string, number>> = {SIGINT: 2, SIGSEGV: 11, SIGTERM: 15};

const starters: Readonly<
  Record<Family, (scenario: Scenario, words: readonly string[], directory: string) => Client>
> = {
  mosquitto({tool, input = '', environment}, words, directory) {
    const running = start(`mosquitto_${tool}`, words, {
      input,
      cwd: directory,
      env: {HOME: directory, XDG_CONFIG_HOME: undefined, ...filled(environment, directory)},
    });
    return {
      finished: running.finished.then(({stdout, stderr, exitCode, signal}) => ({
        stdout,
        stderr,
        status: exitCode ?? 128 + (signalNumbers[signal ?? ''] ?? 0),
      })),
      printed: () => running.waitFor('stdout', /./s),
      stop: (signal) => running.stop(signal),
    };
  },
  tmq({tool, input = '', environment}, words, directory) {
    const running = startMain(words, {
      input,
      programName: `mosquitto_${tool}`,
      // mosquitto's clients send nothing behind CONNECT before they have CONNACK; packets are compared one by one.
      env: {HOME: directory, ...filled(environment, directory)},
    });
    const timer = setTimeout(() => void running.interrupt('SIGTERM'), patienceMilliseconds);
    return {
      finished: running.finished
        .then(({stdout, stderr, exitCode}) => ({stdout, stderr, status: exitCode}))
        .finally(() => clearTimeout(timer)),
      printed: () => running.waitFor('stdout', /./s),
      stop: (signal) => running.interrupt(signal),
    };
  },
};

function filled(environment: Scenario['environment'], directory: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(environment ?? {}).map(([name, value]) => [
      name,
      value.replaceAll('{directory}', directory),
    ]),
  );
}

/** What differs from run to run, and from family to family, without meaning anything, is made the same. */
function neutralPackets(recorder: Recorder, neutral: (text: string) => string): readonly SentPacket[] {
  const packets = recorder
    .sent()
    .filter(({packet}) => packet !== 'PINGREQ')
    .map((packet) =>
      typeof packet.clientId === 'string'
        ? {
            ...packet,
            clientId: packet.clientId
              .replace(/^(mosq|tmq)-\w{18,19}$/, 'RANDOM')
              .replace(/^with-pid-\d+$/, 'PID'),
          }
        : packet,
    );
  return JSON.parse(neutral(JSON.stringify(packets))) as readonly SentPacket[];
}
