/** One client of the load generator: connects, subscribes, acknowledges, and counts without looking closely. */

import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {
  Acknowledgements,
  type ConnectOptions,
  connectFrame,
  type FrameHandler,
  frameScanner,
  subscribeFrame,
  type,
  type Version,
} from './frames.ts';

export interface LoadClientOptions extends ConnectOptions {
  readonly port: number;
}

/** Connects. @throws Error when the broker refuses */
export async function connectClient(options: LoadClientOptions): Promise<LoadClient> {
  const socket = connect(options.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const client = new LoadClient(socket, options.version);
  const answer = client.answer();
  socket.write(connectFrame(options));
  const code = await answer;
  if (code !== 0) throw new Error(`The broker refused ${options.clientId} with code ${code}.`);
  return client;
}

export class LoadClient {
  readonly socket: Socket;
  readonly #version: Version;
  readonly #acknowledgements = {
    [type.puback]: new Acknowledgements(type.puback),
    [type.pubrec]: new Acknowledgements(type.pubrec),
    [type.pubrel]: new Acknowledgements(type.pubrel | 2),
    [type.pubcomp]: new Acknowledgements(type.pubcomp),
  };
  /** Messages of its own that the broker has acknowledged to the end. */
  completed = 0;
  /** Called after a read that completed some. */
  onCompleted: () => void = () => undefined;
  #answered: (code: number) => void = () => undefined;
  #delivered: (count: number) => void = () => undefined;
  #deliveries = 0;
  #take: (chunk: Buffer) => void;
  #ending = false;

  constructor(socket: Socket, version: Version) {
    this.socket = socket;
    this.#version = version;
    this.#take = frameScanner(this.#handle);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#ending) return;
      process.stderr.write('The broker closed a connection.\n');
      process.exit(1);
    });
  }

  /** The code in the next CONNACK or SUBACK. */
  answer(): Promise<number> {
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  /** @throws Error when the broker refuses the filter */
  async subscribe(filter: string, qos: number): Promise<void> {
    const answer = this.answer();
    this.socket.write(subscribeFrame(filter, qos, this.#version));
    const granted = await answer;
    if (granted !== qos) throw new Error(`The broker granted ${granted}, not ${qos}.`);
  }

  /**
   * Counts the messages of each read. At QoS 0 all frames have one length, so bytes are
   * counted: the generator must not be slower than what it loads.
   */
  countDeliveries(frameBytes: number, qos: number, delivered: (count: number) => void): void {
    this.#delivered = delivered;
    if (qos > 0) return;
    let bytes = 0;
    this.#take = (chunk) => {
      bytes += chunk.length;
      const whole = Math.floor(bytes / frameBytes);
      bytes -= whole * frameBytes;
      this.#deliveries += whole;
    };
  }

  /** Counts messages one by one, from now on. */
  countEach(delivered: (count: number) => void): void {
    this.#delivered = delivered;
  }

  /** Sends DISCONNECT; resolves when the broker has read it and closes. */
  async end(): Promise<void> {
    this.#ending = true;
    this.socket.write(Buffer.of(type.disconnect, 0));
    await once(this.socket, 'close');
  }

  #read(chunk: Buffer): void {
    const before = this.completed;
    this.#take(chunk);
    for (const acknowledgements of Object.values(this.#acknowledgements)) {
      const bytes = acknowledgements.take();
      if (bytes !== undefined) this.socket.write(bytes);
    }
    if (this.completed > before) this.onCompleted();
    if (this.#deliveries > 0) {
      const count = this.#deliveries;
      this.#deliveries = 0;
      this.#delivered(count);
    }
  }

  readonly #handle: FrameHandler = (first, buffer, start, end) => {
    const acknowledgements = this.#acknowledgements;
    switch (first & 0xf0) {
      case type.publish: {
        this.#deliveries++;
        const id = start + 2 + buffer.readUInt16BE(start);
        if ((first & 6) === 2) acknowledgements[type.puback].add(buffer, id);
        else if ((first & 6) === 4) acknowledgements[type.pubrec].add(buffer, id);
        return;
      }
      case type.pubrec:
        acknowledgements[type.pubrel].add(buffer, start);
        return;
      case type.pubrel:
        acknowledgements[type.pubcomp].add(buffer, start);
        return;
      case type.puback:
      case type.pubcomp:
        this.completed++;
        return;
      case type.connack:
        this.#answered(buffer[start + 1]!);
        return;
      case type.suback:
        this.#answered(buffer[end - 1]!);
        return;
    }
  };
}
