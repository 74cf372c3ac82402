/** Starts a command of the user's, given as its words: no shell reads them. */

import {type ChildProcess, type SpawnOptions, spawn} from 'node:child_process';
import {constants} from 'node:os';
import {codeOf, FileError, fileReason, TmqError} from '../../errors.ts';
import type {Io} from '../process.ts';
import {windowsCommand} from './windows-command.ts';

/** The statuses of a shell for a command that is not there, and for one that cannot be run. */
const missingStatus = 127;
const unusableStatus = 126;

export interface CommandSetup extends Pick<Io, 'env' | 'platform'> {
  readonly stdio: NonNullable<SpawnOptions['stdio']>;
  /** Whether it gets a process group of its own, so that a terminal's Ctrl-C does not reach it. Not on Windows. */
  readonly isApart?: boolean;
}

/** A command that runs. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /**
   * Its exit status; as in a shell, 128 plus the signal's number if a signal ended it.
   * @throws CannotRun when it was not started
   */
  readonly status: Promise<number>;
}

/** A command was not started. */
export class CannotRun extends TmqError {
  override readonly name = 'CannotRun';
  /** Whether no later attempt can succeed: the command is missing, or no program. */
  readonly isFinal: boolean;

  constructor(command: string, error: unknown) {
    const isMissing = codeOf(error) === 'ENOENT';
    const reason = isMissing ? 'there is no such command' : fileReason(error);
    super(
      error instanceof FileError ? error.message : `Cannot run ${command}: ${reason}.`,
      isMissing ? missingStatus : unusableStatus,
      {cause: error},
    );
    this.isFinal = ['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR', 'EPERM'].includes(codeOf(error));
  }
}

/** Starts the command that the words name. @throws CannotRun where Node reports at once that it cannot */
export function startCommand(
  words: readonly string[],
  {env, platform, stdio, isApart = false}: CommandSetup,
): RunningCommand {
  const [command = ''] = words;
  const isWindows = platform === 'win32';
  const [file, args, verbatim] = isWindows ? windowsCommand(words, env) : [command, words.slice(1)];
  let child: ChildProcess;
  try {
    child = spawn(file, [...args], {
      env: env as NodeJS.ProcessEnv,
      stdio,
      detached: isApart && !isWindows,
      windowsVerbatimArguments: verbatim === true,
    });
  } catch (error) {
    throw new CannotRun(command, error);
  }
  const status = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new CannotRun(command, error)));
    child.once('exit', (code, name) => resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])));
  });
  return {child, status};
}
