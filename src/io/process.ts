/**
 * The process as one value. Commands see the world through `Io`, so that a test can hand them another
 * one; `processIo` is the only reader of `process` in the product.
 */

import {
  closeSync,
  constants as files,
  fstatSync,
  openSync,
  read,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import {devNull} from 'node:os';
import {basename} from 'node:path';
import {Readable, type Writable} from 'node:stream';
import {isatty} from 'node:tty';
import {type EndingSignal, endingSignals, Interrupted} from '../errors.ts';

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
  /** Lets the reader of stdout see its end while the process runs on. What is written later goes nowhere. */
  readonly closeStdout?: () => void;
  /** Whether stderr is a terminal, where that is known without the stream: making it takes 2 % of a one-shot. */
  readonly isStderrTerminal?: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly platform: NodeJS.Platform;
  /** What the program was started as: 'tmq', or a link's name such as 'mosquitto_pub'. */
  readonly programName: string;
  /** The place, from 0, of a word of the command line that was not valid UTF-8 and has lost bytes for it. */
  readonly malformedArgument?: number | undefined;
  /** Aborts at a signal that ends the command (`endingSignals`); its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  /** Calls back at each SIGHUP instead of aborting `signal`, until what it returns is called. */
  readonly onHangup?: (callback: () => void) => () => void;
  /** Calls back at each SIGUSR2 and ignores SIGUSR1, until what it returns is called. */
  readonly onUserSignal?: (callback: () => void) => () => void;
  /** Calls back at the next ending signal after the one that aborts `signal`, which then does not end the process. */
  readonly onFurtherSignal?: (callback: () => void) => () => void;
  /** Ignores SIGINT until what it returns is called: Ctrl-C is for another program on the terminal. */
  readonly ignoreInterrupts?: () => () => void;
  /** Nanoseconds since the epoch by the wall clock, which may be set: durations use performance.now(). */
  readonly now: () => bigint;
}

/** Whether the program was started by another's name, such as mosquitto_sub: it then prints what that one prints. */
export function isDropIn({programName}: Pick<Io, 'programName'>): boolean {
  return programName.startsWith('mosquitto');
}

export const {platform} = process;

/** Milliseconds by the monotonic clock, from a moment that is the same for all processes of this machine. */
export function bootMilliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** How many files and connections this process may have open; Infinity where there is no limit, or none is known. */
export function openFilesLimit(): number {
  const report = process.report.getReport() as {
    readonly userLimits?: {readonly open_files?: {readonly soft?: unknown}};
  };
  const limit = Number(report.userLimits?.open_files?.soft);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}
export const isLinux = platform === 'linux';

/** Sends the signal to the process group that the child leads, or where there are none, to the child. */
export function signalGroup(
  child: {readonly pid?: number | undefined; kill(signal: NodeJS.Signals): boolean},
  signal: NodeJS.Signals,
): void {
  if (platform === 'win32' || child.pid === undefined) {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

/** One of Node's internal modules [DEP0111]. @throws Error where there is none of the name, or access is not permitted */
export function internalModule(name: string): unknown {
  return (process as unknown as {binding(name: string): unknown}).binding(name);
}

/**
 * The real process. A signal aborts `signal`; a second one ends the process as by default.
 * `scriptPath` is argv[1]: the link or the file that was started.
 */
export function processIo(scriptPath = 'tmq'): Io {
  const {signal, onHangup, onFurtherSignal} = listenToSignals();
  const malformedArgument = findMalformedArgument(process.argv.slice(2));
  hidePassword();
  leaveLostTerminals();
  let stdin: Terminal<Readable> | undefined;
  let stderr: Terminal<Writable> | undefined;
  return {
    // Made when asked for: each is a stream of its own, and most commands use one of them, or none.
    get stdin() {
      stdin ??= standardInput();
      return stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      // Diagnostics that cannot be written are dropped.
      stderr ??= process.stderr.on('error', () => undefined);
      return stderr;
    },
    closeStdout() {
      // Node never closes descriptor 1 itself. /dev/null takes its number, which another file would get otherwise.
      closeSync(1);
      openSync(devNull, 'w');
    },
    isStderrTerminal: isatty(2),
    env: process.env,
    pid: process.pid,
    platform,
    programName: basename(scriptPath).replace(/\.c?js$/, ''),
    malformedArgument,
    signal,
    onHangup,
    onFurtherSignal,
    onUserSignal(callback) {
      const ignore = () => undefined;
      process.on('SIGUSR1', ignore).on('SIGUSR2', callback);
      return () => process.off('SIGUSR1', ignore).off('SIGUSR2', callback);
    },
    ignoreInterrupts() {
      const ignore = () => undefined;
      process.on('SIGINT', ignore);
      return () => process.off('SIGINT', ignore);
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

function standardInput(): Terminal<Readable> {
  const status = statusOf(0);
  // Node takes a directory for an empty input.
  if (status?.isDirectory()) return unreadable('EISDIR');
  return status?.isFile() ? fileInput(0) : process.stdin;
}

function statusOf(descriptor: number): Stats | undefined {
  try {
    return fstatSync(descriptor);
  } catch {
    return undefined;
  }
}

/** An input that fails at the first read. */
function unreadable(code: string): Readable {
  return new Readable({
    read() {
      this.destroy(Object.assign(new Error(`${code}: read`), {code}));
    },
  });
}

/** A file that is open. For a stream of its own, Node loads modules which take 4 % of `pub -l` of one line. */
function fileInput(descriptor: number): Terminal<Readable> {
  const input = new Readable({
    highWaterMark: 65_536,
    read(size) {
      const memory = Buffer.allocUnsafeSlow(size);
      read(descriptor, memory, 0, size, null, (error, count) => {
        if (error) input.destroy(error);
        else input.push(count === 0 ? null : memory.subarray(0, count));
      });
    },
  });
  return Object.assign(input, {fd: descriptor});
}

/** After the start: when to look whether SIGHUP is ignored, unless one comes before. */
const hangupLookMilliseconds = 50;

function listenToSignals(): Required<Pick<Io, 'signal' | 'onHangup' | 'onFurtherSignal'>> {
  const controller = new AbortController();
  const hangups = new Set<() => void>();
  const further = new Set<() => void>();
  let ignored: boolean | undefined;
  const ignoresHangup = () => {
    ignored ??= hangupIsIgnored();
    return ignored;
  };
  // Before the parent ends, which knows; a one-shot has ended by then, of which it would take 2 %.
  setTimeout(ignoresHangup, hangupLookMilliseconds).unref();
  const end = (name: EndingSignal) => {
    if (name === 'SIGHUP' && hangups.size > 0) {
      for (const callback of hangups) callback();
      return;
    }
    if (name === 'SIGHUP' && ignoresHangup()) return;
    // A terminal that closes sends SIGHUP, and so does its shell: the second one is no wish to end at once.
    const isFurther = controller.signal.aborted && name !== 'SIGHUP';
    if (isFurther) for (const callback of further) callback();
    if (name !== 'SIGHUP' && (isFurther || further.size === 0)) process.off(name, end);
    controller.abort(new Interrupted(name));
  };
  for (const name of endingSignals) process.on(name, end);
  return {
    signal: controller.signal,
    onHangup(callback) {
      hangups.add(callback);
      return () => hangups.delete(callback);
    },
    onFurtherSignal(callback) {
      further.add(callback);
      return () => further.delete(callback);
    },
  };
}

/**
 * Whether the process was started to ignore SIGHUP, as by nohup. Node gives every signal its default back before
 * the first script runs, so /proc/self does not show it. What does: the shell's `_` names nohup, GNU nohup puts a
 * write-only /dev/null in place of the terminal, or the parent (a shell under nohup) ignores the signal itself.
 */
function hangupIsIgnored(): boolean {
  if (/(^|\/)nohup$/.test(process.env._ ?? '')) return true;
  if (!isLinux) return false;
  try {
    const parent = readFileSync(`/proc/${process.ppid}/status`, 'latin1');
    // The last bit is that of signal 1, which is SIGHUP.
    if (/^SigIgn:\s*[0-9a-f]*[13579bdf]$/m.test(parent)) return true;
    if (readlinkSync('/proc/self/fd/0') !== '/dev/null') return false;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 3) === files.O_WRONLY;
  } catch {
    return false;
  }
}

/**
 * At the end Node restores the settings of the terminals it was started on, and aborts (SIGABRT) where one is gone.
 * A closed descriptor is left alone.
 */
function leaveLostTerminals(): void {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  if (terminals.length === 0) return;
  process.on('exit', () => {
    for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
  });
}

/**
 * Takes passwords off the list of processes. Setting the title overwrites the words that `ps` and
 * /proc/PID/cmdline show; all but the secrets are put back, so that the command can still be recognised.
 */
function hidePassword(): void {
  // There it would be the title of the console's window, and would hide nothing.
  if (platform === 'win32') return;
  const secretOptions = [
    '-P',
    '--pw',
    '--psk',
    '--keypass',
    '-L',
    '--url',
    '--proxy',
    '--pw-command',
    '--header',
    '--header-command',
    '-b',
    '--batch',
  ];
  // Also attached: -Psecret, -dPsecret.
  const isSecret = (word: string) =>
    secretOptions.includes(word.split('=', 1)[0]!) ||
    /^-[A-Za-z]*[PLb]/.test(word) ||
    word === 'authentication-data';
  if (!process.argv.slice(2).some(isSecret)) return;
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
