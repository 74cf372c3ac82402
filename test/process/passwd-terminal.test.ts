/** `tmq passwd` before a person: prompts without echo, corrections, ^C, and a terminal left as it was. */

import assert from 'node:assert/strict';
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, test} from 'node:test';
import {verifySecret} from '../../src/password/hash.ts';
import {startOnTerminal, type TerminalRun} from '../support/pseudo-terminal.ts';
import {program} from '../support/tmq.ts';

const hash =
  '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-passwd-'));
  file = join(directory, 'passwd');
});
afterEach(() => rm(directory, {recursive: true, force: true}));

const passwd = (...words: readonly string[]) =>
  startOnTerminal(process.execPath, [program, 'passwd', ...words], {env: {NO_COLOR: '1'}});

/** A line of shell on a terminal, in which `tmq` is the program, `$F` the file and `$D` its directory. */
function shell(line: string): TerminalRun {
  const text = `tmq() { "$TMQ_NODE" "$TMQ_PROGRAM" "$@"; }\n${line}`;
  const env = {TMQ_NODE: process.execPath, TMQ_PROGRAM: program, F: file, D: directory, NO_COLOR: '1'};
  return startOnTerminal('/bin/bash', ['-c', text], {env});
}

/** Whether this is the password of the file's last user. */
async function isPassword(password: string): Promise<boolean> {
  const line = (await readFile(file, 'utf8')).trimEnd().split('\n').at(-1)!;
  return await verifySecret(line.slice(line.indexOf(':') + 1), password);
}

const both = 'Password: \r\nReenter password: \r\n';

describe('a password typed', () => {
  test('is asked for twice and never shown', async () => {
    await using terminal = passwd('-c', file, 'a');
    await terminal.shows(/^Password: $/);
    terminal.send('gehéim😀\r');
    await terminal.shows(/Reenter password: $/);
    terminal.send('gehéim😀\r');
    assert.deepEqual(await terminal.finished, {exitCode: 0, signal: 0});
    assert.equal(terminal.screen(), `${both}Adding password for user a\r\n`);
    assert.equal(await isPassword('gehéim😀'), true);
  });

  test('can be corrected by Backspace, ^W and ^U, and arrow keys do no harm', async () => {
    await using terminal = passwd('-c', file, 'a');
    await terminal.shows(/Password: $/);
    terminal.send('wrong line\x15one tow\x17twä\x7fo\x1b[D\r');
    await terminal.shows(/Reenter password: $/);
    terminal.send('one two\r');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(terminal.screen(), `${both}Adding password for user a\r\n`);
    assert.equal(await isPassword('one two'), true);
  });

  test('and pasted with its repetition is taken whole, whatever the line ends are', async () => {
    for (const paste of ['pasted\rpasted\r', 'pasted\npasted\n', 'pasted\r\npasted\r\n']) {
      await using terminal = passwd('-c', '--force', file, 'a');
      await terminal.shows(/^Password: $/);
      terminal.send(paste);
      assert.equal((await terminal.finished).exitCode, 0, JSON.stringify(paste));
      assert.equal(terminal.screen(), `${both}Adding password for user a\r\n`);
      assert.equal(await isPassword('pasted'), true);
    }
  });

  test('differently the second time gives status 2 and changes nothing', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    await using terminal = passwd(file, 'a');
    await terminal.shows(/Password: $/);
    terminal.send('one\rtwo\r');
    assert.equal((await terminal.finished).exitCode, 2);
    assert.equal(terminal.screen(), `${both}Error: Passwords do not match. Give the same one twice.\r\n`);
    assert.equal(await readFile(file, 'utf8'), `a:${hash}\n`);
  });

  test('as nothing, or ended by ^D, is empty', async () => {
    for (const keys of ['\r', '\x04']) {
      await using terminal = passwd('-c', file, 'a');
      await terminal.shows(/Password: $/);
      terminal.send(keys);
      assert.equal((await terminal.finished).exitCode, 1);
      assert.equal(
        terminal.screen(),
        'Password: \r\nError: Empty password. It needs a character at least.\r\n',
      );
      assert.deepEqual(await readdir(directory), []);
    }
  });

  test('is asked for once by --verify', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    for (const [keys, exitCode] of [
      ['password123\r', 0],
      ['password124\r', 1],
    ] as const) {
      await using terminal = passwd('--verify', file, 'a');
      await terminal.shows(/^Password: $/);
      terminal.send(keys);
      assert.equal((await terminal.finished).exitCode, exitCode);
      assert.doesNotMatch(terminal.screen(), /password12/);
    }
  });

  test('is not asked for when the file is not there', async () => {
    await using terminal = passwd(file, 'a');
    assert.equal((await terminal.finished).exitCode, 1);
    assert.match(terminal.screen(), /^Error: Cannot read the password file/);
  });
});

describe('where prompts go', () => {
  test('not to standard output', async () => {
    await using terminal = shell('tmq passwd -c - a > "$D/out"');
    await terminal.shows(/^Password: $/);
    terminal.send('x\rx\r');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(terminal.screen(), both);
    assert.match(await readFile(join(directory, 'out'), 'utf8'), /^a:\$6\$[^\n]*\n$/);
  });

  test('to the terminal when stderr goes elsewhere', async () => {
    await using terminal = shell('tmq passwd -c "$F" a 2> "$D/errors"');
    await terminal.shows(/^Password: $/);
    terminal.send('x\rx\r');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(terminal.screen(), `${both}Adding password for user a\r\n`);
    assert.equal(await readFile(join(directory, 'errors'), 'utf8'), '');
  });

  test('nowhere when the password comes from a pipe', async () => {
    await using terminal = shell('echo secret | tmq passwd -c "$F" a');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(terminal.screen(), 'Adding password for user a\r\n');
    assert.equal(await isPassword('secret'), true);
  });

  test('to the terminal itself for those whose standard input is data', async () => {
    const script = `
      import {promptPassword} from ${JSON.stringify(join(import.meta.dirname, '../../src/io/prompt.ts'))};
      import {processIo} from ${JSON.stringify(join(import.meta.dirname, '../../src/io/process.ts'))};
      console.log(JSON.stringify(await promptPassword(processIo(), 'Secret: ')));
    `;
    await writeFile(join(directory, 'ask.mjs'), script);
    const line = `echo data | "$TMQ_NODE" --import ${import.meta.resolve('tsx')} "$D/ask.mjs" > "$D/out"; stty -a`;
    await using terminal = shell(line);
    await terminal.shows(/^Secret: $/);
    terminal.send('sö\x7fo\r');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(await readFile(join(directory, 'out'), 'utf8'), '"so"\n');
    assert.match(terminal.screen(), /^Secret: \r\n.* icanon .* echo /s);
  });
});

describe('an existing file and -c', () => {
  for (const [answer, replaced] of [
    ['y\r', true],
    ['Yes\r', true],
    ['\r', false],
    ['n\r', false],
    ['ny\x7f\r', false],
    ['\x04', false],
  ] as const) {
    test(`${JSON.stringify(answer)} ${replaced ? 'replaces it' : 'leaves it'}`, async () => {
      await writeFile(file, `a:${hash}\nb:${hash}\n`, {mode: 0o600});
      await using terminal = passwd('-c', file, 'c');
      await terminal.shows(/passwd exists, with 2 users\. Replace it\? \[y\/N\] $/);
      terminal.send(answer);
      if (replaced) {
        await terminal.shows(/\[y\/N\] [yY]\w*\r\nPassword: $/);
        terminal.send('secret\rsecret\r');
      }
      assert.equal((await terminal.finished).exitCode, replaced ? 0 : 1);
      assert.doesNotMatch(terminal.screen(), /secret/);
      if (replaced) assert.match(await readFile(file, 'utf8'), /^c:[^\n]*\n$/);
      else assert.equal(await readFile(file, 'utf8'), `a:${hash}\nb:${hash}\n`);
    });
  }

  test('an answer pasted with the password does not show the password', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    await using terminal = passwd('-c', file, 'c');
    await terminal.shows(/\[y\/N\] $/);
    terminal.send('y\rsecret\rsecret\r');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.doesNotMatch(terminal.screen(), /secret/);
    assert.equal(await isPassword('secret'), true);
  });

  test('with --force or -b there is no question', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    await using batch = passwd('-c', '-b', file, 'c', 'x');
    assert.equal((await batch.finished).exitCode, 0);
    await using forced = passwd('-c', '--force', file, 'd');
    await forced.shows(/^Password: $/);
    forced.send('x\rx\r');
    assert.equal((await forced.finished).exitCode, 0);
    assert.match(await readFile(file, 'utf8'), /^d:[^\n]*\n$/);
  });
});

describe('an end in the middle', () => {
  for (const [what, typed, signal, status] of [
    ['^C at the first prompt', 'secret\x03', undefined, 130],
    ['^C at the second prompt', 'secret\rsec\x03', undefined, 130],
    ['SIGINT', 'secret\r', 'SIGINT', 130],
    ['SIGTERM', 'secret\r', 'SIGTERM', 143],
  ] as const) {
    test(`${what} restores the terminal, changes nothing and is status ${status}`, async () => {
      await writeFile(file, `a:${hash}\n`, {mode: 0o600});
      const command = 'echo pid=$$; exec "$TMQ_NODE" "$TMQ_PROGRAM" passwd "$F" a';
      await using terminal = shell(
        // The output may come after the exit event: so wait for both.
        `sh -c '${command}'; echo "status=$?"; stty -a; echo all shown; read -r _`,
      );
      await terminal.shows(/Password: $/);
      terminal.send(typed);
      if (signal !== undefined) {
        // What was not read when the process ends belongs to the next reader, and would be shown.
        await terminal.shows(/Reenter password: $/);
        process.kill(Number(/pid=(\d+)/.exec(terminal.screen())![1]), signal);
      }
      await terminal.shows(/all shown/);
      terminal.send('\r');
      await terminal.finished;
      const shown = terminal.screen();
      assert.match(shown, new RegExp(`assword: \\r\\nstatus=${status}\\r\\n`));
      assert.match(shown, /\sisig icanon .* echo /);
      assert.doesNotMatch(shown, /sec/);
      assert.equal(await readFile(file, 'utf8'), `a:${hash}\n`);
      assert.deepEqual(await readdir(directory), ['passwd']);
    });
  }
});

describe('a long upgrade', () => {
  test('shows its progress, and ^C ends it with the line cleared and the file as it was', async () => {
    const text = Array.from({length: 2_000}, (_, index) => `user${index}:x\n`).join('');
    await writeFile(file, text, {mode: 0o600});
    await using terminal = passwd('-I', '200000', '-U', file);
    await terminal.shows(/Hashing passwords: \d+ of 2000/);
    terminal.send('\x03');
    assert.equal((await terminal.finished).exitCode, 130);
    assert.match(terminal.screen(), /\x1b\[0?K[^K]*$/);
    assert.doesNotMatch(terminal.screen(), /\x1b\[\?25l/);
    assert.equal(await readFile(file, 'utf8'), text);
    assert.deepEqual(await readdir(directory), ['passwd']);
  });

  test('shows nothing of that where stderr is no terminal', async () => {
    await writeFile(file, 'a:x\n'.repeat(3), {mode: 0o600});
    await using terminal = shell('tmq passwd -I 3000000 -U "$F" 2> "$D/errors"; echo "status=$?"');
    assert.equal((await terminal.finished).exitCode, 0);
    assert.equal(terminal.screen(), 'status=0\r\n');
    assert.doesNotMatch(await readFile(join(directory, 'errors'), 'utf8'), /Hashing/);
  });
});
