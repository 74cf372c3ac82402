/** A WebSocket server whose frames no client may accept [RFC 6455, 5.1 to 5.5]: sent in place of CONNACK or behind it. */

import {createServer} from 'node:http';
import type {Duplex} from 'node:stream';
import {listening, type TestServer} from '../dialing.ts';
import {acceptUpgrade, serverFrame, WebSocketServerStream} from './web-socket-server.ts';

/** By name, the bytes of a frame that ends the connection at once. */
export const fatalFrames = {
  'a masked frame': Buffer.of(0x82, 0x84, 1, 2, 3, 4, 0x21, 0x00, 0x03, 0x04),
  'reserved bits': Buffer.of(0xf2, 2, 0xd0, 0),
  'a reserved opcode': Buffer.of(0x83, 2, 0xd0, 0),
  'a length of 2^63': Buffer.of(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0),
  'a fragmented close': Buffer.of(0x08, 0),
  'a ping of 126 bytes': Buffer.concat([Buffer.of(0x89, 126, 0, 126), Buffer.alloc(126)]),
} as const;
export type FatalFrame = keyof typeof fatalFrames;

/**
 * Starts one on a free loopback port. Each connection gets the frame instead of CONNACK, or behind the first
 * answer where `after` asks for it; the server never closes by itself.
 */
export async function startFaultyWebSockets(
  frame: FatalFrame,
  after: 'upgrade' | 'CONNACK',
): Promise<TestServer> {
  const server = createServer();
  server.on('upgrade', (request, socket: Duplex, head) => {
    acceptUpgrade(request, socket);
    if (after === 'upgrade') {
      socket.write(fatalFrames[frame]);
      socket.on('error', () => undefined).resume();
      return;
    }
    const client = new WebSocketServerStream(socket, head, {}, () => undefined);
    client.on('error', () => undefined);
    client.once('data', (connect: Buffer) => {
      // The level stands behind the protocol's name of four letters; 5 has properties in its CONNACK.
      const connack = connect[8] === 5 ? Buffer.of(0x20, 3, 0, 0, 0) : Buffer.of(0x20, 2, 0, 0);
      socket.write(Buffer.concat([serverFrame(connack), fatalFrames[frame]]));
    });
    client.resume();
  });
  return await listening(server);
}
