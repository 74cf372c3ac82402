/**
 * From the words of a command line to options with their values, by mosquitto's rules: every option and
 * every value is a word of its own, a value is whatever stands next, and anything else is unknown. It
 * stands in front of commander, which would read '-topic' as '-t opic'. Knows no value's meaning.
 */

import {UsageError} from '../errors.ts';
import type {AnyCommand} from './command.ts';
import {generalOptions, type Option, type OptionTable, type Spelling, spelling} from './option.ts';
import {suggest} from './suggest.ts';

/** One option as it was given. */
export interface Occurrence {
  readonly key: string;
  readonly option: Option<unknown>;
  /** Absent for a switch; several words are joined by NUL. */
  readonly text?: string;
  /** 'file:line', when it was not typed. */
  readonly where?: string;
}

export interface CommandLine {
  readonly occurrences: readonly Occurrence[];
  readonly operands: readonly string[];
  /** Where reading ended before the last word: nothing after it counts. */
  readonly end?: {readonly request: 'help' | 'version'} | {readonly error: UsageError};
}

interface Row extends Spelling {
  readonly key: string;
  readonly option: Option<unknown>;
}

/** Every spelling of a command's options, the general ones among them. */
function spellings(options: OptionTable): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const [key, option] of Object.entries({...generalOptions, ...options})) {
    const row = {key, option, ...spelling(option)};
    if (row.short !== undefined) rows.set(row.short, row);
    if (row.long !== undefined) rows.set(row.long, row);
  }
  return rows;
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

const requests = new Set(Object.keys(generalOptions));

/** Reads words up to the first error, --help or --version; the caller decides what comes first. */
export function readWords(command: AnyCommand, words: readonly string[], where?: string): CommandLine {
  const occurrences: Occurrence[] = [];
  const operands: string[] = [];
  const origin = where === undefined ? {} : {where};
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const [row, attached] = lookUp(command, word);
    if (row === undefined) {
      if (command.gnuLongOptions === true && word === '--') {
        operands.push(...words.slice(index + 1));
        break;
      }
      if (isOperand(command, word, operands.length)) {
        operands.push(word);
        continue;
      }
      return {occurrences, operands, end: {error: unknown(spellings(command.options), word)}};
    }
    if (requests.has(row.key)) {
      return {occurrences, operands, end: {request: row.key as 'help' | 'version'}};
    }
    const {key, option} = row;
    if (row.placeholders.length === 0) {
      if (attached !== undefined) {
        return {occurrences, operands, end: {error: new UsageError(`Option '${row.long}' takes no value.`)}};
      }
      occurrences.push({key, option, ...origin});
      continue;
    }
    const following = attached === undefined ? words.slice(index + 1) : [attached];
    const wanted = option.words?.(following) ?? 1;
    // What is attached is a value, also where the option could do without.
    const count = attached === undefined ? wanted : Math.max(wanted, 1);
    if (following.length < count) return {occurrences, operands, end: {error: missing(row)}};
    occurrences.push({key, option, text: following.slice(0, count).join('\0'), ...origin});
    if (attached === undefined) index += count;
  }
  return {occurrences, operands};
}

/** The row of a word and, where the command takes '--long=value', the value attached. */
function lookUp(command: AnyCommand, word: string): readonly [row: Row | undefined, attached?: string] {
  const {options} = command;
  const row = findRow(options, word);
  if (row !== undefined || command.gnuLongOptions !== true || !word.startsWith('--')) return [row];
  const equals = word.indexOf('=');
  return equals === -1 ? [undefined] : [findRow(options, word.slice(0, equals)), word.slice(equals + 1)];
}

/** After the first operand a word that is no option is one too: a password may begin with '-'. */
function isOperand(command: AnyCommand, word: string, operands: number): boolean {
  return command.operands === true && (!word.startsWith('-') || word === '-' || operands > 0);
}

function missing(row: Row): UsageError {
  if (row.option.missing !== undefined) return new UsageError(row.option.missing);
  const noun = row.option.noun ?? row.placeholders[0]!;
  return new UsageError(`${row.short ?? row.long} argument given but no ${noun} specified.`);
}

/** mosquitto's sentence, and what may have been meant; never the value of a secret that was glued on. */
function unknown(rows: ReadonlyMap<string, Row>, word: string): UsageError {
  const glued = gluedValue(rows, word);
  if (glued !== undefined) {
    const {placeholders, option} = glued.row;
    const isSecret = option.secret === true;
    const value = word.slice(glued.spelling.length);
    // What would have to be quoted is better not shown as if it could be typed.
    const isValue = placeholders.length === 1 && !isSecret && /^[\w.,:/@%+-]+$/.test(value);
    const values = isValue ? ` ${value}` : placeholders.map((name) => ` <${name}>`).join('');
    const name = glued.spelling.replace(/=$/, '');
    const shown = isSecret ? `${glued.spelling}…` : word;
    return new UsageError(`Unknown option '${shown}'. Did you mean '${name}${values}'?`);
  }
  const names = [...new Set(rows.values())].flatMap((row) =>
    row.option.hidden === true || row.long === undefined ? [] : [row.long],
  );
  const near = word.startsWith('-') ? suggest(word, names) : suggest(`--${word}`, names);
  if (near !== undefined) return new UsageError(`Unknown option '${word}'. Did you mean '${near}'?`);
  return new UsageError(`Unknown option '${word}'.${/^[^-]/.test(word) ? strayWord(rows) : ''}`);
}

/** Where a word that stands behind no option may have been meant to stand. */
function strayWord(rows: ReadonlyMap<string, Row>): string {
  if (!rows.has('-t')) return '';
  return rows.has('-m')
    ? ' A topic needs -t before it, a message -m, and several words quotes around them.'
    : ' A topic needs -t before it.';
}

/** '--qos=1' and '-p1883', which mosquitto does not take; '-topic' is more likely a long option. */
function gluedValue(
  rows: ReadonlyMap<string, Row>,
  word: string,
): {readonly row: Row; readonly spelling: string} | undefined {
  const equals = word.indexOf('=');
  const long = equals === -1 ? undefined : rows.get(word.slice(0, equals));
  if (long !== undefined && word.startsWith('--')) return {row: long, spelling: word.slice(0, equals + 1)};
  if (word.startsWith('--') || word.length < 3) return undefined;
  const short = rows.get(word.slice(0, 2));
  if (short === undefined || short.placeholders.length === 0) return undefined;
  const isWord =
    suggest(
      word,
      [...rows.keys()].filter((name) => name.startsWith('--')),
    ) !== undefined;
  if (short.option.secret !== true && isWord) return undefined;
  return {row: short, spelling: word.slice(0, 2)};
}
