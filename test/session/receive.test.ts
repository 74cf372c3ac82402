// needs: mosquitto
/** Receiving: batches, acknowledgement after output, backpressure, and where it stops. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {ReceiveDecision} from '../../src/client/types.ts';
import {TmqError} from '../../src/errors.ts';
import type {Message} from '../../src/protocol/message.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {collector, numbered, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const publish = {cmd: 'publish', topic: 'a', payload: 'x', qos: 1} as const;
const commands = (connection: FakeConnection) =>
  connection.packets.map(({cmd}) => cmd).filter((cmd) => cmd !== 'pingreq');

test('what came in one piece is one batch, acknowledged after its flush', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.next('publish');
    connection.send(...[1, 2, 3].map((messageId) => ({...publish, messageId})));
    await connection.idle();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  const received = collector((_, count) => count === 3);
  const all = session.receive({
    message: (message) => (received.message(message) === 'last' ? 'last' : 'more'),
    async flush() {
      await received.flush();
      // The broker sees this before the acknowledgements, or they were sent before the flush was over.
      await session.publish(Buffer.from('flushed'), publication('marker'));
    },
  });
  await session.publish(Buffer.from('go'), publication('marker'));
  await all;
  await session.end();
  await broker.finished(0);
  assert.deepEqual(received.batches, [3]);
  assert.deepEqual(commands(broker.connections[0]!), [
    'connect',
    'publish',
    'publish',
    'puback',
    'puback',
    'puback',
    'disconnect',
  ]);
});

/** What the broker gets when the second of three messages at a QoS meets that verdict. */
async function after(verdict: ReceiveDecision, qos: 1 | 2): Promise<readonly string[]> {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.next('publish');
    connection.send(...[1, 2, 3].map((messageId) => ({...publish, qos, messageId})));
    await connection.idle();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  let count = 0;
  const all = session.receive({message: () => (++count === 2 ? verdict : 'more'), async flush() {}});
  await session.publish(Buffer.from('go'), publication('marker'));
  await all;
  await session.end();
  await broker.finished(0);
  return broker.connections[0]!.packets.filter(({cmd}) => cmd === 'puback' || cmd === 'pubrec').map(
    ({cmd, messageId}) => `${cmd}${messageId}`,
  );
}

test("'last' acknowledges the message and nothing after it", limit, async () => {
  assert.deepEqual(await after('last', 1), ['puback1', 'puback2']);
  assert.deepEqual(await after('last', 2), ['pubrec1', 'pubrec2']);
});

test("'stop' does not acknowledge the message", limit, async () => {
  assert.deepEqual(await after('stop', 1), ['puback1']);
  assert.deepEqual(await after('stop', 2), ['pubrec1']);
});

for (const fastPath of [true, false]) {
  test(`'stop' at the only message ends receive, fast path: ${fastPath}`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.send({...publish, qos: 1, messageId: 1});
      await connection.idle();
    });
    await using session = await connect(sessionOptions(broker.port), sessionContext({fastPath}));
    const received = session.receive({message: () => 'stop', async flush() {}});
    await session.publish(Buffer.from('go'), publication('marker'));
    await received;
  });
}

test('after the last one, nothing is taken off a server that keeps a session', limit, async () => {
  await using broker = await startMosquitto();
  const options = sessionOptions(broker.port, {clientId: 'kept', clean: false, protocolVersion: 4});
  const take = async (count: number) => {
    const session = await connect(options, sessionContext());
    await session.subscribe(['a'], {qos: 1});
    const received = collector((_, taken) => taken === count);
    await session.receive(received);
    await session.end();
    return received.texts();
  };
  const first = await connect(options, sessionContext());
  await first.subscribe(['a'], {qos: 1});
  await first.end();
  await using publisher = await connect(sessionOptions(broker.port), sessionContext());
  await publisher.publishAll(numbered(10), publication('a', {qos: 1}));
  assert.deepEqual(await take(3), ['0', '1', '2']);
  assert.deepEqual(await take(3), ['3', '4', '5']);
  assert.deepEqual(await take(4), ['6', '7', '8', '9']);
});

test(
  'messages that come before anybody takes them wait, and are not taken off the server',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({sessionPresent: true});
      connection.send({...publish, messageId: 1}, {...publish, qos: 2, messageId: 2});
      const {messageId} = await connection.next('subscribe');
      connection.send({...publish, messageId: 3}, {cmd: 'suback', messageId, granted: [1]});
      await connection.next('pubrec');
      connection.send({cmd: 'pubrel', messageId: 2});
      await connection.idle();
    });
    const session = await connect(sessionOptions(broker.port, {clean: false}), sessionContext());
    await session.subscribe(['a'], {qos: 1});
    await session.publish(Buffer.from('nobody yet'), publication('marker'));
    const received = collector((_, count) => count === 3);
    await session.receive(received);
    await session.end();
    await broker.finished(0);
    assert.deepEqual(
      received.messages.map(({messageId}) => messageId),
      [1, 2, 3],
    );
    const order = commands(broker.connections[0]!);
    assert.ok(order.indexOf('publish') < order.indexOf('pubrec'), order.join(' '));
    assert.ok(order.indexOf('publish') < order.indexOf('puback'), order.join(' '));
  },
);

test('a receiver may publish while it flushes, with more messages under way', limit, async () => {
  await using broker = await startMosquitto();
  await using publisher = await connect(sessionOptions(broker.port, {clientId: 'pub'}), sessionContext());
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['a'], {qos: 1});
  const count = 500;
  const received = collector((_, taken) => taken === count);
  let answered = 0;
  const all = session.receive({
    message: (message) => received.message(message),
    async flush() {
      await session.publish(Buffer.from('answer'), publication('answers', {qos: 1}));
      answered++;
    },
  });
  await publisher.publishAll(numbered(count), publication('a', {qos: 1}));
  await all;
  assert.deepEqual(
    received.texts(),
    Array.from({length: count}, (_, index) => String(index)),
  );
  assert.ok(answered > 0);
  // Retained messages of an earlier subscription do not come before the answer to this one.
  await publisher.publishAll(numbered(10), publication('a', {qos: 1}));
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('b', {qos: 1})), {reasonCode: 16});
});

test('the session reads no further while a flush lasts', limit, async () => {
  const packets = 1600;
  const payload = 'x'.repeat(65_000);
  let sent = 0;
  let release: () => void = () => undefined;
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.next('publish');
    const {socket} = connection;
    const pump = async () => {
      for (; sent < packets; sent++) {
        connection.send({...publish, qos: 0, payload});
        while (socket.writableNeedDrain) await new Promise((resolve) => socket.once('drain', resolve));
      }
    };
    const pumped = pump();
    let last = -1;
    for (let turns = 0; turns < 500; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (sent !== last || sent === 0) turns = 0;
      last = sent;
    }
    assert.ok(sent < packets / 2, `${sent} of ${packets} packets were read during a flush`);
    release();
    await pumped;
    await connection.idle();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  let taken = 0;
  let flushing: Promise<void> | undefined = new Promise((resolve) => {
    release = resolve;
  });
  const all = session.receive({
    message: () => (++taken === packets ? 'last' : 'more'),
    async flush() {
      await flushing;
      flushing = undefined;
    },
  });
  await session.publish(Buffer.from('go'), publication('marker'));
  await all;
  await session.end();
  await broker.finished(0);
  assert.equal(taken, packets);
});

test('an abort ends receiving with its reason, and end sends DISCONNECT', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.idle();
  });
  const controller = new AbortController();
  const reason = new TmqError('Timed out', 27);
  const session = await connect(sessionOptions(broker.port), sessionContext({signal: controller.signal}));
  const reception = assert.rejects(session.receive(collector(() => false)), (error) => error === reason);
  controller.abort(reason);
  await reception;
  await session.end(4);
  await broker.finished(0);
  assert.equal(broker.connections[0]!.packets.at(-1)!.reasonCode, 4);
});

test('retained messages that come with the subscription are all received', limit, async () => {
  await using broker = await startMosquitto();
  await using publisher = await connect(sessionOptions(broker.port, {clientId: 'pub'}), sessionContext());
  for (let index = 0; index < 50; index++) {
    await publisher.publish(Buffer.from('r'), publication(`r/${index}`, {qos: 1, retain: true}));
  }
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['r/#'], {qos: 1});
  const received = collector((_, count) => count === 50);
  await session.receive(received);
  assert.ok(received.messages.every((message: Message) => message.retain));
});

test('refused subscriptions are reported, one code for each filter', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [1, 135, 143]});
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  assert.deepEqual(await session.subscribe(['a', 'b', 'c'], {qos: 1}), [1, 135, 143]);
});

test('subscriptions that the server does not support are not sent', limit, async () => {
  const asked: unknown[] = [];
  await using broker = await startFakeBroker(async (connection) => {
    const properties = {
      sharedSubscriptionAvailable: false,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
    };
    await connection.accept({properties});
    const {messageId, subscriptions} = await connection.next('subscribe');
    asked.push(...(subscriptions as {readonly topic: string}[]).map(({topic}) => topic));
    connection.send({cmd: 'suback', messageId, granted: [1, 135]});
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const granted = await session.subscribe(['$share/g/a', 'b', 'c/#', 'd'], {qos: 1});
  assert.deepEqual(granted, [158, 1, 162, 135]);
  assert.deepEqual(asked, ['b', 'd']);
  const properties = {subscriptionIdentifier: 7};
  assert.deepEqual(await session.subscribe(['e', 'f/+'], {qos: 1, properties}), [161, 162]);
});

test(
  'G1: an end during a flush waits for it: what was written is acknowledged before DISCONNECT',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.send({...publish, messageId: 1});
      await connection.idle();
    });
    const session = await connect(sessionOptions(broker.port), sessionContext());
    let release: () => void = () => undefined;
    const flushing = new Promise<void>((begun) => {
      const reception = session.receive({
        message: () => 'more',
        flush() {
          begun();
          return new Promise((resolve) => {
            release = resolve;
          });
        },
      });
      reception.catch(() => undefined);
    });
    await session.publish(Buffer.from('go'), publication('marker'));
    await flushing;
    const ended = session.end();
    release();
    await ended;
    await broker.finished(0);
    assert.deepEqual(commands(broker.connections[0]!), ['connect', 'publish', 'puback', 'disconnect']);
  },
);
