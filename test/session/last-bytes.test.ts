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
import {test} from 'node:test';
import {createServer as createTlsServer} from 'node:tls';
import {generate, type Packet, type Parser, parser} from 'mqtt-packet';
import {createWebSocketStream, WebSocketServer} from 'ws';
import type {Endpoint} from '../../src/mqtt/connection-options.ts';
import {connect} from '../../src/mqtt/session.ts';
import {certificates} from '../support/certificates.ts';
import {
  collector,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

const limit = {timeout: 20_000};
const count = 100;

const publish = (index: number) =>
  generate({cmd: 'publish', topic: 'a', payload: String(index), qos: 0, retain: false, dup: false});

interface Ending {
  /** The first message is being flushed. */
  readonly flushing: Promise<void>;
  /** All has been sent, and the end behind it. */
  sent(): void;
}

/** Speaks as a broker: the first message with SUBACK, and the others, with the end, while that is being flushed. */
function speak(stream: Duplex, {flushing, sent}: Ending): void {
  const reader = parser() as Parser;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => reader.parse(chunk));
  reader.on('packet', (packet: Packet) => {
    if (packet.cmd === 'connect') {
      stream.write(generate({cmd: 'connack', returnCode: 0, sessionPresent: false}));
    }
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
async function serve(transport: Transport, directory: string, onStream: (stream: Duplex) => void) {
  const files = await certificates(directory);
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
  return {server, endpoint};
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

/** A promise, and what resolves it. */
function moment() {
  let happen: () => void = () => undefined;
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return {happened, happen: () => happen()};
}

const texts = Array.from({length: count}, (_, index) => String(index));

for (const transport of ['tcp', 'tls', 'ws'] as const) {
  test(`${transport}: what came before the end is taken after the flush`, limit, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-last-'));
    const flushing = moment();
    const sent = moment();
    const {server, endpoint} = await serve(transport, directory, (stream) =>
      speak(stream, {flushing: flushing.happened, sent: sent.happen}),
    );
    try {
      assert.deepEqual(await receivedFrom(endpoint, flushing.happen, sent.happened), texts);
    } finally {
      server.close();
      await rm(directory, {recursive: true, force: true});
    }
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
      const directory = await mkdtemp(join(tmpdir(), 'tmq-last-'));
      let connections = 0;
      const acknowledged = new Set<string>();
      const {server, endpoint} = await serve(transport, directory, (stream) => {
        const isFirst = connections++ === 0;
        let published = 0;
        const reader = parser() as Parser;
        stream.on('error', () => undefined);
        stream.on('data', (chunk: Buffer) => reader.parse(chunk));
        reader.on('packet', (packet: Packet) => {
          if (packet.cmd === 'connect') {
            stream.write(generate({cmd: 'connack', returnCode: 0, sessionPresent: false}));
          }
          if (packet.cmd !== 'publish' || (isFirst && published >= 50)) return;
          if (++published === 50 && isFirst) {
            end(stream);
            return;
          }
          acknowledged.add(String(packet.payload));
          stream.write(generate({cmd: 'puback', messageId: packet.messageId!}));
        });
      });
      try {
        const options = sessionOptions(0, {endpoint, protocolVersion: 4});
        await using session = await connect(options, sessionContext({reconnect: persistent}));
        const report = await session.publishAll(numbered(200), publication('a', {qos: 1}));
        assert.deepEqual([report.acknowledged, acknowledged.size, connections], [200, 200, 2]);
      } finally {
        server.close();
        await rm(directory, {recursive: true, force: true});
      }
    });

    test(`${transport}: the end is seen where nothing is sent: it ${how}`, limit, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tmq-last-'));
      const {server, endpoint} = await serve(transport, directory, (stream) => {
        stream.on('error', () => undefined);
        stream.once('data', () => {
          stream.write(generate({cmd: 'connack', returnCode: 0, sessionPresent: false}), () => end(stream));
        });
      });
      try {
        const session = await connect(sessionOptions(0, {endpoint, protocolVersion: 4}), sessionContext());
        const reception = session.receive(collector(() => false));
        await assert.rejects(reception, /was lost|closed the connection/);
        await session.end().catch(() => undefined);
      } finally {
        server.close();
        await rm(directory, {recursive: true, force: true});
      }
    });
  }
}
