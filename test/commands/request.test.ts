// needs: mosquitto
/** What `tmq rr` sends, which responses it takes, and in which order it prints them. */

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';
import {brokerKinds, startBroker, type TestBroker} from '../support/brokers.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {type Request, startResponder} from '../support/responder.ts';
import {runMain, startMain} from '../support/run.ts';

const limit = {timeout: 60_000};

const rr = (port: number, ...words: readonly string[]) => [
  'rr',
  '-h',
  '127.0.0.1',
  '-p',
  String(port),
  ...words,
];

/** As Promise.withResolvers, which Node 20 does not have. */
function promised(): {readonly promise: Promise<void>; readonly resolve: () => void} {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return {promise, resolve};
}

/** Grants one subscription, and returns the request that follows. */
async function request(connection: FakeConnection, connack = {}) {
  const connect = await connection.accept(connack);
  const {messageId, subscriptions} = await connection.next('subscribe');
  connection.send({cmd: 'suback', messageId, granted: [0]});
  const publish = await connection.next('publish');
  return {connect, subscriptions, publish} as unknown as {
    connect: {properties: Record<string, unknown>; clientId: string};
    subscriptions: readonly {topic: string}[];
    publish: {properties: {responseTopic: string; correlationData: Buffer}};
  };
}

test('A9: rr sends no PINGREQ between SUBACK and its PUBLISH', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await request(connection);
    connection.send({cmd: 'publish', topic: 'answer', payload: 'pong', qos: 0});
    await connection.idle();
  });
  const {stdout} = await runMain(rr(broker.port, '-t', 'ask', '-e', 'answer', '-m', 'ping'));
  await broker.finished(0);
  assert.equal(String(stdout), 'pong\n');
  const sent = broker.connections[0]!.packets.map(({cmd}) => cmd);
  assert.deepEqual(sent, ['connect', 'subscribe', 'publish', 'disconnect']);
});

describe('a made-up response topic', () => {
  /** Runs rr with these words; returns what it has asked for in CONNECT, and its response topic. */
  async function asked(words: readonly string[], connackProperties: Readonly<Record<string, unknown>> = {}) {
    const seen: {information?: unknown; topic?: string; correlation?: Buffer; filters?: readonly string[]} =
      {};
    await using broker = await startFakeBroker(async (connection) => {
      const {connect, subscriptions, publish} = await request(connection, {properties: connackProperties});
      const {responseTopic, correlationData} = publish.properties;
      seen.information = connect.properties.requestResponseInformation;
      seen.topic = responseTopic;
      seen.correlation = correlationData;
      seen.filters = subscriptions.map(({topic}) => topic);
      connection.send({
        cmd: 'publish',
        topic: responseTopic,
        payload: 'thus',
        qos: 0,
        properties: {correlationData},
      });
      await connection.idle();
    });
    const {stdout, stderr, exitCode} = await runMain(rr(broker.port, '-t', 'ask', '-n', ...words));
    assert.deepEqual([exitCode, String(stdout), stderr], [0, 'thus\n', '']);
    return seen;
  }

  test('is the usual prefix and the client id', limit, async () => {
    const {information, topic, filters, correlation} = await asked(['-i', 'me']);
    assert.deepEqual([information, topic, filters], [true, 'tmq/reply/me', ['tmq/reply/me']]);
    assert.equal(correlation?.length, 16);
    const again = await asked(['-i', 'me']);
    assert.notDeepEqual(again.correlation, correlation);
  });

  test('begins with what the broker says', limit, async () => {
    const {topic} = await asked(['-i', 'me'], {responseInformation: 'replies/of/me/'});
    assert.equal(topic, 'replies/of/me/me');
  });

  test('has the client id that the broker assigned', limit, async () => {
    const {topic} = await asked([], {assignedClientIdentifier: 'a+b#c'});
    assert.equal(topic, 'tmq/reply/a_b_c');
  });

  test('begins with --response-prefix, and the broker is not asked', limit, async () => {
    const words = ['-i', 'me', '--response-prefix', 'mine'];
    const {information, topic} = await asked(words, {responseInformation: 'replies'});
    assert.deepEqual([information, topic], [undefined, 'mine/me']);
  });

  test('is not needed with -D publish response-topic, and correlation data can be given', limit, async () => {
    const own = await asked(['-D', 'publish', 'correlation-data', 'mine']);
    assert.equal(String(own.correlation), 'mine');
    const {topic, information} = await asked(['-D', 'publish', 'response-topic', 'there']);
    assert.deepEqual([topic, information], ['there', undefined]);
  });

  test('that is denied: the remedy is in the error', limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [135]});
      await connection.idle();
    });
    const {stderr, exitCode} = await runMain(rr(broker.port, '-t', 'ask', '-n', '-i', 'me'));
    const sentence =
      "Error: All subscription requests were denied: 'tmq/reply/me' (Not authorized). Give a response topic with -e, or --response-prefix.\n";
    assert.deepEqual([exitCode, stderr], [135, sentence]);
  });

  test('that cannot be one: an error', limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({properties: {responseInformation: 'a/#'}});
      await connection.idle();
    });
    const {stderr, exitCode} = await runMain(rr(broker.port, '-t', 'ask', '-n'));
    assert.equal(exitCode, 1);
    assert.match(stderr, /^Error: The prefix of response topics and the client id make no topic together\./);
  });
});

test('under its name of mosquitto, rr needs -e, and has none of -l, -C and --idle', limit, async () => {
  for (const [words, sentence] of [
    [['-n'], 'All of topic, message, and response topic must be supplied.'],
    [['-e', 'b', '-l'], "Unknown option '-l'."],
    [['-e', 'b', '-n', '-C', '2'], "Unknown option '-C'."],
    [['-e', 'b', '-n', '--idle', '2'], "Unknown option '--idle'."],
  ] as const) {
    const {stderr, exitCode} = await runMain(['-t', 'a', ...words], {programName: 'mosquitto_rr'});
    assert.equal(exitCode, 1);
    assert.ok(stderr.startsWith(`Error: ${sentence}`), stderr);
  }
});

for (const kind of brokerKinds) {
  describe(`at ${kind}`, {concurrency: true}, () => {
    let broker: TestBroker;
    before(async () => {
      broker = await startBroker(kind);
    });
    after(() => broker[Symbol.asyncDispose]());

    test('stale and foreign messages are passed over', limit, async () => {
      await using _responder = await startResponder(broker.port, 'stale', async ({answer}) => {
        await answer('of an earlier request', {correlationData: Buffer.from('earlier')});
        await answer('of no request', {correlationData: null});
        await answer('right');
      });
      const {stdout, exitCode} = await runMain(rr(broker.port, '-t', 'stale', '-n'));
      assert.deepEqual([exitCode, String(stdout)], [0, 'right\n']);
    });

    test('-C waits for the responses of several responders', limit, async () => {
      const respond =
        (name: string) =>
        ({answer}: Request) =>
          answer(name);
      await using _one = await startResponder(broker.port, 'who', respond('one'), {clientId: 'one'});
      await using _two = await startResponder(broker.port, 'who', respond('two'), {clientId: 'two'});
      const {stdout, exitCode} = await runMain(rr(broker.port, '-t', 'who', '-n', '-C', '2'));
      assert.deepEqual([exitCode, String(stdout).split('\n').sort()], [0, ['', 'one', 'two']]);
      const missing = await runMain(rr(broker.port, '-t', 'who', '-n', '-C', '3', '-W', '3', '-i', 'asker'));
      assert.equal(missing.exitCode, 27);
      assert.equal(missing.stderr, 'Error: Only 2 of 3 responses on tmq/reply/asker within 3 s.\n');
    });

    test('--idle ends when no further response has come, and waits for the first one', limit, async () => {
      const requests: Request[] = [];
      const {promise: asked, resolve: isAsked} = promised();
      await using _responder = await startResponder(broker.port, 'idle', async (each) => {
        requests.push(each);
        isAsked();
      });
      const running = startMain(rr(broker.port, '-t', 'idle', '-n', '--idle', '0.05'));
      await asked;
      // Longer than the time of --idle: a round trip of another client behind a wait of the same length.
      await runMain(['sub', '-p', String(broker.port), '-t', 'nothing', '--idle', '0.1']);
      for (const text of ['one', 'two']) await requests[0]!.answer(text);
      const {stdout, stderr, exitCode} = await running.finished;
      assert.deepEqual([exitCode, String(stdout), stderr], [0, 'one\ntwo\n', '']);
    });

    test('--idle with -C and -W ends at what comes first', limit, async () => {
      await using _responder = await startResponder(broker.port, 'ends', async ({text, answer}) => {
        if (text !== '') await answer('one');
      });
      const words = (...more: readonly string[]) => rr(broker.port, '-t', 'ends', '-i', 'other', ...more);
      const counted = await runMain(words('-m', 'x', '--idle', '60', '-C', '1'));
      assert.deepEqual([counted.exitCode, String(counted.stdout)], [0, 'one\n']);
      const late = await runMain(words('-m', 'x', '--idle', '60', '-W', '3'));
      assert.equal(late.stderr, 'Error: Only 1 response on tmq/reply/other within 3 s.\n');
    });

    for (const qos of [0, 1, 2] as const) {
      test(`-l prints in the order of the lines what comes out of order at QoS ${qos}`, limit, async () => {
        let group: Request[] = [];
        await using _responder = await startResponder(
          broker.port,
          `square/${qos}`,
          async (request) => {
            group.push(request);
            if (group.length < 3) return;
            const reversed = group.reverse();
            group = [];
            for (const {text, answer} of reversed) {
              await answer(text === '' ? '' : `${Number(text) ** 2}`);
              await answer('a second one');
            }
          },
          {qos},
        );
        const lines = Array.from({length: 30}, (_, index) => (index === 4 ? '' : `${index}`));
        const words = ['-t', `square/${qos}`, '-l', '-M', '3', '-q', `${qos}`];
        const {stdout, stderr, exitCode} = await runMain(rr(broker.port, ...words), {
          input: lines.join('\n'),
        });
        assert.deepEqual([exitCode, stderr], [0, '']);
        const expected = lines.map((line) => (line === '' ? '' : `${Number(line) ** 2}`));
        assert.equal(String(stdout), `${expected.join('\n')}\n`);
      });
    }

    test('-l with -e, a format and --latency', limit, async () => {
      await using _responder = await startResponder(broker.port, 'echo', ({text, answer}) => answer(text));
      const words = ['-t', 'echo', '-e', 'there', '-l', '-F', '%t %p', '--latency'];
      const {stdout, exitCode} = await runMain(rr(broker.port, ...words), {input: 'a\nb\n'});
      assert.equal(exitCode, 0);
      assert.match(String(stdout), /^there a\nLatency: .*\nthere b\nLatency: .*\n$/);
    });

    test('-l gives up at a request that has no response, and leaves no gap', limit, async () => {
      await using _responder = await startResponder(broker.port, 'gap', async ({text, answer}) => {
        if (text !== '2') await answer(text);
      });
      const words = rr(broker.port, '-t', 'gap', '-l', '-W', '3');
      const {stdout, stderr, exitCode} = await runMain(words, {input: '1\n2\n3\n'});
      const sentence = 'Error: No response to line 2 within 3 s: 1 of the 3 requests were not answered.\n';
      assert.deepEqual([exitCode, String(stdout), stderr], [27, '1\n', sentence]);
    });

    test('-l that is interrupted says how many requests were not answered', limit, async () => {
      await using _responder = await startResponder(broker.port, 'stop', async ({text, answer}) => {
        if (text === '1') await answer(text);
      });
      await using running = startMain(rr(broker.port, '-t', 'stop', '-l'));
      running.stdin.write('1\n');
      await running.waitFor('stdout', /^1\n/);
      running.stdin.write('2\n3\n');
      await broker.logged(/stop(.*\n)*.*stop(.*\n)*.*stop/);
      const {stderr, exitCode} = await running.interrupt();
      assert.deepEqual([exitCode, stderr], [130, '2 of the 3 requests were not answered.\n']);
    });
  });
}
