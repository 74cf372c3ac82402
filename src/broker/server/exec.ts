/** Runs the command that a broker was started for: with the broker in its environment, and to its end. */

import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import {Interrupted, TmqError} from '../../errors.ts';

/** Milliseconds between asking a child to end and ending it. */
const patience = 5000;

/**
 * Resolves with the child's exit status; like a shell's, 128 and the signal's number for a child that
 * was ended by one. Its streams are ours. When `signal` aborts, the child gets that signal, and is
 * killed if it does not end.
 * @throws TmqError with a shell's status, 127 or 126, when it cannot be started
 */
export async function runChild(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(command, args, {env: {...env}, stdio: 'inherit'});
  let killer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    const {reason} = signal;
    child.kill(reason instanceof Interrupted ? reason.signalName : 'SIGTERM');
    killer = setTimeout(() => child.kill('SIGKILL'), patience);
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
