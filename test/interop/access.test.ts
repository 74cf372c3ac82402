/** Password files in every scheme and random acl_files, seen by clients and compared with the real mosquitto. */
// needs: mosquitto, mosquitto_pub

import assert from 'node:assert/strict';
import {appendFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import mqtt from 'mqtt';
import {allows, parseAccessList} from '../../src/broker/access/acl.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {runMain, startMain} from '../support/run.ts';
import {run} from '../support/spawn.ts';

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-access-'));
  try {
    await test(directory);
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

/** Writes a password_file and a configuration that names it; the path of the latter. */
async function configured(directory: string, passwords: string): Promise<string> {
  await writeFile(join(directory, 'passwords'), passwords);
  const path = join(directory, 'mosquitto.conf');
  await writeFile(path, `listener 0 127.0.0.1\npassword_file ${join(directory, 'passwords')}\n`);
  return path;
}

/** Of 'password123', made by mosquitto_passwd of these versions and by libargon2. */
const foreign = {
  'sha512, mosquitto 2.0':
    '$6$vRe/NC3ZUloDH78T$iCUhWv+fgw34kA1p2y1/lz5SSYOF8YFVhKLh/QSW+PBf6GEQCvb1gytlBsihEI/Spys2P9SAEKl0qylSJiI6Cw==',
  'sha512, mosquitto 2.1':
    '$6$YtNXVrigb6ZL2j3ZiNoMSfZGjXAy2fHWPZ6A8VPrH8P1zM8dbmiUPfXsLo0Fmcv62RnDQimKUc79NYCJwPfIyg==$mje/BFRaCFGcTWzFrBFulWj4kqVW+N7QqX9GF91L347NADIOwH1H0HdqvlBah29A0PTcCfeY8jDuSUKODBbs+A==',
  'pbkdf2, mosquitto 2.0':
    '$7$101$QldBLjlEtucfe3bM$jVALTT6kGjHtOICGVrD7SD4vjPciPv3MpMYFkLgDxXbUL4au3VuP84UFu35b/8DVuuh+vzMcBIw80Epy+qWX5w==',
  'argon2id, mosquitto 2.1':
    '$argon2id$v=19$m=47104,t=1,p=1$Se9+Gf8oD9Rm0UzncxusvBfU/96o9xDBSo1qJdckDCTquC5f5CNy12lAEQBWlrvxO/2vmhh21ShPJmf4OgKpfA$qcIrv0taHaBEYSqXDcS9RKbILtfsqIBOO38qCJmcyYLxGvKgZ+z3fnrug9SoaeXzD5RXs0TlX62UOP4EV/haMA',
} as const;

describe('password_file', () => {
  it('accepts the right password in every scheme, and no other', async () => {
    await withDirectory(async (directory) => {
      const lines = Object.values(foreign).map((secret, index) => `foreign${index}:${secret}\n`);
      const path = await configured(directory, `# users\n\n${lines.join('')}`);
      const passwords = join(directory, 'passwords');
      const users = lines.map((_, index) => `foreign${index}`);
      for (const scheme of ['sha512', 'sha512-pbkdf2', 'argon2id', 'sha512-crypt']) {
        const made = await runMain(['passwd', '-H', scheme, '-b', passwords, scheme, 'password123']);
        assert.equal(made.exitCode, 0, made.stderr);
        users.push(scheme);
      }
      // In a file of its own: with a comment in it, mosquitto_passwd 2.0 drops all other entries.
      const separate = join(directory, 'theirs');
      const theirs = await run('mosquitto_passwd', ['-b', '-c', separate, 'theirs', 'password123']);
      assert.equal(theirs.exitCode, 0, theirs.stderr);
      await appendFile(passwords, await readFile(separate));
      users.push('theirs');
      await using broker = startMain(['broker', '-c', path, '--ready', 'json', '--quiet']);
      const [line] = await broker.waitFor('stdout', /^\{.*\}$/m);
      const port = String(JSON.parse(line).listeners[0].port);
      const status = async (...credentials: string[]) =>
        (await run('mosquitto_pub', ['-p', port, '-t', 't', '-m', 'x', ...credentials])).exitCode;
      const answers = await Promise.all(
        users.map(async (user) => [
          user,
          await status('-u', user, '-P', 'password123'),
          await status('-u', user, '-P', 'password124'),
        ]),
      );
      assert.deepEqual(
        answers,
        users.map((user) => [user, 0, 5]),
      );
      assert.deepEqual([await status(), await status('-u', 'stranger', '-P', 'password123')], [5, 5]);
    });
  });

  it('a plain-text password is an error that names the remedy, and the remedy works', async () => {
    await withDirectory(async (directory) => {
      const path = await configured(directory, 'rajan:password123\n');
      const passwords = join(directory, 'passwords');
      const refused = await runMain(['broker', '-c', path, '--ready', 'json']);
      assert.equal(refused.exitCode, 1);
      assert.equal(refused.stdout.length, 0);
      const [, command = ''] = /: (tmq passwd -U .*)\.\n$/.exec(refused.stderr) ?? [];
      assert.equal(
        refused.stderr,
        `Error: ${passwords}:1: the password of 'rajan' is plain text; hash it with: ${command}.\n`,
      );
      assert.equal((await runMain(command.split(' ').slice(1))).exitCode, 0);
      await using broker = startMain(['broker', '-c', path, '--ready', 'json', '--quiet']);
      const [line] = await broker.waitFor('stdout', /^\{.*\}$/m);
      const port = String(JSON.parse(line).listeners[0].port);
      const {exitCode} = await run('mosquitto_pub', [
        ...['-p', port, '-t', 't', '-m', 'x', '-u', 'rajan', '-P', 'password123'],
      ]);
      assert.equal(exitCode, 0);
    });
  });
});

const names = ['bob', 'eve', 'dx'] as const;
const clients = [
  {clientId: 'c0'},
  ...names.map((username, index) => ({clientId: `c${index + 1}`, username})),
  {clientId: 'c4', username: 'nobody'},
] as const;
const level = fc.constantFrom('a', 'b', 'bob', 'c1', 'x');
const topics = [
  ...[
    'a',
    'b',
    'a/a',
    'a/b',
    'b/a',
    'a/b/x',
    'b/a/b',
    'bob',
    'bob/c1',
    'a/bob',
    'c1/x',
    'eve/c2',
    'a/eve/c2',
  ],
  ...['d/x', 'a/d/x', 'x/c0', 'a/c0', '/a', 'a/', 'x'],
];

const ruleLevel = (pattern: boolean) =>
  pattern ? fc.oneof(level, fc.constantFrom('%u', '%c', '+')) : fc.oneof(level, fc.constant('+'));
const filter = (pattern: boolean) =>
  fc
    .tuple(fc.array(ruleLevel(pattern), {minLength: 1, maxLength: 3}), fc.boolean())
    .map(([levels, all]) => `${levels.join('/')}${all ? '/#' : ''}`);
const accessWord = fc.constantFrom('read ', 'write ', 'readwrite ', 'deny ', '');
const rule = fc.oneof(
  {weight: 4, arbitrary: fc.tuple(accessWord, filter(false)).map(([word, name]) => `topic ${word}${name}`)},
  {weight: 2, arbitrary: fc.tuple(accessWord, filter(true)).map(([word, name]) => `pattern ${word}${name}`)},
  {weight: 2, arbitrary: fc.constantFrom(...names).map((name) => `user ${name}`)},
  {weight: 1, arbitrary: fc.constantFrom('# comment', '')},
);
const list = fc.array(rule, {maxLength: 14}).map((lines) => lines.map((line) => `${line}\n`).join(''));

/** The topics to which the broker on this port lets a client write, by the reason codes of PUBACK. */
async function writable(port: number, client: (typeof clients)[number]): Promise<readonly string[]> {
  const connected = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    ...{protocolVersion: 5, reconnectPeriod: 0},
    ...client,
  });
  try {
    const answers = await Promise.all(
      topics.map((topic) =>
        connected.publishAsync(topic, 'x', {qos: 1}).then(
          () => true,
          () => false,
        ),
      ),
    );
    return topics.filter((_, index) => answers[index]);
  } finally {
    await connected.endAsync();
  }
}

describe('acl_file', () => {
  it('any list means what it means to mosquitto', async () => {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nacl_file {directory}/acl\n',
      (directory) => writeFile(join(directory, 'acl'), '', {mode: 0o600}),
    );
    await fc.assert(
      fc.asyncProperty(list, async (text) => {
        await writeFile(join(broker.directory, 'acl'), text, {mode: 0o600});
        await broker.reload();
        const ours = parseAccessList(text, 'acl');
        const found = await Promise.all(clients.map((client) => writable(broker.port, client)));
        const expected = clients.map((client) =>
          topics.filter((topic) => allows(ours, client, 'write', topic)),
        );
        assert.deepEqual(found, expected);
      }),
      {numRuns: 40, interruptAfterTimeLimit: 15_000},
    );
  });
});
