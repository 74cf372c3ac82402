/**
 * A scripted broker, one script for each connection: for answers that no real broker
 * gives on demand. Speaks through mqtt-packet; raw bytes both ways where that is not enough.
 */

import {once} from 'node:events';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {type Packet as AnyPacket, generate, type Parser, parser} from 'mqtt-packet';

/** Loose on purpose: scripts also send what is not allowed. */
export type Packet = {readonly cmd: AnyPacket['cmd']} & Readonly<Record<string, unknown>>;

class ConnectionGone extends Error {}

export class FakeConnection {
  readonly number: number;
  readonly socket: Socket;
  /** Everything that came, in order. */
  readonly packets: Packet[] = [];
  readonly closed: Promise<void>;
  readonly #bytes: Buffer[] = [];
  #unread = 0;
  #wake: () => void = () => undefined;
  #gone = false;
  #protocolVersion = 4;

  constructor(number: number, socket: Socket) {
    this.number = number;
    this.socket = socket;
    const reader = parser() as Parser;
    reader.on('packet', (packet) => {
      if (packet.cmd === 'connect') this.#protocolVersion = packet.protocolVersion ?? 4;
      this.packets.push(packet as unknown as Packet);
      this.#wake();
    });
    reader.on('error', (error: Error) => socket.destroy(error));
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.#bytes.push(chunk);
      reader.parse(chunk);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#gone = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** All bytes that came so far. */
  bytes(): Buffer {
    return Buffer.concat(this.#bytes);
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  send(...packets: readonly Packet[]): void {
    const options = {protocolVersion: this.#protocolVersion};
    this.socket.write(Buffer.concat(packets.map((packet) => generate(packet as never, options))));
  }

  /** The next packet that was not read yet; PINGREQ is answered, and not returned. */
  async any(): Promise<Packet> {
    for (;;) {
      while (this.#unread < this.packets.length) {
        const packet = this.packets[this.#unread++]!;
        if (packet.cmd !== 'pingreq') return packet;
        this.send({cmd: 'pingresp'});
      }
      if (this.#gone) throw new ConnectionGone('closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next packet of the kind; others that come before it are passed over. */
  async next(cmd: AnyPacket['cmd']): Promise<Packet> {
    for (;;) {
      const packet = await this.any();
      if (packet.cmd === cmd) return packet;
    }
  }

  /** Reads CONNECT and accepts it. */
  async accept(connack: Readonly<Record<string, unknown>> = {}): Promise<Packet> {
    const connect = await this.next('connect');
    this.send({cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false, ...connack});
    return connect;
  }

  /** Answers PINGREQ, and waits for the other side to close. */
  async idle(): Promise<void> {
    await this.next('auth').catch((error: unknown) => {
      if (!(error instanceof ConnectionGone)) throw error;
    });
  }
}

export interface FakeBroker extends AsyncDisposable {
  readonly port: number;
  readonly connections: readonly FakeConnection[];
  /** Resolves when the script of that connection (from 0) is over. */
  finished(number: number): Promise<void>;
}

/**
 * Starts one on a free loopback port. A script that fails, but for a closed connection, fails the test at
 * its end. `neverCloses`: it does not even close when the other side has.
 */
export async function startFakeBroker(
  script: (connection: FakeConnection) => Promise<void>,
  {neverCloses = false}: {readonly neverCloses?: boolean} = {},
): Promise<FakeBroker> {
  const connections: FakeConnection[] = [];
  const scripts: Promise<void>[] = [];
  const errors: unknown[] = [];
  let wake: () => void = () => undefined;
  const server = createServer({allowHalfOpen: neverCloses}, (socket) => {
    const connection = new FakeConnection(connections.length, socket);
    connections.push(connection);
    scripts.push(
      script(connection)
        .catch((error: unknown) => {
          if (!(error instanceof ConnectionGone)) errors.push(error);
        })
        .finally(() => {
          if (!neverCloses) socket.end();
        }),
    );
    wake();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async finished(number) {
      while (scripts.length <= number) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      await scripts[number];
    },
    async [Symbol.asyncDispose]() {
      for (const {socket} of connections) socket.destroy();
      server.close();
      await Promise.all(scripts);
      if (errors.length > 0) throw errors[0];
    },
  };
}
