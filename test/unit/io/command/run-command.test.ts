/** How the command of --exec is started and ended, on Windows too. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {endingSignals, Interrupted} from '../../../../src/errors.ts';
import {runCommand} from '../../../../src/io/command/run-command.ts';
import {windowsCommand} from '../../../../src/io/command/windows-command.ts';

const env = {
  Path: 'C:\\Windows;C:\\Program Files\\nodejs',
  PATHEXT: '.COM;.EXE;.CMD',
  ComSpec: 'C:\\cmd.exe',
};
const there = new Set([
  'C:\\Program Files\\nodejs\\node.EXE',
  'C:\\Program Files\\nodejs\\npm.CMD',
  'C:\\Program Files\\nodejs\\npm',
  'tools\\run.cmd',
]);
const command = (...words: readonly string[]) => windowsCommand(words, env, (path) => there.has(path));

test('programs are started as they are', () => {
  assert.deepEqual(command('node', '-e', 'a "b"'), [
    'C:\\Program Files\\nodejs\\node.EXE',
    ['-e', 'a "b"'],
    false,
  ]);
});

test('scripts are run by cmd.exe, which gets each word quoted', () => {
  assert.deepEqual(command('npm', 'test'), [
    'C:\\cmd.exe',
    ['/d', '/s', '/c', '"C:\\Program^ Files\\nodejs\\npm.CMD ^^^"test^^^""'],
    true,
  ]);
  const [, words] = command('tools/run.cmd', 'a & b', 'c"\\');
  assert.equal(words[3], '"tools\\run.cmd ^^^"a^^^ ^^^&^^^ b^^^" ^^^"c\\^^^"\\\\^^^""');
});

test('a command that is nowhere stays as it is, so that its absence is reported', () => {
  assert.deepEqual(command('nothing', 'x'), ['nothing', ['x'], false]);
});

test('an interrupted command gets the same signal, and on Windows, which has none, the one that kills', async () => {
  for (const [platform, status] of [
    ['linux', 129],
    ['win32', 143],
  ] as const) {
    const signal = AbortSignal.abort(new Interrupted('SIGHUP'));
    const words = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
    assert.equal(await runCommand(words, {env: process.env, signal, platform}), status);
  }
});

test('Ctrl-Break, a signal of Windows, ends a command in order', () => {
  assert.ok(endingSignals.includes('SIGBREAK'));
  assert.equal(new Interrupted('SIGBREAK').exitCode, 149);
});
