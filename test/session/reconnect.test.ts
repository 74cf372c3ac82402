// needs: mosquitto
/** Sessions over a connection that is cut again and again: nothing lost, and at QoS 2 nothing twice. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {TmqError} from '../../src/errors.ts';
import type {ProtocolVersion, QoS} from '../../src/protocol/message.ts';
import {startCuttingProxy} from '../support/cutting-proxy.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {
  collector,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const lines = 3000;

/** Unlimited queues, so that nothing is lost for another reason. */
const configuration = `
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
`;

const everyNumber = Array.from({length: lines}, (_, index) => String(index));
const ascending = (texts: Iterable<string>) => [...texts].sort((left, right) => Number(left) - Number(right));

interface Case {
  readonly protocolVersion: ProtocolVersion;
  readonly qos: QoS;
  readonly clean: boolean;
  /** Every second message at this QoS instead. */
  readonly otherQos?: QoS;
}

/** Payloads with QoS in turn. */
async function* mixed(qos: QoS, otherQos: QoS) {
  const publications = [publication('cut', {qos}), publication('cut', {qos: otherQos})];
  for await (const payloads of numbered(lines)) {
    yield {payloads, publications: payloads.map((payload) => publications[Number(payload) % 2]!)};
  }
}

async function publishThroughCuts({protocolVersion, qos, clean, otherQos}: Case): Promise<readonly string[]> {
  await using broker = await startMosquitto(configuration);
  await using subscriber = await connect(sessionOptions(broker.port, {clientId: 'sub'}), sessionContext());
  await subscriber.subscribe(['cut'], {qos: 2});
  const received = collector((message) => Buffer.from(message.payload).toString() === 'end');
  const all = subscriber.receive(received);
  await using proxy = await startCuttingProxy({
    upstreamPort: broker.port,
    toServer: (connection) => (connection < 12 ? 2500 + 577 * connection : undefined),
    toClient: (connection) => (connection % 3 === 1 && connection < 12 ? 300 + 41 * connection : undefined),
  });
  const options = sessionOptions(proxy.port, {
    clientId: 'pub',
    protocolVersion,
    clean,
    ...(protocolVersion === 5 && !clean ? {properties: {sessionExpiryInterval: 100}} : {}),
  });
  const session = await connect(options, sessionContext({reconnect: persistent}));
  const batches = otherQos === undefined ? numbered(lines) : mixed(qos, otherQos);
  const report = await session.publishAll(batches, publication('cut', {qos}));
  assert.deepEqual(report, {read: lines, acknowledged: lines, refused: 0});
  await session.publish(Buffer.from('end'), publication('cut', {qos}));
  await session.end();
  await all;
  assert.ok(proxy.cuts >= 8, `only ${proxy.cuts} cuts`);
  return received.texts().slice(0, -1);
}

for (const protocolVersion of [3, 4, 5] as const) {
  test(`publishAll at QoS 1, version ${protocolVersion}: nothing is lost`, limit, async () => {
    const texts = await publishThroughCuts({protocolVersion, qos: 1, clean: true});
    assert.deepEqual(ascending(new Set(texts)), everyNumber);
  });
}

test('publishAll at QoS 1 and 2 in turn: nothing is lost', limit, async () => {
  const texts = await publishThroughCuts({protocolVersion: 5, qos: 1, clean: true, otherQos: 2});
  assert.deepEqual(ascending(new Set(texts)), everyNumber);
});

for (const protocolVersion of [4, 5] as const) {
  test(
    `T6: publishAll at QoS 2 in a clean session, version ${protocolVersion}: nothing is lost`,
    limit,
    async () => {
      const texts = await publishThroughCuts({protocolVersion, qos: 2, clean: true});
      assert.deepEqual(ascending(new Set(texts)), everyNumber);
    },
  );

  test(
    `publishAll at QoS 2 in a session that is kept, version ${protocolVersion}: exactly once, in order`,
    limit,
    async () => {
      const texts = await publishThroughCuts({protocolVersion, qos: 2, clean: false});
      assert.deepEqual(texts, everyNumber);
    },
  );

  test(
    `receiving at QoS 2 in a session that is kept, version ${protocolVersion}: exactly once, in order`,
    limit,
    async () => {
      await using broker = await startMosquitto(configuration);
      await using proxy = await startCuttingProxy({
        upstreamPort: broker.port,
        toClient: (connection) => (connection < 10 ? 1500 + 433 * connection : undefined),
        toServer: (connection) =>
          connection % 3 === 2 && connection < 10 ? 200 + 57 * connection : undefined,
      });
      const options = sessionOptions(proxy.port, {
        clientId: 'sub',
        protocolVersion,
        clean: false,
        ...(protocolVersion === 5 ? {properties: {sessionExpiryInterval: 100}} : {}),
      });
      const notices: string[] = [];
      const context = sessionContext({reconnect: persistent, notice: (line) => notices.push(line)});
      await using subscriber = await connect(options, context);
      await subscriber.subscribe(['cut'], {qos: 2});
      const received = collector((message) => Buffer.from(message.payload).toString() === String(lines - 1));
      const all = subscriber.receive(received);
      await using session = await connect(sessionOptions(broker.port, {clientId: 'pub'}), sessionContext());
      await session.publishAll(numbered(lines), publication('cut', {qos: 2}));
      await all;
      assert.deepEqual(received.texts(), everyNumber);
      assert.ok(proxy.cuts >= 6, `only ${proxy.cuts} cuts`);
      const losses = notices.filter((line) => line.endsWith('Connecting again.')).length;
      // A cut before CONNACK was read is no loss of a connection.
      assert.ok(losses > 0 && losses <= proxy.cuts, `${losses} losses, ${proxy.cuts} cuts`);
      const returns = notices.filter((line) => line.startsWith('Connected again to 127.0.0.1:')).length;
      assert.equal(returns, losses);
    },
  );
}

test('receiving at QoS 1 in a session that is kept: nothing is lost', limit, async () => {
  await using broker = await startMosquitto(configuration);
  await using proxy = await startCuttingProxy({
    upstreamPort: broker.port,
    toClient: (connection) => (connection < 10 ? 1500 + 433 * connection : undefined),
  });
  const options = sessionOptions(proxy.port, {clientId: 'sub', clean: false, protocolVersion: 4});
  await using subscriber = await connect(options, sessionContext({reconnect: persistent}));
  await subscriber.subscribe(['cut'], {qos: 1});
  const received = collector((message) => Buffer.from(message.payload).toString() === String(lines - 1));
  const all = subscriber.receive(received);
  await using session = await connect(sessionOptions(broker.port, {clientId: 'pub'}), sessionContext());
  await session.publishAll(numbered(lines), publication('cut', {qos: 1}));
  await all;
  assert.deepEqual(ascending(new Set(received.texts())), everyNumber);
});

test('a clean session subscribes again, with what is left of its filters', limit, async () => {
  await using broker = await startMosquitto();
  await using proxy = await startCuttingProxy({upstreamPort: broker.port});
  const session = await connect(sessionOptions(proxy.port), sessionContext({reconnect: persistent}));
  await session.subscribe(['a', 'b'], {qos: 1});
  await session.subscribe(['c'], {qos: 0});
  assert.deepEqual(await session.unsubscribe(['b', 'nothing']), [0, 17]);
  const received = collector((message) => message.topic === 'c');
  const all = session.receive(received);
  proxy.cut();
  await broker.logged(/(?:Received SUBSCRIBE from tester.*){4}/s);
  await using publisher = await connect(sessionOptions(broker.port, {clientId: 'pub'}), sessionContext());
  for (const topic of ['a', 'b', 'c'])
    await publisher.publish(Buffer.from('x'), publication(topic, {qos: 1}));
  await all;
  assert.deepEqual(
    received.messages.map(({topic}) => topic),
    ['a', 'c'],
  );
  await session.end();
});

test('a broker that restarts is found again, and QoS 0 goes on', limit, async () => {
  await using broker = await startMosquitto();
  const session = await connect(sessionOptions(broker.port), sessionContext({reconnect: persistent}));
  await session.publish(Buffer.from('before'), publication('a'));
  await broker.stop();
  const published = session.publish(Buffer.from('after'), publication('a', {qos: 1}));
  await broker.restart();
  assert.deepEqual(await published, {reasonCode: 16});
  await session.end();
});

test('without a policy a lost connection ends publishAll with status 7', limit, async () => {
  for (const qos of [0, 1] as const) {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.next('publish');
    });
    const session = await connect(sessionOptions(broker.port), sessionContext());
    const endless = async function* () {
      for (;;) yield* numbered(100);
    };
    await assert.rejects(
      session.publishAll(endless(), publication('a', {qos})),
      (error) => error instanceof TmqError && error.exitCode === 7,
    );
    await session.end();
  }
});

test('duplicates are marked only for a server that kept the session', limit, async () => {
  for (const sessionPresent of [true, false]) {
    const seen: {dup: unknown; payload: string}[] = [];
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({sessionPresent: sessionPresent && connection.number > 0});
      for (let index = 0; index < 3; index++) {
        const packet = await connection.next('publish');
        if (connection.number === 0) continue;
        seen.push({dup: packet.dup, payload: String(packet.payload)});
        connection.send({cmd: 'puback', messageId: packet.messageId, reasonCode: 0});
      }
      if (connection.number > 0) await connection.idle();
    });
    const options = sessionOptions(broker.port, {clean: false});
    const session = await connect(options, sessionContext({reconnect: persistent}));
    await session.publishAll(numbered(3), publication('a', {qos: 1}));
    assert.deepEqual(
      seen,
      ['0', '1', '2'].map((payload) => ({dup: sessionPresent, payload})),
    );
    await session.end();
  }
});

test('a first connection is tried again only with that policy', limit, async () => {
  await using broker = await startMosquitto();
  await broker.stop();
  const refused = connect(sessionOptions(broker.port), sessionContext({reconnect: persistent}));
  await assert.rejects(refused, TmqError);
  const reconnect = {...persistent, atStart: true};
  const patient = connect(sessionOptions(broker.port), sessionContext({reconnect}));
  await broker.restart();
  const session = await patient;
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('a', {qos: 1})), {reasonCode: 16});
  await session.end();
});

test(
  'an abort ends waiting for the next connection with its reason, and end still works',
  limit,
  async () => {
    const controller = new AbortController();
    const reason = new TmqError('enough', 130);
    await using broker = await startMosquitto();
    const notice = () => controller.abort(reason);
    const reconnect = {...persistent, delayMilliseconds: 60_000};
    const context = sessionContext({signal: controller.signal, reconnect, notice});
    const session = await connect(sessionOptions(broker.port), context);
    const waits = [
      session.receive(collector(() => false)),
      session.publishAll(numbered(1_000_000_000), publication('a', {qos: 1})),
    ].map((wait) => assert.rejects(wait, (error) => error === reason));
    await broker.stop();
    await Promise.all(waits);
    await session.end();
  },
);
