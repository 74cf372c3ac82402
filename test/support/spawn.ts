/** Runs programs as separate processes, bounded in time, and leaves none behind. */

import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';

export interface SpawnOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Milliseconds after which the process is killed, with `timedOut` in its result; 20,000 by default. */
  readonly timeoutMilliseconds?: number;
}

export interface Finished {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
}

export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout(): Buffer;
  stderr(): string;
  /** Resolves when the output so far matches; rejects when the process ends first. */
  waitFor(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpMatchArray>;
  /** Sends the signal (SIGTERM by default) and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

/** The environment of every process the tests start: nothing that changes Node's own start. */
export function cleanEnvironment(extra: SpawnOptions['env'] = {}): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {...process.env, ...extra};
  for (const name of [
    'NODE_EXTRA_CA_CERTS',
    'NODE_OPTIONS',
    'NODE_TEST_CONTEXT',
    'FORCE_COLOR',
    'NO_COLOR',
  ]) {
    if (extra[name] === undefined) delete environment[name];
  }
  return environment;
}

/** After this a program counts as hanging. Long, as other tests may keep the machine busy for many seconds. */
export const patienceMilliseconds = 60_000;

/** Starts a program; stdin stays open unless `input` is given. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): Running {
  const child = spawn(command, args, {
    env: cleanEnvironment(options.env),
    ...(options.cwd === undefined ? {} : {cwd: options.cwd}),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let timedOut = false;
  let ended = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
    // What it started may hold the other ends, and would be waited for.
    child.stdout.destroy();
    child.stderr.destroy();
  }, options.timeoutMilliseconds ?? patienceMilliseconds);
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  if (options.input !== undefined) child.stdin.end(options.input);

  const stdout = () => Buffer.concat(out);
  const stderr = () => Buffer.concat(err).toString();
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', (error) => {
      clearTimeout(timer);
      ended = true;
      reject(error);
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      ended = true;
      resolve({stdout: stdout(), stderr: stderr(), exitCode, signal, timedOut});
    });
  });
  finished.catch(() => undefined);

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (!ended) child.kill(signal);
    return await finished;
  };
  return {
    child,
    finished,
    stdout,
    stderr,
    stop,
    async waitFor(stream, pattern) {
      for (;;) {
        const text = stream === 'stdout' ? stdout().toString() : stderr();
        const match = text.match(pattern);
        if (match !== null) return match;
        if (ended)
          throw new Error(`${command} ended before ${stream} matched ${pattern}: ${stdout()}${stderr()}`);
        await Promise.race([once(child[stream], 'data').catch(() => undefined), finished]);
      }
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
    },
  };
}

/** Runs a program to its end. Without `input` its stdin is empty. */
export async function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Finished> {
  return await start(command, args, {...options, input: options.input ?? ''}).finished;
}
