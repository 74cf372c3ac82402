// needs: mosquitto
/** Sending: the limits of servers, aliases, refusals, the pace of the network, and the end. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {ExitCode} from '../../src/errors.ts';
import type {QoS} from '../../src/protocol/message.ts';
import type {Properties} from '../../src/protocol/properties.ts';
import {type FakeConnection, type Packet, startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {
  collector,
  failsWith,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const x = Buffer.from('x');

/** Reads PUBLISH packets and acknowledges them, until the connection closes. */
async function acknowledge(connection: FakeConnection, see: (packet: Packet) => void): Promise<void> {
  for (;;) {
    const packet = await connection.next('publish');
    see(packet);
    if (packet.qos === 1) connection.send({cmd: 'puback', messageId: packet.messageId, reasonCode: 0});
  }
}

/** A broker with these properties in CONNACK; what it got. */
async function limited(properties: Readonly<Record<string, unknown>>) {
  const published: Packet[] = [];
  const broker = await startFakeBroker(async (connection) => {
    await connection.accept({properties});
    await acknowledge(connection, (packet) => published.push(packet));
  });
  return {broker, published};
}

test('a QoS that the server does not have is not sent', limit, async () => {
  const {broker, published} = await limited({maximumQoS: 0});
  await using _ = broker;
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const text = /^Message QoS not supported on broker, try a lower QoS\.$/;
  for (const qos of [1, 2] as const) {
    const message = publication('a', {qos});
    await assert.rejects(session.publish(x, message), failsWith(ExitCode.qosNotSupported, text));
    await assert.rejects(session.publishAll(numbered(3), message), failsWith(ExitCode.qosNotSupported, text));
  }
  await session.publish(x, publication('a'));
  await session.end();
  await broker.finished(0);
  assert.equal(published.length, 1);
});

test('a packet larger than the server takes is not sent, and what was before it is', limit, async () => {
  const {broker, published} = await limited({maximumPacketSize: 20});
  await using _ = broker;
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const batch = async function* () {
    yield [Buffer.from('first'), Buffer.from('second'), Buffer.alloc(15), Buffer.from('after')];
  };
  const tooLarge = failsWith(
    ExitCode.packetTooLarge,
    /^Packet larger than supported by the server: \d+ bytes, it takes \d+\.$/,
  );
  await session.publish(Buffer.alloc(14), publication('a'));
  for (const qos of [0, 1] as const) {
    await assert.rejects(session.publish(Buffer.alloc(15), publication('a', {qos})), tooLarge);
    await assert.rejects(session.publishAll(batch(), publication('a', {qos})), tooLarge);
  }
  await session.end();
  await broker.finished(0);
  assert.deepEqual(
    published.slice(1).map(({payload}) => String(payload)),
    ['first', 'second', 'first', 'second'],
  );
});

test('retain is left out where the server has none', limit, async () => {
  for (const retainAvailable of [true, false]) {
    const {broker, published} = await limited({retainAvailable});
    await using _ = broker;
    await using session = await connect(sessionOptions(broker.port), sessionContext());
    for (const qos of [0, 1] as const) await session.publish(x, publication('a', {qos, retain: true}));
    await session.end();
    await broker.finished(0);
    assert.deepEqual(
      published.map(({retain}) => retain),
      [retainAvailable, retainAvailable],
    );
  }
});

test('a message larger than MQTT allows is not sent', limit, async () => {
  const {broker} = await limited({});
  await using _ = broker;
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const zeros = Buffer.alloc(268_435_455);
  await assert.rejects(
    session.publish(zeros, publication('a')),
    failsWith(ExitCode.packetTooLarge, /larger than MQTT allows/),
  );
});

for (const qos of [0, 1] as const) {
  test(`a topic alias at QoS ${qos}: the topic once for each connection`, limit, async () => {
    const seen: [number, unknown, unknown][] = [];
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({properties: {topicAliasMaximum: 5}});
      let count = 0;
      await acknowledge(connection, ({topic, properties}) => {
        seen.push([connection.number, topic, (properties as Properties).topicAlias]);
        if (connection.number === 0 && ++count === 3) connection.socket.end();
      });
    });
    const context = sessionContext({reconnect: persistent});
    await using session = await connect(sessionOptions(broker.port), context);
    const message = publication('a/b', {qos, properties: {topicAlias: 5}});
    await session.publishAll(numbered(3), message);
    await broker.connections[0]!.closed;
    // The session may not know yet that its connection is gone; QoS 1 arrives in any case.
    await session.publishAll(numbered(2), {...message, qos: 1});
    await session.end();
    const first = seen.filter(([connection]) => connection === 0).slice(0, 3);
    assert.deepEqual(first, [
      [0, 'a/b', 5],
      [0, '', 5],
      [0, '', 5],
    ]);
    const [second, ...others] = seen.filter(([connection]) => connection === 1);
    assert.deepEqual(second, [1, 'a/b', 5]);
    assert.ok(others.length > 0);
    for (const other of others) assert.deepEqual(other, [1, '', 5]);
  });
}

test('a topic alias beyond what the server allows is an error, not silence', limit, async () => {
  const {broker} = await limited({topicAliasMaximum: 4});
  await using _ = broker;
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  for (const qos of [0, 1] as const) {
    const message = publication('a', {qos, properties: {topicAlias: 5}});
    await assert.rejects(
      session.publish(x, message),
      failsWith(148, /^Topic alias 5 is more than the broker allows/),
    );
  }
});

test('publishAll counts refusals, and keeps the reason of the first', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    for (let index = 0; index < 5; index++) {
      const {messageId} = await connection.next('publish');
      const reasonCode = [0, 16, 151, 135, 0][index]!;
      connection.send({cmd: 'puback', messageId, reasonCode, properties: {reasonString: `no ${index}`}});
    }
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  assert.deepEqual(await session.publishAll(numbered(5), publication('a', {qos: 1})), {
    read: 5,
    acknowledged: 3,
    refused: 2,
    firstRefusal: {reasonCode: 151, text: 'Quota exceeded (no 2)'},
  });
});

/** Payloads of these sizes, as one batch. */
async function* sized(...sizes: readonly number[]): AsyncGenerator<readonly Uint8Array[]> {
  yield sizes.map((size) => Buffer.alloc(size, 'x'));
}

for (const [what, sizes, most, receiveMaximum] of [
  ['short messages', Array(12).fill(10), 7, 65_535],
  ['short messages, to a server that takes fewer', Array(12).fill(10), 5, 5],
  ['long messages', Array(12).fill(70_000), 7, 65_535],
  ['a long message behind short ones', [10, 10, 10, ...Array(9).fill(70_000)], 7, 65_535],
] as const) {
  test(`publishAll leaves no more than ${most} unacknowledged: ${what}`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({properties: {receiveMaximum}});
      const unanswered: unknown[] = [];
      const take = async () => unanswered.push((await connection.next('publish')).messageId);
      const came = () => connection.packets.filter(({cmd}) => cmd === 'publish').length;
      for (let index = 0; index < most; index++) await take();
      for (let answered = 0; answered < sizes.length; ) {
        assert.ok(came() - answered <= most, `${came()} came, ${answered} of them were acknowledged`);
        connection.send({cmd: 'puback', messageId: unanswered[answered++], reasonCode: 0});
        // Each one makes room for the next: a client that waited for more would wait for ever.
        if (unanswered.length < sizes.length) await take();
      }
      await connection.idle();
    });
    await using session = await connect(sessionOptions(broker.port, {maxInflight: 7}), sessionContext());
    const report = await session.publishAll(sized(...sizes), publication('a', {qos: 1}));
    assert.deepEqual(report, {read: 12, acknowledged: 12, refused: 0});
  });
}

for (const qos of [0, 1, 2] as const) {
  test(`publishAll at QoS ${qos}: everything arrives, in order`, limit, async () => {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n',
    );
    await using subscriber = await connect(sessionOptions(broker.port, {clientId: 'sub'}), sessionContext());
    await subscriber.subscribe(['a'], {qos: 2});
    const count = 5000;
    const received = collector((_, received) => received === count);
    const all = subscriber.receive(received);
    await using session = await connect(sessionOptions(broker.port), sessionContext());
    const report = await session.publishAll(numbered(count), publication('a', {qos}));
    await all;
    assert.deepEqual(report, {read: count, acknowledged: count, refused: 0});
    assert.deepEqual(
      received.texts(),
      Array.from({length: count}, (_, index) => String(index)),
    );
  });
}

test(
  'publishAll with a publication for each message: each arrives as it was meant, in order',
  limit,
  async () => {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n',
    );
    await using subscriber = await connect(sessionOptions(broker.port, {clientId: 'sub'}), sessionContext());
    await subscriber.subscribe(['t/#'], {qos: 2});
    const count = 3000;
    const received = collector((_, received) => received === count);
    const all = subscriber.receive(received);
    await using session = await connect(sessionOptions(broker.port), sessionContext());
    const choices = Array.from({length: 7}, (_, index) =>
      publication(`t/${index}`, {qos: (index % 3) as QoS}),
    );
    const publicationOf = (number: number) => choices[Math.floor(number / 5) % choices.length]!;
    async function* batches() {
      for await (const payloads of numbered(count, 130)) {
        yield {payloads, publications: payloads.map((payload) => publicationOf(Number(payload)))};
      }
    }
    const report = await session.publishAll(batches(), publication('unused'));
    await all;
    assert.deepEqual(report, {read: count, acknowledged: count, refused: 0});
    for (const choice of choices) {
      const ofTopic = received.messages.filter(({topic}) => topic === choice.topic);
      const numbers = ofTopic.map(({payload}) => Number(payload));
      assert.deepEqual(
        numbers,
        Array.from({length: count}, (_, index) => index).filter((each) => publicationOf(each) === choice),
      );
      assert.ok(ofTopic.every(({qos}) => qos === choice.qos));
    }
  },
);

test('a payload of megabytes goes there and back unchanged, alone and among others', limit, async () => {
  await using broker = await startMosquitto();
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['a'], {qos: 2});
  const large = Buffer.alloc(3_000_000, Buffer.from('0123456789abcdef\n'));
  const payloads = [large, x, Buffer.alloc(70_000, 'y'), Buffer.alloc(0), x];
  const received = collector((_, count) => count === payloads.length * 3);
  const all = session.receive(received);
  for (const qos of [0, 1, 2] as const) {
    const batch = async function* () {
      yield payloads;
    };
    await session.publishAll(batch(), publication('a', {qos: qos as QoS}));
  }
  await all;
  const sizes = received.messages.map(({payload}) => payload.length);
  assert.deepEqual(
    sizes,
    [0, 1, 2].flatMap(() => payloads.map(({length}) => length)),
  );
  assert.ok(
    received.messages.every(({payload}, index) => payloads[index % payloads.length]!.equals(payload)),
  );
});

/** Resolves when the value has not changed for many turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  let last = value();
  for (let turns = 0; turns < 500; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (value() === last) continue;
    last = value();
    turns = 0;
  }
  return last;
}

test('publishAll at QoS 0 reads on only as fast as the network takes', limit, async () => {
  const batches = 1600;
  let read = 0;
  let got = 0;
  const source = async function* () {
    for (; read < batches; read++) yield Array.from({length: 16}, () => Buffer.alloc(4096, 'x'));
  };
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    connection.socket.pause();
    const stalled = await settled(() => read);
    assert.ok(stalled < batches / 2, `${stalled} of ${batches} batches were read into memory`);
    connection.socket.resume();
    await acknowledge(connection, () => got++);
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  const report = await session.publishAll(source(), publication('a'));
  await session.end();
  await broker.finished(0);
  assert.equal(report.read, batches * 16);
  assert.equal(got, batches * 16);
});

test('end sends its reason code, in MQTT 5 only', limit, async () => {
  for (const protocolVersion of [4, 5] as const) {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.idle();
    });
    const options = sessionOptions(broker.port, {
      protocolVersion,
      disconnectProperties: {sessionExpiryInterval: 5, reasonString: 'bye'},
    });
    const session = await connect(options, sessionContext());
    await Promise.all([session.end(4), session.end()]);
    await session.end();
    await broker.finished(0);
    const last = broker.connections[0]!.packets.at(-1)!;
    assert.equal(last.cmd, 'disconnect');
    if (protocolVersion === 5) {
      assert.equal(last.reasonCode, 4);
      assert.deepEqual(last.properties, {sessionExpiryInterval: 5, reasonString: 'bye'});
    } else assert.deepEqual(broker.connections[0]!.bytes().subarray(-2), Buffer.of(0xe0, 0));
  }
});

test('a publish after the end is refused', limit, async () => {
  await using broker = await startMosquitto();
  const session = await connect(sessionOptions(broker.port), sessionContext());
  await session.end();
  for (const qos of [0, 1] as const) {
    await assert.rejects(
      session.publish(x, publication('a', {qos})),
      failsWith(ExitCode.noConnection, /has ended/),
    );
  }
  await assert.rejects(session.subscribe(['a'], {qos: 0}), failsWith(ExitCode.noConnection, /has ended/));
  await assert.rejects(session.receive(collector(() => true)), failsWith(ExitCode.noConnection, /has ended/));
});

for (const [qos, answer, sentence] of [
  [2, 'puback', /of QoS 2 as if it were of QoS 1: it does not have QoS 2. Publish with -q 1\.$/],
  [1, 'pubrec', /of QoS 1 as if it were of QoS 2: MQTT does not allow that\.$/],
] as const) {
  for (const protocolVersion of [4, 5] as const) {
    const name = `a ${answer.toUpperCase()} for QoS ${qos} ends the session, version ${protocolVersion}`;
    test(`${name}: nothing else would come`, limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        const {messageId} = await connection.next('publish');
        connection.send({cmd: answer, messageId});
        await connection.idle();
      });
      const options = sessionOptions(broker.port, {protocolVersion});
      const session = await connect(options, sessionContext({reconnect: persistent}));
      const published = session.publish(x, publication('a', {qos}));
      await assert.rejects(published, failsWith(ExitCode.protocol, sentence));
      await session.end().catch(() => undefined);
      assert.equal(broker.connections.length, 1, 'connected again for the same answer');
    });
  }
}
