/** Option tables to a script by which PowerShell completes them. Where it offers nothing, PowerShell offers files. */

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
  shells,
} from './completion-table.ts';

/** A string of PowerShell: within single quotes only the quote itself has a meaning. */
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

const list = (words: readonly string[]) => `@(${words.map(quoted).join(', ')})`;

/** '@{names = @('-q', '--qos'); takes = 'words'; words = @('0', '1', '2'); tip = 'quality of service'}' */
function row({spellings, summary, value}: Entry): string {
  const isList = typeof value === 'object';
  const words = isList ? value : value === 'property' ? properties.map(([command]) => command) : [];
  const takes = isList || value === 'property' ? 'words' : value;
  return `@{names = ${list(spellings)}; takes = '${takes}'; words = ${list(words)}; tip = ${quoted(summary)}}`;
}

/** The script. Hash tables and -eq of PowerShell ignore case, so options are compared with -ceq and -ccontains. */
export function powershell(nodes: readonly Node[], program: readonly Entry[]): string {
  const commands = nodes.map(({name, summary}) => `    ${quoted(name)} = ${quoted(summary)}`);
  const options = nodes.map(
    ({name, entries}) =>
      `    ${quoted(name)} = @(\n${entries.map((entry) => `      ${row(entry)}`).join('\n')}\n    )`,
  );
  const operands = nodes.map(({name, operands: kind = ''}) => `${quoted(name)} = ${quoted(kind)}`);
  return `${made('powershell')}
Register-ArgumentCompleter -Native -CommandName tmq -ScriptBlock {
  param($current, $ast, $cursor)
  $commands = [ordered]@{
${commands.join('\n')}
    'help' = 'print help about a command or a topic'
  }
  $program = @(
${program.map((entry) => `    ${row(entry)}`).join('\n')}
  )
  $options = @{
${options.join('\n')}
  }
  $operands = @{${operands.join('; ')}}
  $properties = @{
${properties.map(([command, members]) => `    ${quoted(command)} = ${list(members)}`).join('\n')}
  }

  function Offer($words, $tip) {
    $words | Where-Object {$_.StartsWith($current, [StringComparison]::Ordinal)} | ForEach-Object {
      [Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $(if ($tip) {$tip} else {$_}))
    }
  }
  # The words before the one being typed.
  $before = @($ast.CommandElements | Where-Object {$_.Extent.EndOffset -lt $cursor} | ForEach-Object {
    if ($_ -is [Management.Automation.Language.StringConstantExpressionAst]) {$_.Value} else {$_.ToString()}
  })
  if ($before.Count -lt 2) {
    foreach ($name in $commands.Keys) {Offer $name $commands[$name]}
    foreach ($option in $program) {Offer $option.names $option.tip}
    return
  }
  $command, $previous = $before[1], $before[-1]
  if ($before.Count -eq 2) {
    if ($command -ceq 'help') {return Offer ${list(explained(nodes))}}
    if ($command -ceq '--manual') {return Offer ${list(pages(nodes))}}
    if ($command -ceq '--completion') {return Offer ${list(shells)}}
  }
  if (-not $options.ContainsKey($command)) {return}
  if ($operands[$command] -ceq 'command' -and $before -ccontains '--') {
    if ($previous -ceq '--') {Offer @(Get-Command -Name "$current*" | ForEach-Object {$_.Name})}
    return
  }
  $base = if ($null -ne $env:XDG_CONFIG_HOME) {$env:XDG_CONFIG_HOME} elseif ($env:APPDATA) {$env:APPDATA} else {"$HOME/.config"}
  $profiles = @(Get-ChildItem -LiteralPath "$base/tmq/profiles" -File -ErrorAction SilentlyContinue)
  $hosts = @($profiles | Get-Content -ErrorAction SilentlyContinue | ForEach-Object {
    if ($_ -cmatch '^ *(?:-h|--host) (\\S+)$' -or $_ -cmatch '^ *(?:-L|--url) \\w+://(?:[^/]*@)?([^/]+)') {
      $Matches[1].Split(',') | ForEach-Object {$_.Split(':')[0]}
    }
  })
  if ($command -ceq 'profile') {
    if ($previous -ceq 'profile' -and -not $current.StartsWith('-')) {return Offer ${list(profileActions)}}
    if (@('show', 'check') -ccontains $previous) {return Offer @($profiles | ForEach-Object {$_.Name})}
  }
  if ($before.Count -gt 3 -and @('-D', '--property') -ccontains $before[-2] -and $properties.ContainsKey($previous)) {
    return Offer $properties[$previous]
  }
  foreach ($option in $options[$command]) {
    if ($option.names -ccontains $previous -and $option.takes -ceq 'profile') {return Offer @($profiles | ForEach-Object {$_.Name})}
    if ($option.names -ccontains $previous -and $option.takes -ceq 'host') {return Offer $hosts}
    if ($option.names -ccontains $previous -and $option.takes -cne 'none') {return Offer $option.words}
  }
  if ($operands[$command] -ceq 'passwordFile' -and (Test-Path -LiteralPath $previous -PathType Leaf)) {
    if ($before | Where-Object {${list(optionsOfKnownUsers)} -ccontains $_}) {
      return Offer @(Get-Content -LiteralPath $previous | Where-Object {$_ -cmatch '^[^#:][^:]*:'} | ForEach-Object {$_.Split(':')[0]})
    }
  }
  if ($command -ceq 'bench' -and -not $current.StartsWith('-') -and $before -cnotcontains 'merge') {return Offer ${list(benchActions)}}
  if ($operands[$command] -and -not $current.StartsWith('-')) {return}
  foreach ($option in $options[$command]) {Offer $option.names $option.tip}
}
`;
}
