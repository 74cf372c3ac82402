/**
 * What `passwd` does to a password file. Passwords are asked for and hashed before the file is locked; then
 * it is read again, changed and replaced in one step, so that nobody else's change is lost.
 */

import {availableParallelism} from 'node:os';
import {ExitCode, TmqError} from '../errors.ts';
import {readAll} from '../io/chunks.ts';
import {fileStatus, readWhole, updateFile} from '../io/files.ts';
import type {Io} from '../io/process.ts';
import {openPrompter, type Prompter} from '../io/prompt.ts';
import {spinner} from '../io/terminal.ts';
import {
  type Change,
  duplicateUsers,
  formatPasswordFile,
  type PasswordFile,
  type PlainEntry,
  parsePasswordFile,
  usersOf,
  withHashedPasswords,
  withoutUser,
  withUsers,
} from '../password/file.ts';
import {checkPassword, parseUserList} from '../password/user.ts';
import {print, warn} from './passwd-output.ts';
import type {Creation, GivenUser, Hashing, PasswdPlan} from './passwd-plan.ts';

type Plan<Action extends PasswdPlan['action']> = Extract<PasswdPlan, {readonly action: Action}>;

const noun = 'password file';

/** Enough to keep every core busy with PBKDF2; more would only stand in the way of reading files. */
const hashedAtOnce = availableParallelism() + 1;

async function readPasswordFile(path: string): Promise<PasswordFile> {
  return parsePasswordFile(await readWhole(path, noun));
}

/** A file in the middle of an update, which must be there. */
function parseExisting(content: Buffer | undefined, path: string): PasswordFile {
  if (content === undefined) throw new TmqError(`Unable to open ${noun} ${path}. It was removed meanwhile.`);
  return parsePasswordFile(content);
}

/** What a hash needs to know of where it will be read. */
async function warnOfScheme({scheme}: Hashing, io: Io): Promise<void> {
  if (scheme.mosquitto) return;
  await warn(
    io,
    `mosquitto cannot read ${scheme.name}: the user cannot log in there, and 2.1 refuses the file.`,
  );
}

/** Things about the file that whoever changes it should know. */
async function warnOfFile(path: string, file: PasswordFile, io: Io): Promise<void> {
  const status = await fileStatus(path);
  if (status !== undefined && (status.mode & 0o007) !== 0) {
    await warn(io, `Everybody can access ${path}; 'chmod o=' takes that away.`);
  }
  for (const [username, numbers] of duplicateUsers(file)) {
    await warn(
      io,
      `User ${username} has several lines in ${path}: ${numbers.join(', ')}. mosquitto 2.0 takes the last one, and 2.1 refuses the file.`,
    );
  }
}

/** Asks twice where a person types, once where a program does. */
async function askPassword(prompter: Prompter): Promise<Uint8Array> {
  const password = await prompter.secret('Password: ');
  if (password.length === 0) throw new TmqError('Empty password.');
  checkPassword(password);
  if (!prompter.interactive) return password;
  const again = await prompter.secret('Reenter password: ');
  // mosquitto's status for this is 2, whatever else that number means.
  if (!again.equals(password)) throw new TmqError('Passwords do not match.', ExitCode.protocol);
  return password;
}

/** Before anything is typed or hashed: the file must be there, or may have to be given up. */
async function checkTarget(path: string, {create, force}: Creation, prompter: Prompter): Promise<void> {
  if (!create) {
    await readWhole(path, noun);
    return;
  }
  if (force || !prompter.interactive || (await fileStatus(path)) === undefined) return;
  const users = usersOf(await readPasswordFile(path)).length;
  const question = `${path} exists, with ${users} user${users === 1 ? '' : 's'}. Replace it? [y/N] `;
  if (!(await prompter.confirm(question))) throw new TmqError(`${path} was not changed.`);
}

/** Sets users in a file that is there, or in a new one; gives what that changed. */
async function setUsers(
  {path, create}: {readonly path: string; readonly create: boolean},
  secrets: ReadonlyMap<string, string>,
  io: Io,
): Promise<Change> {
  let change: Change | undefined;
  await updateFile(
    path,
    (content) => {
      change = withUsers(create ? [] : parseExisting(content, path), secrets);
      return formatPasswordFile(change.file);
    },
    io,
  );
  return change!;
}

async function warnOfChange(path: string, {file, removed}: Change, io: Io): Promise<void> {
  if (removed.length > 0) {
    const lines = removed.length === 1 ? `Line ${removed[0]} was` : `Lines ${removed.join(', ')} were`;
    await warn(io, `${lines} removed from ${path}: a further line keeps another password in force.`);
  }
  await warnOfFile(path, file, io);
}

/** Adds a user, or gives it another password. */
export async function set(plan: Plan<'set'>, io: Io): Promise<ExitCode> {
  const secret = await (async () => {
    await using prompter = openPrompter(io);
    await checkTarget(plan.path, plan, prompter);
    const password = plan.password ?? (await askPassword(prompter));
    return await plan.scheme.hash(password, plan.iterations);
  })();
  await warnOfScheme(plan, io);
  const change = await setUsers(plan, new Map([[plan.username, secret]]), io);
  const doing = change.added.length > 0 ? 'Adding' : 'Updating';
  await print(io, `${doing} password for user ${plan.username}\n`);
  await warnOfChange(plan.path, change, io);
  return ExitCode.success;
}

/** Prints the line that a file would get. */
export async function printEntry(plan: GivenUser & Hashing, io: Io): Promise<ExitCode> {
  await using prompter = openPrompter(io);
  const password = plan.password ?? (await askPassword(prompter));
  await warnOfScheme(plan, io);
  await print(io, `${plan.username}:${await plan.scheme.hash(password, plan.iterations)}\n`);
  return ExitCode.success;
}

/** Sets the users of a list, all or none. */
export async function importUsers(plan: Plan<'import'>, io: Io): Promise<ExitCode> {
  const content =
    plan.source === '-' ? await readAll(io.stdin, io.signal) : await readWhole(plan.source, 'file');
  const users = parseUserList(content);
  if (users.length === 0) throw new TmqError('There is no user to import.');
  {
    await using prompter = openPrompter(io);
    await checkTarget(plan.path, plan, prompter);
  }
  const secrets = await hashAll(users, plan, io, (user) => ('secret' in user ? undefined : user.password));
  const found = users.map(
    (user) => [user.username, 'secret' in user ? user.secret : secrets.get(user)!] as const,
  );
  await warnOfScheme(plan, io);
  const change = await setUsers(plan, new Map(found), io);
  await print(io, `Added ${change.added.length}, updated ${change.updated.length}\n`);
  await warnOfChange(plan.path, change, io);
  return ExitCode.success;
}

/** Hashes the passwords of many things at once; those without a password are left out. */
async function hashAll<Item>(
  items: readonly Item[],
  {scheme, iterations}: Hashing,
  io: Io,
  passwordOf: (item: Item) => Uint8Array | undefined,
): Promise<ReadonlyMap<Item, string>> {
  const secrets = new Map<Item, string>();
  using progress = spinner(io, 'Hashing passwords');
  const remaining = items.values();
  const work = async () => {
    for (const item of remaining) {
      io.signal.throwIfAborted();
      const password = passwordOf(item);
      if (password === undefined) continue;
      secrets.set(item, await scheme.hash(password, iterations));
      progress.update(`Hashing passwords: ${secrets.size} of ${items.length}`);
    }
  };
  await Promise.all(Array.from({length: hashedAtOnce}, work));
  return secrets;
}

/**
 * Hashes what stands in plain text. That may take long, so it is done before the file is locked; what
 * appeared in the file meanwhile is hashed under the lock.
 */
export async function upgrade(plan: Plan<'upgrade'>, io: Io): Promise<ExitCode> {
  const known = new Map<string, string>();
  const hashPlain = async (file: PasswordFile) => {
    const lines = file.filter((line): line is PlainEntry => line.kind === 'plain' && !known.has(line.text));
    for (const {password} of lines) checkPassword(password);
    for (const [{text}, secret] of await hashAll(lines, plan, io, ({password}) => password)) {
      known.set(text, secret);
    }
    return withHashedPasswords(file, ({text}) => known.get(text)!);
  };
  const before = await readPasswordFile(plan.path);
  if (before.length === 0) throw new TmqError(`${plan.path} is empty: there is nothing to upgrade.`);
  await hashPlain(before);
  if (known.size > 0) await warnOfScheme(plan, io);
  let after = before;
  await updateFile(
    plan.path,
    async (content) => {
      after = await hashPlain(parseExisting(content, plan.path));
      return formatPasswordFile(after);
    },
    io,
  );
  for (const {number, line} of usersOf(after)) {
    if (line.kind !== 'malformed') continue;
    await warn(io, `Line ${number} of ${plan.path} was left as it is: ${line.reason}.`);
  }
  await warnOfFile(plan.path, after, io);
  return ExitCode.success;
}

/** Deletes every line of a user. */
export async function deleteUser({path, username}: Plan<'delete'>, io: Io): Promise<ExitCode> {
  let after: PasswordFile = await readPasswordFile(path);
  let found = false;
  await updateFile(
    path,
    (content) => {
      const before = parseExisting(content, path);
      after = withoutUser(before, username);
      found = after !== before;
      return formatPasswordFile(after);
    },
    io,
  );
  if (!found) {
    await warn(io, `User ${username} not found in password file.`);
    return ExitCode.failure;
  }
  await warnOfFile(path, after, io);
  return ExitCode.success;
}
