/**
 * The server's side of a WebSocket connection as a stream of MQTT bytes [RFC 6455], written out so that
 * it can refuse what real servers refuse. Splits nothing: one write is one frame.
 */

import {createHash} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import {Duplex} from 'node:stream';
import {areWholePackets} from './packet-cutter.ts';

/** What a server refuses beyond RFC 6455: it ends the connection, as mosquitto 2.1's built-in one does. */
export interface WebSocketRules {
  /** Data frames without a byte, which mosquitto reads as a packet of type 0. */
  readonly refusesEmptyFrames?: boolean;
  /** Data frames that do not hold whole MQTT packets. */
  readonly refusesPartialPackets?: boolean;
  /** A frame whose header, mask included, has not arrived with the frame's first byte. */
  readonly refusesCutHeaders?: boolean;
}

export const strictRules: WebSocketRules = {
  refusesEmptyFrames: true,
  refusesPartialPackets: true,
  refusesCutHeaders: true,
};

/** A chunk of this size is Node's read buffer, of a socket or of TLS, and not the end of a segment. */
const readBufferSizes = [65_536, 16_384];

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A data frame, or one of another opcode, as a server sends it. */
export function serverFrame(payload: Uint8Array, opcode = 2): Buffer {
  const {length} = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + extended);
  header[0] = 0x80 | opcode;
  header[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) header.writeUInt16BE(length, 2);
  if (extended === 8) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

/** Answers the upgrade request; the subprotocol is the one that MQTT has. */
export function acceptUpgrade(request: IncomingMessage, socket: Duplex): void {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  const protocol = offered.split(/,\s*/).find((name) => name.startsWith('mqtt'));
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}

export class WebSocketServerStream extends Duplex {
  readonly #socket: Duplex;
  readonly #rules: WebSocketRules;
  readonly #refused: (reason: string) => void;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(socket: Duplex, head: Buffer, rules: WebSocketRules, refused: (reason: string) => void) {
    super();
    this.#socket = socket;
    this.#rules = rules;
    this.#refused = refused;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    socket.on('end', () => this.push(null));
    if (head.length > 0) this.#received(head);
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (let frame = this.#next(chunk); frame !== undefined; frame = this.#next(chunk)) this.#take(frame);
  }

  /** The next whole frame, unmasked; undefined when bytes are missing or the connection was refused. */
  #next(latest: Buffer): Frame | undefined {
    if (this.#length === 0 || this.destroyed) return undefined;
    if (this.#chunks[0]!.length < 14 && this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    const start = this.#chunks[0]!;
    const short = (start[1] ?? 0) & 127;
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
    const header = 2 + extended + 4;
    if (start.length < header) {
      if (this.#rules.refusesCutHeaders && !readBufferSizes.includes(latest.length)) {
        this.#refuse('a frame header in two segments');
      }
      return undefined;
    }
    if ((start[1]! & 128) === 0) return this.#refuse('a frame without a mask');
    const length =
      extended === 0 ? short : extended === 2 ? start.readUInt16BE(2) : Number(start.readBigUInt64BE(2));
    if (this.#length < header + length) return undefined;
    const bytes = Buffer.concat(this.#chunks);
    const payload = Buffer.from(bytes.subarray(header, header + length));
    for (let at = 0; at < length; at++) payload[at]! ^= bytes[header - 4 + (at & 3)]!;
    this.#chunks = bytes.length === header + length ? [] : [bytes.subarray(header + length)];
    this.#length -= header + length;
    return {opcode: start[0]! & 15, payload};
  }

  #take({opcode, payload}: Frame): void {
    if (opcode === 8) {
      this.#socket.write(serverFrame(payload.subarray(0, 2), 8));
      this.push(null);
    } else if (opcode === 9) this.#socket.write(serverFrame(payload, 10));
    else if (opcode === 10) return;
    else if (this.#rules.refusesEmptyFrames && payload.length === 0) this.#refuse('an empty frame');
    else if (this.#rules.refusesPartialPackets && !areWholePackets(payload)) {
      this.#refuse('a frame that does not hold whole packets');
    } else if (payload.length > 0 && !this.push(payload)) this.#socket.pause();
  }

  #refuse(reason: string): undefined {
    this.#refused(reason);
    this.destroy();
    return undefined;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(serverFrame(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(serverFrame(Buffer.of(3, 232), 8), () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
