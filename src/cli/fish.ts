/** Option tables to a script by which fish completes them. */

import {
  benchActions,
  type Entry,
  explained,
  made,
  type Node,
  optionsOfKnownUsers,
  pages,
  profileActions,
  properties,
} from './completion-table.ts';

/** The script. */
export function fish(nodes: readonly Node[], program: readonly Entry[]): string {
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
  'function __tmq_profile_files',
  '  set -l base $HOME/.config',
  '  set -q XDG_CONFIG_HOME; and set base $XDG_CONFIG_HOME',
  '  for file in $base/tmq/profiles/*',
  '    test -f $file; and test -r $file; and echo $file',
  '  end',
  'end',
  'function __tmq_profiles',
  "  __tmq_profile_files | string replace -rf '.*/(\\w[\\w.@-]*)$' '$1'",
  'end',
  '# The hosts of -h and -L in the profiles.',
  'function __tmq_hosts',
  '  for file in (__tmq_profile_files)',
  "    string replace -rf '^ *(?:-h|--host) (\\S+)$' '$1' <$file | string split ,",
  "    string replace -rf '^ *(?:-L|--url) \\w+://(?:[^/]*@)?([^/]+).*$' '$1' <$file | string split ,",
  "  end | string replace -r ':.*' ''",
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
  if (operands === 'profile')
    return [
      `complete -c tmq -n '${here}; and __tmq_after 1 profile' -a '${profileActions.join(' ')}'`,
      `complete -c tmq -n '${here}; and __tmq_after 1 show check' -a '(__tmq_profiles)'`,
    ];
  if (operands === 'bench')
    return [
      `complete -c tmq -n '${here}; and not __fish_seen_subcommand_from merge' -a '${benchActions.join(' ')}'`,
      `complete -c tmq -n '${here}; and __fish_seen_subcommand_from merge' -F`,
    ];
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
            : value === 'profile' || value === 'host'
              ? ` -x -a '(__tmq_${value}s)'`
              : ` -x -a ${fishQuoted(value === 'property' ? packets : value.join(' '))}`;
  return `complete -c tmq -n '${condition}' ${names.join(' ')}${argument} -d ${fishQuoted(summary)}`;
}
