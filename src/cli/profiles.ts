/**
 * Profiles: options files with a name, which pub, sub, rr and reply share. Where they are, what they hold, and which of their
 * lines a command takes. Opens no connection and prints nothing.
 */

import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join, posix, win32} from 'node:path';
import {codeOf, fileError, UsageError} from '../errors.ts';
import type {OptionTable} from './option.ts';
import {type Environment, parseOptionsFile} from './options-file.ts';
import type {OptionsLine} from './parse.ts';
import {optionsIn} from './words.ts';

export interface Profile {
  readonly name: string;
  readonly path: string;
  readonly lines: readonly OptionsLine[];
  /** Whether every user of this machine can read the file; false on Windows, which has no such mode. */
  readonly isOpen: boolean;
}

/** The directory of the profiles; undefined where the environment names no home. */
export function profileDirectory(env: Environment, platform: NodeJS.Platform): string | undefined {
  const {XDG_CONFIG_HOME: given, HOME: home, APPDATA: roaming} = env;
  if (platform === 'win32' && given === undefined) {
    return roaming === undefined ? undefined : win32.join(roaming, 'tmq', 'profiles');
  }
  const base = given ?? (home === undefined ? undefined : posix.join(home, '.config'));
  return base === undefined ? undefined : join(base === '' ? '/' : base, 'tmq', 'profiles');
}

/** What a profile may be called: no path, no option, nothing that a shell would change. */
const isName = (name: string) => /^\w[\w.@-]*$/.test(name) && !name.endsWith('.');

/** The names of the profiles, in alphabetical order. @throws TmqError when their directory cannot be read */
export function profileNames(env: Environment, platform: NodeJS.Platform): readonly string[] {
  const directory = profileDirectory(env, platform);
  if (directory === undefined) return [];
  try {
    const names = readdirSync(directory).filter(
      (name) => isName(name) && statSync(join(directory, name), {throwIfNoEntry: false})?.isFile() === true,
    );
    return names.sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw fileError('directory of profiles', directory, error);
  }
}

/**
 * Reads a profile.
 * @throws UsageError for what is no name, and where there is no such profile: it lists those that there are; TmqError
 * when the file cannot be read
 */
export function readProfile(name: string, env: Environment, platform: NodeJS.Platform): Profile {
  if (!isName(name)) {
    throw new UsageError(
      `Invalid profile name '${name}'. It has letters, digits and . _ @ -, and begins with a letter or a digit.`,
    );
  }
  const directory = profileDirectory(env, platform) ?? '';
  const path = join(directory, name);
  try {
    const lines = parseOptionsFile(readFileSync(path, 'utf8'), path);
    return {name, path, lines, isOpen: platform !== 'win32' && (statSync(path).mode & 0o004) !== 0};
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) throw fileError('profile', path, error);
    const names = profileNames(env, platform);
    const others = names.length === 0 ? 'There is none yet.' : `There are: ${names.join(', ')}.`;
    throw new UsageError(`No profile ${name} in ${directory}. ${others}`, {cause: error});
  }
}

/** The options that pub, sub, rr or reply have beyond those that they share; the tables of the four are held to this list. */
const optionsBeyondShared: OptionTable = Object.fromEntries(
  [
    ...['-t, --topic <topic>', '-m, --message <message>', '-f, --file <file>', '-n, --null-message'],
    ...[
      '-s, --stdin-file',
      '-l, --stdin-line',
      '-r, --retain',
      '--repeat <count>',
      '--repeat-delay <seconds>',
    ],
    ...[
      '-T, --filter-out <filter>',
      '-U, --unsubscribe <filter>',
      '-C, --count <count>',
      '-R, --no-retained',
    ],
    ...['-E, --exit-after-subscribe', '--retained-only', '--remove-retained', '--random-filter <percent>'],
    ...['-F, --format <format>', '-v, --verbose', '-N, --no-newline', '--pretty', '--retain-as-published'],
    ...['--retain-handling <when>', '-W, --timeout <seconds>', '--message-rate', '-w, --watch'],
    ...['--json', '--topic-from <separator>', '--topic-template <template>', '--split <separator>'],
    ...['--topic-clean', '--map <rule>', '--strict', '-0, --null-data', '--framing <form>'],
    ...['--on-outage <policy>', '--max-outage <seconds>', '--summary <form>'],
    ...['-e, --response-topic <topic>', '--latency', '--no-local', '--topic-qos <filter> <level>'],
    ...['--then', '--ready-fd <number>', '--ready-file <file>', '--exec'],
    ...['--jobs <number>', '--on-failure <policy>', '--response-prefix <topic>', '--echo'],
    ...['--where <condition>', '--until <condition>', '--fail-if <condition>', '--idle <seconds>'],
  ].map((flags) => [flags, {flags, group: 'General', summary: ''}]),
);

/** The spellings of that list. */
export const flagsBeyondShared: readonly string[] = Object.values(optionsBeyondShared).map(
  ({flags}) => flags,
);

/** The lines of a profile for a command with this table: options that only other clients have are left out. */
export function linesFor(options: OptionTable, {lines}: Profile): readonly OptionsLine[] {
  return lines.filter(({words: [word = '']}) => {
    if (optionsIn(options, word).isKnown) return true;
    const {isKnown} = optionsIn(optionsBeyondShared, word);
    return !isKnown;
  });
}

/** The warning about a profile that holds a password or a key itself and that every user can read. */
export function openWarning(options: OptionTable, {path, lines, isOpen}: Profile): string | undefined {
  const holdsSecret = lines.some(({words}) => withoutSecrets(options, words) !== words.join(' '));
  return isOpen && holdsSecret
    ? `Every user of this machine can read ${path}, which holds a password. Run: chmod o= ${path}`
    : undefined;
}

/** The password in a URL's user and password, up to the last '@' before the path. */
const urlPassword = /(?<=^[^:]*:\/\/[^/:]*:)[^/]*(?=@)/;

/**
 * A line of a profile with `***` in place of passwords, keys, and of the value of an option that is not known, which may
 * be a misspelt password.
 */
export function withoutSecrets(options: OptionTable, words: readonly string[]): string {
  const [word = '', ...values] = words;
  const table = {...optionsBeyondShared, ...options};
  const {rows, attached, isKnown} = optionsIn(table, word);
  const row = rows.at(-1);
  if (!isKnown || row === undefined) {
    const name = word.startsWith('--') ? word.replace(/=.*/s, '=***') : word;
    return values.length === 0 ? name : `${name} ***`;
  }
  if (row.option.secret === true) {
    // The URL of a broker or a proxy says more than its password.
    const hide = (value: string) =>
      value === '-' ? value : value.includes('://') ? value.replace(urlPassword, '***') : '***';
    if (attached === undefined) return [word, ...values.map(hide)].join(' ');
    return `${word.slice(0, word.length - attached.length)}${hide(attached)}`;
  }
  if (values[1] === 'authentication-data') return [word, values[0], values[1], '***'].join(' ');
  return words.join(' ');
}
