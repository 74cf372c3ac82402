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
  connect as connectTo,
  createServer as createProxy,
  type Server,
  type Socket,
} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {createServer} from 'node:tls';
import {connect} from '../../src/client/connect.ts';
import {certificates} from '../support/certificates.ts';
import {FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const plain = {protocolVersion: 4} as const;

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-prompt-'));
});
after(() => rm(directory, {recursive: true, force: true}));

const isPing = ({cmd}: {readonly cmd: string}) => cmd === 'pingreq';

/** Resolves when a PINGREQ has come. */
async function pinged({packets, socket}: FakeConnection): Promise<void> {
  while (!packets.some(isPing)) await once(socket, 'data');
}

/** The complete records of TLS in these bytes, and what is left. */
function recordsIn(bytes: Buffer): {readonly records: readonly Buffer[]; readonly rest: Buffer} {
  const headerBytes = 5;
  const records: Buffer[] = [];
  let rest = bytes;
  while (rest.length > headerBytes) {
    const length = headerBytes + rest.readUInt16BE(3);
    if (rest.length < length) break;
    records.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return {records, rest};
}

/** Holds back what a server sends behind the handshake of TLS 1.3. */
class RecordGate {
  readonly #client: Socket;
  readonly #server: Socket;
  #held: Buffer[] = [];
  #fromClient: Buffer = Buffer.alloc(0);
  #fromServer: Buffer = Buffer.alloc(0);
  /** How many records of the server may pass. */
  #allowed = Number.POSITIVE_INFINITY;

  /** @param encrypted called for each encrypted record of the client; the first ends the handshake */
  constructor(client: Socket, server: Socket, encrypted: (gate: RecordGate, isFirst: boolean) => void) {
    this.#client = client;
    this.#server = server;
    const applicationData = 23;
    let count = 0;
    client.on('data', (chunk) => {
      const {records, rest} = recordsIn(Buffer.concat([this.#fromClient, chunk]));
      this.#fromClient = rest;
      for (const record of records) {
        if (record[0] === applicationData) {
          if (count === 0) this.#allowed = 0;
          encrypted(this, count++ === 0);
        }
        server.write(record);
      }
    });
    server.on('data', (chunk) => {
      const {records, rest} = recordsIn(Buffer.concat([this.#fromServer, chunk]));
      this.#fromServer = rest;
      this.#held.push(...records);
      this.allow(0);
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined).on('close', () => this.destroy());
    }
  }

  allow(more: number): void {
    this.#allowed += more;
    for (; this.#allowed > 0 && this.#held.length > 0; this.#allowed--)
      this.#client.write(this.#held.shift()!);
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}

/**
 * A broker behind TLS 1.3 that accepts a connection and a message at QoS 1. Its tickets, as many as are given, come
 * before CONNECT, and the rest behind it. By default each of its records waits for one of the client, as with
 * Nagle's algorithm where TCP acknowledges nothing by itself.
 */
async function startSecureBroker(directory: string, tickets?: number) {
  const {ca, server: own} = await certificates(directory);
  const [cert, key] = await Promise.all([readFile(own.cert), readFile(own.key)]);
  let gate: RecordGate | undefined;
  const server = createServer({cert, key, minVersion: 'TLSv1.3'}, async (socket) => {
    const connection = new FakeConnection(0, socket);
    await connection.accept();
    if (tickets !== undefined) gate?.allow(Number.POSITIVE_INFINITY);
    const {messageId} = await connection.next('publish');
    connection.send({cmd: 'puback', messageId});
  });
  const listening = async (each: Server) => {
    each.listen(0, '127.0.0.1');
    await once(each, 'listening');
    return (each.address() as AddressInfo).port;
  };
  const behind = await listening(server);
  const proxy = createProxy((client) => {
    gate = new RecordGate(client, connectTo(behind, '127.0.0.1'), (each, isFirst) => {
      if (tickets === undefined) each.allow(1);
      else if (isFirst) each.allow(tickets);
    });
  });
  const port = await listening(proxy);
  const endpoint = {transport: 'tcp', host: '127.0.0.1', port, tls: {caFile: ca}} as const;
  return {
    options: sessionOptions(port, {...plain, endpoint}),
    async [Symbol.asyncDispose]() {
      gate?.destroy();
      server.close();
      proxy.close();
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

    for (const pipelined of [false, true]) {
      const title = `behind the session tickets of TLS 1.3, CONNACK${pipelined ? ', when pipelined' : ''}`;
      test(title, limit, async (t) => {
        // On a slow machine, too, it is the tickets that are waited for.
        t.mock.timers.enable({apis: ['setTimeout']});
        await using broker = await startSecureBroker(directory);
        const {options} = broker;
        await using session = await connect(options, sessionContext({pipelined, fastPath}));
        await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
      });
    }

    for (const count of [0, 1]) {
      test(
        `from a server of TLS 1.3 with ${count} session tickets before CONNECT, CONNACK`,
        limit,
        async () => {
          await using broker = await startSecureBroker(directory, count);
          await using session = await connect(broker.options, sessionContext({fastPath}));
          await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
        },
      );
    }
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
