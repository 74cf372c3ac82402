// needs: mosquitto
/** sub --where, --until, --fail-if and --idle: what is printed, what counts, and how it ends. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {brokerKinds, startBroker} from '../support/brokers.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {type RunningMain, runMain, startMain} from '../support/run.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';

type Sent = readonly [topic: string, payload: unknown, words?: {readonly retain?: boolean}];

/** Publishes at QoS 1, in order; a payload that is no string as JSON. */
async function publish(port: number, ...messages: readonly Sent[]): Promise<void> {
  await using session = await connect(sessionOptions(port), sessionContext());
  for (const [topic, payload, words = {}] of messages) {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    await session.publish(Buffer.from(text), publication(topic, {qos: 1, ...words}));
  }
}

/** Starts a subscriber, and resolves when the broker has acknowledged its subscription. */
async function subscribed(port: number, ...words: readonly string[]): Promise<RunningMain> {
  const subscriber = startMain(['sub', '-p', String(port), '-d', ...words]);
  await subscriber.waitFor('stderr', /received SUBACK/);
  return subscriber;
}

/** Output, errors without the lines of -d, and status. */
async function result(running: Pick<RunningMain, 'finished'>): Promise<readonly [string, string, number]> {
  const {stdout, stderr, exitCode} = await running.finished;
  return [stdout.toString(), stderr.replace(/^(Client|Subscribed|\*) .*\n/gm, ''), exitCode];
}

const door = (open: boolean): Sent => ['door', {open}];

for (const kind of brokerKinds) {
  describe(`with the ${kind} broker`, () => {
    test('--where prints and counts only messages for which it is true', async () => {
      await using broker = await startBroker(kind);
      for (const version of ['311', '5']) {
        const words = ['-t', 's/#', '-v', '-q', '1', '-V', version, '-C', '2'];
        await using sub = await subscribed(broker.port, ...words, '--where', '.v > 20 and topic ~ "/b$"');
        await publish(
          broker.port,
          ...([
            ['s/b', {v: 20}],
            ['s/a', {v: 30}],
            ['s/b', 'no JSON'],
            ['s/b', ''],
          ] as const),
          ...([
            ['s/b', {v: '30'}],
            ['s/b', {v: 21}],
            ['s/b', {w: 9}],
            ['s/b', {v: 22}],
          ] as const),
        );
        assert.deepEqual(await result(sub), ['s/b {"v":21}\ns/b {"v":22}\n', '', 0]);
      }
    });

    test('--until prints up to the first message for which it is true, and that one', async () => {
      await using broker = await startBroker(kind);
      await using sub = await subscribed(broker.port, '-t', 'door', '--until', '.open == true', '-W', '30');
      await publish(broker.port, door(false), ['door', 'open'], door(true), door(true));
      assert.deepEqual(await result(sub), ['{"open":false}\nopen\n{"open":true}\n', '', 0]);
    });

    test('--fail-if ends with 50 after its message, which was printed and acknowledged', async () => {
      await using broker = await startBroker(kind);
      const words = ['-t', 'log', '-q', '1', '-c', '-i', 'reader', '--fail-if', '.level == "error"'];
      await using sub = await subscribed(broker.port, ...words);
      await publish(
        broker.port,
        ['log', {level: 'info'}],
        ['log', {level: 'error'}],
        ['log', {level: 'debug'}],
      );
      assert.deepEqual(await result(sub), [
        '{"level":"info"}\n{"level":"error"}\n',
        `Error: The message of 'log' fulfils --fail-if '.level == "error"'.\n`,
        50,
      ]);
      const next = await runMain(['sub', '-p', String(broker.port), ...words, '-C', '1', '-W', '30']);
      assert.deepEqual([next.stdout.toString(), next.exitCode], ['{"level":"debug"}\n', 0]);
    });

    test('--idle ends with 0 after so long without a message', async () => {
      await using broker = await startBroker(kind);
      await publish(broker.port, ['kept', 'x', {retain: true}]);
      for (const words of [[], ['-q', '1', '-V', '5'], ['-C', '9'], ['-E'], ['--retained-only']]) {
        const run = await runMain(['sub', '-p', String(broker.port), '-t', '#', '--idle', '0.05', ...words]);
        const printed = words.includes('-E') ? run.stdout.toString() : 'x\n';
        assert.deepEqual([run.stdout.toString(), run.stderr, run.exitCode], [printed, '', 0]);
      }
    });
  });
}

describe('where they meet', () => {
  test('--fail-if and --until see only what --where and -T let pass', async () => {
    await using broker = await startBroker('bundled');
    const words = ['-t', '#', '-T', 'out', '--where', '.v', '--until', '.end', '--fail-if', '.bad'];
    await using sub = await subscribed(broker.port, ...words);
    await publish(
      broker.port,
      ...([
        ['a', {bad: 1}],
        ['a', {end: 1}],
        ['out', {v: 1, bad: 1, end: 1}],
        ['a', {v: 1}],
      ] as const),
      ['a', {v: 2, end: 1}],
    );
    assert.deepEqual(await result(sub), ['{"v":1}\n{"v":2,"end":1}\n', '', 0]);
  });

  test('a message that is the last one for -C or --until, too, is a failure', async () => {
    await using broker = await startBroker('bundled');
    for (const words of [['-C', '1'], ['--until', 'topic == "a"'], ['--quiet']]) {
      await using sub = await subscribed(broker.port, '-t', 'a', '--fail-if', '. == 1', ...words);
      await publish(broker.port, ['a', 1]);
      const [stdout, stderr, exitCode] = await result(sub);
      const error = words[0] === '--quiet' ? '' : "Error: The message of 'a' fulfils --fail-if '. == 1'.\n";
      assert.deepEqual([stdout, stderr, exitCode], ['1\n', error, 50]);
    }
  });

  test('-C ends before --until is true, and -W after it was not', async () => {
    await using broker = await startBroker('bundled');
    await using counting = await subscribed(broker.port, '-t', 'a', '--until', '. == 9', '-C', '2');
    const [until, where, none] = await Promise.all([
      subscribed(broker.port, '-t', 'a', '--until', '. == 9', '-W', '3'),
      subscribed(broker.port, '-t', 'a', '--where', '. > 1', '-C', '5', '-W', '3'),
      subscribed(broker.port, '-t', 'a', '--where', '. == 9', '-W', '3'),
    ]);
    await publish(broker.port, ['a', 1], ['a', 2]);
    assert.deepEqual(await result(counting), ['1\n2\n', '', 0]);
    const unmet = 'Error: No match of --until among 2 messages within 3 s.\n';
    assert.deepEqual(await result(until), ['1\n2\n', unmet, 27]);
    assert.deepEqual(await result(where), ['2\n', 'Error: Only 1 of 5 messages within 3 s.\n', 27]);
    assert.deepEqual(await result(none), ['', 'Error: No message that --where takes within 3 s.\n', 27]);
  });

  test('-R hides retained messages from --until, and --retained-only ends without it', async () => {
    await using broker = await startBroker('bundled');
    await publish(broker.port, ['a', 1, {retain: true}]);
    // MQTT 3.1.1 has no way to ask for no retained messages.
    await using hiding = await subscribed(broker.port, '-t', 'a', '-R', '--until', '. == 1', '-V', '311');
    await publish(broker.port, ['a', 2], ['a', 1]);
    assert.deepEqual(await result(hiding), ['2\n1\n', '', 0]);
    const only = await runMain([
      'sub',
      '-p',
      String(broker.port),
      '-t',
      'a',
      '--retained-only',
      '--until',
      '.x',
    ]);
    assert.deepEqual([only.stdout.toString(), only.exitCode], ['1\n', 0]);
  });

  test('--remove-retained clears only what --where takes', async () => {
    await using broker = await startBroker('bundled');
    const kept = {retain: true};
    await publish(
      broker.port,
      ['r/1', {stale: true}, kept],
      ['r/2', {stale: false}, kept],
      ['r/3', 'x', kept],
    );
    const words = ['sub', '-p', String(broker.port), '-t', 'r/#', '--retained-only', '-F', '%t'];
    const removed = await runMain([...words, '--remove-retained', '--where', '.stale']);
    assert.deepEqual([removed.stdout.toString(), removed.stderr, removed.exitCode], ['r/1\n', '', 0]);
    assert.deepEqual((await runMain(words)).stdout.toString().split('\n').sort(), ['', 'r/2', 'r/3']);
  });

  test('--message-rate and --watch show only what --where takes', async () => {
    await using broker = await startBroker('bundled');
    await using rate = await subscribed(
      broker.port,
      '-t',
      'a/#',
      '--message-rate',
      '--where',
      'topic != "a/1"',
    );
    await using watch = await subscribed(
      broker.port,
      '-t',
      'a/#',
      '-w',
      '-v',
      '--where',
      '. > 1',
      '--until',
      '. == 4',
    );
    await publish(broker.port, ['a/1', 1], ['a/1', 2], ['a/2', 3], ['a/3', 4]);
    const [shown, , status] = await result(watch);
    assert.equal(status, 0);
    assert.match(shown, /a\/1 2[\s\S]*a\/2 3[\s\S]*a\/3 4/);
    assert.doesNotMatch(shown, /a\/1 1/);
    await rate.waitFor('stdout', /^([^2]*\n)*2 msgs\/s\n|1 msgs\/s\n[\s\S]*1 msgs\/s\n/);
    await rate.interrupt();
    const counts = rate
      .stdout()
      .toString()
      .match(/\d+(?= msgs)/g)!;
    assert.equal(
      counts.map(Number).reduce((sum, each) => sum + each),
      2,
    );
  });

  test('a large last message is compared before it is printed', async () => {
    await using broker = await startBroker('bundled');
    await using sub = await subscribed(broker.port, '-t', 'a', '-C', '1', '--where', 'payload ~ "b$"');
    const large = 'a'.repeat(5_000_000);
    await publish(broker.port, ['a', large], ['a', 'b']);
    assert.deepEqual(await result(sub), ['b\n', '', 0]);
  });
});

/** Resolves at the PINGREQ of this number, counted from 1. */
function pinged(connection: FakeConnection, number: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (connection.packets.filter(({cmd}) => cmd === 'pingreq').length < number) return;
      connection.socket.off('data', look);
      resolve();
    };
    connection.socket.on('data', look);
    look();
  });
}

const message = (payload: string) =>
  ({cmd: 'publish', topic: 'a', payload, qos: 0, dup: false, retain: false}) as const;

/** Accepts, and answers the subscription and the PINGREQ that follows it. */
async function acceptSubscriber(connection: FakeConnection): Promise<void> {
  await connection.accept();
  const {messageId} = await connection.next('subscribe');
  connection.send({cmd: 'suback', messageId, granted: [0]});
  await pinged(connection, 1);
  connection.send({cmd: 'pingresp'});
}

describe('--idle', () => {
  test('goes on where a message comes before the answer to its ping', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await acceptSubscriber(connection);
      connection.send(message('one'));
      await pinged(connection, 2);
      connection.send(message('two'), {cmd: 'pingresp'});
      await pinged(connection, 3);
      connection.send({cmd: 'pingresp'});
      await connection.closed;
    });
    const run = await runMain(['sub', '-p', String(broker.port), '-t', 'a', '--idle', '0.1']);
    assert.deepEqual([run.stdout.toString(), run.stderr, run.exitCode], ['one\ntwo\n', '', 0]);
  });

  test('begins anew after a connection that was lost', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await acceptSubscriber(connection);
      if (connection.number === 0) {
        await pinged(connection, 2);
        connection.socket.destroy();
        return;
      }
      // The second PINGREQ repeats the one that was lost; the third follows another quiet time.
      await pinged(connection, 2);
      connection.send({cmd: 'pingresp'}, message('back'));
      await pinged(connection, 3);
      connection.send({cmd: 'pingresp'});
      await connection.closed;
    });
    const run = await runMain(['sub', '-p', String(broker.port), '-t', 'a', '--idle', '0.1']);
    assert.deepEqual([run.stdout.toString(), run.exitCode], ['back\n', 0]);
    assert.equal(broker.connections.length, 2);
  });

  test('does not count messages that --where leaves out', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await acceptSubscriber(connection);
      const timer = setInterval(() => connection.send(message('other')), 10);
      await pinged(connection, 2);
      connection.send(message('other'), {cmd: 'pingresp'});
      await connection.closed;
      clearInterval(timer);
    });
    const words = ['-t', 'a', '--idle', '0.2', '--where', 'payload != "other"'];
    const run = await runMain(['sub', '-p', String(broker.port), ...words]);
    assert.deepEqual([run.stdout.toString(), run.stderr, run.exitCode], ['', '', 0]);
  });
});

test('a mistake in a condition is reported before connecting, with option and column', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-conditions-'));
  const file = join(directory, 'options');
  await writeFile(file, '--until .a = 1\n');
  for (const [words, sentence] of [
    [
      ['--where', '.a >'],
      /^Error: Invalid --where, column 5: the condition ends too early: .*\n\nUse 'tmq sub --help'/,
    ],
    [['--until', 'x'], /^Error: Invalid --until, column 1: there is no name 'x'\./],
    [['--fail-if', ''], /^Error: Invalid --fail-if, column 1: the condition ends too early/],
    [['-o', file], /^Error: Invalid --until, column 4: '=' is no operator: equality is written ==\./],
    [['--idle', '0'], /^Error: Invalid --idle time "0"\. It is a number of seconds above 0\./],
    [['--idle', '1s'], /^Error: Invalid --idle time "1s"/],
  ] as const) {
    const {stdout, stderr, exitCode} = await runMain(['sub', '-p', '1', '-t', 'a', ...words]);
    assert.match(stderr, sentence);
    assert.deepEqual([stdout.toString(), exitCode], ['', 1]);
  }
  await rm(directory, {recursive: true});
});
