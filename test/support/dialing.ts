/** What the transport's tests share: dialing bounded in time, echo servers, and the expectation of a failure. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import type {AddressInfo, Server} from 'node:net';
import type {Duplex} from 'node:stream';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {type DialContext, dial} from '../../src/client/transport/transport.ts';
import {TmqError} from '../../src/errors.ts';

/** Dials MQTT 3.1.1 with a deadline of ten seconds. */
export async function dialBounded(endpoint: Endpoint, context: Partial<DialContext> = {}): Promise<Duplex> {
  return await dial(endpoint, {signal: AbortSignal.timeout(60_000), protocolVersion: 4, ...context});
}

/** Dials, expects a TmqError of one line with the status and the message. */
export async function assertFails(
  endpoint: Endpoint,
  expected: {readonly exitCode: number; readonly message: string | RegExp},
  context: Partial<DialContext> = {},
): Promise<TmqError> {
  const error = await dialBounded(endpoint, context).then(
    (stream) => {
      stream.destroy();
      return undefined;
    },
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TmqError, `expected a TmqError, got ${String(error)}`);
  assert.ok(!error.message.includes('\n'), error.message);
  if (typeof expected.message === 'string') assert.equal(error.message, expected.message);
  else assert.match(error.message, expected.message);
  assert.equal(error.exitCode, expected.exitCode, error.message);
  return error;
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly server: Server;
  connections(): number;
  /** Resolves when no connection is left. */
  idle(): Promise<void>;
}

/** Listens on a free port; disposing closes the server and every connection. */
export async function listening(server: Server, host = '127.0.0.1'): Promise<TestServer> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket);
        server.emit('disconnection');
      });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.size,
    async idle() {
      while (sockets.size > 0) await once(server, 'disconnection', {signal: AbortSignal.timeout(60_000)});
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Gives every byte back. */
export function echo(socket: Duplex): void {
  socket.on('error', () => undefined);
  socket.pipe(socket);
}

/** Sends a text through the stream, expects it back, and closes. */
export async function assertEchoes(stream: Duplex, text = 'over and over again'): Promise<void> {
  stream.write(text);
  let received = '';
  for await (const chunk of stream.iterator({destroyOnReturn: true})) {
    received += String(chunk);
    if (received.length >= text.length) break;
  }
  assert.equal(received, text);
}

/** A CONNECT packet of MQTT 3.1.1 with an empty client id and a clean session. */
export const connectPacket = Buffer.from([0x10, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0]);

/** The first bytes that come; the stream is destroyed afterwards. */
export async function firstBytes(stream: Duplex): Promise<Buffer> {
  for await (const chunk of stream) return chunk as Buffer;
  throw new Error('the stream ended without a byte');
}

/** Sends CONNECT and expects CONNACK with code 0, which shows that a broker answers. */
export async function assertBroker(stream: Duplex): Promise<void> {
  stream.write(connectPacket);
  assert.deepEqual([...(await firstBytes(stream)).subarray(0, 4)], [0x20, 2, 0, 0]);
}
