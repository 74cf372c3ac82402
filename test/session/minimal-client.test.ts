// needs: mosquitto
/** A one-shot session runs without MQTT.js, and behaves the same, whatever the broker sends or does not send. */

import assert from 'node:assert/strict';
import {Duplex} from 'node:stream';
import {describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {ClientConnection} from '../../src/client/connection/client-connection.ts';
import {createMinimalClient} from '../../src/client/connection/minimal-client.ts';
import {PacketIdentifiers} from '../../src/client/connection/packet-ids.ts';
import {ReceivedQos2} from '../../src/client/connection/received-qos2.ts';
import type {ConnectionOptions} from '../../src/client/connection-options.ts';
import {ExitCode} from '../../src/errors.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {
  collector,
  failsWith,
  numbered,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const plain = (port: number, overrides: Partial<ConnectionOptions> = {}) =>
  sessionOptions(port, {protocolVersion: 4, ...overrides});

/** Each byte on its own: the reader sees no packet whole. */
async function sendSlowly(connection: FakeConnection, bytes: readonly number[]): Promise<void> {
  connection.socket.setNoDelay(true);
  for (const byte of bytes) {
    await new Promise<void>((resolve) => connection.socket.write(Buffer.of(byte), () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const [name, fastPath] of [
  ['a short session', true],
  ['the same through MQTT.js', false],
] as const) {
  const context = () => sessionContext({minimal: true, fastPath});

  describe(name, () => {
    test('publishes at every QoS, subscribes, and receives what is retained', limit, async () => {
      await using broker = await startMosquitto();
      const greeting = {
        clientId: 'brief',
        credentials: {username: 'me', password: 'secret'},
        will: {topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true},
      } as const;
      await using session = await connect(plain(broker.port, greeting), context());
      for (const qos of [0, 1, 2] as const) {
        const {reasonCode} = await session.publish(
          Buffer.from(`at ${qos}`),
          publication(`kept/${qos}`, {qos, retain: true}),
        );
        assert.equal(reasonCode, 0);
      }
      const received = collector((_, count) => count === 3);
      const receiving = session.receive(received);
      assert.deepEqual(await session.subscribe(['kept/+', 'other'], {qos: 2}), [2, 2]);
      await receiving;
      assert.deepEqual([...received.texts()].sort(), ['at 0', 'at 1', 'at 2']);
      assert.deepEqual(await session.unsubscribe(['other']), [0]);
      await session.end();
      assert.doesNotMatch(broker.log(), /protocol error|malformed/i);
    });

    test('sends many messages through its window', limit, async () => {
      await using broker = await startMosquitto();
      await using session = await connect(plain(broker.port), context());
      const report = await session.publishAll(numbered(500), publication('many', {qos: 2}));
      assert.deepEqual(report, {read: 500, acknowledged: 500, refused: 0});
    });

    test('reads answers that come byte by byte', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        await sendSlowly(connection, [0x20, 2, 0, 0]);
        const {messageId} = await connection.next('subscribe');
        await sendSlowly(connection, [0x90, 4, 0, Number(messageId), 0, 0x80]);
        await connection.idle();
      });
      await using session = await connect(plain(broker.port), context());
      assert.deepEqual(await session.subscribe(['a', 'b'], {qos: 0}), [0, 0x80]);
    });

    test('reports a refusal with its code', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        connection.sendBytes(Buffer.of(0x20, 2, 0, 5));
        await connection.closed;
      });
      await assert.rejects(
        connect(plain(broker.port), context()),
        failsWith(5, /^Connection error: Connection Refused: not authorised/),
      );
    });

    test('reports bytes that are not MQTT', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        connection.sendBytes('HTTP/1.1 400 Bad Request\r\n\r\n');
        await connection.closed;
      });
      await assert.rejects(
        connect(plain(broker.port), context()),
        failsWith(ExitCode.protocol, /^127\.0\.0\.1:\d+ speaks HTTP, not MQTT\./),
      );
    });

    for (const [what, bytes] of [
      ['a second CONNACK', [0x20, 2, 0, 0]],
      ['a SUBACK with an impossible code', [0x90, 3, 0, 1, 0x42]],
      ['a length without end', [0x90, 0xff, 0xff, 0xff, 0xff, 0xff]],
      ['a PUBLISH without a topic', [0x30, 1, 0]],
    ] as const) {
      test(`ends, with status 2, at ${what}`, limit, async () => {
        await using broker = await startFakeBroker(async (connection) => {
          await connection.accept();
          await connection.next('subscribe');
          connection.sendBytes(Buffer.from(bytes));
          await connection.closed;
        });
        const session = await connect(plain(broker.port), context());
        await assert.rejects(
          session.subscribe(['a'], {qos: 0}),
          failsWith(ExitCode.protocol, /sent what is not allowed in MQTT/),
        );
      });
    }

    test('sends PINGREQ to a silent broker, and closes the connection without an answer', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        await connection.closed;
      });
      const session = await connect(plain(broker.port, {keepaliveSeconds: 1}), context());
      await assert.rejects(
        session.receive(collector(() => false)),
        failsWith(ExitCode.keepalive, /keepalive exceeded/),
      );
      assert.ok(broker.connections[0]!.packets.some(({cmd}) => cmd === 'pingreq'));
    });

    test('stays for as long as the broker answers', limit, async () => {
      let answered = 0;
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        connection.socket.on('data', (chunk) => {
          if (!chunk.equals(Buffer.of(0xc0, 0))) return;
          connection.sendBytes(Buffer.of(0xd0, 0));
          if (++answered === 3) connection.send({cmd: 'publish', topic: 'a', payload: 'at last', qos: 0});
        });
        await connection.closed;
      });
      await using session = await connect(plain(broker.port, {keepaliveSeconds: 1}), context());
      const received = collector(() => true);
      await session.receive(received);
      assert.deepEqual(received.texts(), ['at last']);
    });
  });
}

/** A connection with a minimal client on a stream that records its writes. */
function connectionOn(written: number[], clientId: string): ClientConnection {
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.length);
      done();
    },
    writev(chunks, done) {
      written.push(chunks.reduce((sum, {chunk}) => sum + chunk.length, 0));
      done();
    },
  });
  return new ClientConnection({
    stream,
    options: plain(1, {clientId}),
    clientId,
    identifiers: new PacketIdentifiers(),
    receivedQos2: new ReceivedQos2(),
    events: {
      messages: {offered: () => 'passed', begun: () => undefined, flush: () => undefined},
      acknowledged: () => undefined,
      assigned: () => undefined,
    },
    signal: new AbortController().signal,
    createClient: createMinimalClient,
    fastPath: false,
    pipelined: true,
  });
}

test('CONNECT and the packets of the same turn are one write', async () => {
  const written: number[] = [];
  const connection = connectionOn(written, '');
  await Promise.resolve();
  const answer = connection.request({cmd: 'subscribe', subscriptions: [{topic: 'a', qos: 0}]});
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(written, [14 + 8]);
  connection.fail(new Error('the end'));
  await assert.rejects(answer, /the end/);
});

test('an option that cannot be encoded is reported', async () => {
  const connection = connectionOn([], 'x'.repeat(70_000));
  await assert.rejects(connection.accepted, failsWith(ExitCode.invalid, /longer than the 65535 bytes/));
});
