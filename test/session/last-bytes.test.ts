// needs: openssl
/**
 * How a connection ends, by every transport. What has come is taken, also while messages wait for a flush: with
 * TLS and WebSockets the end is seen although reading has stopped. And the end is seen at all: a WebSocket
 * that is closed says less than a socket does.
 */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer as createHttpServer} from 'node:http';
import {type AddressInfo, createServer as createPlainServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Duplex} from 'node:stream';
import {after, before, test} from 'node:test';
import {createServer as createTlsServer} from 'node:tls';
import {generate, type Packet, type Parser, parser} from 'mqtt-packet';
import {createWebSocketStream, WebSocketServer} from 'ws';
import {connect} from '../../src/client/connect.ts';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {type Certificates, certificates} from '../support/certificates.ts';
import {moment} from '../support/moment.ts';
import {
  collector,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

let directory: string;
let files: Certificates;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-last-'));
  files = await certificates(directory);
});

after(async () => {
  await rm(directory, {recursive: true, force: true});
});

const limit = {timeout: 60_000};
const accepted = generate({cmd: 'connack', returnCode: 0, sessionPresent: false});
const count = 100;

const publish = (index: number) =>
  generate({cmd: 'publish', topic: 'a', payload: String(index), qos: 0, retain: false, dup: false});

interface Ending {
  /** The first message is being flushed. */
  readonly flushing: Promise<void>;
  /** All has been sent, and the end behind it. */
  sent(): void;
}

/** Accepts the connection, and reports all bytes behind CONNECT. */
function answer(stream: Duplex, told: (packet: Packet) => void): void {
  const reader = parser() as Parser;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => reader.parse(chunk));
  reader.on('packet', (packet: Packet) => {
    if (packet.cmd === 'connect') stream.write(accepted);
    else told(packet);
  });
}

/** Speaks as a broker: the first message with SUBACK, and the others, with the end, while that is being flushed. */
function speak(stream: Duplex, {flushing, sent}: Ending): void {
  answer(stream, (packet) => {
    if (packet.cmd !== 'subscribe') return;
    const suback = generate({cmd: 'suback', messageId: packet.messageId!, granted: [0]});
    stream.write(Buffer.concat([suback, publish(0)]));
    void flushing.then(() => {
      stream.write(Buffer.concat(Array.from({length: count - 1}, (_, index) => publish(index + 1))));
      stream.end();
      sent();
    });
  });
}

type Transport = 'tcp' | 'tls' | 'ws';

/** A server whose connections go to `onStream`, and where it is. */
async function serve(transport: Transport, onStream: (stream: Duplex) => void) {
  let server: Server = createPlainServer(onStream);
  if (transport === 'tls') {
    const [cert, key] = await Promise.all([readFile(files.server.cert), readFile(files.server.key)]);
    server = createTlsServer({cert, key}, onStream);
  }
  if (transport === 'ws') {
    const httpServer = createHttpServer();
    const webSockets = new WebSocketServer({server: httpServer, handleProtocols: () => 'mqtt'});
    server = httpServer;
    webSockets.on('connection', (each) => onStream(createWebSocketStream(each)));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const endpoint: Endpoint = {
    transport: transport === 'ws' ? 'ws' : 'tcp',
    host: '127.0.0.1',
    port,
    ...(transport === 'tls' ? {tls: {caFile: files.ca}} : {}),
  };
  return {endpoint, [Symbol.dispose]: () => void server.close()};
}

/** What is received from the endpoint until the connection is lost. */
async function receivedFrom(endpoint: Endpoint, begun: () => void, sent: Promise<void>) {
  const session = await connect(sessionOptions(0, {endpoint, protocolVersion: 4}), sessionContext());
  const received = collector(() => false);
  let flushes = 0;
  const reception = session.receive({
    message: (message) => received.message(message),
    async flush() {
      await received.flush();
      if (flushes++ > 0) return;
      begun();
      await sent;
      // Both are in this process: in so many turns the end is here, if it is read at all.
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
  });
  await session.subscribe(['a'], {qos: 0});
  await assert.rejects(reception, /was lost/);
  await session.end().catch(() => undefined);
  return received.texts();
}

const texts = Array.from({length: count}, (_, index) => String(index));

for (const transport of ['tcp', 'tls', 'ws'] as const) {
  test(`${transport}: what came before the end is taken after the flush`, limit, async () => {
    const flushing = moment();
    const sent = moment();
    using server = await serve(transport, (stream) =>
      speak(stream, {flushing: flushing.happened, sent: sent.happen}),
    );
    assert.deepEqual(await receivedFrom(server.endpoint, flushing.happen, sent.happened), texts);
  });
}

/** What ends a connection from the other side. */
const endings: Readonly<Record<string, (stream: Duplex) => void>> = {
  'is closed': (stream) => stream.end(),
  'is cut': (stream) => stream.destroy(),
};

for (const transport of ['tcp', 'tls', 'ws'] as const) {
  for (const [how, end] of Object.entries(endings)) {
    test(`${transport}: a connection that ${how} is made again, and nothing is lost`, limit, async () => {
      let connections = 0;
      const acknowledged = new Set<string>();
      using server = await serve(transport, (stream) => {
        const isFirst = connections++ === 0;
        let published = 0;
        answer(stream, (packet) => {
          if (packet.cmd !== 'publish' || (isFirst && published >= 50)) return;
          if (++published === 50 && isFirst) {
            end(stream);
            return;
          }
          acknowledged.add(String(packet.payload));
          stream.write(generate({cmd: 'puback', messageId: packet.messageId!}));
        });
      });
      const options = sessionOptions(0, {endpoint: server.endpoint, protocolVersion: 4});
      await using session = await connect(options, sessionContext({reconnect: persistent}));
      const report = await session.publishAll(numbered(200), publication('a', {qos: 1}));
      assert.deepEqual([report.acknowledged, acknowledged.size, connections], [200, 200, 2]);
    });

    test(`${transport}: the end is seen where nothing is sent: it ${how}`, limit, async () => {
      using server = await serve(transport, (stream) => {
        stream.on('error', () => undefined);
        stream.once('data', () => {
          stream.write(accepted, () => end(stream));
        });
      });
      const session = await connect(
        sessionOptions(0, {endpoint: server.endpoint, protocolVersion: 4}),
        sessionContext(),
      );
      const reception = session.receive(collector(() => false));
      await assert.rejects(reception, /was lost|closed the connection/);
      await session.end().catch(() => undefined);
    });
  }
}
