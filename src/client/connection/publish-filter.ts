/**
 * The fast way through a connection: a Duplex between the socket and MQTT.js that takes whole PUBLISH
 * packets of QoS 0 and 1, and acknowledgements of ours, off the incoming bytes, and passes every other
 * packet on unchanged. Its slow twin is not to use it at all. What a message means is not known here.
 *
 * What follows CONNACK waits until `open` is called, so that nothing is taken before the session knows
 * of its connection. PUBACKs are written together, once the messages of a read were flushed.
 */

import {Duplex} from 'node:stream';
import {
  acknowledgements,
  type ReceivedAcknowledgement,
  readAcknowledgement,
} from '../../protocol/acknowledgement.ts';
import {incomplete, malformedInteger, PacketType, packetBytes} from '../../protocol/fixed-header.ts';
import type {Message, ProtocolVersion} from '../../protocol/message.ts';
import {PublishReader} from '../../protocol/publish-reader.ts';
import {join, type ReadBuffer} from '../transport/read-buffer.ts';
import type {PayloadStream, Reception} from './events.ts';

export interface TapObserver {
  /** A message of QoS 0 or 1, whose bytes may change once it is answered. 'elsewhere': somebody else sees to its acknowledgement, if it gets one. */
  message(message: Message): Reception;
  /** A large message of QoS 0 that is not whole yet: where its payload goes, or undefined to wait for all of it. */
  begun(message: Message, payloadBytes: number): PayloadStream | undefined;
  acknowledgement(acknowledgement: ReceivedAcknowledgement): void;
  /** All that could be taken for now has been; call `acknowledge` when it is flushed. Undefined: nothing to wait for. */
  settle(acknowledge: () => void): Promise<void> | undefined;
  /** Bytes that are whole packets are to be sent, if they still can be. */
  write(bytes: Uint8Array): void;
  /** Any traffic at all: the peer is alive. */
  heard(): void;
  /** Something threw that should not have. */
  failed(error: unknown): void;
}

/** From this size on a packet gets a buffer of its own, filled as it comes, instead of being joined. */
const largePacketBytes = 64 * 1024;

/** Pieces of a payload that may be on their way to the output; usually one is done before the next comes. */
const maximumPending = 2;

/** What may come before CONNACK is over: itself, and AUTH. Anything else is no MQTT, and all MQTT.js's. */
const greetings: ReadonlySet<number> = new Set([PacketType.connack, PacketType.auth]);

/** Whether a packet that begins with this byte may take the fast way. */
function isFast(first: number): boolean {
  const type = first >> 4;
  if (type === PacketType.publish) return (first & 0x06) < 0x04;
  return type === PacketType.puback || type === PacketType.pubrec || type === PacketType.pubcomp;
}

export class Tap extends Duplex {
  readonly #socket: Duplex;
  readonly #observer: TapObserver;
  readonly #readBuffer: ReadBuffer | undefined;
  readonly #publishReader: PublishReader;
  /** What came and was not handed on yet, from `#at` on. */
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** A large packet that is still coming, and how much of it is there. */
  #large: {readonly buffer: Buffer; filled: number} | undefined;
  /** A payload that goes on as it comes, how much of it is to come, and pieces not yet done with. */
  #streamed: {readonly payload: PayloadStream; left: number; pending: number} | undefined;
  /** 'greeted': CONNACK was passed on, the rest waits. */
  #state: 'greeting' | 'greeted' | 'open' = 'greeting';
  /** A message was answered with 'later'. */
  #waiting = false;
  /** Bytes still to come of a packet that is MQTT.js's. */
  #passing = 0;
  /** That packet is CONNACK. */
  #greets = false;
  /** MQTT.js takes no more for now. */
  #full = false;
  #proceeding = false;
  /** Packet identifiers of messages taken and not yet acknowledged. */
  #taken: number[] = [];
  /** The end of the connection, while something that came before it still waits. */
  #endings: (() => void)[] = [];

  /** @param readBuffer what the socket reads into, if it was given one */
  constructor(
    socket: Duplex,
    protocolVersion: ProtocolVersion,
    observer: TapObserver,
    readBuffer?: ReadBuffer,
  ) {
    super();
    this.#socket = socket;
    this.#observer = observer;
    this.#publishReader = new PublishReader(protocolVersion);
    socket.on('end', () => this.#afterwards(() => this.push(null)));
    socket.on('error', (error) => this.#afterwards(() => this.destroy(error)));
    socket.on('close', () => this.#afterwards(() => this.destroy()));
    if (readBuffer === undefined) socket.on('data', (chunk: Buffer) => this.#received(chunk));
    else {
      this.#readBuffer = readBuffer;
      readBuffer.open((chunk) => this.#received(chunk));
      socket.resume();
    }
  }

  /** Whether messages wait, so that nothing behind them is read. */
  get isHolding(): boolean {
    return this.#waiting || this.#streamed !== undefined;
  }

  /** CONNACK was understood: takes what follows. */
  open(): void {
    if (this.#state === 'greeted') this.#state = 'open';
    this.#proceed();
  }

  /** Offers again what was answered with 'later'. */
  offerAgain(): void {
    this.#waiting = false;
    this.#proceed();
  }

  /** Sends PUBACK for messages that were taken [MQTT 5, 3.4]. */
  acknowledge(identifiers: readonly number[]): void {
    if (identifiers.length === 0) return;
    this.#observer.write(acknowledgements(PacketType.puback, identifiers));
  }

  override _read(): void {
    this.#full = false;
    this.#proceed();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: readonly {readonly chunk: Buffer; readonly encoding: BufferEncoding}[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork();
    chunks.forEach(({chunk, encoding}, index) => {
      this.#socket.write(chunk, encoding, index === chunks.length - 1 ? done : undefined);
    });
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    const broken = this.#streamed?.payload.broken();
    if (broken !== undefined) this.#observer.failed(broken);
    done(error);
  }

  /** The end comes behind what came before it: TLS and WebSockets tell of it even while nothing is read. */
  #afterwards(ending: () => void): void {
    if (this.#keepsBytes) this.#endings.push(ending);
    else ending();
  }

  /** Something came that may not be handed on yet. */
  get #keepsBytes(): boolean {
    return this.#isBlocked && this.#at < this.#bytes.length;
  }

  get #isBlocked(): boolean {
    return this.#state === 'greeted' || this.#full || this.#waiting;
  }

  #received(chunk: Buffer): void {
    this.#observer.heard();
    if (this.#streamed !== undefined) {
      chunk = this.#goOn(this.#streamed, chunk);
      if (chunk.length === 0) return;
    }
    if (this.#large !== undefined) {
      chunk = this.#fill(this.#large, chunk);
      if (this.#large !== undefined) return;
    }
    this.#bytes = join(this.#bytes.subarray(this.#at), chunk);
    this.#at = 0;
    this.#proceed();
    if (this.#readBuffer === undefined) return;
    this.#bytes = this.#readBuffer.keep(this.#bytes.subarray(this.#at));
    this.#at = 0;
  }

  /** Puts into the large packet what belongs to it; the whole of it, and what follows, comes back. */
  #fill(large: {readonly buffer: Buffer; filled: number}, chunk: Buffer): Buffer {
    const count = Math.min(chunk.length, large.buffer.length - large.filled);
    large.buffer.set(chunk.subarray(0, count), large.filled);
    large.filled += count;
    if (large.filled < large.buffer.length) return chunk;
    this.#large = undefined;
    this.#bytes = large.buffer;
    this.#at = 0;
    // The packet is handed on before anything is joined to it: it may be hundreds of megabytes.
    this.#proceed();
    return chunk.subarray(count);
  }

  /** Hands on all packets that are there, until somebody says to wait. */
  #proceed(): void {
    // MQTT.js reads from within push.
    if (this.#proceeding || this.destroyed || this.#streamed !== undefined) return;
    this.#proceeding = true;
    try {
      // MQTT.js ends the connection at a packet that it cannot read: nothing behind it counts.
      while (!this.#isBlocked && !this.destroyed) {
        if (!this.#next()) break;
      }
      this.#settle();
    } catch (error) {
      this.#observer.failed(error);
    } finally {
      this.#proceeding = false;
    }
    if (this.destroyed) return;
    if (this.#isBlocked) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#keepsBytes) return;
    for (const ending of this.#endings.splice(0)) ending();
  }

  /** Hands on one packet, or what is there of it; false when there is nothing to be done. */
  #next(): boolean {
    const {length} = this.#bytes;
    if (this.#at === length) return false;
    if (this.#passing > 0) {
      const end = Math.min(length, this.#at + this.#passing);
      this.#passing -= end - this.#at;
      this.#pass(end);
      if (this.#passing === 0 && this.#greets) this.#state = 'greeted';
      return true;
    }
    const bytes = packetBytes(this.#bytes, this.#at);
    if (bytes === incomplete) return false;
    const type = this.#bytes[this.#at]! >> 4;
    if (bytes === malformedInteger || (this.#state === 'greeting' && !greetings.has(type))) {
      this.#passing = Number.POSITIVE_INFINITY;
      return true;
    }
    if (this.#state !== 'open' || !isFast(this.#bytes[this.#at]!)) {
      this.#passing = bytes;
      this.#greets = type === PacketType.connack && this.#state === 'greeting';
      return true;
    }
    if (this.#at + bytes > length) {
      if (!this.#begin(bytes)) this.#prepare(bytes);
      return false;
    }
    this.#fast(type, this.#at + bytes);
    return true;
  }

  /** A whole packet for the fast way: taken, or left to MQTT.js where it is not as it should be. */
  #fast(type: number, end: number): void {
    if (!this.#take(type, end) && !this.#waiting) this.#pass(end);
  }

  /** Whether the packet was one for the fast way, and was taken. */
  #take(type: number, end: number): boolean {
    if (type === PacketType.publish) {
      const message = this.#publishReader.read(this.#bytes, this.#at, end);
      if (message === undefined) return false;
      const reception = this.#observer.message(message);
      this.#waiting = reception === 'later';
      if (this.#waiting) return false;
      if (reception === 'taken' && message.qos === 1) this.#taken.push(message.messageId!);
      this.#at = end;
      return true;
    }
    const acknowledgement = readAcknowledgement(this.#bytes, this.#at, end);
    if (acknowledgement === undefined) return false;
    this.#observer.acknowledgement(acknowledgement);
    this.#at = end;
    return true;
  }

  /** Passes everything up to `end` on to MQTT.js. */
  #pass(end: number): void {
    const passed = this.#bytes.subarray(this.#at, end);
    const bytes = this.#readBuffer === undefined ? passed : Buffer.from(passed);
    this.#at = end;
    if (!this.push(bytes)) this.#full = true;
  }

  /** Lets the payload of a large packet go on as it comes, if it may. */
  #begin(packetBytes: number): boolean {
    const isPublish = this.#bytes[this.#at]! >> 4 === PacketType.publish;
    if (packetBytes < largePacketBytes || !isPublish) return false;
    const message = this.#publishReader.read(this.#bytes, this.#at, this.#bytes.length);
    if (message === undefined || message.qos > 0) return false;
    const left = packetBytes - (this.#bytes.length - this.#at);
    const payload = this.#observer.begun(message, left + message.payload.length);
    if (payload === undefined) return false;
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
    this.#streamed = {payload, left: left + message.payload.length, pending: 0};
    this.#goOn(this.#streamed, message.payload as Buffer);
    return true;
  }

  /** Passes the next piece of a payload on; what follows it in the chunk comes back. */
  #goOn(streamed: {readonly payload: PayloadStream; left: number; pending: number}, chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, streamed.left);
    streamed.left -= piece.length;
    streamed.pending++;
    void streamed.payload.write(piece).then(() => {
      streamed.pending--;
      if (this.#streamed === streamed && streamed.pending === 0) this.#socket.resume();
    });
    if (streamed.left === 0) {
      this.#streamed = undefined;
      streamed.payload.end();
    } else if (streamed.pending > maximumPending) this.#socket.pause();
    return chunk.subarray(piece.length);
  }

  /** A large packet will be filled in place as it comes. */
  #prepare(packetBytes: number): void {
    if (packetBytes < largePacketBytes) return;
    const buffer = Buffer.allocUnsafeSlow(packetBytes);
    const filled = this.#bytes.copy(buffer, 0, this.#at);
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
    this.#large = {buffer, filled};
  }

  /** What was taken is acknowledged once it is flushed; until then, messages are answered with 'later'. */
  #settle(): void {
    const taken = this.#taken;
    const flushed = this.#observer.settle(() => this.acknowledge(taken));
    if (flushed === undefined) return;
    this.#taken = [];
    flushed.catch((error: unknown) => this.#observer.failed(error));
  }
}
