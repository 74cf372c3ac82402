/**
 * Secrets and identities that a plan can only describe: a password in a file, in the environment or typed
 * on the terminal, a client id made of the process id. Resolved once, before connecting. The secrets
 * themselves appear in no message.
 */

import {readFile} from 'node:fs/promises';
import type {Credentials} from '../../../client/connection-options.ts';
import {defined} from '../../../defined.ts';
import {fileError, TmqError} from '../../../errors.ts';
import type {Io} from '../../../io/process.ts';
import {largestTwoByteInteger} from '../../../protocol/fixed-header.ts';

/** Where a secret is. */
export type SecretSource =
  | {readonly kind: 'text'; readonly text: string}
  /** The first line of the file. */
  | {readonly kind: 'file'; readonly path: string}
  | {readonly kind: 'environment'; readonly name: string}
  /** Asked for on the terminal. */
  | {readonly kind: 'prompt'};

/** Also the first line that a command prints, anew for each connection. */
export type PasswordSource = SecretSource | {readonly kind: 'command'; readonly command: string};

export interface CredentialSource {
  readonly username?: string;
  readonly password?: PasswordSource;
}

/** -i, -I, or neither: then a random one is made, so that the lines of -d and the log of the broker name it. */
export type ClientIdSource =
  | {readonly kind: 'fixed'; readonly id: string}
  | {readonly kind: 'prefix'; readonly prefix: string}
  | {readonly kind: 'random'};

/** @throws TmqError for a password that MQTT cannot hold */
export function checkLength(password: string): string {
  if (Buffer.byteLength(password) <= largestTwoByteInteger) return password;
  throw new TmqError('Problem setting username and/or password: the password has more than 65535 bytes.');
}

/**
 * Reads or asks for the password; that of a command is still to come (renewal.ts).
 * @throws TmqError when the file, the variable or the terminal is not there, Interrupted at Ctrl-C
 */
export async function resolveCredentials(source: CredentialSource, io: Io): Promise<Credentials> {
  const {username, password} = source;
  if (password === undefined || password.kind === 'command') return defined({username});
  return defined({username, password: checkLength(await resolveSecret(password, io, passwordWords))});
}

/** How a secret is asked for, and what messages call its places. */
export interface SecretWords {
  readonly prompt: string;
  /** 'password file' */
  readonly file: string;
  /** The option that names the environment variable. */
  readonly environment: string;
  /** The sentence where there is no terminal to ask on. */
  readonly noTerminal: string;
}

const passwordWords: SecretWords = {
  prompt: 'Password: ',
  file: 'password file',
  environment: '--pw-env',
  noTerminal: 'There is no terminal to ask for the password. Give it with --pw-file or --pw-env.',
};

/** The words for the passphrase of a key. */
export function passphraseWords(keyFile: string): SecretWords {
  return {
    prompt: 'Enter PEM pass phrase: ',
    file: 'passphrase file',
    environment: '--keypass-env',
    noTerminal: `The key ${keyFile} is encrypted, and there is no terminal to ask for its passphrase. Give it with --keypass-file, --keypass-env or --keypass.`,
  };
}

/** The secret itself. @throws as resolveCredentials */
export async function resolveSecret(source: SecretSource, io: Io, words: SecretWords): Promise<string> {
  switch (source.kind) {
    case 'text':
      return source.text;
    case 'file':
      return await firstLine(source.path, words.file);
    case 'environment': {
      const value = io.env[source.name];
      if (value === undefined) {
        throw new TmqError(`The environment variable ${source.name} of ${words.environment} is not set.`);
      }
      return value;
    }
    case 'prompt': {
      const {promptPassword} = await import('../../../io/prompt.ts');
      return await promptPassword(io, words.prompt, words.noTerminal);
    }
  }
}

async function firstLine(path: string, role: string): Promise<string> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(role, path, error);
  }
  return content.split(/\r?\n/, 1)[0] ?? '';
}

/** The client id to send. */
export function resolveClientId(
  source: ClientIdSource,
  {pid, programName}: Pick<Io, 'pid' | 'programName'>,
): string {
  switch (source.kind) {
    case 'fixed':
      return source.id;
    case 'prefix':
      return `${source.prefix}${pid}`;
    case 'random':
      return randomClientId(programName.startsWith('mosquitto_') ? 'mosq-' : 'tmq-');
  }
}

/**
 * 18 letters and digits behind the prefix: 23 bytes are the most that every server accepts [MQTT-3.1.3-5]. They need
 * only differ from others', and loading `crypto` takes a tenth of a one-shot.
 */
function randomClientId(prefix: string): string {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  const letter = () => letters[Math.floor(Math.random() * letters.length)];
  return `${prefix}${Array.from({length: 18}, letter).join('')}`;
}
