/** What completion scripts offer, for every shell: commands, options, values. Knows no shell's language. */

import {propertyCommands, propertyNames} from '../protocol/properties.ts';
import type {AnyCommand} from './command.ts';
import {helpTopics} from './help.ts';
import {topicPageNames} from './manual.ts';
import {generalOptions, type Option, type OptionTable, spelling} from './option.ts';

export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** One option as the scripts need it. */
export interface Entry {
  /** '-q', '--qos' */
  readonly spellings: readonly string[];
  readonly summary: string;
  readonly placeholders: readonly string[];
  /** What its value may be; 'none' for a switch. */
  readonly value: 'none' | 'any' | 'file' | 'directory' | 'profile' | 'host' | 'property' | readonly string[];
  readonly repeatable: boolean;
}

export interface Node {
  readonly name: string;
  readonly summary: string;
  readonly entries: readonly Entry[];
  readonly operands: AnyCommand['operands'];
}

/** The packets of -D with the names of their properties, in the table's order. */
export const properties: readonly (readonly [command: string, names: readonly string[]])[] =
  propertyCommands.map((command) => [command, propertyNames(command)]);

/** The commands as the scripts need them. */
export function nodesOf(commands: readonly AnyCommand[]): readonly Node[] {
  return commands.map(({name, summary, options, operands, commandSwitches}) => ({
    name,
    summary,
    entries: entriesOf({...options, ...generalOptions}),
    operands: operands ?? (commandSwitches === undefined ? undefined : 'command'),
  }));
}

/** The options of a table, without those that help does not show. */
export function entriesOf(options: OptionTable): readonly Entry[] {
  const rows: readonly Option<unknown>[] = Object.values(options);
  return rows
    .filter((row) => row.hidden !== true)
    .map((row) => {
      const {short, long, placeholders} = spelling(row);
      const value = row.complete ?? (row.words === undefined ? 'any' : 'property');
      return {
        spellings: [short, long].filter((name) => name !== undefined),
        summary: row.summary,
        placeholders,
        value: placeholders.length === 0 ? 'none' : value,
        repeatable: /repeatable/.test(row.summary),
      };
    });
}

/** What --manual prints: a page for each command, and those about topics. */
export const pages = (nodes: readonly Node[]) => [...nodes.map(({name}) => name), ...topicPageNames];

/** What stands behind help: a command, or a topic. */
export const explained = (nodes: readonly Node[]) => [
  ...nodes.map(({name}) => name),
  ...helpTopics.map(({name}) => name),
];

/** The first line of a script. */
export const made = (shell: Shell) => `# ${shell} completion for tmq, made by: tmq --completion ${shell}`;

/** What stands behind `profile`. */
export const profileActions = ['ls', 'show', 'check'] as const;
/** The actions of `tmq bench`; merge is followed by files. */
export const benchActions = ['conn', 'pub', 'sub', 'e2e', 'merge'] as const;

/** With these options, `passwd` takes a user that is in the file already. */
export const optionsOfKnownUsers = ['-D', '--delete', '--verify'] as const;
