/**
 * A place where printed commands are run as they are printed: a new HOME, a working directory, `tmq` on the
 * PATH, and a broker of ours. The options files have its address, so no command needs more options.
 */

import {once} from 'node:events';
import {chmod, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import type {Readable} from 'node:stream';
import {StringDecoder} from 'node:string_decoder';
import {freePort} from './mosquitto.ts';
import {type Finished, patienceMilliseconds, type Running, start} from './spawn.ts';
import {program, startTmq} from './tmq.ts';

export interface Playground extends AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  /** Of every line; a terminal of its own needs it too. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Starts a line of shell. */
  start(line: string, input?: string): Running;
  /** Runs a line of shell to its end. */
  run(line: string, input?: string): Promise<Finished>;
  /** Sends a signal to a line and all it started. */
  signal(running: Running, name: NodeJS.Signals): Promise<Finished>;
  /** Writes a profile. */
  profile(name: string, text: string): Promise<void>;
  /** Resolves when a client that connected since this was last asked has a packet that matches: 'SUBACK granted=[0]'. */
  traced(pattern: RegExp): Promise<void>;
}

export interface PlaygroundOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of a broker on that port, the lines start one themselves. */
  readonly withoutBroker?: boolean;
  /** HOME has no options files: `tmq` itself adds the port, and to a broker -v. */
  readonly emptyHome?: boolean;
}

/** `tmq`, on the port of the playground where it is a broker on the usual one. */
const wrapper = (port: number) => `#!/bin/sh
case " $* " in
  *' -p '*|*' --exec '*|*' --test-config '*) ;;
  ' broker '*) set -- "$@" -p ${port} ;;
esac
exec '${process.execPath}' '${program}' "$@"
`;

/** `tmq` where HOME is empty: on the port of the playground in place of the usual one, but not within --exec. */
const wrapperOfEmptyHome = (port: number) => `#!/bin/sh
case "$MQTT_URL $* " in
  mqtt:*|' broker '*' --exec '*|*' -L '*) ;;
  ' broker '*) set -- "$@" -v -p ${port} ;;
  ' pub '*|' sub '*|' rr '*|' reply '*) command=$1; shift; set -- "$command" -p ${port} "$@" ;;
esac
exec '${process.execPath}' '${program}' "$@"
`;

/** The broker serves every line of a file of tests, one after the other. */
const brokerMilliseconds = 300_000;

/** The lines of a trace that nothing has looked at yet. Each is read once: a load has thousands a second. */
function traceOf(broker: Running | undefined): string[] {
  const lines: string[] = [];
  const decoder = new StringDecoder();
  let last = '';
  broker?.child.stdout?.on('data', (chunk: Buffer) => {
    const pieces = `${last}${decoder.write(chunk)}`.split('\n');
    last = pieces.pop()!;
    for (const line of pieces) lines.push(line);
  });
  return lines;
}

/** Whether a line is a packet that matches, of a client in `connected`, to which CONNECT adds its client. */
function isTraced(line: string, connected: Set<string>, pattern: RegExp): boolean {
  const [, client = '', ...words] = line.split(' ');
  if (words[1] === 'CONNECT') connected.add(client);
  return connected.has(client) && pattern.test(words.join(' '));
}

/** A line is the leader of a group, which may outlive it. */
function signalGroup({child}: Running, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function writeOptionsFiles(home: string, port: number): Promise<void> {
  await mkdir(join(home, '.config/tmq'), {recursive: true});
  for (const each of ['pub', 'sub', 'rr', 'reply'])
    await writeFile(join(home, '.config/tmq', each), `-p ${port}\n`);
}

/** Makes a playground; dispose of it to remove everything. */
export async function openPlayground(options: PlaygroundOptions = {}): Promise<Playground> {
  const place = await mkdtemp(join(tmpdir(), 'tmq-playground-'));
  const home = join(place, 'home');
  const directory = join(place, 'work');
  const port = await freePort();
  for (const each of ['home', 'bin', 'work']) await mkdir(join(place, each));
  if (options.emptyHome !== true) await writeOptionsFiles(home, port);
  const bin = join(place, 'bin');
  await writeFile(join(bin, 'tmq'), options.emptyHome === true ? wrapperOfEmptyHome(port) : wrapper(port));
  await chmod(join(bin, 'tmq'), 0o755);
  const env = {
    ...options.env,
    HOME: home,
    XDG_CONFIG_HOME: undefined,
    XDG_CACHE_HOME: undefined,
    PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}`,
  };
  const broker =
    options.withoutBroker === true
      ? undefined
      : startTmq(['broker', '-p', String(port), '--ready', 'env', '--trace'], {
          timeoutMilliseconds: brokerMilliseconds,
        });
  const trace = traceOf(broker);
  await broker?.waitFor('stdout', /MQTT_URL/);
  const running = new Set<Running>();
  const signal = async (started: Running, name: NodeJS.Signals) => {
    if (running.has(started)) signalGroup(started, name);
    return await started.finished;
  };
  const begin = (line: string, input?: string) => {
    // A session of its own, so that a signal reaches every process of a pipeline.
    const started = start('setsid', ['bash', '-c', line], {
      cwd: directory,
      env,
      ...(input === undefined ? {} : {input}),
    });
    running.add(started);
    const timer = setTimeout(() => void signal(started, 'SIGKILL'), patienceMilliseconds);
    void started.finished.then(() => {
      clearTimeout(timer);
      running.delete(started);
    });
    return started;
  };
  return {
    directory,
    port,
    env,
    start: begin,
    signal,
    async profile(name, text) {
      await mkdir(join(home, '.config/tmq/profiles'), {recursive: true});
      await writeFile(join(home, '.config/tmq/profiles', name), text, {mode: 0o600});
    },
    run: async (line, input = '') => await begin(line, input).finished,
    async traced(pattern) {
      if (broker === undefined) throw new Error('There is no broker.');
      // Lines of earlier clients may come late.
      const connected = new Set<string>();
      while (!trace.splice(0).some((line) => isTraced(line, connected, pattern))) {
        // A broker that has ended would be asked again and again, and no timer of a test would ever run.
        const ended = await Promise.race([once(broker.child.stdout as Readable, 'data'), broker.finished]);
        if ('exitCode' in ended) throw new Error(`The broker ended before ${pattern}: ${ended.stderr}`);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const started of running) await signal(started, 'SIGKILL');
      await broker?.stop();
      await rm(place, {recursive: true, force: true});
    },
  };
}
