/**
 * Option tables to scripts that make bash, zsh and fish complete them: commands, options, enumerated
 * values, files, and the packets and property names of -D. The scripts are whole: they call nothing of
 * tmq, so pressing TAB starts no Node.
 */

import {propertyCommands, propertyNames} from '../protocol/properties.ts';
import type {AnyCommand} from './command.ts';
import {generalOptions, type Option, type OptionTable, spelling} from './option.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function isShell(name: string): name is Shell {
  return shells.some((shell) => shell === name);
}

/** One option as the scripts need it. */
interface Entry {
  /** '-q', '--qos' */
  readonly spellings: readonly string[];
  readonly summary: string;
  readonly placeholders: readonly string[];
  /** What its value may be; 'none' for a switch. */
  readonly value: 'none' | 'any' | 'file' | 'directory' | 'property' | readonly string[];
  readonly repeatable: boolean;
}

interface Node {
  readonly name: string;
  readonly summary: string;
  readonly entries: readonly Entry[];
  /** Whether operands, which are files, may stand there. */
  readonly operands: boolean;
}

/** The packets of -D with the names of their properties, in the table's order. */
const properties: readonly (readonly [command: string, names: readonly string[]])[] = propertyCommands.map(
  (command) => [command, propertyNames(command)],
);

/** The script for one shell. */
export function completionScript(
  shell: Shell,
  commands: readonly AnyCommand[],
  programOptions: OptionTable,
): string {
  const nodes = commands.map((command) => ({
    name: command.name,
    summary: command.summary,
    entries: entriesOf({...command.options, ...generalOptions}),
    operands: command.operands === true,
  }));
  const program = entriesOf(programOptions);
  switch (shell) {
    case 'bash':
      return bash(nodes, program);
    case 'zsh':
      return zsh(nodes, program);
    case 'fish':
      return fish(nodes, program);
  }
}

function entriesOf(options: OptionTable): readonly Entry[] {
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

/** What --manual prints: a page for each command, and one about formats. */
const pages = (nodes: readonly Node[]) => [...nodes.map(({name}) => name), 'formats'];

const made = (shell: Shell) => `# ${shell} completion for tmq, made by: tmq --completion ${shell}`;

/** One word of a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function bash(nodes: readonly Node[], program: readonly Entry[]): string {
  const words = (entries: readonly Entry[]) => entries.flatMap(({spellings}) => spellings).join(' ');
  const cases = nodes.map(
    ({name, entries, operands}) => `    ${name})
      options='${words(entries)}'
      operands=${operands ? 'files' : ''}
      case $previous in
${bashValues(entries)}
      esac
      ;;`,
  );
  return `${made('bash')}
_tmq_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}
_tmq() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} before=
  local command=\${COMP_WORDS[1]} options= operands= kind=option words=
  # '--option=value' comes as three words.
  if [[ $current == '=' ]]; then current=; elif [[ $previous == '=' ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  ((COMP_CWORD > 2)) && before=\${COMP_WORDS[COMP_CWORD-2]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${[...nodes.map(({name}) => name), words(program), 'help'].join(' ')}' -- "$current"))
    return
  fi
  case $command in
    help) kind=words words='${nodes.map(({name}) => name).join(' ')}' ;;
    --manual) kind=words words='${pages(nodes).join(' ')}' ;;
    --completion) kind=words words='${shells.join(' ')}' ;;
${cases.join('\n')}
    *) return ;;
  esac
  if [[ $before == -D || $before == --property ]]; then
    case $previous in
${properties.map(([command, names]) => `      ${command}) kind=words words='${names.join(' ')}' ;;`).join('\n')}
    esac
  fi
  case $kind in
    any) ;;
    words) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    files) _tmq_paths -f ;;
    directories) _tmq_paths -d ;;
    option)
      if [[ $operands == files && $current != -* ]]; then
        _tmq_paths -f
      else
        COMPREPLY=($(compgen -W "$options" -- "$current"))
      fi ;;
  esac
}
complete -F _tmq tmq
`;
}

/** What may stand behind each option that takes a value. */
function bashValues(entries: readonly Entry[]): string {
  const packets = properties.map(([command]) => command).join(' ');
  const kinds = new Map<string, string[]>();
  for (const {spellings, value} of entries) {
    if (value === 'none') continue;
    const kind =
      value === 'any'
        ? 'kind=any'
        : value === 'file'
          ? 'kind=files'
          : value === 'directory'
            ? 'kind=directories'
            : `kind=words words='${value === 'property' ? packets : value.join(' ')}'`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), ...spellings]);
  }
  return [...kinds].map(([kind, spellings]) => `        ${spellings.join('|')}) ${kind} ;;`).join('\n');
}

function zsh(nodes: readonly Node[], program: readonly Entry[]): string {
  const functions = nodes.map(
    ({name, entries, operands}) => `_tmq_${name}() {
  _arguments -s \\
${entries.map((entry) => `    ${zshArgument(entry)} \\`).join('\n')}
    ${operands ? "'*:file:_files'" : "'*: :'"}
}`,
  );
  return `#compdef tmq
${made('zsh')}

_tmq_property() {
  local -a names
  case $words[CURRENT-1] in
${properties.map(([command, names]) => `    ${command}) names=(${names.join(' ')}) ;;`).join('\n')}
  esac
  compadd -a names
}

${functions.join('\n\n')}

_tmq() {
  local -a commands
  commands=(
${nodes.map(({name, summary}) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
    'help:print help about a command'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    compadd -- ${program.flatMap(({spellings}) => spellings).join(' ')}
    return
  fi
  case $words[2] in
    help) compadd ${nodes.map(({name}) => name).join(' ')} ;;
    --manual) compadd ${pages(nodes).join(' ')} ;;
    --completion) compadd ${shells.join(' ')} ;;
    ${nodes.map(({name}) => name).join('|')})
      local command=$words[2]
      shift words
      ((CURRENT--))
      _tmq_$command ;;
  esac
}

# Both ways: as a file in $fpath, and by eval.
if [[ $funcstack[1] == _tmq ]]; then _tmq "$@"; else compdef _tmq tmq; fi
`;
}

/** '(-q --qos)'{-q,--qos}'[summary]:level:(0 1 2)', in zsh's own language. */
function zshArgument({spellings, summary, placeholders, value, repeatable}: Entry): string {
  const text = summary.replace(/[\\[\]:]/g, '\\$&');
  const names = spellings.length === 1 ? spellings[0]! : `{${spellings.join(',')}}`;
  const lead = repeatable ? quoted('*') : spellings.length === 1 ? '' : quoted(`(${spellings.join(' ')})`);
  const packets = properties.map(([command]) => command).join(' ');
  const action =
    value === 'none' || value === 'any' || value === 'property'
      ? ' '
      : value === 'file'
        ? '_files'
        : value === 'directory'
          ? '_files -/'
          : `(${value.join(' ')})`;
  const values =
    value === 'none'
      ? ''
      : value === 'property'
        ? `:command:(${packets}):name:_tmq_property:value: `
        : `:${placeholders[0]}:${action}`;
  return `${lead}${names}${quoted(`[${text}]${values}`)}`;
}

function fish(nodes: readonly Node[], program: readonly Entry[]): string {
  const lines = [
    made('fish'),
    '# The word before the one being typed, and the one before that.',
    'function __tmq_after',
    '  set -l words (commandline -opc)',
    '  test (count $words) -gt $argv[1]; or return 1',
    '  set -l index (math (count $words) - $argv[1] + 1)',
    '  contains -- $words[$index] $argv[2..-1]',
    'end',
    'complete -c tmq -f',
    ...nodes.map(
      ({name, summary}) => `complete -c tmq -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`,
    ),
    `complete -c tmq -n __fish_use_subcommand -a help -d 'print help about a command'`,
    `complete -c tmq -n '__tmq_after 1 help' -a '${nodes.map(({name}) => name).join(' ')}'`,
    `complete -c tmq -n '__tmq_after 1 --manual' -a '${pages(nodes).join(' ')}'`,
    ...program.map((entry) => fishEntry('__fish_use_subcommand', entry)),
    ...nodes.flatMap(({name, entries, operands}) => [
      ...entries.map((entry) => fishEntry(`__fish_seen_subcommand_from ${name}`, entry)),
      ...(operands ? [`complete -c tmq -n '__fish_seen_subcommand_from ${name}' -F`] : []),
    ]),
    ...properties.map(
      ([command, names]) =>
        `complete -c tmq -n '__tmq_after 2 -D --property; and __tmq_after 1 ${command}' -a '${names.join(' ')}'`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** fish leaves a backslash within single quotes alone, but before a quote or another one. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function fishEntry(condition: string, {spellings, summary, value}: Entry): string {
  const names = spellings.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const packets = properties.map(([command]) => command).join(' ');
  const argument =
    value === 'none'
      ? ''
      : value === 'any'
        ? ' -x'
        : value === 'file'
          ? ' -r -F'
          : value === 'directory'
            ? " -x -a '(__fish_complete_directories)'"
            : ` -x -a ${fishQuoted(value === 'property' ? packets : value.join(' '))}`;
  return `complete -c tmq -n '${condition}' ${names.join(' ')}${argument} -d ${fishQuoted(summary)}`;
}
