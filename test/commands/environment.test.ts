/** The variables that stand for options of the connection: where they count, and where options come first. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {freePort} from '../support/mosquitto.ts';
import {runMain} from '../support/run.ts';
import {runShell} from '../support/tmq.ts';

describe('MQTT_URL', () => {
  let broker: TestBroker;
  let other: TestBroker;
  let directory: string;
  before(async () => {
    [broker, other] = await Promise.all([startBroker({webSockets: true}), startBroker()]);
    directory = await mkdtemp(join(tmpdir(), 'tmq-environment-'));
  });
  after(async () => {
    await Promise.all([broker.close(), other.close(), rm(directory, {recursive: true})]);
  });
  const topicsOf = ({published}: TestBroker) => published.map(({topic}) => topic);

  test('E1: names the broker where nothing else does, as tmq broker --exec sets it', async () => {
    const env = {MQTT_URL: broker.url};
    for (const words of [
      ['pub', '-t', 'e1/pub', '-m', 'x', '-q', '1'],
      ['sub', '-t', 'e1/sub', '-E'],
      ['rr', '-t', 'e1/rr', '-e', 'e1/rr', '-m', 'x', '-q', '1', '-W', '10'],
    ]) {
      const {exitCode, stderr} = await runMain(words, {env});
      assert.deepEqual([exitCode, stderr], [0, ''], words[0]);
    }
    assert.deepEqual(topicsOf(broker), ['e1/pub', 'e1/rr']);
    const {exitCode, stdout, stderr} = await runShell(
      'tmq broker --exec -- "$TMQ_NODE" "$TMQ_PROGRAM" pub -t a -m hi -d 2>&1',
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout.toString(), /sending PUBLISH \(d0, q0, r0, m1, 'a'/);
  });

  test('gives way to -h, -L and --unix, and to an options file that names a broker', async () => {
    const env = {MQTT_URL: `mqtt://ann:geheim@127.0.0.1:${broker.port}`};
    const port = String(other.port);
    const file = join(directory, 'options');
    await writeFile(file, `-h 127.0.0.1\n-p ${port}\n`);
    const ways = [
      ['-h', `127.0.0.1:${port}`],
      ['-L', other.url],
      ['-o', file],
    ];
    for (const [index, way] of ways.entries()) {
      const {exitCode} = await runMain(['pub', '-t', `way/${index}`, '-m', 'x', '-q', '1', ...way], {env});
      assert.equal(exitCode, 0, way.join(' '));
    }
    assert.deepEqual(topicsOf(other), ['way/0', 'way/1', 'way/2']);
    const unix = await runMain(['pub', '-t', 'a', '-m', 'x', '--unix', '/nonexistent/socket'], {env});
    assert.match(unix.stderr, /\/nonexistent\/socket/);
    assert.equal(unix.exitCode, 1);
  });

  test('gives neither user name nor password to another broker than its own', async () => {
    await using fake = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
    });
    const env = {MQTT_URL: 'mqtt://ann:geheim@127.0.0.1:1'};
    await runMain(['pub', '-t', 'a', '-m', 'x', '-h', '127.0.0.1', '-p', String(fake.port)], {env});
    const [connect] = fake.connections[0]!.packets;
    assert.deepEqual([connect!.username ?? null, connect!.password ?? null], [null, null]);
  });

  test('goes together with options that name no broker, and with every scheme that the broker prints', async () => {
    const port = String(other.port);
    const env = {MQTT_URL: 'mqtt://127.0.0.1:1'};
    assert.equal((await runMain(['pub', '-t', 'port', '-m', 'x', '-q', '1', '-p', port], {env})).exitCode, 0);
    assert.equal(topicsOf(other).at(-1), 'port');
    const ws = await runMain(['pub', '-t', 'ws', '-m', 'x', '-q', '1'], {env: {MQTT_URL: broker.urls.ws!}});
    assert.equal(ws.exitCode, 0, ws.stderr);
    assert.equal(topicsOf(broker).at(-1), 'ws');
    const socket = `unix://${join(directory, 'socket')}`;
    const unix = await runMain(['pub', '-t', 'a', '-m', 'x', '-p', port, '-q', '1'], {
      env: {MQTT_URL: socket},
    });
    assert.equal(unix.exitCode, 0, unix.stderr);
  });

  test('a topic in it counts where -t gives none', async () => {
    const env = {MQTT_URL: `${broker.url}/from/url`};
    assert.equal((await runMain(['pub', '-m', 'x', '-q', '1'], {env})).exitCode, 0);
    assert.equal((await runMain(['pub', '-m', 'x', '-q', '1', '-t', 'from/t'], {env})).exitCode, 0);
    assert.deepEqual(topicsOf(broker).slice(-2), ['from/url', 'from/t']);
    const {stderr} = await runMain(['sub', '-t', 'only/this', '-E', '-d'], {env});
    assert.match(stderr, /SUBSCRIBE \(Mid: 1, Topic: only\/this, QoS: 0, Options: 0x00\)/);
    assert.doesNotMatch(stderr, /from\/url/);
  });

  test('is not read under a mosquitto name, and an empty one is none', async () => {
    const closed = await freePort();
    const words = ['-t', 'a', '-m', 'x', '-p', String(closed)];
    const env = {MQTT_URL: 'mqtt://nowhere.invalid', MQTT_USERNAME: 'ann', MQTT_PASSWORD: 'geheim'};
    const {stderr} = await runMain(words, {env, programName: 'mosquitto_pub'});
    assert.match(stderr, /localhost:\d+/);
    assert.match((await runMain(['pub', ...words], {env: {MQTT_URL: ''}})).stderr, /localhost:\d+/);
    assert.match((await runMain(['pub', ...words], {env})).stderr, /nowhere\.invalid/);
  });

  test('a wrong one is one line that names it and shows no password', async () => {
    const sentences: Readonly<Record<string, RegExp>> = {
      'mqtt://ann:geheim@':
        /^Error: The environment variable MQTT_URL is wrong\. Invalid URL: host missing\. /,
      'http://ann:geheim@host':
        /^Error: The environment variable MQTT_URL is wrong\. Unsupported URL scheme\./,
      'mqtt://ann:geheim@host/a/#':
        /^Error: The environment variable MQTT_URL is wrong\. Invalid publish topic/,
    };
    for (const [url, sentence] of Object.entries(sentences)) {
      const {stderr, exitCode} = await runMain(['pub', '-t', 'a', '-m', 'x'], {env: {MQTT_URL: url}});
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /geheim/);
      assert.equal(exitCode, 1);
    }
  });
});

describe('MQTT_USERNAME and MQTT_PASSWORD', () => {
  /** User name and password of the CONNECT that the words send. */
  const sent = async (words: readonly string[], env: Readonly<Record<string, string>>) => {
    await using fake = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
    });
    const at = ['-h', '127.0.0.1', '-p', String(fake.port)];
    await runMain(['pub', '-t', 'a', '-m', 'x', ...at, ...words], {env});
    const [connect] = fake.connections[0]!.packets;
    return [connect!.username, String(connect!.password)];
  };

  test('count where options give none', async () => {
    const env = {MQTT_USERNAME: 'ann', MQTT_PASSWORD: 'geheim'};
    assert.deepEqual(await sent([], env), ['ann', 'geheim']);
    assert.deepEqual(await sent(['-P', 'own'], env), ['ann', 'own']);
    assert.deepEqual(await sent(['-u', 'bob'], env), ['bob', 'geheim']);
    assert.deepEqual(await sent(['-u', 'bob', '--pw-env', 'OTHER'], {...env, OTHER: 'o'}), ['bob', 'o']);
  });

  test('a password without a user name says which variable it is from', async () => {
    const {stderr} = await runMain(['pub', '-t', 'a', '-m', 'x'], {env: {MQTT_PASSWORD: 'geheim'}});
    assert.match(
      stderr,
      /before MQTT 5 a password \(here that of MQTT_PASSWORD\) needs a user name \(-u\)\.\n/,
    );
  });

  test('a wrong user name is named', async () => {
    const {stderr} = await runMain(['pub', '-t', 'a', '-m', 'x'], {env: {MQTT_USERNAME: 'a\ud800'}});
    assert.match(stderr, /^Error: The environment variable MQTT_USERNAME is wrong\. /);
  });
});

test('MQTT_CA_FILE is trusted where TLS is used and nothing else says whom to trust', async () => {
  await using broker = await startBroker({tls: 'auto'});
  const {caFile} = broker.certificates!;
  const run = (
    words: readonly string[],
    env = {MQTT_CA_FILE: caFile, MQTT_URL: broker.urls.mqtts!},
    programName = 'tmq',
  ) =>
    runMain([...(programName === 'tmq' ? ['pub'] : []), '-t', 'a', '-m', 'x', '-q', '1', ...words], {
      env,
      programName,
    });
  assert.equal((await run([])).exitCode, 0);
  assert.equal((await run(['-L', broker.urls.mqtts!])).exitCode, 0);
  assert.equal((await run(['--capath', '/nonexistent'])).exitCode, 1);
  assert.equal((await run(['-L', `${broker.urls.mqtts}/a`], undefined, 'mosquitto_pub')).exitCode, 8);
  // No TLS is turned on by it.
  assert.equal((await run(['-L', broker.urls.mqtt!])).exitCode, 0);
});
