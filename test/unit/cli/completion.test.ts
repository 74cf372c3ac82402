// needs: zsh, fish
/** The completion scripts, pressed TAB on in the shells themselves. */

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import type {AnyCommand} from '../../../src/cli/command.ts';
import {type Shell, shells} from '../../../src/cli/completion-table.ts';
import {type OptionTable, spelling} from '../../../src/cli/option.ts';
import {commands} from '../../../src/commands/all.ts';
import {startOnTerminal} from '../../support/pseudo-terminal.ts';
import {runMain} from '../../support/run.ts';
import {run} from '../../support/spawn.ts';

const directory = mkdtempSync(join(tmpdir(), 'tmq-completion-'));
const script = (shell: Shell) => join(directory, `tmq.${shell}`);

before(async () => {
  for (const shell of shells) {
    const {stdout, stderr, exitCode} = await runMain(['--completion', shell]);
    assert.deepEqual([stderr, exitCode], ['', 0]);
    writeFileSync(script(shell), stdout);
  }
  writeFileSync(join(directory, 'with space.pem'), '');
  mkdirSync(join(directory, '.config', 'tmq', 'profiles'), {recursive: true});
  const profile = (name: string, text: string) =>
    writeFileSync(join(directory, '.config', 'tmq', 'profiles', name), text);
  profile('prod', '-h a.example,b.example:1884\n-u ann\n');
  profile('lab', '# x\n-L mqtts://ann:x@lab.example:1/t\n');
  profile('$(touch ran)', '-h $(touch ran)\n');
  // A name that a shell must not run.
  writeFileSync(
    join(directory, 'users.txt'),
    '# a comment: none\nann:$6$x\nanton:$6$x\n$(touch ran):$6$x\nno user\n',
  );
});
after(() => rmSync(directory, {recursive: true}));

/** What is typed, the last word of it unfinished, and some of what is offered, or all of it. */
const cases: readonly {
  readonly typed: readonly string[];
  readonly some?: readonly string[];
  readonly all?: readonly string[];
}[] = [
  {typed: ['p'], all: ['passwd', 'profile', 'pub']},
  {typed: [''], some: ['bench', 'broker', 'help', 'passwd', 'pub', 'reply', 'rr', 'sub']},
  {typed: ['pub', '--will'], all: ['--will-payload', '--will-qos', '--will-retain', '--will-topic']},
  {typed: ['sub', '--retain-h'], all: ['--retain-handling']},
  {typed: ['sub', '--retain-handling', ''], all: ['always', 'never', 'new']},
  {typed: ['pub', '-q', ''], all: ['0', '1', '2']},
  {typed: ['pub', '-D', 'p'], all: ['publish']},
  {typed: ['pub', '-D', 'publish', 'c'], all: ['content-type', 'correlation-data']},
  {typed: ['pub', '-D', 'connect', 'max'], all: ['maximum-packet-size']},
  {typed: ['broker', '--trace', ''], all: ['json', 'text']},
  {typed: ['pub', '-t', ''], all: []},
  {typed: ['help', 's'], all: ['sub']},
  {typed: ['help', 'e'], all: ['environment', 'exit-status']},
  {typed: ['--completion', ''], all: ['bash', 'fish', 'powershell', 'zsh']},
  {typed: ['pub', '-V', ''], some: ['5', '311', '31', 'mqttv5']},
  {typed: ['rr', '-V', 'mqttv31'], all: ['mqttv31', 'mqttv311']},
  {typed: ['sub', '-F', ''], some: ['%t', '%p', '%j', '%R']},
  {typed: ['sub', '-F', '%t'], all: ['%t']},
  {typed: ['passwd', 'users'], all: ['users.txt']},
  {typed: ['passwd', '-D', 'users.txt', 'an'], all: ['ann', 'anton']},
  {typed: ['passwd', '--verify', 'users.txt', 'ant'], all: ['anton']},
  {typed: ['passwd', 'users.txt', 'ant'], all: []},
  {typed: ['bench', ''], some: ['conn', 'pub', 'sub', 'e2e', 'merge']},
  {typed: ['bench', 'e2e', '--su'], all: ['--subs']},
  {typed: ['profile', ''], some: ['ls', 'show', 'check']},
  {typed: ['profile', 'check', 'p'], all: ['prod']},
  {typed: ['sub', '--profile', ''], all: ['lab', 'prod']},
  {typed: ['sub', '-h', ''], all: ['a.example', 'b.example', 'lab.example']},
  {typed: ['broker', '--exec', '--', 'mkfif'], all: ['mkfifo']},
  {typed: ['sub', '-t', 'a', '--exec', '--', 'mkfif'], all: ['mkfifo']},
];

function check(offered: readonly string[], {typed, some, all}: (typeof cases)[number]): void {
  const sorted = [...new Set(offered)].sort();
  if (all !== undefined) assert.deepEqual(sorted, [...all].sort(), typed.join(' '));
  for (const word of some ?? []) assert.ok(sorted.includes(word), `${typed.join(' ')}: ${word}`);
}

test('every option is in every script', async () => {
  for (const shell of shells) {
    const text = (await runMain(['--completion', shell])).stdout.toString();
    for (const {name, load} of commands) {
      const command: AnyCommand = await load();
      for (const option of Object.values(command.options as OptionTable)) {
        const {short, long} = spelling(option);
        const flags = [short, long].filter((flag) => flag !== undefined);
        for (const flag of flags) {
          const word = shell === 'fish' ? flag.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s ') : flag;
          const found = new RegExp(`[ ,{|'"(]${word}[ ,}|'"[)]`).test(text);
          if (option.hidden !== true) assert.ok(found, `${shell} ${name} ${flag}`);
        }
      }
    }
  }
});

test('the scripts are well-formed', async () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const {stderr, exitCode} = await run(shell, ['-n', script(shell)]);
    assert.deepEqual([stderr, exitCode], ['', 0], shell);
  }
});

test('the script for PowerShell is well-formed, and has the values of options', () => {
  const text = readFileSync(script('powershell'), 'utf8');
  // Without comments and strings, in which a quote is doubled, brackets come in pairs.
  const code = text.replaceAll(/'(?:[^']|'')*'/g, "''").replaceAll(/"[^"]*"/g, '""');
  const open: string[] = [];
  const pairs: Readonly<Record<string, string>> = {')': '(', ']': '[', '}': '{'};
  for (const [bracket] of code.replaceAll(/^\s*#.*$/gm, '').matchAll(/[()[\]{}]/g)) {
    if (bracket in pairs) assert.equal(open.pop(), pairs[bracket]);
    else open.push(bracket);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(code, /['"](?!['"]|[\s,;)}\](])[\w$]/, 'a string ends where it should');
  assert.match(text, /^Register-ArgumentCompleter -Native -CommandName tmq -ScriptBlock \{$/m);
  const rows = [
    "@{names = @('-q', '--qos'); takes = 'words'; words = @('0', '1', '2'); tip = ",
    "@{names = @('-D', '--property'); takes = 'words'; words = @('connect', ",
    "@{names = @('--cafile'); takes = 'file'; words = @(); tip = ",
    "words = @('%%', '%A', '%C'",
    "'publish' = @('payload-format-indicator', ",
    "'broker' = 'command'",
    "@('-D', '--delete', '--verify') -ccontains $_",
  ];
  for (const row of rows) assert.ok(text.includes(row), row);
});

/** The words that bash offers, asked as readline asks. */
async function bashOffers(typed: readonly string[]): Promise<readonly string[]> {
  const program = `source "$1"; shift; COMP_WORDS=(tmq "$@"); COMP_CWORD=$#; _tmq && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const {stdout, stderr} = await run('bash', ['--norc', '-c', program, 'bash', script('bash'), ...typed], {
    cwd: directory,
    env: {HOME: directory, XDG_CONFIG_HOME: undefined},
  });
  assert.equal(stderr, '');
  return stdout.toString().split('\n').filter(Boolean);
}

async function fishOffers(typed: readonly string[]): Promise<readonly string[]> {
  const program = `source '${script('fish')}'; complete -C 'tmq ${typed.join(' ')}'`;
  const {stdout, stderr} = await run('fish', ['--no-config', '-c', program], {
    cwd: directory,
    env: {HOME: directory, XDG_CONFIG_HOME: undefined},
  });
  assert.equal(stderr, '');
  return stdout
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t', 1)[0]!);
}

test('bash offers what fits', async () => {
  for (const each of cases) check(await bashOffers(each.typed), each);
  check(await bashOffers(['pub', '--cafile', 'wi']), {typed: [], all: ['with space.pem']});
  check(await bashOffers(['passwd', 'wi']), {typed: [], all: ['with space.pem']});
  check(await bashOffers(['broker', '--tls', '=', '']), {typed: [], all: ['auto']});
});

test('fish offers what fits', async () => {
  for (const each of cases) check(await fishOffers(each.typed), each);
  check(await fishOffers(['pub', '--cafile', 'wi']), {typed: [], all: ['with space.pem']});
  check(await fishOffers(['passwd', 'wi']), {typed: [], all: ['with space.pem']});
});

test('zsh offers what fits', async () => {
  // A dumb terminal: zsh then draws with words alone.
  await using zsh = startOnTerminal(
    'env',
    ['-u', 'XDG_CONFIG_HOME', 'TERM=dumb', `HOME=${directory}`, 'zsh', '-f', '-i'],
    {columns: 120},
  );
  // What is printed is not what is typed, so its echo does not count; and before the prompt is there, the
  // terminal and not zsh would read what is typed.
  const prompted = (mark: string) => zsh.shows(new RegExp(`${mark}.*> $`, 's'));
  zsh.send(`PS1='> '; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; cd '${directory}'\r`);
  zsh.send(`source '${script('zsh')}'; print DO''NE:\r`);
  await prompted('DONE:');
  let mark = 'DONE:';
  for (const [index, {typed, some, all}] of cases.entries()) {
    // ^D lists what fits without completing it.
    zsh.send(`tmq ${typed.join(' ')}\u0004`);
    for (const word of all ?? some ?? []) await zsh.shows(new RegExp(`${mark}.*\\s${word}\\b`, 's'));
    mark = `DONE${index}:`;
    zsh.send(`\u0015print DO''NE${index}:\r`);
    await prompted(mark);
  }
  zsh.send('tmq pub --cafile wi\t');
  await zsh.shows(/with\\ space\.pem/);
});

test('no shell runs what stands in a password file', () => {
  assert.equal(existsSync(join(directory, 'ran')), false);
});
