/**
 * A password file as lines that keep their bytes: what is not changed comes out as it went in. Reads as
 * mosquitto's broker does: the user before the first colon, the secret after it, blanks around both dropped.
 * Bytes are held as latin1 strings, one character a byte. Knows nothing of where files are.
 */

import {schemeOf} from './hash.ts';

interface LineText {
  /** The line's bytes without its end, a character a byte. */
  readonly text: string;
  /** '\n', '\r\n', or '' for a last line without. */
  readonly end: string;
}

/** A user who can log in. */
export interface PasswordEntry extends LineText {
  readonly kind: 'entry';
  readonly username: string;
  readonly secret: string;
}

/** A user whose password stands there in plain text; no broker lets it in. */
export interface PlainEntry extends LineText {
  readonly kind: 'plain';
  readonly username: string;
  /** All bytes after the first colon, without blanks around. */
  readonly password: Uint8Array;
}

/** A line with a colon that permits no login: mosquitto 2.1 refuses the file, 2.0 the line. */
export interface MalformedEntry extends LineText {
  readonly kind: 'malformed';
  /** May be empty: then that is what is wrong. */
  readonly username: string;
  readonly reason: string;
}

/** What brokers skip: a comment ('#' in the first column), a blank line, or ('stray') a line without colon. */
export interface SkippedLine extends LineText {
  readonly kind: 'comment' | 'stray';
}

export type PasswordLine = PasswordEntry | PlainEntry | MalformedEntry | SkippedLine;

/** The lines in their order; the number of a line is its index plus one. */
export type PasswordFile = readonly PasswordLine[];

/** A line that names a user, with its number in the file. */
export interface NumberedUser {
  readonly number: number;
  readonly line: PasswordEntry | PlainEntry | MalformedEntry;
}

/** The blanks of C's isspace; not JavaScript's, which would take bytes of UTF-8 for blanks. */
const outerBlanks = /^[\t-\r ]+|[\t-\r ]+$/g;
const blank = /^[\t-\r ]|[\t-\r ]$/;
const trim = (text: string) => (blank.test(text) ? text.replace(outerBlanks, '') : text);

const beyondAscii = /[\x80-\xff]/;

/** UTF-8 text of latin1 bytes; what is no UTF-8 becomes U+FFFD, which no name given to us holds. */
const decode = (bytes: string) =>
  beyondAscii.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;

/** Looks like a secret of some scheme of crypt(3)'s kind, well-formed or not: never to be hashed again. */
const hashLike = /^\$[A-Za-z\d-]{1,16}\$|^SCRAM-SHA-\d+\$/;

/** What a line is; `end` is how it ended in its file. */
export function readLine(text: string, end: string): PasswordLine {
  const colon = text.indexOf(':');
  if (text.startsWith('#')) return {kind: 'comment', text, end};
  if (colon === -1) return {kind: trim(text) === '' ? 'comment' : 'stray', text, end};
  const username = decode(trim(text.slice(0, colon)));
  const rest = trim(text.slice(colon + 1));
  const further = rest.indexOf(':');
  // The one scheme whose secrets have colons.
  const isWhole = further === -1 || rest.startsWith('SCRAM-');
  const secret = isWhole ? rest : trim(rest.slice(0, further));
  const malformed = (reason: string): MalformedEntry => ({kind: 'malformed', text, end, username, reason});
  if (username === '') return malformed('it names no user');
  if (rest === '') return malformed('it has no password');
  if (schemeOf(secret) !== undefined) return {kind: 'entry', text, end, username, secret};
  if (hashLike.test(rest)) return malformed('its hash is damaged or of an unknown scheme');
  return {kind: 'plain', text, end, username, password: Buffer.from(rest, 'latin1')};
}

/** Cuts bytes into lines, wherever the chunks end. Every content is a password file. */
export class LineReader {
  /** The beginning of a line whose end has not come yet. */
  #begun: string[] = [];

  /** The lines that this chunk completes. */
  take(chunk: Uint8Array): readonly PasswordLine[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines = bytes.toString('latin1').split('\n');
    const last = lines.pop()!;
    if (lines.length > 0 && this.#begun.length > 0) {
      lines[0] = this.#begun.join('') + lines[0];
      this.#begun = [];
    }
    if (last !== '') this.#begun.push(last);
    return lines.map((line) =>
      line.endsWith('\r') ? readLine(line.slice(0, -1), '\r\n') : readLine(line, '\n'),
    );
  }

  /** The last line, where it has no end. */
  rest(): readonly PasswordLine[] {
    const line = this.#begun.join('');
    this.#begun = [];
    return line === '' ? [] : [readLine(line, '')];
  }
}

/** Reads a whole password file. */
export function parsePasswordFile(content: Uint8Array): PasswordFile {
  const reader = new LineReader();
  return [...reader.take(content), ...reader.rest()];
}

/** The bytes of lines; of unchanged ones, those they were read from. */
export function formatPasswordFile(file: PasswordFile): Buffer {
  return Buffer.from(file.map(({text, end}) => text + end).join(''), 'latin1');
}

/** The lines that name a user, in order, with their numbers. */
export function usersOf(file: PasswordFile): readonly NumberedUser[] {
  return file.flatMap((line, index) => ('username' in line ? [{number: index + 1, line}] : []));
}
