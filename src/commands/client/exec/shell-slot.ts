/**
 * The fast path of command-runner.ts, on Linux: a shell that starts one command after the other. To start a process from
 * Node takes a copy of Node's tables of memory; a shell is small. Measured: twice the rate of /bin/true.
 * TMQ_NO_FASTPATH=1 switches it off. The shell sees no word of the command or the message but in quotes.
 *
 * It reads a line for each command from its standard input, and writes a line with the status to descriptor 3, which is
 * also the standard error of commands that share one: a word that only tmq and the shell know marks the line.
 */

import type {ChildProcess} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {accessSync, closeSync, constants, openSync, readSync, statSync} from 'node:fs';
import type {Readable, Writable} from 'node:stream';
import {CannotRun, startCommand} from '../../../io/command/start-command.ts';
import {type Io, signalGroup} from '../../../io/process.ts';
import {LineJoiner} from './line-joiner.ts';

/** What a shell takes for the name of a variable; it would not pass on another one. */
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The first bytes of a program, and of a script that names its interpreter. */
const beginnings = ['\x7fEL', '#!'];

export interface ShellSetup extends Pick<Io, 'stderr'> {
  /** The path of the command, and its words (`shellWords`). */
  readonly words: readonly string[];
  readonly env: Io['env'];
  /** Of tmq: descriptors are passed by /proc/PID/fd. */
  readonly pid: number;
  readonly own?: {readonly stdout: number; readonly stderr: number} | undefined;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isProgram(path: string): boolean {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(3);
      readSync(descriptor, bytes);
      return beginnings.some((each) => bytes.toString('latin1').startsWith(each));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

/**
 * The words with the path of the command in the place of its name; undefined where a shell might take them for something
 * else than Node does: Node then starts the command, and reports what is wrong.
 */
export function shellWords(
  words: readonly string[],
  {env, platform}: Pick<Io, 'env' | 'platform'>,
): readonly string[] | undefined {
  if (platform !== 'linux' || (env.TMQ_NO_FASTPATH ?? '') !== '') return undefined;
  if (!Object.keys(env).every((name) => variableName.test(name))) return undefined;
  const [command = '', ...args] = words;
  const folders = (env.PATH ?? '').split(':');
  if (!command.includes('/') && !folders.every((folder) => folder.startsWith('/'))) return undefined;
  const candidates = command.includes('/') ? [command] : folders.map((folder) => `${folder}/${command}`);
  const path = candidates.find(isExecutable);
  return path !== undefined && isProgram(path) ? [path, ...args] : undefined;
}

/** How many of the last bytes are the beginning of the mark. */
function beginningOf(mark: string, bytes: Buffer): number {
  let count = Math.min(bytes.length, mark.length - 1);
  while (!mark.startsWith(bytes.toString('latin1', bytes.length - count))) count--;
  return count;
}

export class ShellSlot {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #setup: ShellSetup;
  readonly #mark = randomBytes(16).toString('hex');
  readonly #lines: LineJoiner;
  /** What came and is no whole line with the mark. */
  #rest: Buffer = Buffer.alloc(0);
  #settle: ((status: number) => void) | undefined;
  #hasEnded = false;
  /** Resolves when nothing can write to descriptor 3 any more. */
  readonly closed: Promise<void>;

  /** @throws CannotRun */
  constructor(setup: ShellSetup) {
    this.#setup = setup;
    const {env, own} = setup;
    const {child, status} = startCommand(['/bin/sh'], {
      env,
      platform: 'linux',
      stdio: ['pipe', own?.stdout ?? 'ignore', 'ignore', 'pipe', own?.stderr ?? 'ignore'],
      isApart: true,
    });
    this.#child = child;
    this.#input = child.stdin!;
    this.#input.on('error', () => undefined);
    this.#lines = new LineJoiner((bytes) => setup.stderr.write(bytes));
    const output = child.stdio[3] as Readable;
    output.on('data', (chunk: Buffer) => this.#received(chunk));
    this.closed = new Promise((resolve) => {
      output.once('close', () => {
        this.#lines.add(this.#rest);
        this.#lines.end();
        resolve();
      });
    });
    // A command that signals its process group does not end the shell; the signals have their default in commands.
    this.#input.write(`trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE\n__tmq_mark=${this.#mark}\n`);
    const end = (ended: number) => {
      this.#hasEnded = true;
      this.#settle?.(ended);
    };
    status.then(end, () => end(127));
  }

  /** Of the command. */
  get path(): string {
    return this.#setup.words[0]!;
  }

  get isUsable(): boolean {
    return !this.#hasEnded;
  }

  /** Whether the shell can open a descriptor of tmq. */
  async canOpen(descriptor: number): Promise<boolean> {
    const test = `if true <${this.#path(descriptor)}; then`;
    return (await this.#run(`${test} echo "$__tmq_mark 0" >&3; else echo "$__tmq_mark 1" >&3; fi`)) === 0;
  }

  /**
   * Runs the command with these descriptors of tmq as standard input, and output where it does not have its own. Resolves
   * with its status; where the command has ended the shell, with that of the shell.
   */
  async run(
    variables: Readonly<Record<string, string>>,
    {stdin, stdout}: {readonly stdin: number | undefined; readonly stdout: number | undefined},
  ): Promise<number> {
    const {words, own} = this.#setup;
    const set = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
    const from = stdin === undefined ? '/dev/null' : this.#path(stdin);
    const to = stdout === undefined ? '' : ` >${this.#path(stdout)}`;
    const errors = own === undefined ? '2>&3' : '2>&4';
    const command = [...set, ...words.map(quoted)].join(' ');
    // In brackets, the shell does not report signals that end the command, and starts no further process for it.
    return await this.#run(`(${command}) <${from}${to} ${errors} 3>&- 4>&-; echo "$__tmq_mark $?" >&3`);
  }

  kill(signal: NodeJS.Signals): void {
    signalGroup(this.#child, signal);
  }

  /** The shell ends when its command has. */
  close(): void {
    this.#input.end();
  }

  #path(descriptor: number): string {
    return `/proc/${this.#setup.pid}/fd/${descriptor}`;
  }

  #run(line: string): Promise<number> {
    if (this.#hasEnded)
      return Promise.reject(new CannotRun(this.#setup.words[0]!, new Error('its shell has ended')));
    return new Promise((resolve) => {
      this.#settle = (status) => {
        this.#settle = undefined;
        resolve(status);
      };
      this.#input.write(`${line}\n`);
    });
  }

  /** Standard error of the command, and behind it the mark with the status. */
  #received(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const at = bytes.indexOf(this.#mark);
    const end = at === -1 ? -1 : bytes.indexOf('\n', at);
    if (end === -1) {
      const kept = at === -1 ? beginningOf(this.#mark, bytes) : bytes.length - at;
      this.#lines.add(bytes.subarray(0, bytes.length - kept));
      this.#rest = bytes.subarray(bytes.length - kept);
      return;
    }
    this.#rest = Buffer.alloc(0);
    this.#lines.add(bytes.subarray(0, at));
    this.#lines.end();
    this.#settle?.(Number(bytes.toString('latin1', at + this.#mark.length, end)));
    if (end + 1 < bytes.length) this.#received(bytes.subarray(end + 1));
  }
}
