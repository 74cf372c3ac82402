/** Runs a command of the user's until it ends, beside what tmq itself does: --exec of the broker, --then. */

import type {SpawnOptions} from 'node:child_process';
import {Interrupted} from '../../errors.ts';
import type {Io} from '../process.ts';
import {startCommand} from './start-command.ts';

/** Milliseconds between the signal that asks the command to end and SIGKILL. */
const killDelay = 5000;

export interface RunOptions extends Pick<Io, 'env' | 'signal' | 'platform'> {
  /** By default the command inherits the standard streams. */
  readonly stdio?: SpawnOptions['stdio'];
}

/**
 * Resolves with the command's exit status; as in a shell, 128 plus the signal's number if a signal ended it. When
 * `signal` aborts, the command gets the same signal, and SIGKILL if it does not end.
 * @throws TmqError with a shell's status, 127 or 126, when it cannot be started
 */
export async function runCommand(
  words: readonly string[],
  {env, signal, platform, stdio = 'inherit'}: RunOptions,
): Promise<number> {
  const {child, status} = startCommand(words, {env, platform, stdio});
  let killer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    const {reason} = signal;
    const isPosix = platform !== 'win32';
    child.kill(isPosix && reason instanceof Interrupted ? reason.signalName : 'SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), killDelay);
  };
  signal.addEventListener('abort', interrupt, {once: true});
  if (signal.aborted) interrupt();
  try {
    return await status;
  } finally {
    clearTimeout(killer);
    signal.removeEventListener('abort', interrupt);
  }
}
