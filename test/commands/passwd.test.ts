/** `tmq passwd` in all its forms: what it prints, what it leaves in the file, and its status. */

import assert from 'node:assert/strict';
import {mkdtemp, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, beforeEach, describe, test} from 'node:test';
import {verifySecret} from '../../src/password/hash.ts';
import {type Result, type RunOptions, runMain, startMain} from '../support/run.ts';

const hash =
  '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==';
const crypt = `$6$saltsalt$${'a'.repeat(86)}`;

let directory: string;
let file: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-passwd-'));
  file = join(directory, 'passwd');
});
after(() => rm(directory, {recursive: true, force: true}));
beforeEach(() => rm(file, {force: true}));

const passwd = (words: readonly string[], options?: RunOptions) => runMain(['passwd', ...words], options);
const content = () => readFile(file, 'utf8');

/** The secret of a user in the file. */
async function secretOf(username: string): Promise<string> {
  const line = (await content()).split('\n').find((text) => text.startsWith(`${username}:`));
  assert.ok(line !== undefined, `no line of ${username}`);
  return line.slice(username.length + 1);
}

function expect({stdout, stderr, exitCode}: Result, expected: readonly [string, string, number]): void {
  assert.deepEqual([stdout.toString(), stderr, exitCode], expected);
}

/** What is wrong with the words, in one line, and where help is. */
function refused({stdout, stderr, exitCode}: Result, message: string): void {
  assert.deepEqual(
    [stdout.toString(), stderr, exitCode],
    ['', `Error: ${message}\n\nUse 'tmq passwd --help' to see usage.\n`, 1],
  );
}

describe('adding and updating', () => {
  test('-b adds to a file that is there, and updates in place', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    expect(await passwd(['-b', file, 'b', 'one']), ['Adding password for user b\n', '', 0]);
    expect(await passwd(['-b', file, 'c', 'two']), ['Adding password for user c\n', '', 0]);
    expect(await passwd(['-b', file, 'b', 'three']), ['Updating password for user b\n', '', 0]);
    assert.match(await content(), /^a:.*\nb:.*\nc:.*\n$/);
    assert.equal(await secretOf('a'), hash);
    assert.equal(await verifySecret(await secretOf('b'), 'three'), true);
    assert.equal(await verifySecret(await secretOf('c'), 'two'), true);
  });

  test('the password comes from the first line of stdin, without a prompt', async () => {
    await writeFile(file, '', {mode: 0o600});
    expect(await passwd([file, 'a'], {input: 'pä ss\r\n'}), ['Adding password for user a\n', '', 0]);
    assert.equal(await verifySecret(await secretOf('a'), 'pä ss'), true);
    expect(await passwd([file, 'a'], {input: 'no newline'}), ['Updating password for user a\n', '', 0]);
    assert.equal(await verifySecret(await secretOf('a'), 'no newline'), true);
    const bytes = Buffer.from([0xff, 0xfe, 0x0a]);
    await passwd([file, 'a'], {input: bytes});
    assert.equal(await verifySecret(await secretOf('a'), bytes.subarray(0, 2)), true);
  });

  test('does not wait for the end of stdin once it has a line', async () => {
    await writeFile(file, '', {mode: 0o600});
    const running = startMain(['passwd', file, 'a']);
    running.stdin.write('se');
    running.stdin.write('cret\n');
    expect(await running.finished, ['Adding password for user a\n', '', 0]);
    assert.equal(await verifySecret(await secretOf('a'), 'secret'), true);
  });

  test('an empty password is refused, but not on the command line', async () => {
    await writeFile(file, '', {mode: 0o600});
    for (const input of ['', '\n'])
      expect(await passwd([file, 'a'], {input}), [
        '',
        'Error: Empty password. It needs a character at least.\n',
        1,
      ]);
    assert.equal(await content(), '');
    expect(await passwd(['-b', file, 'a', '']), ['Adding password for user a\n', '', 0]);
    assert.equal(await verifySecret(await secretOf('a'), ''), true);
  });

  test('a password that MQTT or a file cannot carry is refused', async () => {
    await writeFile(file, '', {mode: 0o600});
    const tooLong = 'Error: Password must be less than 65536 characters long.\n';
    expect(await passwd([file, 'a'], {input: `${'x'.repeat(200_000)}\n`}), ['', tooLong, 1]);
    expect(await passwd(['-b', file, 'a', 'x'.repeat(65_536)]), ['', tooLong, 1]);
    assert.match((await passwd([file, 'a'], {input: 'a\0b\n'})).stderr, /NUL/);
    assert.match((await passwd(['-b', file, 'a', 'x\ufffd'])).stderr, /standard input/);
    assert.equal(await content(), '');
  });

  test('comments, blank and unknown lines stay, and a missing last newline is no trap', async () => {
    const text = `# who may log in\n\na:${hash}\r\nunknown\n#c:${hash}\nb:${hash}`;
    await writeFile(file, text, {mode: 0o600});
    await passwd(['-b', file, 'c', 'x']);
    assert.equal(await content(), `${text}\nc:${await secretOf('c')}\n`);
    await passwd(['-b', file, 'b', 'x']);
    await passwd(['-D', file, 'c']);
    assert.equal(await content(), `${text.slice(0, -hash.length)}${await secretOf('b')}\n`);
  });

  test('further lines of an updated user are removed with a warning', async () => {
    await writeFile(file, `a:${hash}\nb:${hash}\na:${hash}\n`, {mode: 0o600});
    const {stderr} = await passwd(['-b', file, 'a', 'new']);
    assert.equal(
      stderr,
      `Warning: Line 3 was removed from ${file}: a further line keeps another password in force.\n`,
    );
    assert.equal(await content(), `a:${await secretOf('a')}\nb:${hash}\n`);
  });

  test('other users with several lines are reported', async () => {
    await writeFile(file, `a:${hash}\na:${hash}\n`, {mode: 0o600});
    const {stderr, exitCode} = await passwd(['-b', file, 'b', 'x']);
    assert.match(stderr, /^Warning: User a has several lines in .*: 1, 2\. .*\n$/);
    assert.equal(exitCode, 0);
  });

  test('a file that all users can read is reported', async () => {
    await writeFile(file, '', {mode: 0o644});
    assert.match(
      (await passwd(['-b', file, 'a', 'x'])).stderr,
      /^Warning: Every user of this machine can read /,
    );
    assert.equal((await stat(file)).mode & 0o777, 0o644);
  });

  test('a file that is not there, or is no file, is not made', async () => {
    expect(await passwd(['-b', file, 'a', 'x']), [
      '',
      `Error: Cannot read the password file ${file}: no such file or directory. -c makes a new one.\n`,
      1,
    ]);
    // Before the password is asked for.
    const {stderr} = await startMain(['passwd', file, 'a']).finished;
    assert.match(stderr, /no such file/);
    expect(await passwd(['-b', directory, 'a', 'x']), [
      '',
      `Error: ${directory} is a directory, not a file.\n`,
      1,
    ]);
    assert.deepEqual(await readdir(directory), []);
  });

  test('a signal while the password is awaited changes nothing', async () => {
    await writeFile(file, '', {mode: 0o600});
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const running = startMain(['passwd', file, 'a']);
      running.stdin.write('half');
      expect(await running.interrupt(signal), ['', '', status]);
    }
    assert.equal(await content(), '');
  });
});

describe('creating', () => {
  test('-c makes a file for its owner only', async () => {
    expect(await passwd(['-c', file, 'a'], {input: 'x\n'}), ['Adding password for user a\n', '', 0]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory), ['passwd']);
  });

  test('-c replaces a file with its mode, also through a link', async () => {
    await writeFile(file, `a:${hash}\nb:${hash}\n`, {mode: 0o640});
    const link = join(directory, 'link');
    await symlink('passwd', link);
    expect(await passwd(['-c', '-b', link, 'c', 'x']), ['Adding password for user c\n', '', 0]);
    assert.equal(await content(), `c:${await secretOf('c')}\n`);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    await passwd(['--create', '--force', link, 'd'], {input: 'x\n'});
    assert.match(await content(), /^d:[^\n]*\n$/);
    await rm(link);
  });

  test('-c - prints the line and makes nothing', async () => {
    const printed = await passwd(['-c', '-b', '-', 'zoë', 'x']);
    const [username, secret] = printed.stdout.toString().trimEnd().split(':');
    assert.equal(username, 'zoë');
    assert.equal(await verifySecret(secret!, 'x'), true);
    assert.deepEqual([printed.stderr, printed.exitCode], ['', 0]);
    assert.match((await passwd(['-c', '-', 'a'], {input: 'x\n'})).stdout.toString(), /^a:\$6\$[^\n]+\n$/);
    refused(
      await passwd(['-b', '-', 'a', 'x']),
      "'-' prints a line instead of changing a file, and needs -c.",
    );
  });

  test('a directory that is not there is named with its file', async () => {
    const deep = join(directory, 'no', 'passwd');
    expect(await passwd(['-c', '-b', deep, 'a', 'x']), [
      '',
      `Error: Cannot write the file ${deep}: no such file or directory.\n`,
      1,
    ]);
  });
});

describe('schemes', () => {
  const written = async (...words: readonly string[]) =>
    (await passwd([...words, '-c', '-b', '-', 'a', 'pässwörd'])).stdout.toString().trimEnd().slice(2);

  for (const [words, pattern] of [
    [[], /^\$6\$[A-Za-z\d+/]{16}\$[A-Za-z\d+/]{86}==$/],
    [['-H', 'sha512'], /^\$6\$[A-Za-z\d+/]{16}\$[A-Za-z\d+/]{86}==$/],
    [['-H', 'sha512-pbkdf2'], /^\$7\$210000\$[A-Za-z\d+/]{16}\$[A-Za-z\d+/]{86}==$/],
    [['-H', 'sha512-pbkdf2', '-I', '101'], /^\$7\$101\$/],
    [['-I', '1000'], /^\$7\$1000\$/],
    [['--hash=argon2id'], /^\$argon2id\$v=19\$m=47104,t=1,p=1\$[^$]{86}\$[^$]{86}$/],
    [['-H', 'sha512-crypt'], /^\$6\$[./A-Za-z\d]{16}\$[./A-Za-z\d]{86}$/],
    [['-H', 'sha512-crypt', '-I', '1000'], /^\$6\$rounds=1000\$/],
  ] as const) {
    test(`${words.join(' ') || 'the default'} writes what verifies`, async () => {
      const secret = await written(...words);
      assert.match(secret, pattern);
      assert.equal(await verifySecret(secret, 'pässwörd'), true);
    });
  }

  test('one that mosquitto cannot read is written with a warning', async () => {
    const {stderr, exitCode} = await passwd(['-H', 'sha512-crypt', '-c', '-b', file, 'a', 'x']);
    assert.match(stderr, /^Warning: mosquitto cannot read sha512-crypt: /);
    assert.equal(exitCode, 0);
  });

  test('which cannot do what is asked is refused', async () => {
    refused(
      await passwd(['-H', 'SHA512', file, 'a']),
      "Unknown hash type 'SHA512'. It is one of sha512, sha512-pbkdf2, argon2id, sha512-crypt, scram-sha-256, scram-sha-512.",
    );
    refused(await passwd(['-I', '0', file, 'a']), 'Number of iterations must be > 0, not 0.');
    refused(await passwd(['-I', '-5', file, 'a']), 'Number of iterations must be > 0, not -5.');
    refused(await passwd(['-I', 'x', file, 'a']), 'Number of iterations must be > 0, not x.');
    refused(
      await passwd(['-I', '2147483648', file, 'a']),
      'Number of iterations must be less than 2147483648.',
    );
    refused(
      await passwd(['-H', 'sha512', '-I', '9', file, 'a']),
      '-I cannot be used with -H sha512, whose work is fixed.',
    );
    refused(
      await passwd(['-H', 'sha512-crypt', '-I', '9', file, 'a']),
      '-I must be between 1000 and 999999999 with -H sha512-crypt.',
    );
    expect(await passwd(['-H', 'argon2id', '-c', '-b', '-', 'a', '']), [
      '',
      'Error: An empty password cannot be hashed with argon2id.\n',
      1,
    ]);
  });
});

describe('deleting', () => {
  test('-D removes all lines of the user, and prints nothing', async () => {
    await writeFile(file, `# a\na:${hash}\nb:${hash}\na:x\n`, {mode: 0o600});
    expect(await passwd(['-D', file, 'a']), ['', '', 0]);
    assert.equal(await content(), `# a\nb:${hash}\n`);
  });

  test('an unknown user is status 1 and no change', async () => {
    await writeFile(file, `a:${hash}`, {mode: 0o600});
    const {mtimeMs, ino} = await stat(file);
    expect(await passwd(['-D', file, 'A']), [
      '',
      'Error: User A not found in password file. --list shows the users.\n',
      1,
    ]);
    const now = await stat(file);
    assert.deepEqual([now.mtimeMs, now.ino, await content()], [mtimeMs, ino, `a:${hash}`]);
  });

  test('finds names that could not be written', async () => {
    await writeFile(file, `a\tb:${hash}\n`, {mode: 0o600});
    expect(await passwd(['-D', file, 'a\tb']), ['', '', 0]);
    assert.equal(await content(), '');
  });
});

describe('upgrading', () => {
  test('-U hashes plain text, leaves everything else, and can be repeated', async () => {
    const kept = `# a:comment\n\nb:${hash}\nc:${crypt}\nstray\n`;
    await writeFile(file, `${kept}plain:se:cret \r\nlast:x`, {mode: 0o600});
    expect(await passwd(['-U', file]), ['', '', 0]);
    const once = await content();
    assert.ok(once.startsWith(kept));
    assert.equal(await verifySecret((await secretOf('plain')).replace('\r', ''), 'se:cret'), true);
    assert.equal(await verifySecret(await secretOf('last'), 'x'), true);
    expect(await passwd(['-U', file]), ['', '', 0]);
    assert.equal(await content(), once);
  });

  test('-H and -I choose what is written', async () => {
    await writeFile(file, 'a:x\nb:x\n', {mode: 0o600});
    assert.equal((await passwd(['-H', 'sha512-pbkdf2', '-I', '7', '-U', file])).exitCode, 0);
    assert.match(await content(), /^a:\$7\$7\$.*\nb:\$7\$7\$.*\n$/);
    assert.notEqual(await secretOf('a'), await secretOf('b'));
  });

  test('what looks like a hash but is none is left and reported, never hashed', async () => {
    await writeFile(file, 'a:x\nb:$2b$12$abc\nc:\n:x\n', {mode: 0o600});
    const {stderr, exitCode} = await passwd(['-U', file]);
    assert.deepEqual(stderr.split('\n'), [
      `Warning: Line 2 of ${file} was left as it is: its hash is damaged or of an unknown scheme.`,
      `Warning: Line 3 of ${file} was left as it is: it has no password.`,
      `Warning: Line 4 of ${file} was left as it is: it names no user.`,
      '',
    ]);
    assert.equal(exitCode, 0);
    assert.match(await content(), /^a:\$6\$.*\nb:\$2b\$12\$abc\nc:\n:x\n$/);
  });

  test('an empty file is status 1, as with mosquitto', async () => {
    await writeFile(file, '', {mode: 0o600});
    expect(await passwd(['-U', file]), ['', `Error: ${file} is empty: there is nothing to upgrade.\n`, 1]);
  });

  test('-U hashes more than it remembers, each line in its place', async () => {
    const names = Array.from({length: 20_500}, (_, index) => `user${index}`);
    await writeFile(file, names.map((name) => `# ${name}\n${name}:pw-${name}\n`).join(''), {mode: 0o600});
    expect(await passwd(['-U', file]), ['', '', 0]);
    const lines = (await content()).split('\n');
    assert.equal(lines.length, 2 * names.length + 1);
    for (const [index, name] of names.entries()) {
      assert.equal(lines[2 * index], `# ${name}`);
      assert.ok(lines[2 * index + 1]!.startsWith(`${name}:$6$`));
    }
    for (const name of ['user0', 'user19999', 'user20000', 'user20499']) {
      assert.equal(await verifySecret(await secretOf(name), `pw-${name}`), true, name);
    }
  });

  test('-U names a line that cannot be hashed, and hashes none', async () => {
    const text = 'a:x\n\nb:y\0z\n';
    await writeFile(file, text, {mode: 0o600});
    const {stderr, exitCode} = await passwd(['-U', file]);
    assert.match(stderr, /^Error: Line 3 of .* cannot be hashed, so none was: .* NUL byte/);
    assert.equal(exitCode, 1);
    assert.equal(await content(), text);
  });

  test('is stopped by a signal, without a change', async () => {
    const text = Array.from({length: 200}, (_, index) => `u${index}:x\n`).join('');
    await writeFile(file, text, {mode: 0o600});
    const running = startMain(['passwd', '-I', '100000', '-U', file]);
    expect(await running.interrupt('SIGTERM'), ['', '', 143]);
    assert.equal(await content(), text);
    assert.deepEqual(await readdir(directory), ['passwd']);
  });
});

describe('importing', () => {
  test('sets many users at once', async () => {
    await writeFile(file, `# head\nb:${hash}\n`, {mode: 0o600});
    const input = `# new\na:x:y\r\n\nb:new\nc:${hash}\n`;
    expect(await passwd(['--import', '-', file], {input}), ['Added 2, updated 1\n', '', 0]);
    assert.match(await content(), /^# head\nb:.*\na:.*\nc:.*\n$/);
    assert.equal(await verifySecret(await secretOf('a'), 'x:y'), true);
    assert.equal(await verifySecret(await secretOf('b'), 'new'), true);
    assert.equal(await secretOf('c'), hash);
  });

  test('-c makes the file of them, from a file as well', async () => {
    const source = join(directory, 'users');
    await writeFile(source, 'a:1\nb:2\n');
    expect(await passwd(['-c', '--import', source, file]), ['Added 2, updated 0\n', '', 0]);
    assert.match(await content(), /^a:.*\nb:.*\n$/);
    await rm(source);
  });

  test('writes none when one cannot be', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    const {stderr, exitCode} = await passwd(['--import', '-', file], {input: 'b:secret\n#\nno colon\n'});
    assert.equal(
      stderr,
      "Error: Line 3 cannot be imported, so none was: It has no ':' between user and password.\n",
    );
    assert.equal(exitCode, 1);
    assert.equal(await content(), `a:${hash}\n`);
    expect(await passwd(['--import', '-', file]), [
      '',
      'Error: There is no user to import. A line is user:password.\n',
      1,
    ]);
  });
});

describe('verifying', () => {
  test('status 0 for the password, 1 and a sentence for another', async () => {
    await writeFile(file, `rajan:${hash}\n`, {mode: 0o600});
    expect(await passwd(['--verify', '-b', file, 'rajan', 'password123']), ['', '', 0]);
    expect(await passwd(['--verify', file, 'rajan'], {input: 'password123\n'}), ['', '', 0]);
    const wrong = 'Error: This is not the password of user rajan.\n';
    expect(await passwd(['--verify', '-b', file, 'rajan', 'secret-1']), ['', wrong, 1]);
    expect(await passwd(['--verify', file, 'rajan'], {input: ''}), ['', wrong, 1]);
    expect(await passwd(['--verify', '-b', file, 'x', 'x']), [
      '',
      'Error: User x not found in password file. --list shows the users.\n',
      1,
    ]);
  });

  test('an entry that matches no password is reported', async () => {
    await writeFile(file, 'a:plain\nb:$6$broken\n', {mode: 0o600});
    assert.match((await passwd(['--verify', '-b', file, 'a', 'plain'])).stderr, /Line 1 .*plain text/);
    const {stderr, exitCode} = await passwd(['--verify', '-b', file, 'b', 'x']);
    assert.match(stderr, /Line 2 .* admits no user: its hash is damaged/);
    assert.equal(exitCode, 1);
  });

  test('of several lines the last entry counts, as in mosquitto 2.0', async () => {
    await writeFile(file, `a:${crypt}\na:${hash}\na:plain\n`, {mode: 0o600});
    const {stderr, exitCode} = await passwd(['--verify', '-b', file, 'a', 'password123']);
    assert.match(stderr, /^Warning: User a has several lines: 1, 2, 3\./);
    assert.equal(exitCode, 0);
  });
});

describe('reports', () => {
  const text = [
    '# head',
    `a:${hash}`,
    `b\x1b[31m\u009b:${hash.replace('$6$', '$7$250000$')}`,
    `c:${crypt}`,
    'd:plain-secret',
    'e:$5$x',
    `f:$argon2id$v=19$m=8,t=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
    'stray',
    '',
  ].join('\n');

  test('--list prints user, scheme, cost and line, and no secret', async () => {
    await writeFile(file, text);
    const {stdout, stderr, exitCode} = await passwd(['--list', file]);
    assert.deepEqual(stdout.toString().split('\n'), [
      'a\tsha512\titerations=1\t2',
      'b\\e[31m\\x9b\tsha512-pbkdf2\titerations=250000\t3',
      'c\tsha512-crypt\trounds=5000\t4',
      'd\tplain\t-\t5',
      'e\tunknown\t-\t6',
      'f\targon2id\tmemory=8,passes=1,lanes=1\t7',
      '',
    ]);
    assert.deepEqual([stderr, exitCode], ['', 0]);
  });

  test('--list --json prints an object a line', async () => {
    await writeFile(file, text);
    const {stdout} = await passwd(['--list', '--json', file]);
    const objects = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(objects.slice(0, 2), [
      {username: 'a', scheme: 'sha512', cost: {iterations: 1}, line: 2},
      {username: 'b\x1b[31m\u009b', scheme: 'sha512-pbkdf2', cost: {iterations: 250_000}, line: 3},
    ]);
    assert.deepEqual(objects[3], {username: 'd', scheme: 'plain', cost: null, line: 5});
    assert.equal(objects.length, 6);
    assert.doesNotMatch(stdout.toString(), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test('--weak prints what falls short, why, and status 1', async () => {
    await writeFile(file, text);
    const {stdout, exitCode} = await passwd(['--weak', file]);
    const lines = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    assert.deepEqual(
      lines.map(([username]) => username),
      ['a', 'c', 'd', 'e', 'f'],
    );
    assert.ok(lines.every((fields) => fields.length === 5 && fields[4] !== ''));
    assert.equal(exitCode, 1);
    const json = await passwd(['--weak', '--json', file]);
    assert.match(json.stdout.toString(), /^\{"username":"a",.*"weakness":"a single round/);
  });

  test('--weak finds nothing in a good file, with status 0', async () => {
    await writeFile(file, `b:${hash.replace('$6$', '$7$250000$')}\n`);
    expect(await passwd(['--weak', file]), ['', '', 0]);
  });

  test('changes nothing', async () => {
    await writeFile(file, text);
    const {mtimeMs} = await stat(file);
    await passwd(['--list', file]);
    await passwd(['--weak', file]);
    assert.equal((await stat(file)).mtimeMs, mtimeMs);
  });
});

describe('words that do not fit', () => {
  const missing = 'argument given but password file';
  const cases: readonly (readonly [words: readonly string[], message: string])[] = [
    [['-c', '-D', 'f', 'u'], '-c and -D cannot be used together. Leave one out.'],
    [['-c', '-U', 'f'], '-c and -U cannot be used together. Leave one out.'],
    [['-D', '-U', 'f'], '-D and -U cannot be used together. Leave one out.'],
    [['-b', '-D', 'f', 'u'], '-b and -D cannot be used together. Leave one out.'],
    [['--list', '--verify', 'f', 'u'], '--verify and --list cannot be used together. Leave one out.'],
    [['--import', '-', '-U', 'f'], '-U and --import cannot be used together. Leave one out.'],
    [['-D', '-H', 'sha512', 'f', 'u'], '-D and -H cannot be used together. Leave one out.'],
    [['--json', 'f', 'u'], '--json goes with --list or --weak.'],
    [['--force', 'f', 'u'], '--force goes with -c.'],
    [['-c', 'f'], `-c ${missing} or username missing, as in tmq passwd -c passwords.txt ann`],
    [
      ['-c', '-b', 'f', 'u'],
      `-c ${missing}, username, or password missing, as in tmq passwd -c -b passwords.txt ann secret`,
    ],
    [['-D', 'f'], `-D ${missing} or username missing, as in tmq passwd -D passwords.txt ann`],
    [['-U'], `-U ${missing} missing, as in tmq passwd -U passwords.txt`],
    [['--list'], `--list ${missing} missing, as in tmq passwd --list passwords.txt`],
    [
      ['-H'],
      '-H argument given but not enough other arguments. It is one of sha512, sha512-pbkdf2, argon2id, sha512-crypt, scram-sha-256, scram-sha-512.',
    ],
    [['-I'], '-I argument given but not enough other arguments. It takes a number.'],
    [
      ['-b', 'f', 'u'],
      'A password file, a user name and a password must be given, as in tmq passwd -b passwords.txt ann secret',
    ],
    [['f', 'u', 'p'], 'Too many words: a password on the command line needs -b before the file.'],
    [['-b', 'f', 'u', 'p', 'q'], 'Too many words: a password file, a user and a password is all it takes.'],
    [['-U', 'f', 'g'], 'Too many words: a password file is all it takes.'],
  ];
  for (const [words, message] of cases) {
    test(words.join(' '), async () => refused(await passwd(words), message));
  }

  test('none at all: the short help', async () => {
    const {stdout, stderr, exitCode} = await passwd([]);
    assert.deepEqual([stdout.toString(), exitCode], ['', 1]);
    assert.match(
      stderr,
      /^Error: A password file and a user name must be given, as in .*\n\nUsage: tmq passwd /,
    );
  });

  test('names that a broker would read differently', async () => {
    await writeFile(file, `a:${hash}\n`, {mode: 0o600});
    for (const [name, message] of [
      ['', 'Username must not be empty. Is a variable of the shell unset?'],
      ['a:b', "Username must not contain the ':' character, which ends it in the file."],
      ['#a', "Username must not begin with '#', which makes the line a comment."],
      ['a\x1b', 'Username must not contain control characters.'],
      [' a', 'Username must not begin or end with a blank, which brokers drop.'],
      ['a'.repeat(65_536), 'Username must be less than 65536 characters long.'],
    ] as const) {
      expect(await passwd(['-b', file, name, 'x']), ['', `Error: ${message}\n`, 1]);
    }
    assert.equal(await content(), `a:${hash}\n`);
  });

  test('options may also follow the file, and a password may look like one after --', async () => {
    expect(await passwd([file, 'a', '-c', '-b', 'x']), ['Adding password for user a\n', '', 0]);
    expect(await passwd(['-b', '--', file, 'a', '-c']), ['Updating password for user a\n', '', 0]);
    assert.equal(await verifySecret(await secretOf('a'), '-c'), true);
  });

  test('no message repeats a password', async () => {
    await writeFile(file, 'a:old-secret\nb:$x$old-secret\n', {mode: 0o644});
    for (const words of [
      [file, 'a', 'my-secret'],
      ['-b', file, 'a', 'my-secret', 'my-secret'],
      ['--verify', '-b', file, 'a', 'my-secret'],
      ['--verify', '-b', file, 'b', 'my-secret'],
      ['--list', file],
      ['--weak', file],
      ['-U', file],
      ['-b', `${file}-none`, 'a', 'my-secret'],
    ]) {
      const {stdout, stderr} = await passwd(words);
      assert.doesNotMatch(stdout.toString() + stderr, /secret/, words.join(' '));
    }
  });
});
