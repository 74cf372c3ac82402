/** Runs a command of the user's by the shell, and gives what it prints: for secrets that have to be fetched. */

import {spawn} from 'node:child_process';
import type {Writable} from 'node:stream';
import {CredentialsUnavailable, Interrupted} from '../errors.ts';
import type {Io} from './process.ts';

/** Bytes of output after which no more is kept. */
const mostBytes = 1_048_576;

export interface CommandContext extends Pick<Io, 'env'> {
  /** The option that the command was given with, for messages: the command itself may hold a secret. */
  readonly option: string;
  /** Aborting it ends the command. */
  readonly signal: AbortSignal;
  /** Where the command's standard error goes. */
  readonly stderr: Pick<Writable, 'write'>;
}

/**
 * The standard output of `sh -c COMMAND`, on Windows of cmd.exe, as UTF-8. Its standard input is empty.
 * @throws CredentialsUnavailable when the command fails, or does not end before `signal`; Interrupted
 */
export async function commandOutput(
  command: string,
  {option, signal, env, stderr}: CommandContext,
): Promise<string> {
  const failed = (what: string, cause?: unknown) =>
    new CredentialsUnavailable(`The command of ${option} ${what}.`, undefined, {cause});
  const ended = () =>
    signal.reason instanceof Interrupted
      ? signal.reason
      : failed('did not end within the time for connecting (--connect-timeout)', signal.reason);
  if (signal.aborted) throw ended();
  return await new Promise((resolve, reject) => {
    // In the process group of tmq: the command may ask for something on the terminal.
    const child = spawn(command, {shell: true, stdio: ['ignore', 'pipe', 'pipe'], env: {...env}});
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onAbort = () => {
      child.kill();
      // What the shell has started may hold the other ends.
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      reject(ended());
    };
    signal.addEventListener('abort', onAbort, {once: true});
    child.stdout.on('data', (chunk: Buffer) => {
      if (bytes < mostBytes) chunks.push(chunk);
      bytes += chunk.length;
    });
    child.stderr.on('data', (chunk: Buffer) => stderr.write(chunk));
    child.once('error', (error) => reject(failed(`cannot be run: ${error.message}`, error)));
    child.once('close', (status, name) => {
      signal.removeEventListener('abort', onAbort);
      if (status === 0) resolve(Buffer.concat(chunks).toString());
      else reject(failed(name === null ? `failed with status ${status}` : `was ended by ${name}`));
    });
  });
}
