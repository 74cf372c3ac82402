/**
 * Option tables to scripts that make bash, zsh, fish and PowerShell complete them: commands, options, their values,
 * files, users of a password file, and the command that `broker --exec` starts. The scripts are whole: they call
 * nothing of tmq, so pressing TAB starts no Node.
 */

import type {AnyCommand} from './command.ts';
import {
  benchActions,
  type Entry,
  entriesOf,
  explained,
  made,
  type Node,
  nodesOf,
  optionsOfKnownUsers,
  pages,
  profileActions,
  properties,
  type Shell,
  shells,
} from './completion-table.ts';
import {fish} from './fish.ts';
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
# The names of the profiles.
_tmq_profiles() {
  local path name
  for path in "\${XDG_CONFIG_HOME-$HOME/.config}"/tmq/profiles/*; do
    name=\${path##*/}
    [[ -f $path && $name =~ ^[[:alnum:]_][[:alnum:]_.@-]*$ && $name == "$current"* ]] && COMPREPLY+=("$name")
  done
}
# The hosts of -h and -L in the profiles.
_tmq_hosts() {
  local path option value host hosts
  for path in "\${XDG_CONFIG_HOME-$HOME/.config}"/tmq/profiles/*; do
    [[ -f $path && -r $path ]] || continue
    while read -r option value; do
      case $option in
        -h | --host) ;;
        -L | --url) value=\${value#*://} value=\${value%%/*} value=\${value##*@} ;;
        *) continue ;;
      esac
      IFS=, read -ra hosts <<<"$value"
      for host in "\${hosts[@]}"; do
        host=\${host%%:*}
        [[ $host =~ ^[[:alnum:].-]+$ && $host == "$current"* ]] && COMPREPLY+=("$host")
      done
    done <"$path"
  done
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
    profiles) _tmq_profiles ;;
    hosts) _tmq_hosts ;;
    option)
      if [[ $operands == profile && $current != -* ]]; then
        case $previous in
          profile) COMPREPLY=($(compgen -W '${profileActions.join(' ')}' -- "$current")) ;;
          show | check) _tmq_profiles ;;
        esac
      elif [[ $operands == bench && $current != -* ]]; then
        if [[ " \${COMP_WORDS[*]:2} " == *' merge '* ]]; then _tmq_paths -f; else COMPREPLY=($(compgen -W '${benchActions.join(' ')}' -- "$current")); fi
      elif [[ $operands == passwordFile && $current != -* ]]; then
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
            : value === 'profile' || value === 'host'
              ? `kind=${value}s`
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
    ${zshOperands(operands)}
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

_tmq_profiles() {
  local -a names
  names=(\${XDG_CONFIG_HOME-$HOME/.config}/tmq/profiles/[[:alnum:]_]*(N.:t))
  compadd -a names
}

# The hosts of -h and -L in the profiles.
_tmq_hosts() {
  local -a hosts lines
  local file line value
  for file in \${XDG_CONFIG_HOME-$HOME/.config}/tmq/profiles/*(N.r); do
    lines=(\${(f)"$(<$file)"})
    for line in $lines; do
      value=\${line#* }
      case \${line%% *} in
        -h | --host) ;;
        -L | --url) value=\${\${\${value#*://}%%/*}##*@} ;;
        *) continue ;;
      esac
      hosts+=(\${\${(s:,:)value}%%:*})
    done
  done
  compadd -a hosts
}

_tmq_profile_operands() {
  if [[ $words[CURRENT-1] == (show|check) ]]; then _tmq_profiles; else compadd ${profileActions.join(' ')}; fi
}

_tmq_bench_operands() {
  if ((\${words[(I)merge]})); then _files; else compadd ${benchActions.join(' ')}; fi
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

/** The argument that stands for operands. */
function zshOperands(operands: Node['operands']): string {
  if (operands === 'passwordFile') return "'*:file:_tmq_password_file'";
  if (operands === 'bench') return "'*:operand:_tmq_bench_operands'";
  return operands === 'profile' ? "'*:operand:_tmq_profile_operands'" : "'*: :'";
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
          : value === 'profile' || value === 'host'
            ? `_tmq_${value}s`
            : `(${value.join(' ')})`;
  const values =
    value === 'none'
      ? ''
      : value === 'property'
        ? `:command:(${packets}):name:_tmq_property:value: `
        : `:${placeholders[0]}:${action}`;
  return `${lead}${names}${quoted(`[${text}]${values}`)}`;
}
