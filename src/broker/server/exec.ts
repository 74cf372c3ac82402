/** Runs the command of `--exec` until it ends. */

import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import {Interrupted, TmqError} from '../../errors.ts';

/** Milliseconds between the signal that asks the command to end and SIGKILL. */
const killDelay = 5000;

/**
 * Resolves with the command's exit status; as in a shell, 128 plus the signal's number if a signal ended it. The
 * command inherits the standard streams. When `signal` aborts, the command gets the same signal, and SIGKILL if it
 * does not end.
 * @throws TmqError with a shell's status, 127 or 126, when it cannot be started
 */
export async function runCommand(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(command, args, {env: {...env}, stdio: 'inherit'});
  let killer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    const {reason} = signal;
    child.kill(reason instanceof Interrupted ? reason.signalName : 'SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), killDelay);
  };
  signal.addEventListener('abort', interrupt, {once: true});
  if (signal.aborted) interrupt();
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(cannotStart(command, error)));
      child.once('exit', (code, name) =>
        resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])),
      );
    });
  } finally {
    clearTimeout(killer);
    signal.removeEventListener('abort', interrupt);
  }
}

function cannotStart(command: string, error: Error): TmqError {
  const missing = 'code' in error && error.code === 'ENOENT';
  const reason = missing ? 'there is no such command' : error.message;
  return new TmqError(`Cannot run ${command}: ${reason}.`, missing ? 127 : 126, {cause: error});
}
