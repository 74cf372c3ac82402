/**
 * Option tables to scripts that make bash, zsh, fish and PowerShell complete them: commands, options, their values,
 * files, users of a password file, and the command that `broker --exec` starts. The scripts are whole: they call
 * nothing of tmq, so pressing TAB starts no Node.
 */

import type {AnyCommand} from './command.ts';
import {
  type Entry,
  entriesOf,
  explained,
  made,
  type Node,
  nodesOf,
  optionsOfKnownUsers,
  pages,
  properties,
  type Shell,
  shells,
} from './completion-table.ts';
import type {OptionTable} from './option.ts';
import {powershell} from './powershell.ts';

export function isShell(name: string): name is Shell {
  return shells.some((shell) => shell === name);
}

/** The script for one shell. */
export function completionScript(
  shell: Shell,
  commands: readonly AnyCommand[],
  programOptions: OptionTable,
): string {
  const nodes = nodesOf(commands);
  const program = entriesOf(programOptions);
  switch (shell) {
    case 'bash':
      return bash(nodes, program);
    case 'zsh':
      return zsh(nodes, program);
    case 'fish':
      return fish(nodes, program);
    case 'powershell':
      return powershell(nodes, program);
  }
}

/** One word of a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function bash(nodes: readonly Node[], program: readonly Entry[]): string {
  const words = (entries: readonly Entry[]) => entries.flatMap(({spellings}) => spellings).join(' ');
  const cases = nodes.map(
    ({name, entries, operands}) => `    ${name})
      options='${words(entries)}'
      operands=${operands ?? ''}
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
# What is offered where passwd takes a user that is in its file: the names before the first colon of each line.
_tmq_users() {
  local file=\${1/#\\~/$HOME} name
  [[ $file != -* && -f $file && -r $file && " \${COMP_WORDS[*]:2:COMP_CWORD-2} " =~ ' '(${optionsOfKnownUsers.join('|')})' ' ]] || return
  compopt -o filenames 2>/dev/null
  while IFS=: read -r name _; do
    [[ $name != '#'* && $name == "$current"* ]] && COMPREPLY+=("$name")
  done <"$file"
}
# The command of --exec, after '--' at this place of the words.
_tmq_command() {
  if declare -F _command_offset >/dev/null; then
    _command_offset $(($1 + 1))
  elif (($1 + 1 == COMP_CWORD)); then
    COMPREPLY=($(compgen -c -- "$current"))
  else
    _tmq_paths -f
  fi
}
_tmq() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} before=
  local command=\${COMP_WORDS[1]} options= operands= kind=option words= index
  # '--option=value' comes as three words.
  if [[ $current == '=' ]]; then current=; elif [[ $previous == '=' ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  ((COMP_CWORD > 2)) && before=\${COMP_WORDS[COMP_CWORD-2]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${[...nodes.map(({name}) => name), words(program), 'help'].join(' ')}' -- "$current"))
    return
  fi
  case $command in
    help) kind=words words='${explained(nodes).join(' ')}' ;;
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
  if [[ $operands == command ]]; then
    for ((index = 2; index < COMP_CWORD; index++)); do
      [[ \${COMP_WORDS[index]} == -- ]] && { _tmq_command $index; return; }
    done
  fi
  case $kind in
    any) ;;
    words) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    files) _tmq_paths -f ;;
    directories) _tmq_paths -d ;;
    option)
      if [[ $operands == passwordFile && $current != -* ]]; then
        _tmq_users "$previous"
        ((\${#COMPREPLY[@]})) || _tmq_paths -f
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
    ({name, entries, operands}) => `_tmq_${name}() {${operands === 'command' ? zshCommand : ''}
  _arguments -s \\
${entries.map((entry) => `    ${zshArgument(entry)} \\`).join('\n')}
    ${operands === 'passwordFile' ? "'*:file:_tmq_password_file'" : "'*: :'"}
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

# A password file; after it, with an option that needs one, a user that is in it.
_tmq_password_file() {
  local file=\${\${(Q)words[CURRENT-1]}/#\\~/$HOME}
  if ((\${words[(I)(${optionsOfKnownUsers.join('|')})]})) && [[ $file != -* && -f $file ]]; then
    local -a users
    users=(\${\${\${(M)\${(f)"$(<$file)"}:#*:*}:#\\#*}%%:*})
    compadd -a users
  else
    _files
  fi
}

${functions.join('\n\n')}

_tmq() {
  local -a subcommands
  subcommands=(
${nodes.map(({name, summary}) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
    'help:print help about a command or a topic'
  )
  if ((CURRENT == 2)); then
    _describe command subcommands
    compadd -- ${program.flatMap(({spellings}) => spellings).join(' ')}
    return
  fi
  case $words[2] in
    help) compadd ${explained(nodes).join(' ')} ;;
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

/** After '--', the words are those of another command. */
const zshCommand = `
  local -i dashes=\${words[(i)--]}
  if ((dashes < CURRENT)); then
    shift $dashes words
    ((CURRENT -= dashes))
    _normal
    return
  fi`;

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
    ...fishFunctions,
    'complete -c tmq -f',
    ...nodes.map(
      ({name, summary}) => `complete -c tmq -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`,
    ),
    `complete -c tmq -n __fish_use_subcommand -a help -d 'print help about a command or a topic'`,
    `complete -c tmq -n '__tmq_after 1 help' -a '${explained(nodes).join(' ')}'`,
    `complete -c tmq -n '__tmq_after 1 --manual' -a '${pages(nodes).join(' ')}'`,
    ...program.map((entry) => fishEntry('__fish_use_subcommand', entry)),
    ...nodes.flatMap(({name, entries, operands}) => [
      ...entries.map((entry) => fishEntry(`__fish_seen_subcommand_from ${name}`, entry)),
      ...(operands === undefined ? [] : fishOperands(name, operands)),
    ]),
    ...properties.map(
      ([command, names]) =>
        `complete -c tmq -n '__tmq_after 2 -D --property; and __tmq_after 1 ${command}' -a '${names.join(' ')}'`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const fishFunctions = [
  '# The users in the password file before the word being typed, where passwd takes one of them.',
  'function __tmq_users',
  '  set -l words (commandline -opc)',
  "  set -l file (string replace -r '^~' $HOME -- $words[-1])",
  `  string match -qr -- '^(${optionsOfKnownUsers.join('|')})$' $words; and test -f "$file"; or return 1`,
  "  string match -r -- '^[^#:][^:]*(?=:)' <$file",
  'end',
  '# What completes the command after --.',
  'function __tmq_command',
  '  set -l words (commandline -opc)',
  '  set -l index (contains -i -- -- $words); or return 1',
  '  set -e words[1..$index]',
  "  complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))",
  'end',
];

function fishOperands(name: string, operands: NonNullable<Node['operands']>): readonly string[] {
  const here = `__fish_seen_subcommand_from ${name}`;
  if (operands === 'command')
    return [`complete -c tmq -n '${here}; and contains -- -- (commandline -opc)' -x -a '(__tmq_command)'`];
  return [
    `complete -c tmq -n '${here}; and not __tmq_users >/dev/null' -F`,
    `complete -c tmq -n '${here}' -a '(__tmq_users)'`,
  ];
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
