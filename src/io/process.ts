/**
 * The process as one value. Commands see the world through `Io`, so that a test can hand them another
 * one; `processIo` is the only reader of `process` in the product.
 */

import {readFileSync} from 'node:fs';
import {basename} from 'node:path';
import type {Readable, Writable} from 'node:stream';
import {Interrupted} from '../errors.ts';

/** A stream that may be a terminal. */
export type Terminal<Stream> = Stream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly fd?: number;
};

export interface Io {
  readonly stdin: Terminal<Readable>;
  readonly stdout: Terminal<Writable>;
  readonly stderr: Terminal<Writable>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** What the program was started as: 'tmq', or a link's name such as 'mosquitto_pub'. */
  readonly programName: string;
  /** The place, from 0, of a word of the command line that was not valid UTF-8 and has lost bytes for it. */
  readonly malformedArgument?: number | undefined;
  /** SIGINT and SIGTERM; its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  /** Calls back at each SIGHUP, until what it returns is called. */
  readonly onHangup?: (callback: () => void) => () => void;
  /** Calls back at each SIGUSR2 and ignores SIGUSR1, until what it returns is called. */
  readonly onUserSignal?: (callback: () => void) => () => void;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
}

/**
 * The real process. SIGINT and SIGTERM abort `signal`; a second one ends the process as by default.
 * `scriptPath` is argv[1]: the link or the file that was started.
 */
export function processIo(scriptPath = 'tmq'): Io {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }
  const malformedArgument = findMalformedArgument(process.argv.slice(2));
  hidePassword();
  return {
    // Made when asked for: each is a stream of its own, and most commands use one of them, or none.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    pid: process.pid,
    programName: basename(scriptPath).replace(/\.c?js$/, ''),
    malformedArgument,
    signal: controller.signal,
    onHangup(callback) {
      process.on('SIGHUP', callback);
      return () => process.off('SIGHUP', callback);
    },
    onUserSignal(callback) {
      const ignore = () => undefined;
      process.on('SIGUSR1', ignore).on('SIGUSR2', callback);
      return () => process.off('SIGUSR1', ignore).off('SIGUSR2', callback);
    },
    now: wallClock(),
  };
}

/**
 * The wall clock in nanoseconds since the epoch. Node reads it in milliseconds: the monotonic clock gives the rest,
 * until the two differ by more than that, because the system's clock was set.
 */
function wallClock(): () => bigint {
  const read = () => BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  let offset = read();
  return () => {
    const current = read();
    const difference = current - offset;
    if (difference > 2_000_000n || difference < -2_000_000n) offset = current;
    return process.hrtime.bigint() + offset;
  };
}

/**
 * Takes passwords off the list of processes. Setting the title overwrites the words that `ps` and
 * /proc/PID/cmdline show; all but the secrets are put back, so that the command can still be recognised.
 */
function hidePassword(): void {
  const secretOptions = ['-P', '--pw', '--psk', '--keypass', '-L', '--url', '--proxy', '-b', '--batch'];
  if (!process.argv.some((word) => secretOptions.includes(word.split('=', 1)[0]!))) return;
  // One name is enough: a title made of the masked words could still be wrong about where a secret stands.
  process.title = `tmq ${process.argv[2] ?? ''}`.trim();
}

/**
 * The place, from 0, of the first of these words, the last ones of the process, that was not valid UTF-8: Node
 * decodes each, and puts U+FFFD where it cannot, so a topic would silently become another one. To be called before
 * the process takes another title. Undefined also where the system does not show the bytes, as Linux does.
 */
function findMalformedArgument(argv: readonly string[]): number | undefined {
  const candidates = argv.flatMap((word, index) => (word.includes('\uFFFD') ? [index] : []));
  if (candidates.length === 0) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync('/proc/self/cmdline');
  } catch {
    return undefined;
  }
  // Every word ends with NUL; as latin1, each byte is one character.
  const words = bytes.toString('latin1').split('\0').slice(0, -1).slice(-argv.length);
  return candidates.find((index) => words[index] !== Buffer.from(argv[index]!).toString('latin1'));
}
