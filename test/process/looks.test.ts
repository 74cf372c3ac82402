/** Colour on a terminal, and nowhere else. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {program, runTmq} from '../support/tmq.ts';

async function shown(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  await using terminal = startOnTerminal(process.execPath, [program, ...words], {
    env: {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined, PAGER: '', ...env},
  });
  await terminal.finished;
  return terminal.screen();
}

test('help is coloured on a terminal, but not with NO_COLOR', async () => {
  assert.match(await shown(['--help']), /\u001b\[1mUsage: \u001b\[22m\u001b\[36mtmq/);
  assert.match(await shown(['--help'], {NO_COLOR: '1'}), /^Usage: tmq/);
  assert.match((await runTmq(['--help'])).stdout.toString(), /^Usage: tmq/);
});

test('the word Error is red on a terminal, or where colour is asked for', async () => {
  const red = /^\u001b\[31mError:\u001b\[39m /;
  assert.match(await shown(['nosuch']), red);
  assert.match(await shown(['nosuch'], {NO_COLOR: '1'}), /^Error: /);
  assert.match((await runTmq(['nosuch'])).stderr, /^Error: /);
  const missing = ['pub', '-t', 'a', '-f', '/nonexistent/file', '--color'];
  assert.match((await runTmq([...missing, 'always'])).stderr, red);
  assert.match(await shown([...missing, 'never']), /^Error: /);
});

test('the word Warning is yellow there, whichever command warns', async () => {
  const yellow = /^\u001b\[33mWarning:\u001b\[39m /;
  const idle = ['pub', '-t', 'a', '-m', 'x', '-h', '127.0.0.1', '-p', '1', '--will-qos', '1'];
  assert.match(await shown(idle), yellow);
  assert.match(await shown(idle, {NO_COLOR: '1'}), /^Warning: /);
  assert.match((await runTmq([...idle, '--color', 'always'])).stderr, yellow);
  assert.match((await runTmq(idle)).stderr, /^Warning: /);
  const directory = await mkdtemp(join(tmpdir(), 'tmq-looks-'));
  try {
    // Without a password file no client can connect.
    await writeFile(join(directory, 'locked.conf'), 'listener 1883 127.0.0.1\n');
    const locked = ['broker', '--test-config', '-c', join(directory, 'locked.conf')];
    assert.match(await shown(locked), yellow);
    assert.match((await runTmq(locked)).stderr, /^Warning: no client can connect/);
  } finally {
    await rm(directory, {recursive: true});
  }
  const unreadable = ['passwd', '-b', '-H', 'sha512-crypt', '-c', '-', 'alice', 'secret'];
  assert.match(await shown(unreadable), /\u001b\[33mWarning:\u001b\[39m mosquitto cannot read/);
});
