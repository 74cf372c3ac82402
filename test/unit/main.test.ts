/** How command lines begin and how they end: the command, the error line, the exit status. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {runMain} from '../support/run.ts';

test('suggests the command that may have been meant', async () => {
  const hint = "\n\nUse 'tmq --help' to see usage.\n";
  const cases: Readonly<Record<string, string>> = {
    pubb: `Error: Unknown command 'pubb'. Did you mean 'pub'?${hint}`,
    xyzzy: `Error: Unknown command 'xyzzy'. It is one of pub, sub, rr, reply, passwd, profile, bench, broker.${hint}`,
    '-t': `Error: Unknown option '-t'. A command comes first: tmq pub -t …${hint}`,
  };
  for (const [word, stderr] of Object.entries(cases)) {
    assert.deepEqual(await runMain([word, 'a']), {stdout: Buffer.alloc(0), stderr, exitCode: 1});
  }
  const none = await runMain([]);
  assert.match(none.stderr, /^MQTT for the shell[\s\S]*\nThe commands are pub, sub, rr/);
  assert.equal(none.exitCode, 1);
  assert.match((await runMain(['help', 'subb'])).stderr, /Did you mean 'sub'\?/);
});

test('ends a usage error with where to read on, even with --quiet', async () => {
  const {stderr, stdout, exitCode} = await runMain(['pub', '--quiet', '-q', '3']);
  assert.equal(
    stderr,
    "Error: Invalid QoS given: 3. It is 0, 1 or 2.\n\nUse 'tmq pub --help' to see usage.\n",
  );
  assert.deepEqual([stdout.length, exitCode], [0, 1]);
});

test('keeps any other error to one line, and to itself with --quiet', async () => {
  const words = ['-t', 'a', '-f', '/nonexistent/file'];
  const loud = await runMain(['pub', ...words]);
  assert.equal(loud.stderr, 'Error: Cannot read the file /nonexistent/file: no such file or directory.\n');
  const quiet = await runMain(['pub', ...words, '--quiet']);
  assert.deepEqual([quiet.stderr, quiet.exitCode], ['', loud.exitCode]);
});

test('shows control characters instead of obeying them', async () => {
  const {stderr} = await runMain(['pub', '-t', 'a', '-f', '/nonexistent/\u001b[31m\n']);
  assert.match(stderr, /^Error: Cannot read the file \/nonexistent\/\\e\[31m\\n: .*\n$/);
});

test('prints the version', async () => {
  const {stdout, exitCode} = await runMain(['--version']);
  assert.match(stdout.toString(), /^tmq version \S.*\n$/);
  assert.equal(exitCode, 0);
  assert.match((await runMain(['sub', '--version'])).stdout.toString(), /^tmq sub version /);
});

test('is the command whose name the link has', async () => {
  const as = (programName: string, ...words: readonly string[]) => runMain(words, {programName});
  assert.match((await as('mosquitto_sub', '-t')).stderr, /\n\nUse 'mosquitto_sub --help' to see usage\.\n$/);
  assert.match((await as('mosquitto_rr', '--version')).stdout.toString(), /^mosquitto_rr version /);
  assert.match((await as('mosquitto_pub', 'pub')).stderr, /^Error: Unknown option 'pub'\./);
  assert.match((await as('mosquitto_nothing', 'pub', '-t')).stderr, /Use 'tmq pub --help'/);
});

test('shows no password in an error', async () => {
  for (const words of [
    ['--pw=hunter2'],
    ['-Phunter2'],
    ['-L', 'nosuch://u:hunter2@h/t'],
    ['-L', 'mqtt://u:hunter2@h'],
    ['--proxy', 'ftp://u:hunter2@h'],
    ['--proxy', 'socks5h://u:hunter2@'],
    ['--psk', 'hunter2', '--psk-identity', 'a'],
    ['-t', 'a', '-m', 'b', '-P', 'hunter2'],
  ]) {
    const {stderr, exitCode} = await runMain(['pub', ...words]);
    assert.equal(exitCode, 1, words.join(' '));
    assert.match(stderr, /^Error: /);
    assert.doesNotMatch(stderr, /hunter2/);
  }
});

test('asks which shell to complete for', async () => {
  assert.match((await runMain(['--completion'])).stderr, /no shell specified/);
  assert.match((await runMain(['--completion', 'csh'])).stderr, /bash, zsh, fish and powershell/);
});
