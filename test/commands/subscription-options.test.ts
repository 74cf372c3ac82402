/** What sub says of its subscriptions beyond topic and QoS, and which it refuses before it connects. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';

test('a malformed shared subscription is refused before connecting, with the right form', async () => {
  for (const filter of ['$share/x', '$share/', '$share/x/', '$share//a', '$share/+/c', '$share/#']) {
    for (const words of [
      ['-t', filter],
      ['-L', `mqtt://127.0.0.1:1/${filter}`],
    ]) {
      const {stderr, exitCode} = await runMain(['sub', ...words, '-p', '1']);
      const form =
        "Its form is $share/GROUP/FILTER, with no wildcard in the group, as in '$share/workers/jobs/#'";
      assert.equal(stderr.split('\n', 1)[0], `Error: Invalid shared subscription '${filter}'. ${form}`);
      assert.equal(exitCode, 1);
    }
  }
});

test('--no-local is a bit of the subscription and sets MQTT 5 [MQTT 5, 3.8.3.1]', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
  });
  const words = ['sub', '-h', '127.0.0.1', '-p', String(broker.port), '-t', 'a', '-E', '--no-local'];
  const {exitCode, stderr} = await runMain(words);
  assert.deepEqual([exitCode, stderr], [0, '']);
  const [connect, subscribe] = broker.connections[0]!.packets;
  assert.equal(connect!.protocolVersion, 5);
  assert.equal((subscribe!.subscriptions as readonly {readonly nl?: boolean}[])[0]!.nl, true);
});

test('--no-local is refused with a shared subscription [MQTT-3.8.3-4], and before MQTT 5', async () => {
  const shared = await runMain(['sub', '-t', '$share/g/a', '--no-local']);
  assert.match(
    shared.stderr,
    /^Error: --no-local and the shared subscription \$share\/g\/a cannot be used together\.\n/,
  );
  const old = await runMain(['sub', '-t', 'a', '--no-local', '-V', '311']);
  assert.match(
    old.stderr,
    /^Error: --no-local is not supported before MQTT 5\. Leave out -V, or say -V 5\.\n/,
  );
});

test('--topic-qos gives a filter a QoS of its own, -q all others', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId, subscriptions} = await connection.next('subscribe');
    assert.deepEqual(
      (subscriptions as {topic: string; qos: number}[]).map(({topic, qos}) => [topic, qos]),
      [
        ['a', 1],
        ['b', 2],
        ['c/#', 0],
      ],
    );
    connection.send({cmd: 'suback', messageId, granted: [1, 2, 0]});
    await connection.idle();
  });
  const words = ['-t', 'a', '-t', 'b', '-q', '1', '--topic-qos', 'b', '2', '--topic-qos', 'c/#', '0', '-E'];
  for (const version of ['311', '5']) {
    const result = await runMain(['sub', '-p', String(broker.port), '-V', version, ...words]);
    assert.deepEqual([result.exitCode, result.stderr], [0, '']);
  }
});

test('--topic-qos wants a filter and a QoS', async () => {
  const sentences: readonly (readonly [readonly string[], RegExp])[] = [
    [['--topic-qos', 'a'], /^Error: --topic-qos argument given but no filter and QoS specified\./],
    [['--topic-qos', 'a', '3'], /^Error: Invalid QoS given: 3\. It is 0, 1 or 2\./],
    [['--topic-qos', 'a#', '1'], /^Error: Invalid subscription topic 'a#'/],
  ];
  for (const [words, sentence] of sentences) {
    const {stderr, exitCode} = await runMain(['sub', ...words]);
    assert.match(stderr, sentence);
    assert.equal(exitCode, 1);
  }
});

test('-k 0 asks for no keep alive; mosquitto knows none below 5', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    const {keepalive} = await connection.accept();
    assert.equal(keepalive, 0);
    await connection.next('disconnect');
  });
  const words = ['-h', '127.0.0.1', '-p', String(broker.port), '-k', '0', '-t', 'a', '-m', 'x'];
  for (const version of ['31', '311', '5'])
    assert.equal((await runMain(['pub', ...words, '-V', version])).exitCode, 0);
  const {stderr, exitCode} = await runMain(words, {programName: 'mosquitto_pub'});
  assert.equal(exitCode, 1);
  assert.match(stderr, /^Error: Invalid keepalive given, it must be between 5 and 65535 inclusive: 0\n/);
  assert.equal(broker.connections.length, 3);
});

test('-D auth sets properties of AUTH, and has no effect without --auth-method', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    const {properties} = await connection.next('connect');
    const first = String((properties as {authenticationData: Buffer}).authenticationData);
    const challenge = `r=${/r=(.*)$/.exec(first)![1]}more,s=${Buffer.from('salt').toString('base64')},i=4096`;
    const authenticationMethod = 'SCRAM-SHA-256';
    const authenticationData = Buffer.from(challenge);
    connection.send({cmd: 'auth', reasonCode: 0x18, properties: {authenticationMethod, authenticationData}});
    const answer = await connection.next('auth');
    const {userProperties} = answer.properties as {userProperties: unknown};
    assert.deepEqual({...(userProperties as object)}, {from: 'me'});
    connection.send({cmd: 'connack', sessionPresent: false, reasonCode: 0x87});
    await connection.closed;
  });
  const words = [
    'pub',
    '-p',
    String(broker.port),
    '-t',
    'a',
    '-m',
    'x',
    '-D',
    'auth',
    'user-property',
    'from',
    'me',
  ];
  const scram = ['--auth-method', 'SCRAM-SHA-256', '-u', 'ann', '-P', 'secret'];
  const {stderr, exitCode} = await runMain([...words, ...scram]);
  assert.equal(exitCode, 0x87, stderr);
  const closed = ['pub', '-p', '1', ...words.slice(3)];
  assert.match((await runMain(closed)).stderr, /^Warning: -D auth has no effect without --auth-method/);
});
