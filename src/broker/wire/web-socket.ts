/**
 * MQTT over WebSockets: the upgrade of an HTTP request, and a stream of the bytes in the binary frames. Knows no
 * listener. The only importer of ws.
 */

import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {WebSocket} from 'ws';
import {largestPacket} from '../../protocol/fixed-header.ts';
import {PacketFrames} from './packet-frames.ts';
import {gatheringEvent} from './stream-events.ts';

/** The sub-protocols of MQTT over WebSockets [MQTT 5, 6.0]; the second is the name in MQTT 3.1. */
const subprotocols = ['mqtt', 'mqttv3.1'];

/** Which WebSockets are wanted, and where their streams go. */
export interface WebSocketClients {
  readonly accept: (stream: Duplex, socket: Socket) => void;
  /** Whether this request may become a WebSocket; if not, the answer is 403. */
  readonly mayConnect: (request: IncomingMessage) => boolean;
  /** A frame for each packet, which some clients need, or for each write: that takes a browser a fifth of the time. */
  readonly framing: 'packet' | 'write';
}

/** A listener of the event 'upgrade' of an HTTP server. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Loads ws; what it returns makes MQTT clients of the WebSockets that an HTTP server is asked for. */
export async function webSocketUpgrade({accept, mayConnect, framing}: WebSocketClients): Promise<Upgrade> {
  const {createWebSocketStream, WebSocketServer} = await import('ws');
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    // The broker splits the stream into packets and limits their size.
    maxPayload: largestPacket,
    // A client must offer one of them [MQTT-6.0.0-3]; the answer names the accepted one [MQTT-6.0.0-4].
    verifyClient({req}: {req: IncomingMessage}, answer: (ok: boolean, status?: number) => void) {
      if (!mayConnect(req)) {
        answer(false, 403);
        return;
      }
      const offered = (req.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
      answer(
        offered.some((name) => subprotocols.includes(name)),
        400,
      );
    },
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  return (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const stream = createWebSocketStream(webSocket);
      if (framing === 'packet') framePackets(webSocket, stream, request.socket);
      watchWebSocket(webSocket, stream, request.socket);
      accept(stream, request.socket);
    });
}

/** Writes a frame for each packet, and all of one turn at once. */
function framePackets(webSocket: WebSocket, stream: Duplex, socket: Socket): void {
  const frames = new PacketFrames();
  const write = (bytes: Buffer, done: (error?: Error | null) => void) => {
    if (webSocket.readyState === webSocket.OPEN) socket.write(frames.add(bytes), done);
    // Says why it cannot be sent.
    else webSocket.send(bytes, done);
  };
  stream._write = (bytes, _encoding, done) => write(bytes, done);
  stream._writev = (pieces, done) => write(Buffer.concat(pieces.map(({chunk}) => chunk)), done);
}

/** What comes is a stream of bytes: the boundaries of its frames do not matter [MQTT-6.0.0-2]. */
function watchWebSocket(webSocket: WebSocket, stream: Duplex, socket: Socket): void {
  // After a frame that is not valid, ws would wait half a minute for the client to close.
  webSocket.on('error', () => socket.destroySoon());

  // A message comes out when it is whole, and it may be long. First, so that it is counted before it comes out.
  const count = ({length}: Buffer) => {
    if (!stream.emit(gatheringEvent, length)) socket.off('data', count);
  };
  socket.prependListener('data', count);

  // MQTT travels in binary frames only [MQTT-6.0.0-1].
  webSocket.on('message', (_data, isBinary) => {
    if (!isBinary) webSocket.terminate();
  });
  stream.on('error', () => undefined);
  // When the socket was destroyed, the stream never ends by itself.
  webSocket.on('close', () => {
    if (stream.readableEnded) stream.destroy();
    else stream.once('end', () => stream.destroy());
  });
}
