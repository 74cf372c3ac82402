/** SCRAM from the command line: tmq passwd makes the accounts, the broker keeps them, and the clients log in. */

import assert from 'node:assert/strict';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker} from '../../src/testing/testing.ts';
import {runMain, startMain} from '../support/run.ts';

const directory = mkdtempSync(join(tmpdir(), 'tmq-scram-'));
after(() => rmSync(directory, {recursive: true, force: true}));
const passwordFile = join(directory, 'users');
const secretFile = join(directory, 'secret');

const users = [
  ['ann', 'scram-sha-256', 'SCRAM-SHA-256'],
  ['bob', 'scram-sha-512', 'SCRAM-SHA-512'],
  ['jürgen', 'scram-sha-256', 'SCRAM-SHA-256'],
] as const;

before(async () => {
  writeFileSync(secretFile, 'pä$sword\n');
  for (const [index, [user, scheme]] of users.entries()) {
    const words = ['passwd', '-H', scheme, '-I', '5000', '-b', ...(index === 0 ? ['-c'] : [])];
    assert.equal((await runMain([...words, passwordFile, user, 'pä$sword'])).exitCode, 0);
  }
});

const login = (user: string, method: string) => [
  '-u',
  user,
  '--pw-file',
  secretFile,
  '--auth-method',
  method,
];

describe('with a password file of tmq passwd', () => {
  for (const [user, , method] of users) {
    test(`${user} logs in by ${method}`, async () => {
      await using broker = await startBroker({passwordFile});
      const address = ['-p', String(broker.port), ...login(user, method)];
      await using sub = startMain(['sub', ...address, '-t', 'a', '-C', '1', '-d']);
      await sub.waitFor('stderr', /Subscribed/);
      assert.match(
        sub.stderr(),
        /sending CONNECT\n.*received AUTH\n.*sending AUTH\n.*received CONNACK \(0\)/s,
      );
      assert.ok(!sub.stderr().includes('pä$sword'));
      assert.equal((await runMain(['pub', ...address, '-t', 'a', '-m', 'x', '-q', '2'])).exitCode, 0);
      assert.equal((await sub.finished).stdout.toString(), 'x\n');
    });
  }

  test('rr does, too', async () => {
    await using broker = await startBroker({passwordFile});
    const address = ['-p', String(broker.port), ...login('ann', 'SCRAM-SHA-256')];
    await using answering = startMain(['sub', ...address, '-t', 'q', '-C', '1', '-d']);
    await answering.waitFor('stderr', /Subscribed/);
    const request = runMain(['rr', ...address, '-t', 'q', '-e', 'r', '-m', 'x', '-W', '10']);
    await answering.finished;
    assert.equal((await runMain(['pub', ...address, '-t', 'r', '-m', 'y'])).exitCode, 0);
    assert.equal((await request).stdout.toString(), 'y\n');
  });

  test('a wrong password, an unknown user and the method of another get the reason code', async () => {
    await using broker = await startBroker({passwordFile});
    const pub = ['pub', '-p', String(broker.port), '-t', 'a', '-m', 'x'];
    for (const words of [
      ['-u', 'ann', '-P', 'wrong', '--auth-method', 'SCRAM-SHA-256'],
      login('nemo', 'SCRAM-SHA-256'),
      login('ann', 'SCRAM-SHA-512'),
    ]) {
      const {stderr, exitCode} = await runMain([...pub, ...words]);
      assert.equal(exitCode, 0x87, stderr);
      assert.equal(
        stderr,
        'Error: Connection error: Not authorized. Check user name (-u) and password (-P).\n',
      );
    }
    assert.equal((await runMain(pub)).exitCode, 5, 'and without a user name, nothing');
    assert.deepEqual(broker.published, []);
  });

  test('the password may also be sent', async () => {
    await using broker = await startBroker({passwordFile});
    const pub = ['pub', '-p', String(broker.port), '-t', 'a', '-m', 'x', '-u', 'ann'];
    assert.equal((await runMain([...pub, '--pw-file', secretFile])).exitCode, 0);
    assert.equal((await runMain([...pub, '-P', 'wrong'])).exitCode, 5);
  });
});

test('tmq passwd verifies, lists and judges the accounts', async () => {
  const verify = (user: string, password: string) =>
    runMain(['passwd', '--verify', '-b', passwordFile, user, password]);
  for (const [user] of users) {
    assert.equal((await verify(user, 'pä$sword')).exitCode, 0, user);
    assert.equal((await verify(user, 'pä$swor')).exitCode, 1, user);
  }
  assert.match(
    readFileSync(passwordFile, 'utf8'),
    /^ann:SCRAM-SHA-256\$5000:[^:]+\$[^:]+:[^:]+=\nbob:SCRAM-SHA-512\$/,
  );
  assert.equal(
    (await runMain(['passwd', '--list', passwordFile])).stdout.toString(),
    'ann\tscram-sha-256\titerations=5000\t1\nbob\tscram-sha-512\titerations=5000\t2\njürgen\tscram-sha-256\titerations=5000\t3\n',
  );
  const {stdout, exitCode} = await runMain(['passwd', '--weak', passwordFile]);
  assert.equal(exitCode, 1);
  assert.match(stdout.toString(), /^ann\t.*\t5000 iterations; advised: at least 600000\n.*210000\n/);
});

test('a damaged account is no plain text, and a password that cannot be prepared makes none', async () => {
  const damaged = join(directory, 'damaged');
  writeFileSync(damaged, readFileSync(passwordFile, 'utf8').replace('$5000:', '$0:'));
  await assert.rejects(
    startBroker({passwordFile: damaged}),
    /damaged:1: 'ann' cannot log in: its hash is damaged or of an unknown scheme/,
  );
  const hash = ['passwd', '-c', '-b', '-H', 'scram-sha-256', '-'];
  const {stderr, exitCode} = await runMain([...hash, 'ann', 'a\ue000']);
  assert.equal(exitCode, 1);
  assert.match(stderr, /There is no SCRAM account: the password cannot be used: SASLprep prohibits/);
  const binary = await runMain(['passwd', '-c', '-H', 'scram-sha-256', join(directory, 'binary'), 'ann'], {
    input: Buffer.from([0xff, 0x0a]),
  });
  assert.match(binary.stderr, /A password for SCRAM has to be UTF-8\./);
});
