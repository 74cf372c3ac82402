/**
 * How `passwd` reads and rewrites a password file: line by line, so that the size of the file does not matter.
 * Joins the files of the system with the lines of password files.
 */

import {TmqError} from '../../errors.ts';
import {type Chunks, fileStatus, readChunks, updateFile} from '../../io/files.ts';
import type {Io} from '../../io/process.ts';
import {warn} from '../../io/terminal.ts';
import {type Edit, Editing} from '../../password/edit.ts';
import {formatPasswordFile, LineReader, type NumberedUser, type PasswordLine} from '../../password/file.ts';
import {DuplicateUsers, LineStatistics} from '../../password/line-statistics.ts';

/** What messages call it. */
export const noun = 'password file';

async function* linesOf(chunks: Chunks): AsyncGenerator<readonly PasswordLine[], void, undefined> {
  const reader = new LineReader();
  for await (const chunk of chunks) yield reader.take(chunk);
  yield reader.rest();
}

/** The lines of a password file, some at a time. @throws TmqError when it cannot be read */
export function readLines(path: string): AsyncGenerator<readonly PasswordLine[], void, undefined> {
  return linesOf(readChunks(path, noun));
}

/** The lines of a password file that name a user, with their numbers, some at a time. */
export async function* readUsers(path: string): AsyncGenerator<readonly NumberedUser[], void, undefined> {
  let before = 0;
  for await (const lines of readLines(path)) {
    const first = before + 1;
    yield lines.flatMap((line, index) => ('username' in line ? [{number: first + index, line}] : []));
    before += lines.length;
  }
}

export interface FileEdit {
  readonly edit: Edit;
  /** Whether a new file takes the place of the one that is there. */
  readonly create?: boolean;
  /** What must be done before these lines can be edited. */
  readonly prepare?: (lines: readonly PasswordLine[]) => Promise<void>;
}

/** Rewrites a file that is there, or makes a new one; a statistics of what it holds then. */
export async function editFile(
  path: string,
  {edit, create, prepare}: FileEdit,
  io: Io,
): Promise<LineStatistics> {
  const statistics = new LineStatistics();
  const format = (lines: readonly PasswordLine[]) => {
    statistics.take(lines);
    return formatPasswordFile(lines);
  };
  async function* edited(old: Chunks | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    const editing = new Editing(edit);
    if (!create) {
      if (old === undefined) {
        throw new TmqError(`Cannot read the ${noun} ${path}: it was removed meanwhile.`);
      }
      for await (const lines of linesOf(old)) {
        await prepare?.(lines);
        yield format(editing.take(lines));
      }
    }
    for (const lines of editing.rest()) yield format(lines);
  }
  await updateFile(path, edited, io);
  return statistics;
}

/** A path as a word of a shell's command line. */
function shellWord(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Warnings about the file. */
export async function warnOfFile(path: string, statistics: LineStatistics, io: Io): Promise<void> {
  const status = await fileStatus(path);
  if (status !== undefined && (status.mode & 0o007) !== 0) {
    const access = (status.mode & 0o004) !== 0 ? 'read' : 'change';
    await warn(io, `Every user of this machine can ${access} ${path}. Run: chmod o= ${shellWord(path)}`);
  }
  const candidates = statistics.repeated();
  if (candidates.size === 0) return;
  const duplicates = new DuplicateUsers(candidates);
  for await (const users of readUsers(path)) {
    for (const user of users) duplicates.take(user);
  }
  for (const [username, numbers] of duplicates.users()) {
    await warn(
      io,
      `User ${username} has several lines in ${path}: ${numbers.join(', ')}. mosquitto 2.0 takes the last one, and 2.1 refuses the file.`,
    );
  }
}
