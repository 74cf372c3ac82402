/**
 * Runs a command once for each message: the payload is its standard input, the rest of the message is in its
 * environment. Knows neither when a message is acknowledged nor what becomes of the output.
 */

import {closeSync, existsSync} from 'node:fs';
import type {Readable} from 'node:stream';
import {CannotRun, startCommand} from '../../../io/command/start-command.ts';
import {fileOf, temporaryFile} from '../../../io/command/temporary-file.ts';
import {type Io, signalGroup} from '../../../io/process.ts';
import type {Message} from '../../../protocol/message.ts';
import {LineJoiner} from './line-joiner.ts';
import {messageVariables} from './message-environment.ts';
import {ShellSlot, shellWords} from './shell-slot.ts';

export interface RunnerSetup extends Pick<Io, 'pid' | 'platform' | 'stderr'> {
  readonly words: readonly string[];
  /** What all commands have (message-environment.ts). */
  readonly env: Io['env'];
  /** Where temporary files are made. */
  readonly directory: string;
  /**
   * The descriptors of standard output and standard error where one command at a time has them for itself. Otherwise
   * the output of each command is collected, and its lines on standard error are written one by one.
   */
  readonly own?: {readonly stdout: number; readonly stderr: number} | undefined;
}

/** Takes the output of a command that has ended, from the beginning of the file. */
export type TakeOutput = (descriptor: number) => Promise<void>;

/** What keeps the messages of standard error from being lost at the end, in milliseconds. */
const errorsMilliseconds = 1000;

/** The descriptors of standard input, where the payload is not empty, and of standard output. */
type Files = readonly [stdin: number | undefined, stdout: number];

/** The status of a shell that has not found a command. */
const missingStatus = 127;

/** What makes the files of a command. @throws CannotRun, since a later attempt may succeed */
function attempt<Made>(words: readonly string[], make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    throw new CannotRun(words[0] ?? '', error);
  }
}

export class CommandRunner {
  readonly #setup: RunnerSetup;
  /** The words for shells, where the command can be started by one. */
  #shellWords: readonly string[] | undefined;
  readonly #idleShells: ShellSlot[] = [];
  readonly #kills = new Set<(signal: NodeJS.Signals) => void>();
  /** Standard error of commands, as long as something has it open. */
  readonly #errors = new Set<Promise<unknown>>();

  constructor(setup: RunnerSetup) {
    this.#setup = setup;
    this.#shellWords = shellWords(setup.words, setup);
  }

  /**
   * Runs the command for the message, and gives what it printed to `take`, unless it had standard output for itself.
   * Resolves with its status, as a shell has it: 128 plus the number of the signal that ended it.
   * @throws CannotRun, TmqError for what keeps it from being run, and what `take` throws
   */
  async run(message: Message, take: TakeOutput): Promise<number> {
    const {words, own, directory} = this.#setup;
    const open: number[] = [];
    const closing = (descriptor: number) => {
      open.push(descriptor);
      return descriptor;
    };
    try {
      const {payload} = message;
      const [stdin, stdout] = attempt(
        words,
        (): Files => [
          payload.length === 0 ? undefined : closing(fileOf(payload, directory)),
          own?.stdout ?? closing(temporaryFile(directory)),
        ],
      );
      const shell = await this.#shell();
      const variables = messageVariables(message);
      const status = await (shell === undefined
        ? this.#start(variables, [stdin, stdout])
        : this.#runIn(shell, variables, [stdin, stdout]));
      if (own === undefined) await take(stdout);
      return status;
    } finally {
      for (const descriptor of open) closeSync(descriptor);
    }
  }

  /** The general path: a process that Node starts. */
  async #start(variables: Readonly<Record<string, string>>, [stdin, stdout]: Files): Promise<number> {
    const {words, env, platform, own} = this.#setup;
    const {child, status} = startCommand(words, {
      env: {...env, ...variables},
      platform,
      stdio: [stdin ?? 'ignore', stdout, own?.stderr ?? 'pipe'],
      isApart: true,
    });
    if (child.stderr !== null) this.#joinLines(child.stderr);
    return await this.#killable(status, (signal) => signalGroup(child, signal));
  }

  async #runIn(
    shell: ShellSlot,
    variables: Readonly<Record<string, string>>,
    [stdin, stdout]: Files,
  ): Promise<number> {
    const running = shell.run(variables, {stdin, stdout: this.#setup.own === undefined ? stdout : undefined});
    const status = await this.#killable(running, (signal) => shell.kill(signal));
    if (shell.isUsable) this.#idleShells.push(shell);
    if (status === missingStatus && !existsSync(shell.path)) {
      throw new CannotRun(shell.path, Object.assign(new Error(), {code: 'ENOENT'}));
    }
    return status;
  }

  /** A shell that is free; undefined where the general path is to be taken. */
  async #shell(): Promise<ShellSlot | undefined> {
    const words = this.#shellWords;
    if (words === undefined) return undefined;
    for (let shell = this.#idleShells.pop(); shell !== undefined; shell = this.#idleShells.pop()) {
      if (shell.isUsable) return shell;
    }
    const descriptor = attempt(words, () => temporaryFile(this.#setup.directory));
    const shell = new ShellSlot({...this.#setup, words});
    this.#waitFor(shell.closed);
    const isFit = await shell.canOpen(descriptor);
    closeSync(descriptor);
    if (isFit) return shell;
    shell.close();
    this.#shellWords = undefined;
    return undefined;
  }

  async #killable<Result>(running: Promise<Result>, kill: (signal: NodeJS.Signals) => void): Promise<Result> {
    this.#kills.add(kill);
    try {
      return await running;
    } finally {
      this.#kills.delete(kill);
    }
  }

  /** Sends the signal to the commands that run, and to what they have started. */
  kill(signal: NodeJS.Signals): void {
    for (const kill of this.#kills) kill(signal);
  }

  /** Resolves when what the commands have written to standard error was read; what is still running may write more. */
  async ended(): Promise<void> {
    for (const shell of this.#idleShells) shell.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, errorsMilliseconds);
    });
    await Promise.race([Promise.all(this.#errors), late]);
    clearTimeout(timer);
  }

  #joinLines(stream: Readable): void {
    const lines = new LineJoiner((bytes) => this.#setup.stderr.write(bytes));
    stream.on('data', (chunk: Buffer) => lines.add(chunk));
    const closed = new Promise<void>((resolve) => {
      stream.once('close', () => {
        lines.end();
        resolve();
      });
    });
    this.#waitFor(closed);
  }

  #waitFor(closed: Promise<void>): void {
    this.#errors.add(closed);
    void closed.then(() => this.#errors.delete(closed));
  }
}
