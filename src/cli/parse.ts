/**
 * A command and words to values: options are applied in the order in which they stand, so the last of a
 * scalar wins, lists grow, and an option that sets others (-L, -D, -x) does so where it stands. Lines of
 * an options file are words said earlier. Knows no command; the only importer of commander.
 */

import {Command as Program, Option as ProgramOption} from 'commander';
import {UsageError} from '../errors.ts';
import type {AnyCommand, Command} from './command.ts';
import type {OptionTable, Values} from './option.ts';
import {type Occurrence, readWords} from './words.ts';

/** One option of an options file, split into words. */
export interface OptionsLine {
  readonly words: readonly string[];
  /** 'file:line' */
  readonly where: string;
}

export interface Parsed<Table extends OptionTable> {
  readonly values: Values<Table>;
  readonly operands: readonly string[];
  /** --help or --version was met before any error; the values are those before it. */
  readonly request?: 'help' | 'version';
}

/**
 * Parses the lines of an options file, then the words of the command line.
 * @throws UsageError about the first wrong word, with file and line if it stands in a file
 */
export function parse<Table extends OptionTable, Plan>(
  command: Command<Table, Plan>,
  words: readonly string[],
  lines: readonly OptionsLine[] = [],
): Parsed<Table> {
  const occurrences: Occurrence[] = [];
  for (const line of lines) {
    const read = readWords(command, line.words, line.where);
    occurrences.push(...read.occurrences);
    if (read.end !== undefined && 'error' in read.end) {
      evaluate(command, occurrences, []);
      throw located(read.end.error, line.where);
    }
    if (read.end !== undefined) return {...evaluate(command, occurrences, []), request: read.end.request};
  }
  const read = readWords(command, words);
  const parsed = evaluate<Table>(command, [...occurrences, ...read.occurrences], read.operands);
  // An error in a value further left was the first one, and has been thrown.
  if (read.end === undefined) return parsed;
  if ('error' in read.end) throw read.end.error;
  return {...parsed, request: read.end.request};
}

/** Hands the options to commander, which applies them one by one. */
function evaluate<Table extends OptionTable>(
  command: AnyCommand,
  occurrences: readonly Occurrence[],
  operands: readonly string[],
): Parsed<Table> {
  const program = new Program(command.name).helpOption(false).helpCommand(false).argument('[operands...]');
  program.exitOverride().configureOutput({writeErr: () => undefined});
  const progress = {position: 0};
  // Only the options that were given: to register all of them costs as much as to parse.
  for (const [key, occurrence] of new Map(occurrences.map((given) => [given.key, given]))) {
    register(program, key, occurrence, () => occurrences[progress.position]?.where);
    program.on(`option:${key}`, () => progress.position++);
  }
  const argv = occurrences.map(({key, text}) => (text === undefined ? `--${key}` : `--${key}=${text}`));
  program.parse([...argv, '--', ...operands], {from: 'user'});
  return {values: program.opts() as Values<Table>, operands: program.args};
}

/** One row as an option of commander, by its key: '--noTls' is no negation, '--no-tls' would be. */
function register(
  program: Program,
  key: string,
  {option, text}: Occurrence,
  where: () => string | undefined,
): void {
  const guarded = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      const place = where();
      throw error instanceof UsageError && place !== undefined ? located(error, place) : error;
    }
  };
  const registered = new ProgramOption(text === undefined ? `--${key}` : `--${key} <value>`);
  if (text !== undefined) {
    registered.argParser<unknown>((value, previous) =>
      guarded(() => (option.parse === undefined ? true : option.parse(value, previous))),
    );
  }
  program.addOption(registered);
  program.on(`option:${key}`, (value: string | null | undefined) => {
    const assigned = guarded(() => option.assign?.(value ?? '') ?? {});
    for (const [other, added] of Object.entries(assigned)) {
      const present: unknown = program.getOptionValue(other);
      const both = Array.isArray(added) && Array.isArray(present);
      program.setOptionValue(other, both ? [...present, ...added] : added);
    }
  });
}

function located(error: UsageError, where: string): UsageError {
  return new UsageError(`${where}: ${error.message}`, {cause: error});
}
