// needs: openssl
/**
 * A server with Nagle's algorithm on holds a small packet back until the one before it was acknowledged, and
 * the system puts off acknowledging by 40 ms unless something is sent. So something is: here a server waits
 * for it as that one would, and without it waits for ever.
 */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {createServer, type TLSSocket} from 'node:tls';
import {connect} from '../../src/client/connect.ts';
import {certificates} from '../support/certificates.ts';
import {FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';
import {start} from '../support/spawn.ts';

const limit = {timeout: 20_000};
const plain = {protocolVersion: 4} as const;

const isPing = ({cmd}: {readonly cmd: string}) => cmd === 'pingreq';

/** Resolves when a PINGREQ has come. */
async function pinged({packets, socket}: FakeConnection): Promise<void> {
  while (!packets.some(isPing)) await once(socket, 'data');
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A broker with TLS 1.3, of which `script` is each connection; `endpoint` is how to reach it at a port. */
async function serveTls(script: (connection: FakeConnection) => Promise<void>) {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-prompt-'));
  const {ca, server: own} = await certificates(directory);
  const [cert, key] = await Promise.all([readFile(own.cert), readFile(own.key)]);
  const sockets = new Set<TLSSocket>();
  const server = createServer({cert, key, minVersion: 'TLSv1.3'}, (socket) => {
    sockets.add(socket);
    void script(new FakeConnection(0, socket));
  });
  const port = await listening(server);
  return {
    port,
    endpoint: (at: number) => ({transport: 'tcp', host: '127.0.0.1', port: at, tls: {caFile: ca}}) as const,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(directory, {recursive: true, force: true});
    },
  };
}

/** A server with TLS 1.3 that sends no session ticket, and answers CONNECT and one PUBLISH at QoS 1. */
async function startTicketless() {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-prompt-'));
  const {ca, server: own} = await certificates(directory);
  const files = ['-cert', own.cert, '-key', own.key];
  const place = ['-accept', '127.0.0.1:0', '-tls1_3', '-num_tickets', '0'];
  const server = start('openssl', ['s_server', ...place, ...files]);
  const port = Number((await server.waitFor('stdout', /ACCEPT 127\.0\.0\.1:(\d+)/))[1]);
  const answer = async (pattern: RegExp, ...bytes: readonly number[]) => {
    await server.waitFor('stdout', pattern);
    server.child.stdin?.write(Buffer.of(...bytes));
  };
  void answer(/MQTT.*ticketless/s, 0x20, 2, 0, 0).catch(() => undefined);
  void answer(/payload/, 0x40, 2, 0, 1).catch(() => undefined);
  return {
    port,
    endpoint: {transport: 'tcp', host: '127.0.0.1', port, tls: {caFile: ca}} as const,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(directory, {recursive: true, force: true});
    },
  };
}

const changeCipherSpec = 20;

/**
 * Stands before a server with TLS 1.3 as Nagle's algorithm does, before a client whose system acknowledges nothing by
 * itself: behind the handshake, a record passes when the client has sent something since the one before.
 */
async function holdBack(port: number) {
  const sockets = new Set<Socket>();
  const between = createTcpServer((client) => {
    const server = connectSocket(port, '127.0.0.1');
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    let isShaken = false;
    let isAwaited = false;
    let held = Buffer.alloc(0);
    const pass = (bytes: Buffer) => {
      client.write(bytes);
      isAwaited = true;
    };
    server.on('data', (bytes) => {
      if (!isShaken) return void client.write(bytes);
      held = Buffer.concat([held, bytes]);
      if (isAwaited) return;
      const length = 5 + held.readUInt16BE(3);
      pass(held.subarray(0, length));
      held = held.subarray(length);
    });
    client.on('data', (bytes) => {
      // The client's last flight begins with it [RFC 8446, D.4].
      isShaken ||= bytes[0] === changeCipherSpec;
      isAwaited = false;
      server.write(bytes);
      if (held.length > 0) pass(held);
      held = Buffer.alloc(0);
    });
  });
  return {
    port: await listening(between),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      between.close();
    },
  };
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
      await using server = await serveTls(async (connection) => {
        await connection.next('publish');
        await pinged(connection);
        connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false});
      });
      const options = sessionOptions(server.port, {...plain, endpoint: server.endpoint(server.port)});
      await using session = await connect(options, sessionContext({pipelined: true, fastPath}));
      await session.publish(Buffer.from('x'), publication('a'));
    });

    test(
      'behind the session tickets of TLS 1.3, CONNACK, with nothing but CONNECT before it',
      limit,
      async () => {
        const before: string[] = [];
        await using server = await serveTls(async (connection) => {
          await connection.accept();
          before.push(...connection.packets.map(({cmd}) => cmd));
          await connection.next('publish');
        });
        await using between = await holdBack(server.port);
        const options = sessionOptions(server.port, {...plain, endpoint: server.endpoint(between.port)});
        await using session = await connect(options, sessionContext({fastPath, ticketMilliseconds: 10_000}));
        await session.publish(Buffer.from('x'), publication('a'));
        assert.deepEqual(before, ['connect']);
      },
    );

    test('a server of TLS 1.3 that sends no ticket gets the whole CONNECT', limit, async () => {
      await using server = await startTicketless();
      const {port, endpoint} = server;
      const options = sessionOptions(port, {...plain, endpoint, clientId: 'ticketless'});
      await using session = await connect(options, sessionContext({fastPath}));
      await session.publish(Buffer.from('payload'), publication('a', {qos: 1}));
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
