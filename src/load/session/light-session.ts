/**
 * One connection to a broker, of thousands: handshake, keep alive, acknowledgements both ways at QoS 0, 1 and 2, and no
 * more. It does not connect again. What is published and what becomes of messages is its role's; knows no schedule.
 */

import type {Duplex} from 'node:stream';
import {isLoss} from '../../client/transport/connect-error.ts';
import {
  acknowledgementBytes,
  isAcknowledgement,
  writeAcknowledgement,
} from '../../protocol/acknowledgement.ts';
import {
  afterVariableInteger,
  bodyStart,
  PacketType,
  readVariableInteger,
} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {malformed, PacketViolation, protocolError} from '../../protocol/packet-violation.ts';
import {isFailure, reasonText} from '../../protocol/reason-codes.ts';
import {now} from '../measuring/clock.ts';
import {PacketSplitter} from './packet-splitter.ts';
import {type Connack, disconnectPacket, pingPacket, readConnack, readSuback} from './packets.ts';
import type {SharedMemory} from './read-memory.ts';

/** What a client does beside being connected. Times are those of the read, in milliseconds of the machine's clock. */
export interface SessionRole {
  /** A message with its payload from `at` to `end`, once at QoS 2; the bytes change afterwards. */
  onMessage(bytes: Buffer, at: number, end: number, time: number): void;
  /** A message of ours is acknowledged for good; 128 and above: refused. */
  onAcknowledged(packetId: number, reasonCode: number, time: number): void;
  /** More can be written. */
  onDrain(): void;
  /** The broker or the network has ended the connection after it was accepted. */
  onLost(reason: string): void;
}

export interface SessionSetup {
  readonly stream: Duplex;
  readonly memory: SharedMemory;
  readonly protocolVersion: ProtocolVersion;
  readonly keepaliveSeconds: number;
  readonly role: SessionRole;
}

/** What an answer of the broker is waited for with. */
interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const closed = 'The broker closed the connection.';

export class LightSession {
  readonly #stream: Duplex;
  readonly #protocolVersion: ProtocolVersion;
  readonly #role: SessionRole;
  #keepaliveMilliseconds: number;
  readonly #packets = new PacketSplitter();
  /** Acknowledgements to be written after a read: type and identifier in turn. */
  #acknowledgements: number[] = [];
  /** Identifiers of messages at QoS 2 that the broker has not released. */
  #unreleased: Set<number> | undefined;
  #connack: Waiting<Connack> | undefined;
  #suback: Waiting<number> | undefined;
  #isEnded = false;
  #lastRead = now();
  #lastWrite = this.#lastRead;
  /** When PINGREQ was sent that nothing has followed; 0 where there is none. */
  #pinged = 0;
  /** Each PINGREQ that has no answer. */
  #pings = 0;

  constructor({stream, memory, protocolVersion, keepaliveSeconds, role}: SessionSetup) {
    this.#stream = stream;
    this.#protocolVersion = protocolVersion;
    this.#keepaliveMilliseconds = keepaliveSeconds * 1000;
    this.#role = role;
    stream.on('error', (error) => this.abandon(isLoss(error) ? closed : error.message));
    stream.on('close', () => this.abandon(closed));
    stream.on('drain', () => role.onDrain());
    const receive = (chunk: Buffer) => this.#received(chunk);
    if (memory.isAttached) memory.receive = receive;
    else stream.on('data', receive);
    // With memory attached no 'data' comes, and the end would not be seen.
    stream.resume();
  }

  /** Whether it can be written to without bytes piling up. */
  get isWritable(): boolean {
    return !this.#isEnded && !this.#stream.writableNeedDrain;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    this.#lastWrite = now();
    this.#stream.write(bytes);
  }

  /** Sends CONNECT; resolves with CONNACK, whatever it says. @throws Error when the connection ends first */
  connect(packet: Uint8Array): Promise<Connack> {
    return new Promise((resolve, reject) => {
      this.#connack = {resolve, reject};
      this.write(packet);
    });
  }

  /** Sends SUBSCRIBE of one filter; resolves with its reason code. @throws Error when the connection ends first */
  subscribe(packet: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#suback = {resolve, reject};
      this.write(packet);
    });
  }

  /** Sends PINGREQ where it is time to, and gives up a broker that does not answer. To be called from time to time. */
  keepAlive(time: number): void {
    const interval = this.#keepaliveMilliseconds;
    if (interval === 0 || this.#isEnded) return;
    if (this.#pinged > 0) {
      if (time - this.#pinged > interval)
        this.abandon('The broker did not answer within the keep alive interval.');
    } else if (time - Math.min(this.#lastRead, this.#lastWrite) > 0.75 * interval) {
      this.ping();
    }
  }

  /** Sends PINGREQ. The broker answers it when it has read all that was sent before. */
  ping(): void {
    this.#pings++;
    this.#pinged = now();
    this.write(pingPacket);
  }

  /** Whether every PINGREQ has been answered. */
  get isAnswered(): boolean {
    return this.#pings === 0;
  }

  /** When bytes came last. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** Says DISCONNECT and closes; resolves when it is closed, or after a second. */
  async end(): Promise<void> {
    if (this.#isEnded) return;
    this.write(disconnectPacket);
    this.#isEnded = true;
    const stream = this.#stream;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1000);
      stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      stream.end();
    });
    stream.destroy();
  }

  /** Closes without a word. */
  destroy(): void {
    this.#isEnded = true;
    this.#stream.destroy();
  }

  /** Ends the connection, and what is waited for with an error of this message. */
  abandon(reason: string): void {
    if (this.#isEnded) return;
    this.destroy();
    const waiting = this.#connack ?? this.#suback;
    this.#connack = undefined;
    this.#suback = undefined;
    if (waiting === undefined) this.#role.onLost(reason);
    else waiting.reject(new Error(reason));
  }

  #received(chunk: Buffer): void {
    if (this.#isEnded) return;
    const time = now();
    this.#lastRead = time;
    this.#pinged = 0;
    try {
      this.#packets.push(chunk, (bytes, at, end) => this.#packet(bytes, at, end, time));
    } catch (error) {
      if (!(error instanceof PacketViolation)) throw error;
      this.abandon(error.message);
    }
    this.#acknowledge();
  }

  #packet(bytes: Buffer, at: number, end: number, time: number): void {
    if (this.#isEnded) return;
    const type = bytes[at]! >> 4;
    const body = bodyStart(bytes, at);
    if (type === PacketType.publish) this.#message(bytes, at, body, end, time);
    else if (isAcknowledgement(type)) this.#acknowledgement(bytes, type, body, end, time);
    else if (type === PacketType.connack)
      this.#accepted(readConnack(bytes, body, end, this.#protocolVersion));
    else if (type === PacketType.suback)
      this.#subscribed(readSuback(bytes, body, end, this.#protocolVersion));
    else if (type === PacketType.pingresp) this.#pings--;
    else if (type === PacketType.disconnect) {
      this.abandon(`The broker disconnected: ${reasonText(end > body ? bytes[body]! : 0)}.`);
    } else throw protocolError('2.1.2', `A packet of type ${type} is out of place.`);
  }

  #accepted(connack: Connack): void {
    const waiting = this.#connack;
    this.#connack = undefined;
    if (connack.keepaliveSeconds !== undefined) this.#keepaliveMilliseconds = connack.keepaliveSeconds * 1000;
    waiting?.resolve(connack);
  }

  #subscribed(code: number): void {
    const waiting = this.#suback;
    this.#suback = undefined;
    waiting?.resolve(code);
  }

  /** PUBLISH: its topic does not matter here. */
  #message(bytes: Buffer, at: number, body: number, end: number, time: number): void {
    const qos = (bytes[at]! >> 1) & 3;
    let position = body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!);
    const packetId = qos === 0 ? 0 : (bytes[position]! << 8) | bytes[position + 1]!;
    if (qos > 0) position += 2;
    if (this.#protocolVersion === 5 && position < end) {
      const properties = readVariableInteger(bytes, position, end);
      position = properties < 0 ? end + 1 : afterVariableInteger(bytes, position) + properties;
    }
    if (position > end || qos === 3) throw malformed('3.3', 'A PUBLISH is malformed.');
    if (qos === 2) {
      this.#unreleased ??= new Set();
      const isNew = !this.#unreleased.has(packetId);
      this.#unreleased.add(packetId);
      if (isNew) this.#role.onMessage(bytes, position, end, time);
    } else this.#role.onMessage(bytes, position, end, time);
    if (qos > 0) this.#acknowledgements.push(qos === 1 ? PacketType.puback : PacketType.pubrec, packetId);
  }

  #acknowledgement(bytes: Buffer, type: number, body: number, end: number, time: number): void {
    if (end - body < 2) throw malformed('3.4', 'An acknowledgement is malformed.');
    const packetId = (bytes[body]! << 8) | bytes[body + 1]!;
    const code = end - body > 2 ? bytes[body + 2]! : 0;
    if (type === PacketType.pubrel) {
      this.#unreleased?.delete(packetId);
      this.#acknowledgements.push(PacketType.pubcomp, packetId);
    } else if (type === PacketType.pubrec && !isFailure(code)) {
      this.#acknowledgements.push(PacketType.pubrel, packetId);
    } else this.#role.onAcknowledged(packetId, code, time);
  }

  /** Writes the acknowledgements of a read together. */
  #acknowledge(): void {
    const pending = this.#acknowledgements;
    if (pending.length === 0) return;
    this.#acknowledgements = [];
    const bytes = Buffer.allocUnsafe((pending.length / 2) * acknowledgementBytes);
    let at = 0;
    for (let index = 0; index < pending.length; index += 2) {
      at = writeAcknowledgement(bytes, at, pending[index]!, pending[index + 1]!);
    }
    this.write(bytes);
  }
}
