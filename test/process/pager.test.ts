// needs: mandoc
/** Help and manuals on a terminal: formatted, as wide as it is, and page by page. */

import assert from 'node:assert/strict';
import {chmod, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import {roffText} from '../../src/cli/roff-text.ts';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {run} from '../support/spawn.ts';
import {program, runTmq} from '../support/tmq.ts';

// The default, whatever the tests run with.
const quiet = {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined, NO_COLOR: '1', PAGER: 'less -FRX'};

function start(words: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 80) {
  return startOnTerminal(process.execPath, [program, ...words], {env: {...quiet, ...env}, columns});
}

async function shown(words: readonly string[], env: Readonly<Record<string, string>>, columns = 80) {
  // The shell keeps the terminal open until all of it was read.
  const script = '"$@"; echo "[status $?]"; read -r line';
  await using terminal = startOnTerminal(
    '/bin/sh',
    ['-c', script, 'sh', process.execPath, program, ...words],
    {env: {...quiet, ...env}, columns},
  );
  await terminal.shows(/\[status 0\]/);
  terminal.send('\r');
  await terminal.finished;
  return terminal
    .screen()
    .replaceAll('\r', '')
    .replace(/\[status 0\]\s*$/, '');
}

test('long help is shown by less, page by page', async () => {
  await using terminal = start(['pub', '--help']);
  await terminal.shows(/Message:[\s\S]*\n:/);
  assert.doesNotMatch(terminal.screen(), /Examples:/);
  terminal.send('G');
  await terminal.shows(/More, such as exit statuses/);
  terminal.send('q');
  assert.deepEqual((await terminal.finished).exitCode, 0);
});

test('Ctrl-C is for the pager, twice too', async () => {
  // No shell script: dash takes a Ctrl-C that comes while it starts a command for the command's, and ends.
  const script = `let n = 0; setInterval(() => {}, 1000); process.on("SIGINT", () => {
    console.log(++n === 2 ? "interrupt 2, end" : "interrupt 1"); if (n === 2) process.exit(); }); console.log("ready");`;
  const pager = `exec '${process.execPath}' -e '${script}'`;
  await using terminal = start(['pub', '--help'], {PAGER: pager});
  await terminal.shows(/ready/);
  for (const count of [1, 2]) {
    terminal.send('\u0003');
    await terminal.shows(new RegExp(`interrupt ${count}`));
  }
  await terminal.shows(/end/);
  assert.equal((await terminal.finished).exitCode, 0);
});

test('PAGER is a shell command; an empty one, cat, a missing one or a dumb terminal shows all at once', async () => {
  const whole = /^Usage: tmq pub[\s\S]*More, such as exit statuses/;
  assert.match(await shown(['pub', '--help'], {PAGER: 'echo begin; cat'}), /^begin\nUsage[\s\S]*More, such/);
  for (const env of [
    {PAGER: ''},
    {PAGER: 'cat'},
    {PAGER: '/nonexistent/pager 2>/dev/null'},
    {TERM: 'dumb'},
  ]) {
    assert.match(await shown(['pub', '--help'], env), whole);
  }
});

test('help is as wide as the terminal, from 60 to 120 columns', async () => {
  const longest = async (columns: number) => {
    const lines = (await shown(['sub', '--help'], {PAGER: ''}, columns)).split('\n');
    return Math.max(...lines.map((line) => line.length));
  };
  for (const [columns, least, most] of [
    [40, 55, 80],
    [60, 55, 60],
    [100, 90, 100],
    [200, 95, 120],
  ] as const) {
    const length = await longest(columns);
    assert.ok(length >= least && length <= most, `${columns}: ${length}`);
  }
});

test('a manual is formatted on a terminal, and roff in a pipe', async () => {
  const text = (await shown(['--manual', 'rr'], {PAGER: ''})).replace(/.\u0008/g, '');
  assert.match(text, /^TMQ-RR\(1\) .*\n\nNAME\n {7}tmq-rr - publish a request/);
  assert.match((await runTmq(['--manual', 'rr'])).stdout.toString(), /^\.\\" Made[\s\S]*\n\.SH NAME\n/);
});

test('without man and mandoc, and with a man that has no manuals, tmq formats its pages', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-pager-'));
  try {
    const own = /^NAME\n {4}tmq-rr - publish a request and print the response\n\nSYNOPSIS\n/;
    assert.match(await shown(['--manual', 'rr'], {PAGER: '', PATH: directory}), own);
    await writeFile(join(directory, 'man'), '#!/bin/sh\necho No manuals here.\n');
    await chmod(join(directory, 'man'), 0o755);
    await symlink('/bin/sh', join(directory, 'sh'));
    assert.match(await shown(['--manual', 'rr'], {PAGER: '', PATH: directory}), own);
  } finally {
    await rm(directory, {recursive: true});
  }
});

/** The words of a text, in their order. */
const wordsOf = (text: string) => text.split(/\s+/).filter((word) => word !== '');

test('its own formatting has the words that mandoc shows', async () => {
  const man = join(dirname(program), '..', 'man');
  for (const page of ['tmq.1', 'tmq-pub.1', 'tmq-broker.1', 'tmq-formats.5']) {
    const {stdout: source} = await run('cat', [join(man, page)]);
    const {stdout} = await run('mandoc', ['-T', 'utf8'], {input: source.toString()});
    const formatted = stdout.toString().replace(/.\u0008/g, '');
    // Without the first and the last line, which name the page.
    const body = formatted.trimEnd().split('\n').slice(1, -1).join('\n');
    const style = {heading: String, name: String, width: 78};
    assert.deepEqual(wordsOf(roffText(source.toString(), style)), wordsOf(body), page);
  }
});
