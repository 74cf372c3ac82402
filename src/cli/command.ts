/** What a command is: a table of options, a pure plan made of their values, and a run of that plan. */

import type {ExitCode} from '../errors.ts';
import type {Io} from '../io/process.ts';
import type {OptionTable, Values} from './option.ts';

/** Terms with a sentence about each, for the man page, in their order; whole numbers come first, ascending. */
export type Remarks = Readonly<Record<string, string>>;

/** A section of the man page that only some commands have. */
export interface ManualSection {
  readonly title: string;
  readonly text: readonly string[];
  readonly remarks?: Remarks;
  /** Lines shown as they are, after the text. */
  readonly literal?: readonly string[];
  /** Subsections, after all that. */
  readonly parts?: readonly ManualSection[];
}

export interface Command<Table extends OptionTable, Plan> {
  readonly name: string;
  readonly summary: string;
  /** The forms of the command line, without 'tmq' and the name. */
  readonly synopsis: readonly string[];
  /** Paragraphs for the man page's DESCRIPTION. */
  readonly description: readonly string[];
  readonly options: Table;
  /** Keys of the six options that most people need, or of all where there are fewer, for the short help after a mistake. */
  readonly mostUsed: readonly (keyof Table & string)[];
  /** Commands as typed in a shell, with a summary of each; the first three are in the short help. */
  readonly examples: Readonly<Record<string, string>>;
  /** The name of its options file ('pub'), where it reads one. */
  readonly optionsFile?: string;
  /**
   * What the words are that are not options: a password file and its users, an action and a profile or reports, or after '--' a
   * command. Absent: such words, and '--', are refused, as by mosquitto's clients.
   */
  readonly operands?: 'passwordFile' | 'profile' | 'bench' | 'command';
  /** Keys of the switches that run a command, which stands after '--'. With one of them, '--' is not refused. */
  readonly commandSwitches?: readonly (keyof Table & string)[];
  /** Where this command is deliberately unlike mosquitto's: a paragraph each, for the man page. */
  readonly differences?: readonly string[];
  /** More sections for the man page, after the options. */
  readonly sections?: readonly ManualSection[];
  /** What its exit statuses mean, where that is not what it is for the MQTT clients. */
  readonly exitStatuses?: Remarks;
  /** Environment variables and files it knows, beyond what the options file brings with it. */
  readonly environment?: Remarks;
  readonly files?: Remarks;
  /**
   * The values with what the environment adds to them, where it may: not under a mosquitto name.
   * @throws UsageError that names the variable
   */
  fromEnvironment?(values: Values<Table>, env: Io['env']): Values<Table>;
  /** Checks values against each other; no file, network or clock. @throws UsageError */
  plan(values: Values<Table>, operands: readonly string[]): Plan;
  run(plan: Plan, io: Io): Promise<ExitCode>;
}

/** A command of any table and plan. */
// biome-ignore lint/suspicious/noExplicitAny: commands of every table and plan stand in one list
export type AnyCommand = Command<any, any>;

/** Infers table and plan from the literal. */
export function defineCommand<const Table extends OptionTable, Plan>(
  command: Command<Table, Plan>,
): Command<Table, Plan> {
  return command;
}
