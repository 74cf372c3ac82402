/**
 * `passwd -U`: hashes what stands in plain text. Hashing may take long, so it is done before the file is locked;
 * then the file is read again, and what appeared in it meanwhile is hashed under the lock.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import {warn} from '../../io/terminal.ts';
import {hashPasswords} from '../../password/edit.ts';
import {type PasswordLine, type PlainEntry, readLine} from '../../password/file.ts';
import {LineStatistics} from '../../password/line-statistics.ts';
import {checkPassword} from '../../password/user.ts';
import {editFile, readLines, warnOfFile} from './edit-file.ts';
import {Hasher, warnOfScheme} from './hashing.ts';
import type {Hashing} from './plan.ts';

type UpgradePlan = Hashing & {readonly path: string};

const isPlain = (line: PasswordLine): line is PlainEntry => line.kind === 'plain';

/** What is in the file, without its content. */
interface Scan {
  readonly statistics: LineStatistics;
  /** The lines in plain text, equal ones once. */
  readonly texts: ReadonlySet<string>;
}

/** Reads the file once, and makes sure that all its passwords can be hashed. @throws TmqError */
async function scan(path: string): Promise<Scan> {
  const statistics = new LineStatistics();
  const texts = new Set<string>();
  for await (const lines of readLines(path)) {
    for (const [index, line] of lines.entries()) {
      if (!isPlain(line)) continue;
      checkLine(line, {path, number: statistics.lines + index + 1});
      // A copy: what was cut from a chunk of the file would keep all of the chunk.
      texts.add(Buffer.from(line.text, 'latin1').toString('latin1'));
    }
    statistics.take(lines);
  }
  return {statistics, texts};
}

function checkLine({password}: PlainEntry, {path, number}: {readonly path: string; readonly number: number}) {
  try {
    checkPassword(password);
  } catch (error) {
    if (!(error instanceof TmqError)) throw error;
    throw new TmqError(`Line ${number} of ${path} cannot be hashed, so none was: ${error.message}`);
  }
}

/** Hashes what stands in plain text, and leaves everything else. */
export async function upgrade(plan: UpgradePlan, io: Io): Promise<ExitCode> {
  const {statistics, texts} = await scan(plan.path);
  if (statistics.lines === 0) throw new TmqError(`${plan.path} is empty: there is nothing to upgrade.`);
  let after = statistics;
  if (texts.size > 0) {
    await warnOfScheme(plan, io);
    using hasher = new Hasher(plan, texts.size, io);
    after = await hashFile(plan.path, {texts, hasher}, io);
  }
  for (const {number, reason} of after.unusable) {
    await warn(io, `Line ${number} of ${plan.path} was left as it is: ${reason}.`);
  }
  await warnOfFile(plan.path, after, io);
  return ExitCode.success;
}

async function hashFile(
  path: string,
  {texts, hasher}: {readonly texts: ReadonlySet<string>; readonly hasher: Hasher},
  io: Io,
): Promise<LineStatistics> {
  const passwordOf = (line: PlainEntry) => line.password;
  const known = new Map<string, string>();
  const plainOf = (text: string) => (readLine(text, '') as PlainEntry).password;
  await hasher.each(texts, plainOf, (text, secret) => known.set(text, secret));
  let fresh = new Map<string, string>();
  const prepare = async (lines: readonly PasswordLine[]) => {
    fresh = new Map();
    const missing = lines.filter(isPlain).filter(({text}) => !known.has(text));
    for (const {password} of missing) checkPassword(password);
    await hasher.each(missing, passwordOf, ({text}, secret) => fresh.set(text, secret));
  };
  const edit = hashPasswords(({text}) => known.get(text) ?? fresh.get(text)!);
  return await editFile(path, {edit, prepare}, io);
}
