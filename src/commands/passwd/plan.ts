/**
 * From the words of `passwd` to one of the things it can do. Which options go together, how many operands
 * each form takes, and mosquitto's sentences where they do not fit. Pure.
 */

import {spelling, type Values} from '../../cli/option.ts';
import {UsageError} from '../../errors.ts';
import {type HashScheme, schemes} from '../../password/hash.ts';
import {checkReadableName, checkUsername, passwordOfWord} from '../../password/user.ts';
import {passwdOptions} from './options.ts';

export interface Hashing {
  readonly scheme: HashScheme;
  /** Absent: as many as the scheme itself chooses. */
  readonly iterations?: number;
}

/** Who gets which password; without one, it is asked for. */
export interface GivenUser {
  readonly username: string;
  readonly password?: Uint8Array;
}

/** How the file comes to be: from what is there, or anew. */
export interface Creation {
  readonly create: boolean;
  /** Whether an existing file may be replaced without a question. */
  readonly force: boolean;
}

export type PasswdPlan =
  | ({readonly action: 'set'; readonly path: string} & GivenUser & Hashing & Creation)
  | ({readonly action: 'print'} & GivenUser & Hashing)
  | ({readonly action: 'import'; readonly path: string; readonly source: string} & Hashing & Creation)
  | ({readonly action: 'upgrade'; readonly path: string} & Hashing)
  | {readonly action: 'delete'; readonly path: string; readonly username: string}
  | ({readonly action: 'verify'; readonly path: string} & GivenUser)
  | {readonly action: 'list' | 'weak'; readonly path: string; readonly json: boolean};

type PasswdValues = Values<typeof passwdOptions>;
type Key = keyof typeof passwdOptions;

/** How an option is called in a message: by its letter, where it has one. */
function nameOf(key: Key): string {
  const {short, long} = spelling(passwdOptions[key]);
  return short ?? long!;
}

/** What each option may not stand with; each pair once, in the order of mosquitto's sentences. */
const conflicts: readonly (readonly [Key, readonly Key[]])[] = [
  ['create', ['delete', 'upgrade', 'verify', 'list', 'weak']],
  ['delete', ['upgrade', 'verify', 'list', 'weak', 'import', 'hash', 'iterations']],
  ['batch', ['delete', 'upgrade', 'list', 'weak', 'import']],
  ['upgrade', ['verify', 'list', 'weak', 'import']],
  ['verify', ['list', 'weak', 'import', 'hash', 'iterations']],
  ['list', ['weak', 'import', 'hash', 'iterations']],
  ['weak', ['import', 'hash', 'iterations']],
];

const given = (values: PasswdValues, key: Key) => values[key] !== undefined && values[key] !== false;

function checkConflicts(values: PasswdValues): void {
  for (const [one, others] of conflicts) {
    const other = others.find((key) => given(values, one) && given(values, key));
    if (other === undefined) continue;
    throw new UsageError(`${nameOf(one)} and ${nameOf(other)} cannot be used together. Leave one out.`);
  }
  if (given(values, 'json') && !given(values, 'list') && !given(values, 'weak')) {
    throw new UsageError('--json goes with --list or --weak.');
  }
  if (given(values, 'force') && !given(values, 'create')) throw new UsageError('--force goes with -c.');
}

/** mosquitto's sentence for operands that are missing; one of our own where it only prints its usage. */
function missing(values: PasswdValues): UsageError {
  const leading = (['create', 'delete', 'upgrade', 'verify', 'list', 'weak', 'import'] as const).find((key) =>
    given(values, key),
  );
  const fileOnly = leading !== undefined && ['upgrade', 'list', 'weak', 'import'].includes(leading);
  const password = given(values, 'batch');
  if (leading === undefined) {
    const operands = password ? 'file, a user name and a password' : 'file and a user name';
    const example = password ? '-b passwords.txt ann secret' : 'passwords.txt ann';
    return new UsageError(`A password ${operands} must be given, as in tmq passwd ${example}`);
  }
  const what = fileOnly ? '' : password ? ', username, or password' : ' or username';
  const example = `${nameOf(leading)}${leading === 'import' ? ' users.txt' : ''}${password ? ' -b' : ''} passwords.txt${fileOnly ? '' : password ? ' ann secret' : ' ann'}`;
  return new UsageError(
    `${nameOf(leading)} argument given but password file${what} missing, as in tmq passwd ${example}`,
  );
}

/** Exactly as many operands as the form takes. The surplus is not shown: it may be a password. */
function takeOperands(values: PasswdValues, operands: readonly string[], count: number): readonly string[] {
  if (operands.length < count) throw missing(values);
  if (operands.length === count) return operands;
  const needsBatch =
    !given(values, 'batch') && !given(values, 'delete') && count === 2 && operands.length === 3;
  throw new UsageError(
    needsBatch
      ? 'Too many words: a password on the command line needs -b before the file.'
      : `Too many words: ${['', 'a password file', 'a password file and a user', 'a password file, a user and a password'][count]} is all it takes.`,
  );
}

function toHashing(values: PasswdValues): Hashing {
  const {iterations} = values;
  // A number of iterations implies the scheme that has them.
  const name = values.hash ?? (iterations === undefined ? schemes[0]!.name : 'sha512-pbkdf2');
  const scheme = schemes.find((candidate) => candidate.name === name)!;
  if (iterations === undefined) return {scheme};
  const range = scheme.iterations;
  if (range === undefined) {
    throw new UsageError(`-I cannot be used with -H ${name}, whose work is fixed.`);
  }
  if (iterations < range.minimum || iterations > range.maximum) {
    throw new UsageError(`-I must be between ${range.minimum} and ${range.maximum} with -H ${name}.`);
  }
  return {scheme, iterations};
}

function toUser(values: PasswdValues, operands: readonly string[]): readonly [path: string, user: GivenUser] {
  const batch = given(values, 'batch');
  const [path, username, word] = takeOperands(values, operands, batch ? 3 : 2);
  const user = {username: username!, ...(batch ? {password: passwordOfWord(word!)} : {})};
  return [path!, user];
}

function toSetPlan(values: PasswdValues, operands: readonly string[]): PasswdPlan {
  const create = given(values, 'create');
  const [path, user] = toUser(values, operands);
  checkUsername(user.username);
  const hashing = toHashing(values);
  if (path === '-') {
    if (!create) throw new UsageError("'-' prints a line instead of changing a file, and needs -c.");
    return {action: 'print', ...user, ...hashing};
  }
  // -b: no one is there to answer.
  const force = given(values, 'force') || given(values, 'batch');
  return {action: 'set', path, ...user, ...hashing, create, force};
}

/** @throws UsageError about options or operands that do not fit, TmqError about a name or password */
export function toPasswdPlan(values: PasswdValues, operands: readonly string[]): PasswdPlan {
  checkConflicts(values);
  if (values.import !== undefined) {
    const [path] = takeOperands(values, operands, 1);
    const creation = {create: given(values, 'create'), force: given(values, 'force')};
    return {action: 'import', path: path!, source: values.import, ...toHashing(values), ...creation};
  }
  if (given(values, 'upgrade')) {
    const [path] = takeOperands(values, operands, 1);
    return {action: 'upgrade', path: path!, ...toHashing(values)};
  }
  if (given(values, 'list') || given(values, 'weak')) {
    const [path] = takeOperands(values, operands, 1);
    const action = given(values, 'list') ? 'list' : 'weak';
    return {action, path: path!, json: given(values, 'json')};
  }
  if (given(values, 'delete')) {
    const [path, username] = takeOperands(values, operands, 2);
    checkReadableName(username!);
    return {action: 'delete', path: path!, username: username!};
  }
  if (given(values, 'verify')) {
    const [path, user] = toUser(values, operands);
    checkReadableName(user.username);
    return {action: 'verify', path, ...user};
  }
  return toSetPlan(values, operands);
}
