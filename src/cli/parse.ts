/**
 * A command and words to values: options are applied in the order in which they stand, so the last of a
 * scalar wins, lists grow, and an option that sets others (-L, -D, -x) does so where it stands. Lines of
 * an options file are words said earlier. Knows no command; the only importer of commander.
 */

import {Command as Program, Option as ProgramOption} from 'commander';
import {UsageError} from '../errors.ts';
import type {AnyCommand, Command} from './command.ts';
import type {OptionTable, Values} from './option.ts';
import {type CommandLine, type Occurrence, readWords} from './words.ts';

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
 * Parses the words of the command line, after the lines of its options file. `readLines` gives those: it
 * is called with the argument of -o, if there is one, and not at all when --help or --version is asked for.
 * @throws UsageError about the first wrong word, with file and line if it stands in a file
 */
export function parse<Table extends OptionTable, Plan>(
  command: Command<Table, Plan>,
  words: readonly string[],
  readLines: (givenFile: string | undefined) => readonly OptionsLine[] = () => [],
): Parsed<Table> {
  const typed = readWords(command, words);
  const givenFile = typed.occurrences.findLast(({key}) => key === 'optionsFile')?.text;
  const asked = typed.end !== undefined && 'request' in typed.end;
  const occurrences: Occurrence[] = [];
  for (const {words: line, where} of asked ? [] : readLines(givenFile)) {
    const read = readWords(command, line, where);
    occurrences.push(...read.occurrences);
    if (read.end !== undefined) return finish(command, {...read, occurrences}, where);
  }
  return finish(command, {...typed, occurrences: [...occurrences, ...typed.occurrences]});
}

/** The values, unless reading ended with an error; an error in a value further left comes first. */
function finish<Table extends OptionTable>(
  command: AnyCommand,
  {occurrences, operands, end}: CommandLine,
  where?: string,
): Parsed<Table> {
  const parsed = evaluate<Table>(command, occurrences, operands);
  if (end === undefined) return parsed;
  if ('request' in end) return {...parsed, request: end.request};
  throw where === undefined ? end.error : located(end.error, where);
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
