/** Profiles: where they count, what each command takes of them, and tmq profile. */

import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import type {AnyCommand} from '../../src/cli/command.ts';
import type {OptionTable} from '../../src/cli/option.ts';
import {flagsBeyondShared, profileDirectory} from '../../src/cli/profiles.ts';
import {clientOptions} from '../../src/commands/client/client-options.ts';
import {pub} from '../../src/commands/pub/pub.ts';
import {reply} from '../../src/commands/reply/reply.ts';
import {rr} from '../../src/commands/rr/rr.ts';
import {sub} from '../../src/commands/sub/sub.ts';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';

const home = mkdtempSync(join(tmpdir(), 'tmq-profiles-'));
const directory = join(home, '.config', 'tmq', 'profiles');
mkdirSync(directory, {recursive: true});
after(() => rmSync(home, {recursive: true}));

const profile = (name: string, text: string, mode = 0o600) =>
  writeFileSync(join(directory, name), text, {mode});
const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}, programName = 'tmq') =>
  runMain(words, {env: {HOME: home, ...env}, programName});

let broker: TestBroker;
let at: string;
before(async () => {
  broker = await startBroker();
  at = `-h 127.0.0.1\n-p ${broker.port}\n`;
});
after(() => broker.close());

const lastTopic = () => broker.published.at(-1)?.topic;

describe('--profile', () => {
  test('names a file of options for pub, sub and rr; TMQ_PROFILE does so where it is not given', async () => {
    profile('lab', `${at}-q 1\n`);
    assert.deepEqual((await run(['pub', '--profile', 'lab', '-t', 'one', '-m', 'x'])).stderr, '');
    assert.deepEqual([lastTopic(), broker.published.at(-1)?.qos], ['one', 1]);
    const {exitCode} = await run(['pub', '--profile=lab', '-t', 'two', '-m', 'x'], {TMQ_PROFILE: 'nosuch'});
    assert.deepEqual([exitCode, lastTopic()], [0, 'two']);
    assert.equal((await run(['sub', '-t', 'a', '-E'], {TMQ_PROFILE: 'lab'})).exitCode, 0);
    const ask = ['rr', '-t', 'three', '-e', 'three', '-m', 'x', '-W', '10'];
    assert.equal((await run(ask, {TMQ_PROFILE: 'lab'})).exitCode, 0);
    assert.equal(lastTopic(), 'three');
  });

  test('stands behind the environment and the options file, and before the command line', async () => {
    profile('order', `${at}-t from/profile\n-i from-profile\n-m profile\n`);
    writeFileSync(join(home, '.config', 'tmq', 'pub'), '-h nowhere.invalid\n-t from/file\n');
    try {
      const env = {TMQ_PROFILE: 'order', MQTT_URL: 'mqtt://nowhere.invalid/from/url'};
      assert.equal((await run(['pub', '-q', '1'], env)).exitCode, 0);
      assert.equal(lastTopic(), 'from/profile');
      assert.equal((await run(['pub', '-q', '1', '-t', 'from/words'], env)).exitCode, 0);
      assert.equal(lastTopic(), 'from/words');
    } finally {
      rmSync(join(home, '.config', 'tmq', 'pub'));
    }
  });

  test('passes over what only another client has, and refuses what none has, with file and line', async () => {
    profile('shared', `${at}-C 1\n-v\n--retain\n--format=%p\n-e answers\n`);
    const {exitCode, stderr} = await run(['pub', '--profile', 'shared', '-t', 'a', '-m', 'x']);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.equal(broker.published.at(-1)?.retain, true);
    assert.equal((await run(['sub', '--profile', 'shared', '-t', 'a'])).stdout.toString(), 'x\n');
    profile('wrong', `${at}--qoss 1\n`);
    const wrong = await run(['pub', '--profile', 'wrong', '-t', 'a', '-m', 'x']);
    const place = `${join(directory, 'wrong')}:3`;
    assert.match(
      wrong.stderr,
      new RegExp(`^Error: ${place}: Unknown option '--qoss'\\. Did you mean '--qos'`),
    );
    profile('loop', '--profile lab\n');
    const loop = await run(['sub', '--profile', 'loop', '-t', 'a']);
    assert.match(loop.stderr, /loop:1: --profile stands on the command line only\. TMQ_PROFILE names/);
  });

  test('a name that is not there, or is none, has the names that are there, or its form', async () => {
    const missing = await run(['pub', '--profile', 'nosuch', '-t', 'a', '-m', 'x']);
    assert.match(missing.stderr, /^Error: No profile nosuch in \S+\/profiles\. There are: lab, .*\n/);
    for (const name of ['../pub', '', '.hidden', 'a b']) {
      const {stderr, exitCode} = await run(['pub', '--profile', name, '-t', 'a', '-m', 'x']);
      assert.match(stderr, /^Error: Invalid profile name '.*'\. It has letters, digits and \. _ @ -/);
      assert.equal(exitCode, 1);
    }
    const none = await run(['profile', 'show', 'x'], {XDG_CONFIG_HOME: '/nonexistent'});
    assert.match(none.stderr, /^Error: No profile x in \/nonexistent\/tmq\/profiles\. There is none yet\.\n/);
  });

  test('TMQ_PROFILE is not read under a mosquitto name', async () => {
    const words = ['-t', 'a', '-m', 'x', '-h', '127.0.0.1', '-p', String(broker.port)];
    assert.equal((await run(words, {TMQ_PROFILE: 'nosuch'}, 'mosquitto_pub')).exitCode, 0);
    assert.equal((await run(['pub', ...words], {TMQ_PROFILE: 'nosuch'})).exitCode, 1);
  });

  test('warns of a profile with a password that every user can read, and of no other', async () => {
    const warned = async (text: string, mode: number, ...more: readonly string[]) => {
      rmSync(join(directory, 'open'), {force: true});
      profile('open', `${at}${text}`, mode);
      return (await run(['pub', '--profile', 'open', '-t', 'a', '-m', 'x', ...more])).stderr;
    };
    const path = join(directory, 'open');
    const warning = `Warning: Every user of this machine can read ${path}, which holds a password. Run: chmod o= ${path}\n`;
    assert.equal(await warned('-u ann\n-P geheim\n', 0o644), warning);
    assert.equal(await warned('-u ann\n-P geheim\n', 0o644, '--quiet'), '');
    assert.equal(await warned('-u ann\n-P geheim\n', 0o640), '');
    assert.equal(await warned('-u ann\n--pw-env HOME\n', 0o644), '');
    assert.equal(await warned(`-L mqtt://127.0.0.1:${broker.port}\n`, 0o644), '');
    assert.equal(await warned(`-L mqtt://ann:geheim@127.0.0.1:${broker.port}\n`, 0o644), warning);
  });
});

test('profiles are looked for where options files are', () => {
  assert.equal(profileDirectory({HOME: '/h', XDG_CONFIG_HOME: '/x'}, 'linux'), '/x/tmq/profiles');
  assert.equal(profileDirectory({HOME: '/h'}, 'darwin'), '/h/.config/tmq/profiles');
  assert.equal(profileDirectory({APPDATA: 'C:\\a'}, 'win32'), 'C:\\a\\tmq\\profiles');
  assert.equal(profileDirectory({}, 'linux'), undefined);
});

test('the list of what only some clients have is that of their tables', () => {
  const flags = (command: AnyCommand) =>
    Object.entries(command.options as OptionTable)
      .filter(([key]) => !Object.hasOwn(clientOptions, key))
      .map(([, option]) => option.flags);
  const spelled = (all: readonly string[]) =>
    [...new Set(all.map((each) => each.replace(/ <.*/, '')))].sort();
  assert.deepEqual(spelled(flagsBeyondShared), spelled([pub, sub, rr, reply].flatMap(flags)));
});

describe('tmq profile', () => {
  test('ls prints the names, and says where it has looked when there are none', async () => {
    profile('zeta', '');
    profile('not a name', '');
    const {stdout} = await run(['profile', 'ls']);
    assert.match(stdout.toString(), /^lab\n(.*\n)*zeta\n$/);
    assert.doesNotMatch(stdout.toString(), /not a name/);
    const none = await run(['profile', 'ls'], {XDG_CONFIG_HOME: '/nonexistent'});
    assert.deepEqual(
      [none.stdout.toString(), none.stderr, none.exitCode],
      ['', 'There is no profile in /nonexistent/tmq/profiles.\n', 0],
    );
  });

  test('show prints the options without passwords and keys', async () => {
    const secrets = [
      '-P geheim',
      '-Pgeheim',
      '--pw=geheim',
      '-L mqtts://ann:ge:he@im@host:1/a/@b',
      '--proxy http://me:geheim@proxy',
      '--psk 6765',
      '--keypass geheim',
      '-D connect authentication-data geheim',
      '--pww geheim',
      '--pww=geheim',
    ];
    profile(
      'secret',
      ['# geheim', '-u ann', ...secrets, '-C 3', '-P -', '-D connect user-property a b'].join('\n'),
    );
    const {stdout, stderr} = await run(['profile', 'show', 'secret']);
    assert.equal(stderr, '');
    assert.deepEqual(stdout.toString().trimEnd().split('\n'), [
      '-u ann',
      '-P ***',
      '-P***',
      '--pw=***',
      '-L mqtts://ann:***@host:1/a/@b',
      '--proxy http://me:***@proxy',
      '--psk ***',
      '--keypass ***',
      '-D connect authentication-data ***',
      '--pww ***',
      '--pww=***',
      '-C 3',
      '-P -',
      '-D connect user-property a b',
    ]);
  });

  test('check connects, says ok, and otherwise has the status of the failure', async () => {
    profile('good', `${at}-C 1\n-q 1\n`);
    const good = await run(['profile', 'check', 'good']);
    assert.deepEqual([good.stdout.toString(), good.stderr, good.exitCode], ['good: ok\n', '', 0]);
    profile('gone', '-h 127.0.0.1\n-p 1\n--retry-connect\n');
    const gone = await run(['profile', 'check', 'gone']);
    assert.deepEqual([gone.stdout.toString(), gone.exitCode], ['', 1]);
    assert.match(gone.stderr, /^Error: .*127\.0\.0\.1:1/);
    await using refusing = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', returnCode: 5, sessionPresent: false});
    });
    profile('refused', `-h 127.0.0.1\n-p ${refusing.port}\n`);
    assert.equal((await run(['profile', 'check', 'refused'])).exitCode, 5);
    profile('typo', `${at}-q 7\n`);
    const typo = await run(['profile', 'check', 'typo']);
    assert.match(typo.stderr, /typo:3: Invalid QoS given: 7/);
    assert.equal(typo.exitCode, 1);
  });

  test('check disturbs neither a running client nor its session', async () => {
    await using fake = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', reasonCode: 0, sessionPresent: false});
    });
    const rest = '-i logger\n-c\n-V 5\n--will-topic w\n--will-payload x\n';
    profile('logger', `-h 127.0.0.1\n-p ${fake.port}\n${rest}`);
    assert.equal((await run(['profile', 'check', 'logger'])).exitCode, 0);
    const [connect] = fake.connections[0]!.packets;
    assert.match(String(connect!.clientId), /^tmq-\w{18}$/);
    assert.equal(connect!.clean, true);
    assert.equal(connect!.will, undefined);
    assert.equal((connect!.properties as Record<string, unknown>).sessionExpiryInterval, undefined);
  });

  test('wrong words are named', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--debug'], /^Error: An action is missing\. It is ls, show or check, as in tmq profile ls\n/],
      [['list'], /^Error: Unknown action 'list'\. It is ls, show or check, as in tmq profile ls\n/],
      [['show'], /^Error: The name of a profile is missing, as in tmq profile show prod\n/],
      [['ls', 'x'], /^Error: Unexpected word 'x' after ls\.\n/],
      [['show', 'lab', 'x'], /^Error: Unexpected word 'x' after show\.\n/],
    ];
    for (const [words, sentence] of cases) {
      assert.match((await run(['profile', ...words])).stderr, sentence);
    }
  });
});
