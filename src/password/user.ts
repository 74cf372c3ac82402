/**
 * Which user names and passwords may stand in a password file, and lists of both as text. The names that a
 * broker would read differently, or that no MQTT client could send, are refused. Knows no file format.
 */

import {TmqError} from '../errors.ts';
import {schemeOf} from './hash.ts';

/** MQTT: user names and passwords have a length of two bytes. */
const maximumBytes = 65_535;

/** What the decoder of UTF-8, and Node for the words of a command line, put for bytes that are none. */
const replacement = '\ufffd';

/** What is wrong with a name that is to be found, or undefined. */
function unreadableName(username: string): string | undefined {
  if (username === '') return 'Username must not be empty. Is a variable of the shell unset?';
  if (username.includes(':'))
    return "Username must not contain the ':' character, which ends it in the file.";
  if (username.includes(replacement)) return 'Username must be valid UTF-8.';
  return undefined;
}

/** What is wrong with a name that is to be written, or undefined. */
function unwritableName(username: string): string | undefined {
  if (/[\x00-\x1f\x7f-\x9f]/.test(username)) return 'Username must not contain control characters.';
  if (username.startsWith('#')) return "Username must not begin with '#', which makes the line a comment.";
  if (username.startsWith(' ') || username.endsWith(' ')) {
    return 'Username must not begin or end with a blank, which brokers drop.';
  }
  if (Buffer.byteLength(username) > maximumBytes) {
    return 'Username must be less than 65536 characters long.';
  }
  return undefined;
}

/** @throws TmqError when no line of a file can be meant by this name */
export function checkReadableName(username: string): void {
  const problem = unreadableName(username);
  if (problem !== undefined) throw new TmqError(problem);
}

/** @throws TmqError when a broker would not read this name as it was written */
export function checkUsername(username: string): void {
  const problem = unreadableName(username) ?? unwritableName(username);
  if (problem !== undefined) throw new TmqError(problem);
}

/** @throws TmqError when MQTT, or mosquitto, could not take this password */
export function checkPassword(password: Uint8Array): void {
  if (password.length > maximumBytes) {
    throw new TmqError('Password must be less than 65536 characters long.');
  }
  if (password.includes(0)) {
    throw new TmqError('Password must not contain a NUL byte, at which mosquitto would cut it.');
  }
}

/** The bytes of a password given as a word. @throws TmqError also when the word has lost bytes */
export function passwordOfWord(word: string): Uint8Array {
  if (word.includes(replacement)) {
    throw new TmqError('Password is not valid UTF-8: only standard input can carry it.');
  }
  const password = Buffer.from(word);
  checkPassword(password);
  return password;
}

/**
 * Many users, from lines of `user:password`, where everything after the first colon is the password; blank
 * lines and those that begin with '#' are skipped.
 */
export class UserList {
  /** User name → secret, in the order of the lines; empty where the password is still to be hashed. */
  readonly secrets = new Map<string, string>();
  /** User name → bytes of the password as latin1, of those whose password was no hash yet. */
  readonly passwords = new Map<string, string>();
  #number = 0;

  /** The next line, without its end. @throws TmqError naming the line when it is none of the kind */
  add(bytes: Uint8Array): void {
    this.#number++;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const line = Buffer.from(text.replace(/\r$/, ''), 'latin1');
    if (line.toString().trim() === '' || line[0] === 0x23) return;
    try {
      this.#addUser(line);
    } catch (error) {
      if (!(error instanceof TmqError)) throw error;
      throw new TmqError(`Line ${this.#number} cannot be imported, so none was: ${error.message}`);
    }
  }

  #addUser(line: Buffer): void {
    const colon = line.indexOf(':');
    if (colon === -1) throw new TmqError("It has no ':' between user and password.");
    const username = line.toString('utf8', 0, colon);
    const password = line.subarray(colon + 1);
    checkUsername(username);
    if (password.length === 0) throw new TmqError('Empty password. It needs a character at least.');
    const text = password.toString('latin1');
    const hashed = schemeOf(text) !== undefined;
    if (!hashed) checkPassword(password);
    if (this.secrets.has(username)) throw new TmqError('The user was there before.');
    this.secrets.set(username, hashed ? text : '');
    if (!hashed) this.passwords.set(username, text);
  }
}
