/** Servers over TCP and WebSocket that hand each connection to what a campaign wants from it at the time. */

import {once} from 'node:events';
import {createServer, type IncomingMessage} from 'node:http';
import {type AddressInfo, createServer as createTcpServer, type Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {acceptUpgrade, serverFrame, WebSocketServerStream} from '../support/stand-ins/web-socket-server.ts';
import type {Random} from './random.ts';

type Serve = (stream: Duplex) => void;

/** Sends a write as several frames of one message [RFC 6455, 5.4], with a PING in between, or as one. */
class FragmentingStream extends WebSocketServerStream {
  readonly #random: Random;
  readonly #beneath: Socket;
  /** ws ends a connection with many PINGs that it could not answer yet. */
  #pings = 5;

  constructor(socket: Socket, head: Buffer, random: Random) {
    super(socket, head, {}, () => undefined);
    this.#random = random;
    this.#beneath = socket;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#random.permille(700)) super._write(chunk, encoding, done);
    else this.#beneath.write(Buffer.concat([...this.#fragments(chunk)]), done);
  }

  *#fragments(chunk: Buffer): Generator<Buffer, void, undefined> {
    const random = this.#random;
    for (let at = 0, isFirst = true; at < chunk.length; isFirst = false) {
      if (random.permille(300) && --this.#pings >= 0) yield serverFrame(random.bytes(random.below(5)), 9);
      const end = at + random.between(isFirst ? 1 : 0, chunk.length - at);
      const frame = serverFrame(chunk.subarray(at, end), isFirst ? 2 : 0);
      // FIN stands on the last one only.
      if (end < chunk.length) frame[0]! &= 0x7f;
      yield frame;
      at = end;
    }
  }
}

/** One server of each kind, for a process. */
export class Servers {
  readonly ports: Readonly<Record<'tcp' | 'ws', number>>;
  static #opened: Promise<Servers> | undefined;
  #serve: Serve = (stream) => void stream.destroy();
  #fragmenting: Random | undefined;

  private constructor(ports: Record<'tcp' | 'ws', number>) {
    this.ports = ports;
  }

  static async open(): Promise<Servers> {
    Servers.#opened ??= Servers.#listen();
    return await Servers.#opened;
  }

  /** Who has connections from now on, and with which choices WebSocket frames are cut; default: one for each write. */
  use(serve: Serve, fragmenting?: Random): void {
    this.#serve = serve;
    this.#fragmenting = fragmenting;
  }

  #webSocket(socket: Socket, head: Buffer): Duplex {
    return this.#fragmenting === undefined
      ? new WebSocketServerStream(socket, head, {}, () => undefined)
      : new FragmentingStream(socket, head, this.#fragmenting);
  }

  static async #listen(): Promise<Servers> {
    const ports = {tcp: 0, ws: 0};
    const servers = new Servers(ports);
    const tcp = createTcpServer({noDelay: true}, (socket) => servers.#serve(socket));
    const http = createServer();
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.setNoDelay();
      acceptUpgrade(request, socket);
      servers.#serve(servers.#webSocket(socket, head));
    });
    for (const [name, server] of [
      ['tcp', tcp],
      ['ws', http],
    ] as const) {
      server.listen(0, '127.0.0.1').unref();
      await once(server, 'listening');
      ports[name] = (server.address() as AddressInfo).port;
    }
    return servers;
  }
}
