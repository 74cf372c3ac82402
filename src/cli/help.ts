/**
 * The text of --help, and the short form after a mistake, made from the table of a command. Knows no
 * terminal: the caller passes a style with its width and colours.
 */

import type {AnyCommand} from './command.ts';
import {generalOptions, type Option, type OptionTable, optionGroups, spelling} from './option.ts';

/** How wide the text is, and how headings and names look: unchanged where there is no colour. */
export interface HelpStyle {
  readonly heading: (text: string) => string;
  readonly name: (text: string) => string;
  /** Columns; at least 60. */
  readonly width: number;
}

export interface HelpEntry {
  readonly name: string;
  readonly summary: string;
}

/** Where no terminal has a width. */
export const usualWidth = 80;
export const plain: HelpStyle = {heading: String, name: String, width: usualWidth};

/** Where summaries begin: further left on a narrow terminal. */
const column = ({width}: HelpStyle) => (width < usualWidth ? 22 : 30);

/** Help about one command, which is called by `invocation`: 'tmq pub', or 'mosquitto_pub'. */
export function commandHelp(command: AnyCommand, invocation: string, style: HelpStyle = plain): string {
  const paragraphs = [
    usage(invocation, command.synopsis, style),
    wrap(sentence(command.summary), 0, style),
    ...optionsByGroup(command.options).map(([group, rows]) => optionList(group, rows, style)),
  ];
  const examples = Object.entries<string>(command.examples);
  if (examples.length > 0) paragraphs.push(exampleList(examples, style));
  const installed = style.name(`man tmq-${command.name}`);
  const printed = style.name(`tmq --manual ${command.name}`);
  paragraphs.push(`More, such as exit statuses and files:\n  ${installed}, or ${printed}`);
  return `${paragraphs.join('\n\n')}\n`;
}

const briefExamples = 3;

/** What to read after a mistake: usage, the options most used, three examples, and where the rest is. */
export function briefHelp(command: AnyCommand, invocation: string, style: HelpStyle = plain): string {
  const table: OptionTable = command.options;
  const rows = command.mostUsed.map((key: string) => table[key]!);
  const paragraphs = [
    usage(invocation, command.synopsis.slice(0, briefExamples), style),
    optionList('Most used options', rows, style),
    exampleList(Object.entries<string>(command.examples).slice(0, briefExamples), style),
    `All options: ${style.name(`${invocation} --help`)}.${style.width < usualWidth ? '\n' : ' '}Manual: ${style.name(`tmq --manual ${command.name}`)}.`,
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

/** A broker, a listener and a message: all there is to it. */
const beginning = ['tmq broker &', "tmq sub -v -t '#' &", 'tmq pub -t greetings -m Hello'];

/** What `tmq` alone says: how to begin, and where to read on. */
export function greeting(commands: readonly string[], style: HelpStyle = plain): string {
  const {name} = style;
  const lines = [
    'MQTT for the shell. A broker, a subscriber and a message:',
    '',
    ...beginning.map((line) => `  ${name(line)}`),
    '',
    `The commands are ${commands.map((each) => name(each)).join(', ')}.`,
    `Overview: ${name('tmq --help')}. About one command: ${name('tmq help pub')}.`,
  ];
  return `${lines.join('\n')}\n`;
}

/** What `tmq help` explains besides the commands. */
export const helpTopics = [
  {name: 'formats', summary: 'the language of -F, options files, password files'},
  {name: 'conditions', summary: 'the language of --where, --until and --fail-if'},
  {name: 'environment', summary: 'the environment variables that tmq reads'},
  {name: 'exit-status', summary: 'what each exit status means'},
  {name: 'reconnecting', summary: 'several hosts, pauses, and what ends a session'},
  {name: 'profiles', summary: 'named sets of options, for one broker each'},
  {name: 'testing', summary: 'a broker for your tests, in many languages'},
] as const;

/** Help about the program: its commands, the options that stand before any of them, and the topics of `tmq help`. */
export function programHelp(
  commands: readonly HelpEntry[],
  options: OptionTable,
  style: HelpStyle = plain,
): string {
  const list = (title: string, entries: readonly HelpEntry[], start: number) =>
    [
      style.heading(`${title}:`),
      ...entries.map(({name, summary}) => entry(`  ${name}`, summary, style, start)),
    ].join('\n');
  const paragraphs = [
    usage('tmq', ['<command> [option ...]', '<command> --help', 'help <command or topic>'], style),
    wrap('MQTT for the shell: publish, subscribe, ask, manage passwords, run a broker.', 0, style),
    list('Commands', commands, 12),
    list('Topics', helpTopics, 16),
    optionList('Options', Object.values(options), style),
    [style.heading('To begin with:'), ...beginning.map((line) => `  ${style.name(line)}`)].join('\n'),
    wrap("'tmq <command> --help' tells about a command, 'man tmq' about all of them.", 0, style),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

/** The rows that are shown, under their headings, the general ones last. */
export function optionsByGroup(
  options: OptionTable,
): readonly (readonly [group: string, rows: readonly Option<unknown>[]])[] {
  const rows: readonly Option<unknown>[] = Object.values({...options, ...generalOptions});
  return optionGroups
    .map((group) => [group, rows.filter((row) => row.group === group && row.hidden !== true)] as const)
    .filter(([, members]) => members.length > 0);
}

function optionList(title: string, rows: readonly Option<unknown>[], style: HelpStyle): string {
  const entries = rows.map((option) => entry(flagColumn(option), option.summary, style, column(style)));
  return [style.heading(`${title}:`), ...entries].join('\n');
}

function exampleList(examples: readonly (readonly [string, string])[], style: HelpStyle): string {
  const entries = examples.map(
    ([typed, summary]) => `${wrap(sentence(summary), 2, style)}\n${foldCommand(typed, style)}`,
  );
  return [style.heading('Examples:'), ...entries].join('\n');
}

function usage(invocation: string, synopsis: readonly string[], style: HelpStyle): string {
  const lines = synopsis.map((form, index) => {
    const lead = index === 0 ? 'Usage: ' : '       ';
    const indent = lead.length + invocation.length + 1;
    const [first = '', ...rest] = wrapWords(form, style.width - indent, keepBrackets);
    const tail = rest.map((line) => `\n${' '.repeat(indent)}${line}`).join('');
    return `${style.heading(lead)}${style.name(invocation)} ${first}${tail}`;
  });
  return lines.join('\n');
}

/** '  -q, --qos <level>': long options stand below each other. */
function flagColumn(option: Pick<Option<unknown>, 'flags'>): string {
  return spelling(option).short === undefined ? `      ${option.flags}` : `  ${option.flags}`;
}

function entry(name: string, summary: string, style: HelpStyle, start: number): string {
  const text = wrap(summary, start, style);
  const shown = name.replace(/\S.*/, (word) => style.name(word));
  return name.length + 2 > start
    ? `${shown}\n${text}`
    : `${shown}${' '.repeat(start - name.length)}${text.trimStart()}`;
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.:]$/.test(text) ? '' : '.'}`;
}

function wrap(text: string, indent: number, {width}: HelpStyle): string {
  return wrapWords(text, width - indent, /\s+/)
    .map((line) => `${' '.repeat(indent)}${line}`)
    .join('\n');
}

/** A blank that is not inside brackets: a choice in parentheses stays together. */
const keepBrackets = /\s+(?![^[\](){}]*[\])}])/;

/**
 * A command line on as many lines as it needs, broken before options and bars so that it can be pasted.
 * @param columns of a line, without the backslash at its end
 */
export function commandLines(command: string, columns: number): readonly string[] {
  // A blank before an option or a bar that stands in no quotes.
  const pieces = command.split(/ (?=[-|])(?=(?:[^'"]*(?:'[^']*'|"[^"]*"))*[^'"]*$)/);
  return joinPieces(pieces, columns);
}

function foldCommand(command: string, style: HelpStyle): string {
  return commandLines(command, style.width - 6)
    .map((line, index, all) => {
      const end = index === all.length - 1 ? '' : ' \\';
      return `${index === 0 ? '    ' : '      '}${style.name(line)}${end}`;
    })
    .join('\n');
}

function wrapWords(text: string, columns: number, separator: RegExp): readonly string[] {
  return joinPieces(text.split(separator), columns);
}

/** Puts pieces on lines of at most so many columns; a piece that is longer stands alone. */
function joinPieces(pieces: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= columns)
      lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines;
}
