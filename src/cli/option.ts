/**
 * The vocabulary in which commands declare their options: one row an option, read by the parser, by
 * `--help`, by the man pages, by shell completion and, through `Values`, by the type checker.
 */

import {UsageError} from '../errors.ts';

/** The headings under which options stand in help and manual, in this order. */
export const optionGroups = [
  'Load',
  'Message',
  'Messages',
  'Output',
  'Commands',
  'MQTT',
  'Connection',
  'Session',
  'Will',
  'TLS',
  'Password file',
  'Broker',
  'Testing',
  'General',
] as const;
export type OptionGroup = (typeof optionGroups)[number];

export interface Option<T> {
  /** '-q, --qos <level>', '-A <address>', '--ws': short, long, and a placeholder for each value. */
  readonly flags: string;
  readonly group: OptionGroup;
  /** One line for --help and completion. */
  readonly summary: string;
  /** Prose for the man page; the summary opens it. */
  readonly details?: string;
  /** What a missing value is called in "argument given but no … specified" when it is not the placeholder. */
  readonly noun?: string;
  /** The whole sentence about a missing value, where it is an irregular one. */
  readonly missing?: string;
  /** Words to value; `previous` is what the same option gave before. Absent: a switch, or only `assign`. */
  readonly parse?: (text: string, previous: T | undefined) => T;
  /**
   * Values for other rows of the same table, set where this option stands: `-L`, `-D`, `-x`. A list is
   * added to the list that is there; anything else replaces.
   */
  readonly assign?: (text: string) => Readonly<Record<string, unknown>>;
  /** How many words follow, where that is not one: `-D`. They reach `parse` joined by NUL. */
  readonly words?: (following: readonly string[]) => number;
  readonly complete?: 'file' | 'directory' | 'profile' | 'host' | readonly string[];
  /** Said by mosquitto and kept for scripts, but not shown in help. */
  readonly hidden?: boolean;
  /** Its value never appears in a message. */
  readonly secret?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds rows of every value type
export type OptionTable = Readonly<Record<string, Option<any>>>;

/** The rows under one heading. */
export function inGroup<const Rows extends Readonly<Record<string, Omit<OptionTable[string], 'group'>>>>(
  group: OptionGroup,
  rows: Rows,
): {readonly [Key in keyof Rows]: Rows[Key] & {readonly group: OptionGroup}} {
  const entries = Object.entries(rows).map(([key, row]) => [key, {...row, group}]);
  return Object.fromEntries(entries);
}

/** The values of a table: what a row's `parse` gives, or true for a switch. Absent: not given. */
export type Values<Table extends OptionTable> = {
  readonly [Key in keyof Table]?: Table[Key] extends {parse: (...parameters: never[]) => infer Value}
    ? Value
    : boolean;
};

/** The options that every command has; the parser and the documents add them to each table. */
export const generalOptions = {
  help: {flags: '--help', group: 'General', summary: 'print this help and exit'},
  version: {flags: '--version', group: 'General', summary: 'print the version and exit'},
} as const satisfies OptionTable;

export interface Spelling {
  /** '-q' */
  readonly short?: string;
  /** '--qos' */
  readonly long?: string;
  /** 'level'; none for a switch. */
  readonly placeholders: readonly string[];
}

/** Takes a row's `flags` apart: words between blanks and commas. Done for every row at every start, so by hand. */
export function spelling(option: Pick<Option<unknown>, 'flags'>): Spelling {
  let short: string | undefined;
  let long: string | undefined;
  const placeholders: string[] = [];
  for (const part of option.flags.split(' ')) {
    const word = part.endsWith(',') ? part.slice(0, -1) : part;
    if (word.startsWith('--')) long ??= word;
    else if (word.startsWith('-')) short ??= word;
    else if (word.startsWith('<') && word.endsWith('>')) placeholders.push(word.slice(1, -1));
  }
  return {...(short === undefined ? {} : {short}), ...(long === undefined ? {} : {long}), placeholders};
}

/** The value as typed. */
export function text(value: string): string {
  return value;
}

/** Adds the value to the list of those before it. */
export function list(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

export interface NumberRange {
  readonly minimum: number;
  readonly maximum?: number;
  /** The sentence about a bad value. */
  readonly problem: (text: string) => string;
}

/** A parser of decimal integers; nothing may follow the digits. @throws UsageError with the range's sentence */
export function integer(range: NumberRange): (value: string) => number {
  return (value) => {
    const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
    return within(number, value, range);
  };
}

/** A parser of decimal numbers with an optional fraction. @throws UsageError with the range's sentence */
export function decimal(range: NumberRange): (value: string) => number {
  return (value) => {
    const number = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN;
    return within(number, value, range);
  };
}

/** A parser of one of several words. @throws UsageError with the sentence given */
export function choice<const Word extends string>(
  words: readonly Word[],
  problem: (text: string) => string,
): (value: string) => Word {
  return (value) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new UsageError(problem(value));
    return found;
  };
}

function within(number: number, value: string, range: NumberRange): number {
  const {minimum, maximum = Number.MAX_SAFE_INTEGER} = range;
  // NaN fails both comparisons.
  if (!(number >= minimum && number <= maximum)) throw new UsageError(range.problem(value));
  return number;
}
