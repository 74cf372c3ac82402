/**
 * What `passwd` does to a password file. Passwords are asked for and hashed before the file is locked; then
 * it is read again, changed and replaced in one step, so that no other change is lost.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {checkReadable, fileStatus, readChunks} from '../../io/files.ts';
import {allChunks} from '../../io/input/chunk-reader.ts';
import {lines} from '../../io/input/lines.ts';
import {print} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import {openPrompter, type Prompter} from '../../io/prompt.ts';
import {warn} from '../../io/terminal.ts';
import {RemoveUser, SetUsers} from '../../password/edit.ts';
import type {LineStatistics} from '../../password/line-statistics.ts';
import {checkPassword, UserList} from '../../password/user.ts';
import {editFile, noun, readUsers, warnOfFile} from './edit-file.ts';
import {Hasher, warnOfScheme} from './hashing.ts';
import type {Creation, GivenUser, Hashing, PasswdPlan} from './plan.ts';

type Plan<Action extends PasswdPlan['action']> = Extract<PasswdPlan, {readonly action: Action}>;

/** Asks twice where a person types, once where a program does. */
async function askPassword(prompter: Prompter): Promise<Uint8Array> {
  const password = await prompter.secret('Password: ');
  if (password.length === 0) throw new TmqError('Empty password. It needs a character at least.');
  checkPassword(password);
  const again = prompter.interactive ? await prompter.secret('Reenter password: ') : await prompter.next();
  // mosquitto's status for this is 2, whatever else that number means.
  if (again !== undefined && !again.equals(password))
    throw new TmqError('Passwords do not match. Give the same one twice.', ExitCode.protocol);
  return password;
}

/** Before anything is typed or hashed: the file must exist, or the user must agree to replace it. */
async function checkTarget(path: string, {create, force}: Creation, prompter: Prompter): Promise<void> {
  if (!create) {
    if ((await fileStatus(path)) === undefined) {
      throw new TmqError(`Cannot read the ${noun} ${path}: no such file or directory. -c makes a new one.`);
    }
    await checkReadable(path, noun);
    return;
  }
  if (force || !prompter.interactive || (await fileStatus(path)) === undefined) return;
  let users = 0;
  for await (const batch of readUsers(path)) users += batch.length;
  const question = `${path} exists, with ${users} user${users === 1 ? '' : 's'}. Replace it? [y/N] `;
  if (!(await prompter.confirm(question))) throw new TmqError(`${path} was not changed.`);
}

async function warnOfChange(
  path: string,
  {removed}: SetUsers,
  statistics: LineStatistics,
  io: Io,
): Promise<void> {
  if (removed.length > 0) {
    const lines = removed.length === 1 ? `Line ${removed[0]} was` : `Lines ${removed.join(', ')} were`;
    await warn(io, `${lines} removed from ${path}: a further line keeps another password in force.`);
  }
  await warnOfFile(path, statistics, io);
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
  const edit = new SetUsers(new Map([[plan.username, secret]]));
  const statistics = await editFile(plan.path, {edit, create: plan.create}, io);
  await print(io, `${edit.updated > 0 ? 'Updating' : 'Adding'} password for user ${plan.username}\n`);
  await warnOfChange(plan.path, edit, statistics, io);
  return ExitCode.success;
}

/** Prints the line that a file would get. */
export async function printEntry(plan: GivenUser & Hashing, io: Io): Promise<ExitCode> {
  await using prompter = openPrompter(io);
  const password = plan.password ?? (await askPassword(prompter));
  const secret = await plan.scheme.hash(password, plan.iterations);
  await warnOfScheme(plan, io);
  await print(io, `${plan.username}:${secret}\n`);
  return ExitCode.success;
}

async function readUserList(source: string, io: Io): Promise<UserList> {
  const list = new UserList();
  const chunks = source === '-' ? allChunks(io.stdin, io.signal) : readChunks(source, 'file');
  for await (const batch of lines(chunks)) {
    for (const line of batch) list.add(line);
  }
  if (list.secrets.size === 0) throw new TmqError('There is no user to import. A line is user:password.');
  return list;
}

/** Sets the users of a list, all or none. */
export async function importUsers(plan: Plan<'import'>, io: Io): Promise<ExitCode> {
  const {secrets, passwords} = await readUserList(plan.source, io);
  {
    await using prompter = openPrompter(io);
    await checkTarget(plan.path, plan, prompter);
  }
  {
    using hasher = new Hasher(plan, passwords.size, io);
    await hasher.each(
      passwords,
      ([, password]) => Buffer.from(password, 'latin1'),
      ([username], secret) => secrets.set(username, secret),
    );
  }
  await warnOfScheme(plan, io);
  const edit = new SetUsers(secrets);
  const statistics = await editFile(plan.path, {edit, create: plan.create}, io);
  await print(io, `Added ${secrets.size - edit.updated}, updated ${edit.updated}\n`);
  await warnOfChange(plan.path, edit, statistics, io);
  return ExitCode.success;
}

/** Deletes every line of a user. */
export async function deleteUser({path, username}: Plan<'delete'>, io: Io): Promise<ExitCode> {
  await checkReadable(path, noun);
  const edit = new RemoveUser(username);
  const statistics = await editFile(path, {edit}, io);
  if (!edit.found) {
    throw new TmqError(`User ${username} not found in password file. --list shows the users.`);
  }
  await warnOfFile(path, statistics, io);
  return ExitCode.success;
}
