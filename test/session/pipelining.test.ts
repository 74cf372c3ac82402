// needs: mosquitto
/** What is sent before CONNACK, when it is not, and that a refusal stays one: with its code, whatever was sent. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {ConnectionOptions} from '../../src/client/connection-options.ts';
import type {Session} from '../../src/client/types.ts';
import {TmqError} from '../../src/errors.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {moment} from '../support/moment.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {startMain} from '../support/run.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const plain = (port: number, overrides: Partial<ConnectionOptions> = {}) =>
  sessionOptions(port, {protocolVersion: 4, ...overrides});

function withCode(exitCode: number) {
  return (error: unknown) => {
    assert.ok(error instanceof TmqError, String(error));
    assert.equal(error.exitCode, exitCode, error.message);
    return true;
  };
}

/** What a command asks of its session first. */
const requests: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  'a message at QoS 0': (session) => session.publish(Buffer.from('x'), publication('a')),
  'the last message at QoS 0': (session) => session.publish(Buffer.from('x'), publication('a'), true),
  'a message at QoS 1': (session) => session.publish(Buffer.from('x'), publication('a', {qos: 1})),
  'a message at QoS 2': (session) => session.publish(Buffer.from('x'), publication('a', {qos: 2})),
  'a subscription': (session) => session.subscribe(['a'], {qos: 0}),
};

async function refuse(connection: FakeConnection): Promise<void> {
  await connection.next('connect');
  connection.send({cmd: 'connack', returnCode: 5, reasonCode: 135, sessionPresent: false});
  // Over whatever is unread.
  connection.socket.destroySoon();
}

for (const fastPath of [true, false]) {
  const context = () => sessionContext({pipelined: true, fastPath});
  describe(fastPath ? 'pipelined' : 'pipelined, through MQTT.js', () => {
    test('a message and a subscription are sent before CONNACK, and answered behind it', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        const subscribe = await connection.next('subscribe');
        const publish = await connection.next('publish');
        connection.send(
          {cmd: 'connack', returnCode: 0, sessionPresent: false},
          {cmd: 'suback', messageId: subscribe.messageId, granted: [0]},
          {cmd: 'publish', topic: 'a', payload: 'kept', qos: 0, retain: true},
          {cmd: 'puback', messageId: publish.messageId},
        );
        await connection.idle();
      });
      await using session = await connect(plain(broker.port), context());
      assert.equal(session.connections, 0);
      const received = collector(() => true);
      const done = Promise.all([
        session.receive(received),
        session.subscribe(['a'], {qos: 0}),
        session.publish(Buffer.from('x'), publication('b', {qos: 1})),
      ]);
      const [, granted] = await done;
      assert.deepEqual([granted, received.texts(), session.connections], [[0], ['kept'], 1]);
    });

    test(
      'goodbye is said behind the last message at QoS 0, and CONNACK still waited for',
      limit,
      async () => {
        await using broker = await startFakeBroker(async (connection) => {
          const sent = [await connection.any(), await connection.any(), await connection.any()];
          assert.deepEqual(
            sent.map(({cmd}) => cmd),
            ['connect', 'publish', 'disconnect'],
          );
          connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
        });
        for (let round = 0; round < 10; round++) {
          await using session = await connect(plain(broker.port), context());
          await session.publish(Buffer.from('x'), publication('a'), true);
          assert.equal(session.connections, 1);
          await session.end();
          await broker.finished(round);
          assert.equal(broker.connections[round]!.packets.length, 3);
        }
      },
    );

    test('the last message at QoS 0 arrives, every time', limit, async () => {
      await using broker = await startMosquitto();
      await using subscriber = await connect(plain(broker.port, {clientId: 'all'}), context());
      const count = 30;
      const received = collector((_, total) => total === count);
      const receiving = subscriber.receive(received);
      await subscriber.subscribe(['last'], {qos: 0});
      for (let index = 0; index < count; index++) {
        await using session = await connect(plain(broker.port, {clientId: ''}), context());
        await session.publish(Buffer.from(String(index)), publication('last'), true);
      }
      await receiving;
      assert.deepEqual(
        received.texts(),
        Array.from({length: count}, (_, index) => String(index)),
      );
    });

    test('with CONNACK there already, DISCONNECT is sent at the end', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        await connection.next('publish');
        await connection.next('publish');
        await connection.idle();
      });
      await using session = await connect(plain(broker.port), context());
      await session.publish(Buffer.from('1'), publication('a'));
      await session.publish(Buffer.from('2'), publication('a'), true);
      await session.end();
      await broker.finished(0);
      assert.deepEqual(
        broker.connections[0]!.packets.map(({cmd}) => cmd),
        ['connect', 'publish', 'publish', 'disconnect'],
      );
    });

    for (const [what, request] of Object.entries(requests)) {
      test(`a refusal of ${what} has its code`, limit, async () => {
        await using broker = await startFakeBroker(refuse);
        await using session = await connect(plain(broker.port), context());
        await assert.rejects(request(session), withCode(5));
      });

      test(`mosquitto's refusal of ${what} has its code, every time`, limit, async () => {
        await using broker = await startMosquitto('listener {port} 127.0.0.1\nallow_anonymous false\n');
        for (let round = 0; round < 10; round++) {
          await using session = await connect(plain(broker.port), context());
          await assert.rejects(request(session), withCode(5));
        }
      });

      test(`a close without CONNACK fails ${what}, and nothing is tried again`, limit, async () => {
        await using broker = await startFakeBroker(async (connection) => {
          await connection.next('connect');
        });
        const reconnect = {afterLoss: true, atStart: false, delayMilliseconds: 1};
        await using session = await connect(plain(broker.port), {...context(), reconnect});
        await assert.rejects(request(session), withCode(7));
        assert.equal(broker.connections.length, 1);
      });

      test(`silence instead of CONNACK fails ${what} after the connect timeout`, limit, async () => {
        await using broker = await startFakeBroker((connection) => connection.idle());
        await using session = await connect(plain(broker.port, {connectTimeoutSeconds: 0.2}), context());
        await assert.rejects(request(session), withCode(19));
      });
    }

    test('a large message waits for CONNACK, and a refusal of it has its code', limit, async () => {
      await using broker = await startFakeBroker(refuse);
      await using session = await connect(plain(broker.port), context());
      const large = Buffer.alloc(50_000_000);
      await assert.rejects(session.publish(large, publication('a', {qos: 1})), withCode(5));
      await broker.finished(0);
      assert.deepEqual(
        broker.connections[0]!.packets.map(({cmd}) => cmd),
        ['connect'],
      );
    });

    const waits: Readonly<Record<string, Partial<ConnectionOptions>>> = {
      'MQTT 5': {protocolVersion: 5},
      'MQTT 3.1': {protocolVersion: 3},
      'a session that is kept': {clean: false},
      'a user name': {credentials: {username: 'somebody'}},
    };
    for (const [what, overrides] of Object.entries(waits)) {
      test(`with ${what}, nothing is sent before CONNACK`, limit, async () => {
        await using broker = await startFakeBroker(refuse);
        const code = overrides.protocolVersion === 5 ? 135 : 5;
        await assert.rejects(connect(plain(broker.port, overrides), context()), withCode(code));
      });
    }
  });
}

test('before CONNACK, a signal and -W end sub with their own status', limit, async () => {
  await using broker = await startFakeBroker((connection) => connection.idle());
  const words = ['sub', '-p', String(broker.port), '-t', 'a'];
  await using timed = startMain([...words, '-W', '1']);
  assert.equal((await timed.finished).exitCode, 27);
  await using interrupted = startMain(words);
  const subscribed = moment();
  await using other = await startFakeBroker(async (connection) => {
    await connection.next('subscribe');
    subscribed.happen();
    await connection.idle();
  });
  await using second = startMain(['sub', '--pipeline', '-p', String(other.port), '-t', 'a']);
  await subscribed.happened;
  assert.equal((await second.interrupt('SIGINT')).exitCode, 130);
  assert.equal((await interrupted.interrupt('SIGTERM')).exitCode, 143);
});

/** Resolves when a client that is started now has sent its message to a broker that does not answer. */
async function oneSendsAhead(): Promise<void> {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('publish');
  });
  await using _client = startMain(['pub', '--pipeline', '-p', String(broker.port), '-t', 'a', '-m', 'x']);
  await broker.finished(0);
}

test('A2: without --pipeline, and with -d, nothing is sent before CONNACK', limit, async () => {
  for (const words of [[], ['-V', '5'], ['-q', '1'], ['--pipeline', '-d']]) {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      await oneSendsAhead();
      connection.send({cmd: 'connack', returnCode: 5, reasonCode: 135, sessionPresent: false});
      await connection.closed;
    });
    const running = startMain(['pub', '-p', String(broker.port), '-t', 'a', '-m', 'x', ...words]);
    assert.equal((await running.finished).exitCode, words.includes('5') ? 135 : 5);
    await broker.finished(0);
    assert.deepEqual(
      broker.connections[0]!.packets.map(({cmd}) => cmd),
      ['connect'],
    );
  }
});

test('pub --pipeline sends everything to a broker before its answer', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('disconnect');
    connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
  });
  const {exitCode, stderr} = await startMain([
    'pub',
    '--pipeline',
    '-p',
    String(broker.port),
    '-t',
    'a',
    '-m',
    'x',
  ]).finished;
  assert.deepEqual([exitCode, stderr], [0, '']);
});
