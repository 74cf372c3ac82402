/** What people type who know other tools, or who mistype: each gets one line that names the thing and the remedy. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, describe, test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';
import {runTmq} from '../support/tmq.ts';

const pub = ['pub', '-t', 'a', '-m', 'x'];
const sub = ['sub', '-t', 'a'];

const refused: readonly (readonly [row: string, words: readonly string[], message: string])[] = [
  ['E3', [...pub, '-h', 'localhost:port'], 'a port behind a host of -h is a number from 1 to 65535'],
  ['E3', [...pub, '-h', '[::1]:0'], 'a port behind a host of -h is a number from 1 to 65535'],
  ['E3', [...pub, '-h', 'mqtt://ann:geheim@localhost'], '-h takes a host, not a URL. Give the URL with -L'],
  [
    'E3',
    [...pub, '-h', 'ann:geheim@localhost'],
    '-h takes a host alone. Give the user name with -u, and the password with -P.',
  ],
  [
    'E3',
    [...pub, '-h', '/run/mqtt.sock'],
    '-h takes a host, not a path. Give the path of a unix socket with --unix',
  ],
  ['E3', [...pub, '-t', 'a\r'], 'Invalid -t argument: it has the control character CR.'],
  ['E3', [...pub, '-i', 'a\u001b'], 'Invalid -i argument: it has the control character ESC.'],
  ['E3', [...pub, '-t', 'a\ufdd0'], 'Invalid -t argument: it has U+FDD0, which is no character.'],
  ['E4', [...sub, '--hostname', 'h'], "Did you mean '-h'?"],
];

for (const [row, words, message] of refused) {
  test(`${row}: ${words.join(' ')}`, async () => {
    const {stderr, exitCode} = await runMain(words);
    assert.ok(stderr.split('\n')[0]?.includes(message), stderr);
    assert.doesNotMatch(stderr, /geheim/);
    assert.equal(exitCode, 1);
  });
}

test('E2: values may be attached, and short options joined', async () => {
  for (const words of [['--qos=1'], ['-q1'], ['-vC', '1'], ['-vC1'], ['-dq2']]) {
    assert.match((await runMain(['sub', ...words])).stderr, /You must specify a topic/);
  }
});

test('E4: --count, --timeout, --format and other long names are options', async () => {
  for (const words of [
    '--count 1',
    '--timeout 1',
    '--format %t',
    '--no-retained',
    '--max-inflight 1',
    '--srv',
  ]) {
    assert.match((await runMain(['sub', ...words.split(' ')])).stderr, /You must specify a topic/);
  }
});

describe('E5: other names', () => {
  for (const words of [['-v'], ['-V'], ['version'], ['--version']]) {
    test(`tmq ${words[0]} prints the version`, async () => {
      assert.match((await runMain(words)).stdout.toString(), /^tmq version \S.*\n$/);
    });
  }

  test('links named mosquitto and vmq-passwd are tmq broker and tmq passwd', async () => {
    const named = (name: string) => runMain(['--help'], {programName: name});
    assert.match((await named('mosquitto')).stdout.toString(), /^Usage: mosquitto \[/);
    assert.match((await named('vmq-passwd')).stdout.toString(), /^Usage: vmq-passwd \[/);
  });

  test('tmq help formats prints the page as text', async () => {
    const {stdout, exitCode} = await runMain(['help', 'formats']);
    assert.match(stdout.toString(), /^OPTIONS FILES\n/);
    assert.doesNotMatch(stdout.toString(), /^\.\w\w/m);
    assert.equal(exitCode, 0);
  });
});

describe('E6: errors that say it once', () => {
  test('a server of HTTP is named', async () => {
    for (const version of ['311', '5']) {
      await using server = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        connection.sendBytes('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      const {stderr} = await runMain([...sub, '-V', version, '-p', String(server.port), '-W', '5']);
      const text = `Error: localhost:${server.port} speaks HTTP, not MQTT. To reach it by WebSockets, add --ws.\n`;
      assert.equal(stderr, text);
    }
  });

  test('a reason string that repeats the reason is left out', async () => {
    await using server = await startFakeBroker(async (connection) => {
      await connection.accept();
      connection.send({cmd: 'disconnect', reasonCode: 0x87, properties: {reasonString: 'Not authorized.'}});
    });
    const {stderr} = await runMain([...sub, '-V', '5', '-p', String(server.port), '-W', '1']);
    assert.match(
      stderr,
      /^localhost:\d+ ended the connection: Not authorized\. Connecting again\.$|Not authorized\.\n/m,
    );
    assert.doesNotMatch(stderr, /Not authorized \(/);
  });
});

describe('passwd', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-words-'));
  after(() => rm(directory, {recursive: true, force: true}));
  const file = async (name: string, content: string, mode = 0o600) => {
    const path = join(directory, name);
    await writeFile(path, content, {mode});
    return path;
  };

  test('D7: -U hashes a password that begins with a colon', async () => {
    const path = await file('colon', 'user1::password\n');
    assert.deepEqual((await runTmq(['passwd', '-U', path])).stderr, '');
    const verified = await runTmq(['passwd', '--verify', '-b', path, 'user1', ':password']);
    assert.equal(verified.exitCode, 0);
  });

  test('D8: argon2id has a warning about mosquitto 2.0', async () => {
    const path = join(directory, 'argon2id');
    const {stderr, exitCode} = await runTmq(['passwd', '-H', 'argon2id', '-c', '-b', path, 'u', 'p']);
    assert.match(stderr, /^Warning: mosquitto before 2\.1 cannot read argon2id: .*\n$/);
    assert.equal(exitCode, 0);
  });

  test('D10: a second line must be the same; one is enough', async () => {
    const path = join(directory, 'lines');
    const set = (input: string) => runTmq(['passwd', '-c', path, 'u'], {input});
    const differ = await set('not\nmatching\n');
    assert.deepEqual(
      [differ.stderr, differ.exitCode],
      ['Error: Passwords do not match. Give the same one twice.\n', 2],
    );
    assert.equal((await set('one\n')).exitCode, 0);
    assert.equal((await set('same\nsame\n')).exitCode, 0);
  });

  test('D10: the end of a pipe is not waited for', async () => {
    const {start} = await import('../support/spawn.ts');
    const {program} = await import('../support/tmq.ts');
    await using running = start(process.execPath, [program, 'passwd', '-c', join(directory, 'open'), 'u']);
    running.child.stdin?.write('one\n');
    assert.equal((await running.finished).exitCode, 0);
  });

  test('E8: a user that is not there is an error', async () => {
    const path = await file('users', 'a:b\n');
    const {stderr, exitCode} = await runTmq(['passwd', '-D', path, 'ann']);
    assert.deepEqual(
      [stderr, exitCode],
      ['Error: User ann not found in password file. --list shows the users.\n', 1],
    );
  });

  test('E13: a file that every user can read has the command that ends it', async () => {
    const path = await file("it's open.txt", 'ann:x\n', 0o644);
    const {stderr} = await runTmq(['passwd', '-b', path, 'bob', 'secret']);
    const quoted = `'${path.replace("'", "'\\''")}'`;
    assert.equal(stderr, `Warning: Every user of this machine can read ${path}. Run: chmod o= ${quoted}\n`);
  });

  test('D9: a FIFO is refused', async () => {
    const {run} = await import('../support/spawn.ts');
    const path = join(directory, 'fifo');
    await run('mkfifo', [path]);
    for (const words of [
      ['-b', path, 'u', 'p'],
      ['-U', path],
      ['-D', path, 'u'],
    ]) {
      const {stderr, exitCode} = await runTmq(['passwd', ...words]);
      assert.deepEqual([stderr, exitCode], [`Error: ${path} is not a regular file.\n`, 1]);
    }
  });
});
