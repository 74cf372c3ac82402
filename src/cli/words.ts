/**
 * Rewrites words that commander cannot read as mosquitto does: -D with several values, --trace with none,
 * operands that begin with '-', and '--' and '-topic', which are refused. Finds which words are options and
 * which are their values; reads no value.
 */

import {defined} from '../defined.ts';
import {UsageError} from '../errors.ts';
import type {AnyCommand} from './command.ts';
import {foreignOption, foreignShortOptions} from './foreign-options.ts';
import {generalOptions, type Option, type OptionTable, type Spelling, spelling} from './option.ts';
import {suggest} from './suggest.ts';

/** A row of an option table with its key and its spellings. */
export interface Row extends Spelling {
  readonly key: string;
  readonly option: Option<unknown>;
}

/** Where more options are: files named on the command line. */
export interface Sources {
  readonly optionsFile?: string;
  readonly profile?: string;
}

/** What commander parses, and what it is not shown. */
export interface Rewritten {
  /** Options with their values. */
  readonly words: readonly string[];
  /** The rows that the words name. */
  readonly rows: readonly Row[];
  readonly operands: readonly string[];
  /** --help or --version, if no unknown word stands before it; the words after it are left out. */
  readonly request?: 'help' | 'version';
  /** The last value of -o, and of --profile. */
  readonly sources: Sources;
  /** The first word that is neither an option nor a value: `words` end before it. */
  readonly refused?: string;
  /** The word behind it. */
  readonly next?: string;
  /** The option before it. */
  readonly before?: Before;
  /** The switch before it that runs a command, '--exec'. */
  readonly runner?: string;
}

/** The option before an unknown word. */
export interface Before {
  readonly option: string;
  /** Whether it takes no value. */
  readonly isSwitch: boolean;
  /** Its value, where that is spelt as an option: -t -m x. */
  readonly swallowed?: string;
  /** Whether the unknown word may be a part of a secret. */
  readonly isSecret: boolean;
}

/** The options that one word names, and the value attached to the last of them. */
interface Named {
  readonly rows: readonly Row[];
  readonly attached?: string;
  /** Whether the word is a group such as '-vd' or '-q1', not one whole spelling. */
  readonly isGroup: boolean;
  /** Whether every letter or the whole word names an option. */
  readonly isKnown: boolean;
}

/** Rewrites the words of a command line, or of one line of an options file. */
export function rewrite(command: AnyCommand, given: readonly string[]): Rewritten {
  const words: string[] = [];
  const operands: string[] = [];
  const rows: Row[] = [];
  const sources: {-readonly [Key in keyof Sources]: Sources[Key]} = {};
  let before: Before | undefined;
  const end = (more: Partial<Rewritten> = {}) => ({...{words, rows, operands, sources}, ...more});
  for (let index = 0; index < given.length; ) {
    const word = given[index++]!;
    const runner = rows.find(({key}) => command.commandSwitches?.includes(key))?.long;
    if (word === '--' && (command.operands !== undefined || runner !== undefined)) {
      return end({operands: [...operands, ...given.slice(index)]});
    }
    if (runner !== undefined && operands.length > 0 && /^-./.test(word)) {
      // The word itself may hold a secret.
      const remedy = `as in ${runner} -- ${operands[0]} …`;
      throw new UsageError(`The command ${operands[0]} has options of its own: put -- before it, ${remedy}`);
    }
    const named = optionsIn(command.options, word);
    if (isOperand(command, word, named, operands.length > 0)) {
      operands.push(word);
      continue;
    }
    const isRefused =
      word === '--' || (command.operands === undefined && foreignShortOptions.has(nameIn(word)));
    const row = named.rows.at(-1);
    const isLong = named.isGroup && isLongOption(command.options, word);
    const hasStrayValue = row?.placeholders.length === 0 && named.attached !== undefined;
    if (isRefused || isLong || hasStrayValue || row === undefined || !named.isKnown) {
      return end({refused: word, ...defined({next: given[index], before, runner})});
    }
    rows.push(...named.rows);
    if (row.key in generalOptions && named.attached === undefined) {
      return end({request: row.key as keyof typeof generalOptions});
    }
    const {taken, written} = withValues(row, word, named.attached, given.slice(index));
    if (row.key === 'optionsFile' || row.key === 'profile') {
      Object.assign(sources, defined({[row.key]: named.attached ?? given[index]}));
    }
    before = beforeNext(command.options, row, taken === 1 ? given[index] : undefined);
    words.push(...written);
    index += taken;
  }
  return end();
}

/** What an option with its value is to the word that follows. */
function beforeNext(options: OptionTable, row: Row, value = ''): Before {
  const other = findRow(options, value);
  const isSecret = [row, other].some((each) => each?.option.secret === true);
  // Its spelling on the command line may have a value attached.
  return {
    option: row.short ?? row.long!,
    isSwitch: row.placeholders.length === 0,
    isSecret,
    ...(other === undefined ? {} : {swallowed: value}),
  };
}

/** An option with its value or values, as commander reads them, and how many of the words `after` it they take. */
function withValues(
  {option, placeholders}: Row,
  word: string,
  attached: string | undefined,
  after: readonly string[],
): {readonly taken: number; readonly written: readonly string[]} {
  if (placeholders.length === 0) return {taken: 0, written: [word]};
  const attachedWords = attached === undefined ? [] : [attached];
  if (option.words === undefined) {
    const taken = 1 - attachedWords.length;
    return {taken, written: [word, ...after.slice(0, taken)]};
  }
  const values = [...attachedWords, ...after];
  const count = Math.max(option.words(values), attachedWords.length);
  const name = word.slice(0, word.length - (attached?.length ?? 0)).replace(/=$/, '');
  // Without its value commander reports it.
  const value = values.length < count ? [] : [values.slice(0, count).join('\0')];
  return {taken: count - attachedWords.length, written: [name, ...value]};
}

/** What a word names: '-q', '--qos', '--qos=1', '-q1', or several short options in one. */
export function optionsIn(options: OptionTable, word: string): Named {
  const row = findRow(options, word);
  if (row !== undefined) return {rows: [row], isGroup: false, isKnown: true};
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const long = equals === -1 ? undefined : findRow(options, word.slice(0, equals));
    if (long === undefined) return {rows: [], isGroup: false, isKnown: false};
    return {rows: [long], attached: word.slice(equals + 1), isGroup: false, isKnown: true};
  }
  const rows: Row[] = [];
  for (let at = 1; at < word.length && word.startsWith('-'); at++) {
    const short = findRow(options, `-${word[at]}`);
    if (short === undefined) return {rows, isGroup: true, isKnown: false};
    rows.push(short);
    if (short.placeholders.length === 0) continue;
    const attached = word.slice(at + 1);
    return {rows, isGroup: true, isKnown: true, ...(attached === '' ? {} : {attached})};
  }
  return {rows, isGroup: true, isKnown: rows.length > 0};
}

/** The row with this spelling. To take every row apart for it costs as much as all that is then parsed. */
function findRow(options: OptionTable, word: string): Row | undefined {
  if (!word.startsWith('-')) return undefined;
  for (const table of [options, generalOptions] as const) {
    for (const [key, option] of Object.entries<Option<unknown>>(table)) {
      if (!option.flags.includes(word)) continue;
      const row = {key, option, ...spelling(option)};
      if (row.short === word || row.long === word) return row;
    }
  }
  return undefined;
}

/** '-topic' or '-topic=a': a long option with one dash too few, which commander reads as '-t opic'. */
function isLongOption(options: OptionTable, word: string): boolean {
  return word.length > 2 && findRow(options, `-${nameIn(word)}`) !== undefined;
}

/** Behind a password file only a whole spelling is an option: a password may begin with '-'. */
function isOperand({operands}: AnyCommand, word: string, named: Named, isAfterOperand: boolean): boolean {
  if (operands === undefined) return false;
  if (!word.startsWith('-') || word === '-') return true;
  return isAfterOperand && operands === 'passwordFile' && (named.isGroup || !named.isKnown);
}

/** What stands before '='. */
function nameIn(word: string): string {
  return word.split('=', 1)[0]!;
}

/** The error about an option without its value. */
export function missingValue({option, short, long, placeholders}: Row): UsageError {
  if (option.missing !== undefined) return new UsageError(option.missing);
  const noun = option.noun ?? placeholders[0]!;
  return new UsageError(`${short ?? long} argument given but no ${noun} specified.`);
}

/** Dashes that web pages and word processors put where a hyphen was typed. */
const otherDashes = /^[\u2010-\u2015\u2212]+/;

/** What stands around a word: the one behind it, and the option before it. */
export interface Surroundings {
  readonly next?: string | undefined;
  readonly before?: Before | undefined;
  readonly runner?: string | undefined;
}

/** A word that is no option of this command; other commands may have it. */
export class UnknownOption extends UsageError {
  readonly word: string;

  /** @param elsewhere a sentence about the commands that have it, with a blank in front */
  constructor(word: string, elsewhere = '') {
    super(`Unknown option '${word}'.${elsewhere}`);
    this.word = word;
  }
}

/** mosquitto's error about a word, with the option that was probably meant; it never shows a secret. */
export function unknownOption(
  options: OptionTable,
  word: string,
  {next, before, runner}: Surroundings = {},
): UsageError {
  const table: OptionTable = {...generalOptions, ...options};
  const rows = Object.values(table).map((option) => ({option, ...spelling(option)}));
  const name = nameIn(word);
  if (name !== word && rows.some(({short, long}) => [short, long].includes(name))) {
    return new UsageError(`Option '${name}' takes no value.`);
  }
  const behind = before !== undefined && !word.startsWith('-') ? behindOption(before, word) : undefined;
  // It may be a part of a password.
  if (behind !== undefined && before?.isSecret) return new UsageError(behind);
  if (runner !== undefined && !word.startsWith('-')) {
    return new UsageError(
      `Unknown option '${word}'. The command of ${runner} needs -- before it, as in ${runner} -- ${word}`,
    );
  }
  const near = nearOption(rows, word, next);
  const secret = rows.some(({option, short, long}) => option.secret === true && [short, long].includes(near));
  const shown = secret && name !== word ? `${name}=…` : word;
  if (near !== undefined) return new UsageError(`Unknown option '${shown}'. Did you mean '${near}'?`);
  if (otherDashes.test(word)) {
    const typed = word.replace(otherDashes, [...name].length > 2 ? '--' : '-');
    return new UsageError(`Unknown option '${word}'. Its dash is not a hyphen: type '${typed}'.`);
  }
  if (behind !== undefined) return new UsageError(behind);
  const takesTopic = rows.some(({short}) => short === '-t');
  const takesMessage = rows.some(({short}) => short === '-m');
  const advice =
    word.startsWith('-') || !takesTopic
      ? ''
      : takesMessage
        ? ' A topic needs -t before it, a message -m, and several words quotes around them.'
        : ' A topic needs -t before it.';
  if (advice === '' && word.startsWith('-')) return new UnknownOption(word);
  return new UsageError(`Unknown option '${word}'.${advice}`);
}

/** The sentence about a word behind an option and its value, where that option explains it. */
function behindOption({option, isSwitch, swallowed, isSecret}: Before, word: string): string | undefined {
  if (isSwitch && /^(?:true|false|yes|no|on|off|[01])$/i.test(word))
    return `Option '${option}' takes no value. Leave out '${word}'.`;
  const unknown = `Unknown option '${isSecret ? '…' : word}'.`;
  if (swallowed !== undefined)
    return `${unknown} '${option}' took '${swallowed}' for its value. Is its own value missing or empty?`;
  return isSecret
    ? `${unknown} It stands behind the value of ${option}: a value with blanks needs quotes.`
    : undefined;
}

/** The option that was meant: with one dash, without any, misspelt, torn ('- t'), or another tool's. */
function nearOption(
  rows: readonly (Spelling & {readonly option: Option<unknown>})[],
  word: string,
  next: string | undefined,
): string | undefined {
  const has = (option: string) => rows.some(({short, long}) => short === option || long === option);
  if (word === '-') return next !== undefined && has(`-${next}`) ? `-${next}` : undefined;
  const name = nameIn(word);
  const visible = rows.flatMap(({option, long}) => (option.hidden === true || !long ? [] : [long]));
  const typed = word.startsWith('-') ? name : `--${name}`;
  const foreign = word.startsWith('-') ? foreignOption(name, has) : undefined;
  return foreign ?? visible.find((long) => long === `-${name}`) ?? suggest(typed, visible);
}
