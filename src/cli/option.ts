/**
 * The vocabulary in which commands declare their options: one row an option, read by the parser, by
 * `--help`, by the man pages, by shell completion and, through `Values`, by the type checker.
 */

/** The headings under which options stand in help and manual, in this order. */
export const optionGroups = [
  'Message',
  'Messages',
  'Output',
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
  /** Words to value; `previous` is what the same option gave before. Absent: a switch, or only `assign`. */
  readonly parse?: (text: string, previous: T | undefined) => T;
  /** Values for other rows of the same table, set where this option stands: `-L`, `-D`, `-x`. */
  readonly assign?: (text: string) => Readonly<Record<string, unknown>>;
  /** How many words follow, where that is not one: `-D`. They reach `parse` joined by NUL. */
  readonly words?: (following: readonly string[]) => number;
  readonly complete?: 'file' | 'directory' | readonly string[];
  /** Said by mosquitto and kept for scripts, but not shown in help. */
  readonly hidden?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds rows of every value type
export type OptionTable = Readonly<Record<string, Option<any>>>;

/** The values of a table: what a row's `parse` gives, or true for a switch. Absent: not given. */
export type Values<Table extends OptionTable> = {
  readonly [Key in keyof Table]?: Table[Key] extends {parse: (...parameters: never[]) => infer Value}
    ? Value
    : boolean;
};
