// needs: mosquitto
/** `tmq reply` answers what `tmq rr` asks, and what other clients ask. */

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {Message, QoS} from '../../src/protocol/message.ts';
import type {Properties} from '../../src/protocol/properties.ts';
import {brokerKinds, startBroker, type TestBroker} from '../support/brokers.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {type RunningMain, type RunOptions, runMain, startMain} from '../support/run.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};

const words = (command: string, port: number, ...more: readonly string[]) => [
  command,
  '-h',
  '127.0.0.1',
  '-p',
  String(port),
  ...more,
];

for (const kind of brokerKinds) {
  describe(`at ${kind}`, {concurrency: true}, () => {
    let broker: TestBroker;
    let directory: string;
    before(async () => {
      broker = await startBroker(kind);
      directory = await mkdtemp(join(tmpdir(), 'tmq-reply-'));
    });
    after(async () => {
      await broker[Symbol.asyncDispose]();
      await rm(directory, {recursive: true});
    });

    /** Starts a responder; resolves when it is subscribed. */
    async function reply(...more: readonly string[]): Promise<RunningMain> {
      const running = startMain(words('reply', broker.port, '-d', ...more));
      await running.waitFor('stderr', /received SUBACK/);
      return running;
    }

    async function ask(more: readonly string[], options: RunOptions = {}) {
      const {stdout, stderr, exitCode} = await runMain(words('rr', broker.port, ...more), options);
      return [exitCode, String(stdout), stderr] as const;
    }

    /** Publishes a request as it is given, and returns the first answer to it. */
    async function answerTo(
      topic: string,
      properties: Properties,
      {qos = 0, payload = ''}: {readonly qos?: QoS; readonly payload?: string} = {},
    ): Promise<Message> {
      const session = await connect(sessionOptions(broker.port), sessionContext());
      const {responseTopic = 'answers'} = properties;
      const receiver = collector(() => true);
      const receiving = session.receive(receiver);
      await session.subscribe([responseTopic], {qos: 2});
      await session.publish(Buffer.from(payload), publication(topic, {qos, properties}));
      await receiving;
      await session.end();
      return receiver.messages[0]!;
    }

    /** What was said besides the lines of -d. */
    const said = (running: RunningMain) =>
      running
        .stderr()
        .split('\n')
        .filter((line) => !/^(Client|\* |$)/.test(line));

    for (const [name, source, expected] of [
      ['--echo', ['--echo'], 'what?'],
      ['-m', ['-m', 'this'], 'this'],
      ['-n', ['-n'], ''],
      ['-f', ['-f', 'package.json', '-q', '1'], undefined],
      ['--exec', ['--exec', '--', 'tr', 'a-z', 'A-Z'], 'WHAT?'],
    ] as const) {
      test(`${name} says what the answer is`, limit, async () => {
        await using responder = await reply('-t', `source/${name}`, '-C', '1', ...source);
        const [exitCode, stdout, stderr] = await ask(['-t', `source/${name}`, '-m', 'what?', '-F', '%p']);
        assert.deepEqual([exitCode, stderr], [0, '']);
        if (expected === undefined) assert.match(stdout, /"name": "tmq"/);
        else assert.equal(stdout, `${expected}\n`);
        const {exitCode: status, stdout: printed} = await responder.finished;
        assert.deepEqual([status, String(printed)], [0, '']);
      });
    }

    test('the answer has the correlation data, and the QoS of the request or of -q', limit, async () => {
      const correlationData = Buffer.of(0, 255, 10);
      await using _one = await reply('-t', 'qos/own', '--echo', '-D', 'publish', 'content-type', 'text/x');
      for (const qos of [0, 1, 2] as const) {
        const {topic, payload, properties, ...message} = await answerTo(
          'qos/own',
          {responseTopic: `there/${qos}`, correlationData},
          {qos, payload: 'a\0b'},
        );
        assert.deepEqual([topic, message.qos, String(payload)], [`there/${qos}`, qos, 'a\0b']);
        assert.deepEqual(Buffer.from(properties!.correlationData!), correlationData);
        assert.equal(properties?.contentType, 'text/x');
      }
      await using _two = await reply('-t', 'qos/given', '--echo', '-q', '1');
      const {qos, properties} = await answerTo('qos/given', {responseTopic: 'there/given'}, {qos: 0});
      assert.deepEqual([qos, properties?.correlationData], [1, undefined]);
    });

    test('a message without a response topic is reported once, and does not count', limit, async () => {
      await using responder = await reply('-t', 'none/#', '--echo', '-C', '1');
      for (const topic of ['none/1', 'none/2']) {
        await runMain(words('pub', broker.port, '-q', '1', '-t', topic, '-m', 'x'));
      }
      assert.deepEqual(await ask(['-t', 'none/3', '-m', 'y']), [0, 'y\n', '']);
      assert.equal((await responder.finished).exitCode, 0);
      assert.deepEqual(said(responder), [
        'A message of none/1 names no response topic: it is not answered. This is said only once.',
      ]);
    });

    test('a command that fails gives no answer and a line, and the status at the end', limit, async () => {
      const script = 'read -r x; echo "$x"; exit "$x"';
      await using responder = await reply('-t', 'fails', '-C', '3', '-N', '--exec', '--', 'sh', '-c', script);
      const asked = ask(['-t', 'fails', '-l', '-W', '1'], {input: '0\n3\n4\n'});
      const message = 'Error: No response to line 2 within 1 s: 2 of the 3 requests were not answered.\n';
      assert.deepEqual(await asked, [27, '0\n', message]);
      const {exitCode} = await responder.finished;
      assert.equal(exitCode, 3);
      assert.deepEqual(said(responder), [
        'The command failed with status 3 for a request of fails: it is not answered.',
        'The command failed with status 4 for a request of fails: it is not answered.',
      ]);
    });

    test('a command that does not exist ends it', limit, async () => {
      await using responder = await reply('-t', 'missing', '--exec', '--', '/nonexistent/command');
      await using _asking = startMain(words('rr', broker.port, '-t', 'missing', '-n'));
      const {exitCode} = await responder.finished;
      assert.equal(exitCode, 127);
      assert.deepEqual(said(responder), [
        'Error: Cannot run /nonexistent/command: there is no such command.',
      ]);
    });

    test('commands that run at the same time answer as they end; rr -l keeps the order', limit, async () => {
      // Each even number waits for the next odd one, which waits for nothing.
      const script =
        'read -r x; case $x in *[02468]) until [ -e "$0.$((x + 1))" ]; do sleep 0.01; done;; esac; : > "$0.$x"; echo "$x"';
      const command = ['--exec', '--jobs', '2', '-N', '--', 'sh', '-c', script, join(directory, 'order')];
      await using _responder = await reply('-t', 'order', ...command);
      const input = '0\n1\n2\n3\n4\n5\n';
      assert.deepEqual(await ask(['-t', 'order', '-l'], {input}), [0, input, '']);
    });

    test('responders with $share have each request answered once', limit, async () => {
      const responders = await Promise.all(
        ['one', 'two'].map((name) => reply('-i', `${name}-${kind}`, '-t', '$share/group/shared', '--echo')),
      );
      const lines = Array.from({length: 40}, (_, index) => `${index}\n`).join('');
      assert.deepEqual(await ask(['-t', 'shared', '-l'], {input: lines}), [0, lines, '']);
      const counts = [];
      for (const responder of responders) {
        const {exitCode, stderr} = await responder.interrupt();
        assert.equal(exitCode, 0);
        counts.push(stderr.match(/sending PUBLISH/g)?.length ?? 0);
      }
      assert.ok(
        counts.every((count) => count > 0),
        `${counts}`,
      );
      assert.equal(counts[0]! + counts[1]!, 40);
    });

    test('a signal lets the answer go out that is being made', limit, async () => {
      const script = 'read -r x; echo running >&2; cat "$x" > /dev/null; echo done';
      await using responder = await reply('-t', 'signal', '-q', '1', '--exec', '--', 'sh', '-c', script);
      const fifo = join(directory, 'fifo');
      execFileSync('mkfifo', [fifo]);
      const asked = ask(['-t', 'signal', '-q', '1', '-m', fifo]);
      await responder.waitFor('stderr', /^running$/m);
      const ended = responder.interrupt('SIGTERM');
      await writeFile(fifo, '');
      assert.deepEqual(await asked, [0, 'done\n\n', '']);
      assert.equal((await ended).exitCode, 0);
    });

    test('-W ends with what has not come', limit, async () => {
      await using idle = await reply('-t', 'quiet', '--echo', '-W', '3');
      await using busy = await reply('-t', 'late', '--echo', '-W', '3', '-C', '2');
      await ask(['-t', 'late', '-m', 'x']);
      for (const [responder, sentence] of [
        [idle, 'No request within 3 s.'],
        [busy, 'Only 1 of 2 requests within 3 s.'],
      ] as const) {
        assert.equal((await responder.finished).exitCode, 27);
        assert.deepEqual(said(responder), [`Error: ${sentence}`]);
      }
    });
  });
}

test('an answer that the broker refuses is reported, and the next request is answered', limit, async () => {
  const sent: string[] = [];
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [2]});
    for (const [responseTopic, reasonCode] of [
      ['forbidden', 135],
      ['allowed', 0],
    ] as const) {
      const properties = {responseTopic};
      connection.send({cmd: 'publish', topic: 'ask', payload: 'x', qos: 1, messageId: 9, properties});
      const answer = await connection.next('publish');
      sent.push(String(answer.topic));
      connection.send({cmd: 'puback', messageId: answer.messageId, reasonCode});
      await connection.next('puback');
    }
    await connection.idle();
  });
  const {stderr, exitCode} = await runMain(words('reply', broker.port, '-t', 'ask', '--echo', '-C', '2'));
  const sentence = 'The answer to forbidden was not sent: Publish refused: Not authorized.\n';
  assert.deepEqual([sent, stderr, exitCode], [['forbidden', 'allowed'], sentence, 135]);
});

test('a subscription that is denied ends it with the reason code', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [135]});
    await connection.idle();
  });
  const denied = await runMain(words('reply', broker.port, '-t', 'ask', '--echo'));
  assert.deepEqual(
    [denied.exitCode, denied.stderr],
    [135, "Error: All subscription requests were denied: 'ask' (Not authorized).\n"],
  );
});
