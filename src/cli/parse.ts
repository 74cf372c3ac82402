/**
 * A command and words to values, by commander: options apply in the order in which they stand, so the last of
 * a scalar wins, lists grow, and an option that sets others (-L, -D, -x) does so where it stands. Lines of an
 * options file come before the words typed. Knows no command; the only importer of commander.
 */

import {CommanderError, Command as Program, Option as ProgramOption} from 'commander';
import {defined} from '../defined.ts';
import {UsageError} from '../errors.ts';
import type {AnyCommand, Command} from './command.ts';
import type {OptionTable, Values} from './option.ts';
import {
  missingValue,
  optionsIn,
  type Rewritten,
  type Row,
  rewrite,
  type Sources,
  unknownOption,
} from './words.ts';

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
 * gets the arguments of -o and --profile, and is not called when --help or --version stands on the line.
 * @throws UsageError about the first wrong word, with file and line if it stands in a file
 */
export function parse<Table extends OptionTable, Plan>(
  command: Command<Table, Plan>,
  words: readonly string[],
  readLines: (given: Sources) => readonly OptionsLine[] = () => [],
): Parsed<Table> {
  const typed = rewrite(command, words);
  const program = new Program().helpCommand(false).passThroughOptions();
  program.exitOverride().configureOutput({writeErr: () => undefined});
  const result = ({operands, request}: Rewritten): Parsed<Table> => ({
    values: program.opts() as Values<Table>,
    operands,
    ...defined({request}),
  });
  for (const {words: line, where} of typed.request === undefined ? readLines(typed.sources) : []) {
    const rewritten = rewrite(command, line);
    apply(program, command, rewritten, where);
    if (rewritten.request !== undefined) return result(rewritten);
  }
  apply(program, command, typed);
  return result(typed);
}

/** Has commander apply the options to its values. @throws UsageError about the first wrong word */
function apply(program: Program, command: AnyCommand, rewritten: Rewritten, where?: string): void {
  try {
    // To register every row of the table costs more than the parse.
    for (const row of rewritten.rows) register(program, row);
    program.parseOptions([...rewritten.words]);
    if (rewritten.refused !== undefined) throw unknownOption(command.options, rewritten.refused, rewritten);
  } catch (error) {
    // Commander itself reports one error: the last option has no value.
    const {rows} = optionsIn(command.options, rewritten.words.at(-1) ?? '');
    const shown = error instanceof CommanderError ? missingValue(rows.at(-1)!) : error;
    if (where === undefined || !(shown instanceof UsageError)) throw shown;
    throw new UsageError(`${where}: ${shown.message}`, {cause: shown});
  }
}

/** An option whose value has the key of its row, and '--no-tls' is no negation. */
class RowOption extends ProgramOption {
  readonly #key: string;

  constructor({key, option}: Row) {
    super(option.flags);
    this.#key = key;
    this.negate = false;
  }

  override attributeName(): string {
    return this.#key;
  }
}

function register(program: Program, row: Row): void {
  const registered = new RowOption(row);
  if (program.options.some((other) => other.attributeName() === row.key)) return;
  const {parse: read, assign} = row.option;
  if (registered.required) {
    registered.argParser<unknown>((value, previous) => (read === undefined ? true : read(value, previous)));
  }
  program.addOption(registered);
  if (assign === undefined) return;
  program.on(`option:${registered.name()}`, (value: string | undefined) => {
    for (const [other, added] of Object.entries(assign(value ?? ''))) {
      const present: unknown = program.getOptionValue(other);
      const both = Array.isArray(added) && Array.isArray(present);
      program.setOptionValue(other, both ? [...present, ...added] : added);
    }
  });
}
