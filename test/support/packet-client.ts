/**
 * A tiny MQTT client that sends exactly the given packets, and a broker for it on an in-memory stream with a
 * clock that only the test advances. Asserts nothing: what arrives is handed over packet by packet.
 */

import assert from 'node:assert/strict';
import {type Duplex, duplexPair} from 'node:stream';
import {generate, type Packet, parser} from 'mqtt-packet';
import {type Access, type Identity, openAccess} from '../../src/broker/access/access.ts';
import {Broker} from '../../src/broker/broker.ts';
import {
  type BrokerLimits,
  defaultLimits,
  defaultListener,
  type ListenerConfig,
} from '../../src/broker/config/settings.ts';
import type {BrokerContext} from '../../src/broker/state/broker-context.ts';

/** What a packet may say, without mqtt-packet's distinction of kinds. */
export type Said = Record<string, unknown> & {cmd: string};

/** A packet as received, and its bytes. */
export interface Heard {
  readonly packet: Said;
  readonly frame: Buffer;
}

/** Milliseconds after which a test gives up waiting. */
const patience = 20_000;

/** The result, or an error that names what did not happen in time. */
export async function within<Result>(promise: Promise<Result>, what: string): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One side of a conversation, packet by packet. */
export class PacketClient {
  readonly stream: Duplex;
  readonly version: 3 | 4 | 5;
  readonly closed: Promise<void>;
  readonly #heard: Heard[] = [];
  #bytes = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(stream: Duplex, version: 3 | 4 | 5) {
    this.stream = stream;
    this.version = version;
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      const end = () => {
        this.#ended = true;
        this.#wake?.();
        stream.end();
        resolve();
      };
      stream.once('end', end);
      stream.once('close', end);
    });
  }

  #received(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (let frame = this.#cut(); frame !== undefined; frame = this.#cut()) {
      this.#heard.push({packet: read(frame, this.version), frame});
    }
    this.#wake?.();
  }

  #cut(): Buffer | undefined {
    let length = 0;
    for (let index = 1; index < this.#bytes.length; index++) {
      length += (this.#bytes[index]! & 127) * 128 ** (index - 1);
      if (this.#bytes[index]! > 127) continue;
      const end = index + 1 + length;
      if (this.#bytes.length < end) return undefined;
      const frame = this.#bytes.subarray(0, end);
      this.#bytes = this.#bytes.subarray(end);
      return frame;
    }
    return undefined;
  }

  send(...packets: readonly Said[]): void {
    this.raw(...packets.map((packet) => write(packet, this.version)));
  }

  raw(...bytes: readonly Uint8Array[]): void {
    this.stream.write(Buffer.concat(bytes));
  }

  /** The next packet and its bytes. */
  async hear(): Promise<Heard> {
    for (;;) {
      const heard = this.#heard.shift();
      if (heard !== undefined) return heard;
      assert.ok(!this.#ended, 'the broker closed the connection');
      const something = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(something, 'a packet');
    }
  }

  async next(): Promise<Said> {
    return (await this.hear()).packet;
  }

  /** The next packet, which must be of this kind. */
  async expect(cmd: string): Promise<Said> {
    const packet = await this.next();
    assert.equal(packet.cmd, cmd, JSON.stringify(packet));
    return packet;
  }

  /** The next packet, which must be a PUBLISH, as 'topic payload qos retain dup'. */
  async message(): Promise<string> {
    const {topic, payload, qos, retain, dup} = await this.expect('publish');
    return `${topic} ${payload} q${qos} r${Number(retain)} d${Number(dup)}`;
  }

  /** Sends a packet and gives the answer. */
  async ask(packet: Said): Promise<Said> {
    this.send(packet);
    return await this.next();
  }

  /** Nothing has arrived until now: the answer to a PINGREQ is the next packet. */
  async quiet(): Promise<void> {
    const {cmd, ...rest} = await this.ask({cmd: 'pingreq'});
    assert.equal(cmd, 'pingresp', JSON.stringify(rest));
  }

  async subscribe(topic: string, options: Record<string, unknown> = {}, properties?: object): Promise<Said> {
    const {messageId = 1, ...rest} = options;
    return await this.ask({
      cmd: 'subscribe',
      messageId,
      subscriptions: [{topic, qos: 0, ...rest}],
      ...(properties === undefined ? {} : {properties}),
    });
  }

  publish(topic: string, payload: string | Buffer, rest: Record<string, unknown> = {}): void {
    this.send({cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false, ...rest});
  }

  /** The broker closes; in MQTT 5 after a DISCONNECT with this reason code. */
  async expectEnd(reasonCode?: number): Promise<void> {
    if (reasonCode !== undefined && this.version === 5) {
      const packet = await this.expect('disconnect');
      assert.equal(packet.reasonCode, reasonCode, JSON.stringify(packet));
    }
    await within(this.closed, 'the end of the connection');
    const rest = this.#heard.map(({packet}) => packet);
    assert.deepEqual(rest, []);
  }

  /** Closes without DISCONNECT. */
  drop(): void {
    this.stream.destroy();
  }

  /** Sends DISCONNECT and waits for the end of the connection. */
  async leave(rest: Record<string, unknown> = {}): Promise<void> {
    this.send({cmd: 'disconnect', ...rest});
    await within(this.closed, 'the end of the connection');
  }
}

function write(packet: Said, protocolVersion: 3 | 4 | 5): Buffer {
  return generate(packet as unknown as Packet, {protocolVersion});
}

function read(frame: Buffer, protocolVersion: 3 | 4 | 5): Said {
  const reader = parser({protocolVersion});
  let packet: Said | undefined;
  reader.on('packet', (parsed) => {
    packet = parsed as unknown as Said;
  });
  reader.on('error', (error) => {
    throw error;
  });
  reader.parse(frame);
  assert.ok(packet !== undefined, frame.toString('hex'));
  return packet;
}

/** A whole frame from its first byte and its body. */
export function frameOf(first: number, body: readonly number[] | Buffer): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([first, ...length]), Buffer.from(body)]);
}

/** A listener without restrictions. */
export const plainListener: ListenerConfig = {...defaultListener, port: 0, allowAnonymous: true};

export interface TestBrokerOptions {
  readonly limits?: Partial<BrokerLimits>;
  readonly listener?: Partial<ListenerConfig>;
  readonly access?: Access;
  readonly sysInterval?: number;
  readonly context?: Partial<BrokerContext>;
}

export interface ConnectSettings extends Record<string, unknown> {
  readonly version?: 3 | 4 | 5;
  readonly listener?: Partial<ListenerConfig>;
}

export interface PacketBroker extends AsyncDisposable {
  readonly broker: Broker;
  readonly log: string[];
  /** A stream without CONNECT. */
  open(version?: 3 | 4 | 5, listener?: Partial<ListenerConfig>, peer?: Partial<Identity>): PacketClient;
  /** A client, and the CONNACK it got. */
  connect(clientId: string, settings?: ConnectSettings): Promise<PacketClient & {readonly connack: Said}>;
  /** Turns the clock, and lets happen what is due. */
  advance(seconds: number): void;
}

/** A broker in this process. Errors it logs fail the test when it is disposed of. */
export function packetBroker(options: TestBrokerOptions = {}): PacketBroker {
  let now = 1_700_000_000_000_000_000n;
  const log: string[] = [];
  const errors: string[] = [];
  const config = {limits: {...defaultLimits, ...options.limits}, sysInterval: options.sysInterval ?? 0};
  const broker = new Broker(config, {
    access: options.access ?? openAccess,
    now: () => now,
    log: (type, line) => {
      log.push(line);
      if (type === 'error') errors.push(line);
    },
    // Both ways must do: the whole suite passes with either.
    fastPath: (process.env.TMQ_NO_FASTPATH ?? '') === '',
    ...options.context,
  });
  const listener = {...plainListener, ...options.listener};
  const streams = new Set<Duplex>();
  const open: PacketBroker['open'] = (version = 4, special = {}, peer = {}) => {
    const [ours, theirs] = duplexPair();
    // As with sockets, one side cannot be gone without the other knowing.
    ours.once('close', () => theirs.destroy());
    theirs.once('close', () => ours.destroy());
    streams.add(ours);
    ours.once('close', () => streams.delete(ours));
    const used = Object.keys(special).length === 0 ? listener : {...listener, ...special};
    broker.accept(theirs, used, {address: '127.0.0.1:5123', ...peer});
    return new PacketClient(ours, version);
  };
  return {
    broker,
    log,
    open,
    async connect(clientId, {version = 4, listener: special, ...rest} = {}) {
      const client = open(version, special);
      const connack = await client.ask({
        cmd: 'connect',
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: version,
        clean: true,
        keepalive: 0,
        clientId,
        ...rest,
      });
      assert.equal(connack.cmd, 'connack');
      return Object.assign(client, {connack});
    },
    advance(seconds) {
      now += BigInt(Math.round(seconds * 1e9));
      broker.runDue();
    },
    async [Symbol.asyncDispose]() {
      for (const stream of [...streams]) stream.destroy();
      await within(broker.close(), 'the end of the broker');
      assert.deepEqual(errors, []);
    },
  };
}
