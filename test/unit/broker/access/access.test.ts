// needs: mosquitto, mosquitto_pub
/** password_file, acl_file and the other access settings, one by one and compared with mosquitto. */

import assert from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {type FileAccess, fileAccess, type Identity} from '../../../../src/broker/access/access.ts';
import {allows, parseAccessList} from '../../../../src/broker/access/acl.ts';
import {parseBrokerConfig} from '../../../../src/broker/config/parse-config.ts';
import type {ListenerConfig} from '../../../../src/broker/config/settings.ts';
import {TmqError} from '../../../../src/errors.ts';
import {startMosquitto} from '../../../support/mosquitto.ts';
import {run} from '../../../support/spawn.ts';

// mosquitto_passwd's own for 'password123', with a salt of twelve bytes.
const secret = '$6$dtMF49Z2e8YSrYEY$';

function gate(
  config: string,
  files: Readonly<Record<string, string>> = {},
): {access: FileAccess; listeners: readonly ListenerConfig[]} {
  const {listeners} = parseBrokerConfig(config, {path: 'x.conf', read: () => assert.fail()});
  const read = (path: string) => Buffer.from(files[path] ?? assert.fail(path));
  return {access: fileAccess(listeners, read), listeners};
}

async function admitted(config: string, identity: Partial<Identity>, files = {}): Promise<boolean> {
  const {access, listeners} = gate(config, files);
  const admission = await access.admit({clientId: 'c', ...identity}, listeners.at(-1)!);
  return admission.accepted;
}

function complaint(config: string, files: Readonly<Record<string, string>>): string {
  try {
    gate(config, files);
  } catch (error) {
    assert.ok(error instanceof TmqError, String(error));
    return error.message;
  }
  assert.fail('accepted');
}

async function passwordLine(name: string, password: string): Promise<string> {
  const {hash} = (await import('../../../../src/password/hash.ts')).schemes[0]!;
  return `${name}:${await hash(Buffer.from(password))}\n`;
}

const password = (text: string) => Buffer.from(text);

describe('connecting', () => {
  it('allow_anonymous decides for clients without a user name, and without a password_file for all', async () => {
    for (const [anonymous, expected] of [
      ['true', true],
      ['false', false],
    ] as const) {
      const config = `listener 1\nallow_anonymous ${anonymous}`;
      assert.equal(await admitted(config, {}), expected);
      assert.equal(await admitted(config, {username: 'u', password: password('p')}), expected);
    }
  });

  it('password_file decides for clients with a user name', async () => {
    const files = {p: `# users\n\n${await passwordLine('bob', 'secret')}stray\n`};
    const config = 'listener 1\npassword_file p\nallow_anonymous true';
    assert.equal(await admitted(config, {username: 'bob', password: password('secret')}, files), true);
    assert.equal(await admitted(config, {username: 'bob', password: password('wrong')}, files), false);
    assert.equal(await admitted(config, {username: 'bob'}, files), false);
    assert.equal(await admitted(config, {username: 'eve', password: password('secret')}, files), false);
    assert.equal(await admitted(config, {}, files), true);
    assert.equal(await admitted('listener 1\npassword_file p', {}, files), false);
  });

  it('the client identifier must begin with clientid_prefixes', async () => {
    const config = 'listener 1\nallow_anonymous true\nclientid_prefixes ok-';
    assert.equal(await admitted(config, {clientId: 'ok-1'}), true);
    assert.equal(await admitted(config, {clientId: 'no-1'}), false);
  });

  it('a certificate stands for user name and password', async () => {
    const config = `listener 1\ncertfile c\nkeyfile k\ncafile a\nrequire_certificate true
use_identity_as_username true`;
    assert.equal(await admitted(config, {certifiedUsername: 'dev'}), true);
    assert.equal(await admitted(config, {username: 'dev', password: password('x')}), false);
    const {access, listeners} = gate(config);
    const admission = await access.admit(
      {clientId: 'c', certifiedUsername: 'dev', username: 'other'},
      listeners[0]!,
    );
    assert.ok(admission.accepted && admission.username === 'dev');
  });

  it('each listener uses its own files', async () => {
    const files = {p: await passwordLine('bob', 'a'), q: await passwordLine('bob', 'b')};
    const {access, listeners} = gate(
      'per_listener_settings true\nlistener 1\npassword_file p\nlistener 2\npassword_file q',
      files,
    );
    const bob = {clientId: 'c', username: 'bob', password: password('b')};
    assert.equal((await access.admit(bob, listeners[0]!)).accepted, false);
    assert.equal((await access.admit(bob, listeners[1]!)).accepted, true);
  });

  it('refuses to start with a password_file that has an unusable entry', () => {
    const config = 'listener 1\npassword_file p';
    assert.equal(
      complaint(config, {p: '# c\nbob:secret\n'}),
      "p:2: the password of 'bob' is plain text; hash it with: tmq passwd -U p.",
    );
    assert.match(complaint(config, {p: `bob:${secret}xx\n`}), /^p:1: 'bob' cannot log in: .*\.$/);
    assert.match(complaint(config, {p: ':x\n'}), /^p:1: it names no user\.$/);
  });

  it('a reload changes the rights of connected clients, or nothing when a file is invalid', async () => {
    const files = {a: 'topic read x\n'};
    const config = 'listener 1\nallow_anonymous true\nacl_file a';
    const {listeners} = parseBrokerConfig(config, {path: 'x.conf', read: () => assert.fail()});
    const access = fileAccess(listeners, () => Buffer.from(files.a));
    const admission = await access.admit({clientId: 'c'}, listeners[0]!);
    assert.ok(admission.accepted);
    const {permissions} = admission;
    assert.equal(permissions.mayPublish('x'), false);
    files.a = 'topic write x\n';
    access.prepareReload(listeners)();
    assert.equal(permissions.mayPublish('x'), true);
    assert.equal(permissions.mayReceive('x'), false);
    files.a = 'nonsense\n';
    assert.throws(() => access.prepareReload(listeners), TmqError);
    assert.equal(permissions.mayPublish('x'), true);
  });
});

describe('a reload', () => {
  it('takes the settings of the new file, too', async () => {
    const {access, listeners} = gate('listener 1\nallow_anonymous true', {a: 'topic read x\n'});
    const listener = listeners[0]!;
    const before = await access.admit({clientId: 'c'}, listener);
    assert.ok(before.accepted && before.permissions.mayPublish('y'));
    access.prepareReload(
      parseBrokerConfig('listener 1\nacl_file a', {path: 'x.conf', read: () => assert.fail()}).listeners,
    )();
    assert.equal(before.permissions.mayPublish('y'), false);
    assert.equal(before.permissions.mayReceive('x'), true);
    assert.equal((await access.admit({clientId: 'c'}, listener)).accepted, false);
  });
});

describe('acl_file', () => {
  it('F12: patterns fill in names as whole levels only, as mosquitto 2.1, and deny names that are more', () => {
    const list = parseAccessList(
      'pattern readwrite a/%u/x\npattern readwrite b/z%u\npattern readwrite c/%c',
      'a',
    );
    const may = (username: string, clientId: string, topic: string) =>
      allows(list, {clientId, username}, 'write', topic);
    assert.equal(may('bob', 'c1', 'a/bob/x'), true);
    assert.equal(may('bob', 'c1', 'c/c1'), true);
    assert.equal(may('bob', 'c1', 'b/zbob'), false);
    for (const name of ['a/b', '+', '#']) {
      assert.equal(may(name, 'c1', `a/${name}/x`), false);
      assert.equal(may('bob', name, `c/${name}`), false);
    }
    assert.equal(list.warnings.length, 1);
    assert.match(
      list.warnings[0]!,
      /^a:2: in the pattern 'b\/z%u', %c and %u are filled in only as whole levels/,
    );
  });

  it('C8: a pattern without %c and %u is a warning, with file and line', () => {
    const {warnings} = parseAccessList('topic a\npattern read b/#\npattern read c/%c', 'acl');
    assert.deepEqual(warnings, [
      "acl:2: the pattern 'b/#' contains neither %c nor %u: it applies to every client",
    ]);
  });

  it('reports errors with file and line', () => {
    for (const [text, message] of [
      ['\ntopics x', "a:2: 'topics' is none of topic, pattern and user."],
      ['user', 'a:1: user is given without a name.'],
      ['topic', 'a:1: topic is given without a topic.'],
      ['topic rw x', "a:1: 'rw' is none of read, write, readwrite, deny."],
      ['topic read a/#/b', "a:1: 'a/#/b' is not a valid topic filter."],
    ] as const) {
      assert.throws(
        () => parseAccessList(text, 'a'),
        (error) => error instanceof TmqError && error.message === message,
      );
    }
  });

  it('never allows what a denial above it denies, whatever the order of the lines', () => {
    const filter = fc.constantFrom('#', 'a/#', 'a/b', '+/b', 'a/+', '$SYS/#', 'c');
    const rule = fc.tuple(fc.constantFrom('read', 'write', 'readwrite', 'deny'), filter);
    fc.assert(
      fc.property(
        fc.array(rule, {maxLength: 6}),
        fc.constantFrom('a/b', 'a', 'c', '$SYS/x'),
        (rules, topic) => {
          const lines = (each: typeof rules) =>
            each.map(([access, to]) => `topic ${access} ${to}`).join('\n');
          const verdict = (text: string) =>
            (['read', 'write'] as const).map((access) =>
              allows(parseAccessList(text, 'a'), {clientId: 'c'}, access, topic),
            );
          assert.deepEqual(verdict(lines(rules)), verdict(lines(rules.toReversed())));
          assert.deepEqual(verdict(`${lines(rules)}\ntopic deny ${topic}`), [false, false]);
        },
      ),
      {numRuns: 500},
    );
  });
});

const list = `# for clients without a user name
topic anonymous/#
topic write anonymous-write
topic deny anonymous/secret
topic with-access/read
user bob
topic read r/#
topic write w/+
topic readwrite both words/#
topic deny r/secret/#
topic $SYS/broker/allowed
topic deny denied/#
user eve
topic #
topic deny denied
user carol
topic r
user dave
topic own
pattern write p/%u/%c/data
pattern read p/%u
pattern deny p/bob/forbidden/#
pattern readwrite q/%c/#
pattern deny r/pattern
`;

const clients = [
  {clientId: 'c0'},
  {clientId: 'c1', username: 'bob'},
  {clientId: 'c2', username: 'eve'},
  {clientId: 'c3', username: 'carol'},
  {clientId: 'c4', username: 'dave'},
  {clientId: 'c+', username: 'eve'},
  {clientId: 'c5', username: 'nobody'},
];

const topics =
  `anonymous anonymous/x anonymous/secret anonymous/secret/x anonymous-write with-access/read r r/a
r/secret r/secret/x r/pattern w w/a w/a/b both|words/x $SYS/broker/allowed $SYS/broker/other denied own
p/bob/c1/data p/bob p/bob/c2/data p/bob/forbidden p/eve/c2/data p/eve p/dave p/dave/c4/data q/c1 q/c1/x q/c2
q/cx/x p/nobody`
    .split(/\s+/)
    .map((topic) => topic.replace('|', ' '));

describe('parity with mosquitto', () => {
  it('the same acl_file lets the same clients write to the same topics', async () => {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {directory}/acl\n',
      (directory) => writeFile(join(directory, 'acl'), list, {mode: 0o600}),
    );
    const ours = parseAccessList(list, 'acl');
    for (const client of clients) {
      const theirs = await writable(broker.port, client);
      const expected = topics.filter(
        (topic) => !topic.startsWith('$') && allows(ours, client, 'write', topic),
      );
      assert.deepEqual(theirs, expected, JSON.stringify(client));
    }
  });

  it('and read the same topics', async () => {
    // Clients cannot write to $SYS: only the rules decide about reading it.
    const readable = topics.filter((topic) => !topic.startsWith('$'));
    await using broker = await startMosquitto(
      `per_listener_settings true
listener {port} 127.0.0.1
allow_anonymous true
acl_file {directory}/acl
listener 0 {directory}/open.sock
allow_anonymous true
`,
      (directory) => writeFile(join(directory, 'acl'), list, {mode: 0o600}),
    );
    for (const topic of readable) {
      const args = ['--unix', join(broker.directory, 'open.sock'), '-r', '-t', topic, '-m', topic];
      assert.equal((await run('mosquitto_pub', args)).exitCode, 0);
    }
    const ours = parseAccessList(list, 'acl');
    const readBy = async (client: (typeof clients)[number]) => {
      const {stdout} = await run('mosquitto_sub', [
        ...['-p', `${broker.port}`, '-t', '#', '-i', client.clientId, '-W', '1'],
        ...(client.username === undefined ? [] : ['-u', client.username]),
      ]);
      const theirs = stdout.toString().split('\n').filter(Boolean).sort();
      const expected = readable.filter((topic) => allows(ours, client, 'read', topic)).sort();
      assert.deepEqual(theirs, expected, JSON.stringify(client));
    };
    await Promise.all(clients.map(readBy));
  });
});

/** The topics to which mosquitto lets the client write, by the reason codes of PUBACK. */
async function writable(port: number, client: (typeof clients)[number]): Promise<readonly string[]> {
  const {default: mqtt} = await import('mqtt');
  const connected = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...client,
  });
  try {
    const allowed: string[] = [];
    // One at a time: mosquitto limits the messages in flight.
    for (const topic of topics) {
      const accepted = connected.publishAsync(topic, 'x', {qos: 1}).then(
        () => true,
        () => false,
      );
      if (await accepted) allowed.push(topic);
    }
    return allowed;
  } finally {
    await connected.endAsync();
  }
}
