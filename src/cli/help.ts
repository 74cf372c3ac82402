/**
 * The text of --help, made from the table of a command: grouped, at most 80 columns wide. Knows no
 * terminal: the caller passes a style for colour.
 */

import type {AnyCommand, ManualSection} from './command.ts';
import {generalOptions, type Option, type OptionTable, optionGroups, spelling} from './option.ts';

/** How headings and names look; both give the text back unchanged where there is no colour. */
export interface HelpStyle {
  readonly heading: (text: string) => string;
  readonly name: (text: string) => string;
}

export interface HelpEntry {
  readonly name: string;
  readonly summary: string;
}

const plain: HelpStyle = {heading: String, name: String};
const width = 80;
/** Where summaries begin. */
const column = 30;

/** Help about one command, which is called by `invocation`: 'tmq pub', or 'mosquitto_pub'. */
export function commandHelp(command: AnyCommand, invocation: string, style: HelpStyle = plain): string {
  const paragraphs = [usage(invocation, command.synopsis, style), wrap(sentence(command.summary), 0)];
  for (const [group, rows] of optionsByGroup(command.options)) {
    const entries = rows.map((option) => entry(flagColumn(option), option.summary, style));
    paragraphs.push([style.heading(`${group}:`), ...entries].join('\n'));
  }
  const examples = Object.entries<string>(command.examples).map(
    ([typed, summary]) => `${wrap(sentence(summary), 2)}\n${foldCommand(typed, style)}`,
  );
  if (examples.length > 0) paragraphs.push([style.heading('Examples:'), ...examples].join('\n'));
  const installed = style.name(`man tmq-${command.name}`);
  const printed = style.name(`tmq --manual ${command.name} | man -l -`);
  paragraphs.push(`More, such as exit statuses and files:\n  ${installed}, or ${printed}`);
  return `${paragraphs.join('\n\n')}\n`;
}

/** A broker, a listener and a message: all there is to it. */
const beginning = ['tmq broker &', "tmq sub -v -t '#' &", 'tmq pub -t greetings -m Hello'];

/** Help about the program: its commands, and the options that stand before any of them. */
export function programHelp(
  commands: readonly HelpEntry[],
  options: OptionTable,
  style: HelpStyle = plain,
): string {
  const paragraphs = [
    usage('tmq', ['<command> [option ...]', '<command> --help'], style),
    'MQTT for the shell: publish, subscribe, ask, manage passwords, run a broker.',
    [
      style.heading('Commands:'),
      ...commands.map(({name, summary}) => entry(`  ${name}`, summary, style, 12)),
    ].join('\n'),
    [
      style.heading('Options:'),
      ...Object.values(options).map((option) => entry(flagColumn(option), option.summary, style)),
    ].join('\n'),
    [style.heading('To begin with:'), ...beginning.map((line) => `  ${style.name(line)}`)].join('\n'),
    wrap("'tmq <command> --help' tells about a command, 'man tmq' about all of them.", 0),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

/** Sections of the manual as plain text. */
export function sectionsHelp(sections: readonly ManualSection[], style: HelpStyle = plain): string {
  const paragraphs = sections.flatMap(({title, text, remarks = {}, literal = []}) => [
    style.heading(title),
    ...text.map((paragraph) => wrap(paragraph, 0)),
    ...Object.entries(remarks).map(([term, remark]) => `  ${style.name(term)}\n${wrap(remark, 6)}`),
    ...(literal.length > 0 ? [literal.map((line) => `  ${line}`).join('\n')] : []),
  ]);
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

function usage(invocation: string, synopsis: readonly string[], style: HelpStyle): string {
  const lines = synopsis.map((form, index) => {
    const lead = index === 0 ? 'Usage: ' : '       ';
    const indent = lead.length + invocation.length + 1;
    const [first = '', ...rest] = wrapWords(form, width - indent, keepBrackets);
    const tail = rest.map((line) => `\n${' '.repeat(indent)}${line}`).join('');
    return `${style.heading(lead)}${style.name(invocation)} ${first}${tail}`;
  });
  return lines.join('\n');
}

/** '  -q, --qos <level>': long options stand below each other. */
function flagColumn(option: Pick<Option<unknown>, 'flags'>): string {
  return spelling(option).short === undefined ? `      ${option.flags}` : `  ${option.flags}`;
}

function entry(name: string, summary: string, style: HelpStyle, start = column): string {
  const text = wrap(summary, start);
  const shown = name.replace(/\S.*/, (word) => style.name(word));
  return name.length + 2 > start
    ? `${shown}\n${text}`
    : `${shown}${' '.repeat(start - name.length)}${text.trimStart()}`;
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.:]$/.test(text) ? '' : '.'}`;
}

function wrap(text: string, indent: number): string {
  return wrapWords(text, width - indent, /\s+/)
    .map((line) => `${' '.repeat(indent)}${line}`)
    .join('\n');
}

/** A blank that is not inside brackets: a choice in parentheses stays together. */
const keepBrackets = /\s+(?![^[\](){}]*[\])}])/;

/** A command line on as many lines as it needs, broken before options so that it can be pasted. */
function foldCommand(command: string, style: HelpStyle): string {
  // A blank before an option or a bar that stands in no quotes.
  const pieces = command.split(/ (?=[-|])(?=(?:[^'"]*(?:'[^']*'|"[^"]*"))*[^'"]*$)/);
  return joinPieces(pieces, width - 6)
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
