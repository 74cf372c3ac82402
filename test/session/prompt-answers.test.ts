// needs: openssl
/**
 * A server with Nagle's algorithm on holds a small packet back until the one before it was acknowledged, and
 * the system puts off acknowledging by 40 ms unless something is sent. So something is: here a server waits
 * for it as that one would, and without it waits for ever.
 */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {createServer} from 'node:tls';
import {connect} from '../../src/client/connect.ts';
import {certificates} from '../support/certificates.ts';
import {FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const plain = {protocolVersion: 4} as const;

const isPing = ({cmd}: {readonly cmd: string}) => cmd === 'pingreq';

/** Resolves when a PINGREQ has come. */
async function pinged({packets, socket}: FakeConnection): Promise<void> {
  while (!packets.some(isPing)) await once(socket, 'data');
}

for (const fastPath of [true, false]) {
  describe(fastPath ? 'answers that are not kept waiting' : '… through MQTT.js', () => {
    test('behind SUBACK, a retained message', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        const {messageId} = await connection.next('subscribe');
        connection.send({cmd: 'suback', messageId, granted: [0]});
        await pinged(connection);
        connection.send({cmd: 'publish', topic: 'a', payload: 'kept', qos: 0, retain: true});
        await connection.idle();
      });
      await using session = await connect(sessionOptions(broker.port), sessionContext({fastPath}));
      const received = collector(() => true);
      await Promise.all([session.receive(received), session.subscribe(['a'], {qos: 0})]);
      assert.deepEqual(received.texts(), ['kept']);
    });

    test('behind a CONNACK that comes after what it answers', limit, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.next('connect');
        const {messageId} = await connection.next('publish');
        connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
        await pinged(connection);
        connection.send({cmd: 'puback', messageId});
        await connection.idle();
      });
      const context = sessionContext({pipelined: true, fastPath});
      await using session = await connect(sessionOptions(broker.port, plain), context);
      await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    });

    test('behind the session ticket of TLS 1.3, CONNACK', limit, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tmq-prompt-'));
      const server = createServer({minVersion: 'TLSv1.3'}, async (socket) => {
        const connection = new FakeConnection(0, socket);
        await connection.next('publish');
        await pinged(connection);
        connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
      });
      try {
        const {ca, server: own} = await certificates(directory);
        const [cert, key] = await Promise.all([readFile(own.cert), readFile(own.key)]);
        server.setSecureContext({cert, key, minVersion: 'TLSv1.3'});
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        const {port} = server.address() as AddressInfo;
        const endpoint = {transport: 'tcp', host: '127.0.0.1', port, tls: {caFile: ca}} as const;
        const options = sessionOptions(port, {...plain, endpoint});
        await using session = await connect(options, sessionContext({pipelined: true, fastPath}));
        await session.publish(Buffer.from('x'), publication('a'));
      } finally {
        server.close();
        await rm(directory, {recursive: true, force: true});
      }
    });
  });
}

test('a trace shows what is asked for, and no such PINGREQ', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send(
      {cmd: 'suback', messageId, granted: [0]},
      {cmd: 'publish', topic: 'a', payload: 'kept', qos: 0, retain: true},
    );
    await connection.idle();
  });
  {
    const context = sessionContext({trace: () => undefined});
    await using session = await connect(sessionOptions(broker.port), context);
    await Promise.all([session.receive(collector(() => true)), session.subscribe(['a'], {qos: 0})]);
  }
  await broker.finished(0);
  assert.deepEqual(
    broker.connections[0]!.packets.map(({cmd}) => cmd),
    ['connect', 'subscribe', 'disconnect'],
  );
});
