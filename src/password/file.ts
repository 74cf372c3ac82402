/**
 * A password file as lines that remember their bytes: whatever is not changed on purpose comes out as it
 * went in, comments, blanks, damage and line ends alike. Reads as mosquitto's broker reads: the user before
 * the first colon, the secret after it, blanks around both dropped. Knows nothing of where files are.
 *
 * Bytes are held as latin1 strings, one character a byte, so that no encoding can lose any.
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

/** A line with a colon that names no user who could log in: mosquitto 2.1 refuses the file, 2.0 the line. */
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

/** A line that names somebody, with its number in the file. */
export interface NumberedUser {
  readonly number: number;
  readonly line: PasswordEntry | PlainEntry | MalformedEntry;
}

/** The blanks of C's isspace; not JavaScript's, which would take bytes of UTF-8 for blanks. */
const outerBlanks = /^[\t-\r ]+|[\t-\r ]+$/g;
const trim = (text: string) => text.replace(outerBlanks, '');

/** UTF-8 text of latin1 bytes; what is no UTF-8 becomes U+FFFD, which no name given to us holds. */
const decode = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8');
const encode = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

/** Looks like a secret of some scheme of crypt(3)'s kind, well-formed or not: never to be hashed again. */
const hashLike = /^\$[A-Za-z\d-]{1,16}\$/;

function readLine(text: string, end: string): PasswordLine {
  const colon = text.indexOf(':');
  if (text.startsWith('#') || trim(text) === '') return {kind: 'comment', text, end};
  if (colon === -1) return {kind: 'stray', text, end};
  const username = decode(trim(text.slice(0, colon)));
  const rest = trim(text.slice(colon + 1));
  const secret = trim(rest.split(':', 1)[0]!);
  const malformed = (reason: string): MalformedEntry => ({kind: 'malformed', text, end, username, reason});
  if (username === '') return malformed('it names no user');
  if (secret === '') return malformed('it has no password');
  if (schemeOf(secret) !== undefined) return {kind: 'entry', text, end, username, secret};
  if (hashLike.test(rest)) return malformed('its hash is damaged or of an unknown scheme');
  return {kind: 'plain', text, end, username, password: Buffer.from(rest, 'latin1')};
}

/** Reads a password file; a string stands for its bytes as latin1. Every content is a password file. */
export function parsePasswordFile(content: Uint8Array | string): PasswordFile {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('latin1');
  const lines = text.split('\n');
  const last = lines.pop()!;
  const file = lines.map((line) =>
    line.endsWith('\r') ? readLine(line.slice(0, -1), '\r\n') : readLine(line, '\n'),
  );
  if (last !== '') file.push(readLine(last, ''));
  return file;
}

/** The bytes of the file; of an unchanged one, those it was read from. */
export function formatPasswordFile(file: PasswordFile): Buffer {
  return Buffer.from(file.map(({text, end}) => text + end).join(''), 'latin1');
}

/** The lines that name somebody, in order, with their numbers. */
export function usersOf(file: PasswordFile): readonly NumberedUser[] {
  return file.flatMap((line, index) => ('username' in line ? [{number: index + 1, line}] : []));
}

/** The numbers of the lines of every user who has more than one. */
export function duplicateUsers(file: PasswordFile): ReadonlyMap<string, readonly number[]> {
  const numbers = new Map<string, number[]>();
  for (const {number, line} of usersOf(file)) {
    const known = numbers.get(line.username);
    if (known === undefined) numbers.set(line.username, [number]);
    else known.push(number);
  }
  return new Map([...numbers].filter(([, found]) => found.length > 1));
}

/** The line with another secret; what stands before it, and further fields after a hash, stay. */
function withSecret(line: NumberedUser['line'], secret: string): PasswordLine {
  const start = line.text.indexOf(':') + 1;
  const rest = line.text.slice(start);
  const more = line.kind === 'entry' && rest.includes(':') ? rest.slice(rest.indexOf(':')) : '';
  return readLine(line.text.slice(0, start) + secret + more, line.end);
}

/** The file with these lines at its end; a last line without end gets one, as the others have it. */
function append(file: PasswordFile, lines: readonly string[]): PasswordFile {
  if (lines.length === 0) return file;
  const end = file[0]?.end === '\r\n' ? '\r\n' : '\n';
  const complete = file.map((line) => (line.end === '' ? {...line, end} : line));
  return [...complete, ...lines.map((text) => readLine(text, end))];
}

export interface Change {
  readonly file: PasswordFile;
  readonly added: readonly string[];
  readonly updated: readonly string[];
  /** Further lines of updated users, which would have kept the old password alive; by their old numbers. */
  readonly removed: readonly number[];
}

/**
 * Gives users these secrets. A user who is there keeps the first of its lines, at its place, and loses
 * further ones; who is not there is added at the end, in the order of the map.
 */
export function withUsers(file: PasswordFile, secrets: ReadonlyMap<string, string>): Change {
  const updated = new Set<string>();
  const removed: number[] = [];
  const kept = file.flatMap((line, index) => {
    const secret = 'username' in line ? secrets.get(line.username) : undefined;
    if (secret === undefined || !('username' in line)) return [line];
    if (updated.has(line.username)) {
      removed.push(index + 1);
      return [];
    }
    updated.add(line.username);
    return [withSecret(line, secret)];
  });
  const added = [...secrets.keys()].filter((username) => !updated.has(username));
  const lines = added.map((username) => `${encode(username)}:${secrets.get(username)}`);
  return {file: append(kept, lines), added, updated: [...updated], removed};
}

/** The file without any line of the user; the same value when there is none. */
export function withoutUser(file: PasswordFile, username: string): PasswordFile {
  const kept = file.filter((line) => !('username' in line && line.username === username));
  return kept.length === file.length ? file : kept;
}

/** The file with every plain-text password replaced by what `secretOf` gives for its line. */
export function withHashedPasswords(
  file: PasswordFile,
  secretOf: (line: PlainEntry) => string,
): PasswordFile {
  return file.map((line) => (line.kind === 'plain' ? withSecret(line, secretOf(line)) : line));
}
