/**
 * What changes a password file: an edit is shown the lines one after another, says what becomes of each, and
 * what comes behind the last. None needs more than one line at a time, so a file may be of any size. Whatever
 * is not its business it hands back as it is.
 */

import {type NumberedUser, type PasswordLine, type PlainEntry, readLine} from './file.ts';

export interface Edit {
  /** The line that stands in the place of this one; undefined: none. `number` counts the lines shown, from one. */
  edit(line: PasswordLine, number: number): PasswordLine | undefined;
  /** The texts of the lines that are added when all were shown; latin1 for bytes, as in a line. */
  added?(): Iterable<string>;
}

/** The line with another secret; what stands before it, and further fields after a hash, stay. */
function withSecret({text, end, ...line}: NumberedUser['line'], secret: string): PasswordLine {
  const start = text.indexOf(':') + 1;
  const rest = text.slice(start);
  const more = line.kind === 'entry' && rest.includes(':') ? rest.slice(rest.indexOf(':')) : '';
  return {kind: 'entry', text: text.slice(0, start) + secret + more, end, username: line.username, secret};
}

/**
 * Sets the secrets of users. A user in the file keeps the first of its lines, at its place, and loses
 * further ones; others are added at the end, in the order of the map.
 */
export class SetUsers implements Edit {
  /** Further lines of updated users, which would have kept the old password alive. */
  readonly removed: number[] = [];
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #updated = new Set<string>();

  constructor(secrets: ReadonlyMap<string, string>) {
    this.#secrets = secrets;
  }

  /** How many of the users were there. */
  get updated(): number {
    return this.#updated.size;
  }

  edit(line: PasswordLine, number: number): PasswordLine | undefined {
    const secret = 'username' in line ? this.#secrets.get(line.username) : undefined;
    if (secret === undefined || !('username' in line)) return line;
    if (this.#updated.has(line.username)) {
      this.removed.push(number);
      return undefined;
    }
    this.#updated.add(line.username);
    return withSecret(line, secret);
  }

  *added(): Generator<string> {
    for (const [username, secret] of this.#secrets) {
      if (!this.#updated.has(username)) yield `${Buffer.from(username).toString('latin1')}:${secret}`;
    }
  }
}

/** Takes every line of a user away. */
export class RemoveUser implements Edit {
  found = false;
  readonly #username: string;

  constructor(username: string) {
    this.#username = username;
  }

  edit(line: PasswordLine): PasswordLine | undefined {
    if (!('username' in line) || line.username !== this.#username) return line;
    this.found = true;
    return undefined;
  }
}

/** Replaces every plain-text password by what `secretOf` gives for its line. */
export function hashPasswords(secretOf: (line: PlainEntry) => string): Edit {
  return {edit: (line) => (line.kind === 'plain' ? withSecret(line, secretOf(line)) : line)};
}

/** So many added lines come at once. */
const batchLines = 1000;

/** Applies an edit to the lines of a file in their order, and keeps the line ends in order. */
export class Editing {
  readonly #edit: Edit;
  #number = 0;
  /** How added lines end: as the first line of the file does. */
  #end: string | undefined;
  /** The last line, if it has no end: it gets one when others follow. */
  #open: PasswordLine | undefined;

  constructor(edit: Edit) {
    this.#edit = edit;
  }

  /** What becomes of these lines, the next of the file. */
  take(lines: readonly PasswordLine[]): readonly PasswordLine[] {
    const kept: PasswordLine[] = [];
    for (const line of lines) {
      this.#end ??= line.end;
      const edited = this.#edit.edit(line, ++this.#number);
      if (edited === undefined) continue;
      if (edited.end === '') this.#open = edited;
      else kept.push(edited);
    }
    return kept;
  }

  /** What stands at the end of the file, a batch at a time. */
  *rest(): Generator<readonly PasswordLine[]> {
    const end = this.#end === '\r\n' ? '\r\n' : '\n';
    let last = this.#open;
    let batch: PasswordLine[] = [];
    for (const text of this.#edit.added?.() ?? []) {
      if (last !== undefined) batch.push({...last, end});
      last = undefined;
      batch.push(readLine(text, end));
      if (batch.length < batchLines) continue;
      yield batch;
      batch = [];
    }
    yield last === undefined ? batch : [last];
  }
}
