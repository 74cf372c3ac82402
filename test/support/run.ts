/** Runs `main` in this process with streams of the test's own: what a command does, without a process. */

import {once} from 'node:events';
import {PassThrough, Transform} from 'node:stream';
import {type ExitCode, Interrupted} from '../../src/errors.ts';
import type {Io} from '../../src/io/process.ts';
import {main} from '../../src/main.ts';

/** With TMQ_NO_FASTPATH=1 all tests take the general way, also those within this process. */
const slowTwin: Io['env'] =
  process.env.TMQ_NO_FASTPATH === undefined ? {} : {TMQ_NO_FASTPATH: process.env.TMQ_NO_FASTPATH};

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Io['env'];
  readonly programName?: string;
  /** Nanoseconds since the epoch. */
  readonly now?: () => bigint;
}

export interface Result {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly exitCode: ExitCode;
}

export interface RunningMain extends AsyncDisposable {
  readonly stdin: PassThrough;
  readonly finished: Promise<Result>;
  stdout(): Buffer;
  stderr(): string;
  /** Resolves when the stream so far matches; rejects when the command ends first. */
  waitFor(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpMatchArray>;
  /** As if the reader of standard output had gone. */
  closeOutput(): void;
  /** As if SIGHUP had arrived. */
  hangUp(): void;
  /** As if the signal had arrived. */
  interrupt(signalName?: 'SIGINT' | 'SIGTERM'): Promise<Result>;
}

/**
 * Like a pipe it keeps nothing of the writer's: bytes whose write is done may change. And like a pipe it takes no
 * more when its reader is gone, but loses nothing that it took.
 */
class Pipe extends Transform {
  isClosed = false;

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: Error | null, chunk?: Buffer) => void,
  ): void {
    if (this.isClosed) done(Object.assign(new Error('write EPIPE'), {code: 'EPIPE'}));
    else done(null, Buffer.from(chunk));
  }
}

/** Starts a command; stdin stays open unless `input` is given. */
export function startMain(argv: readonly string[], options: RunOptions = {}): RunningMain {
  const controller = new AbortController();
  const stdin = new PassThrough();
  const streams = {stdout: new Pipe(), stderr: new Pipe()};
  const chunks: {stdout: Buffer[]; stderr: Buffer[]} = {stdout: [], stderr: []};
  streams.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  streams.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  if (options.input !== undefined) stdin.end(options.input);
  const stdout = () => Buffer.concat(chunks.stdout);
  const stderr = () => Buffer.concat(chunks.stderr).toString();

  const hangUps = new Set<() => void>();
  let ended = false;
  const io: Io = {
    stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    // No options file of the user who runs the tests.
    env: {HOME: '/nonexistent', ...slowTwin, ...options.env},
    pid: process.pid,
    platform: process.platform,
    programName: options.programName ?? 'tmq',
    signal: controller.signal,
    onHangup(callback) {
      hangUps.add(callback);
      return () => hangUps.delete(callback);
    },
    now: options.now ?? (() => BigInt(Date.now()) * 1_000_000n),
  };
  const finished = main(argv, io).then((exitCode) => {
    ended = true;
    return {stdout: stdout(), stderr: stderr(), exitCode};
  });
  finished.catch(() => {
    ended = true;
  });

  const interrupt = async (signalName: 'SIGINT' | 'SIGTERM' = 'SIGINT') => {
    controller.abort(new Interrupted(signalName));
    return await finished;
  };
  return {
    stdin,
    finished,
    stdout,
    stderr,
    interrupt,
    closeOutput() {
      streams.stdout.isClosed = true;
    },
    hangUp() {
      for (const callback of hangUps) callback();
    },
    async waitFor(stream, pattern) {
      for (;;) {
        const match = (stream === 'stdout' ? stdout().toString() : stderr()).match(pattern);
        if (match !== null) return match;
        if (ended) throw new Error(`ended before ${stream} matched ${pattern}: ${stdout()}${stderr()}`);
        await Promise.race([once(streams[stream], 'data'), finished]);
      }
    },
    async [Symbol.asyncDispose]() {
      if (!ended) await interrupt();
    },
  };
}

/** Runs a command to its end. Without `input` its stdin is empty. */
export async function runMain(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  return await startMain(argv, {...options, input: options.input ?? ''}).finished;
}
