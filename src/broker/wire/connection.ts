/**
 * One client on one stream: bytes in, packets out of them strictly in order, packets in, bytes out of
 * them once a turn. Sees to framing, validation, closing in good order. Knows no session and no topic.
 * The only importer of mqtt-packet, which parses what validation let through and writes what is not hot.
 */

import type {Duplex} from 'node:stream';
import {acknowledgementBytes, acknowledgements, isAcknowledgement} from '../../protocol/acknowledgement.ts';
import {bodyStart, PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ConnectionContext, ConnectionHandler, Ending, FrameReader} from './connection-handler.ts';
import {FrameSplitter, otherProtocol} from './frame-splitter.ts';
import {PacketReader} from './packet-reader.ts';
import {PacketViolation, protocolError} from './packet-violation.ts';
import type {ObservedPacket} from './packets.ts';
import {generate, type IConnectPacket, type Packet, type Parser, parser} from './packets.ts';
import {decodePublish, type Frame} from './publish-packet.ts';
import type {SharedFrame} from './shared-frame.ts';
import {decodeAcknowledgement, readConnect, validateFrame} from './validate.ts';
import {Outgoing, type PacketIdentity} from './write-buffer.ts';

/** A CONNECT is read from anybody, so it is kept short: 65535 bytes for each of its fields and some. */
const longestConnect = 393_216;

/** Milliseconds a peer gets to read our last packet and close. */
const lingering = 1000;

/** The bytes of one client, both ways. */
export class Connection {
  readonly stream: Duplex;
  protocolVersion: ProtocolVersion = 4;
  /** Once known. */
  clientId = '';
  /** Milliseconds of the broker's clock. */
  lastReceived: number;
  readonly #context: ConnectionContext;
  readonly #splitter: FrameSplitter;
  #handler: ConnectionHandler | undefined;
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new';
  #holds = 0;
  #processing = false;
  /** The peer sends no more. */
  #ended = false;
  #handlerTold = false;
  readonly #out = new Outgoing();
  #fast: FrameReader | undefined;
  #flushing = false;

  constructor(stream: Duplex, context: ConnectionContext) {
    this.stream = stream;
    this.#context = context;
    this.#splitter = new FrameSplitter(Math.min(context.maxPacketSize, longestConnect));
    this.lastReceived = context.now();
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    const {stream} = this;
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.on('end', () => {
      this.#ended = true;
      this.#process();
    });
    stream.on('error', (error) => this.#end({cause: 'error', error}));
    stream.on('close', () => this.#closed());
    stream.on('drain', () => this.#handler?.drained());
  }

  /** Whether packets can still be sent. */
  get open(): boolean {
    return this.#state === 'new' || this.#state === 'open';
  }

  /** Bytes written and not yet taken by the network. */
  get buffered(): number {
    return this.#out.length + this.stream.writableLength;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  /** Reads no further, until `unhold` was called as often. */
  hold(): void {
    this.#holds++;
    if (this.open) this.stream.pause();
  }

  unhold(): void {
    this.#holds--;
    if (this.#holds > 0) return;
    this.lastReceived = this.#context.now();
    if (this.open) queueMicrotask(() => this.#process());
  }

  #received(chunk: Buffer): void {
    // What comes after our last packet is read only to let the peer see it.
    if (!this.open) return;
    this.#context.counters.bytesReceived += chunk.length;
    this.lastReceived = this.#context.now();
    const foreign = this.#state === 'new' && this.#splitter.length === 0 ? otherProtocol(chunk) : undefined;
    if (foreign !== undefined) {
      this.#failed(protocolError('MQTT-3.1.0-1', `It speaks ${foreign}, not MQTT.`));
      return;
    }
    this.#splitter.push(chunk);
    this.#process();
  }

  /** Handles all whole frames, in order [MQTT-4.6.0-2], [MQTT-4.6.0-3], as long as nothing holds. */
  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    try {
      while (this.#holds === 0 && this.open) {
        if (this.#fast?.pass(this.#splitter)) continue;
        const frame = this.#splitter.next();
        if (frame === undefined) break;
        this.#frame(frame);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#processing = false;
    }
    if (this.#holds > 0 || !this.open) return;
    if (this.#ended) this.#end({cause: 'closed'});
    else this.stream.resume();
  }

  /** The peer's own end is seen even while nothing is read: what came before it is handled when nothing holds. */
  #closed(): void {
    if (this.#ended && this.held && this.open) return;
    this.#end({cause: 'closed'});
  }

  #failed(error: unknown): void {
    if (error instanceof PacketViolation) {
      this.#end({cause: 'violation', violation: error});
      return;
    }
    this.#context.bug(error);
    const violation = new PacketViolation(ReasonCode.unspecifiedError, '4.13', 'The broker failed.');
    this.#end({cause: 'violation', violation});
  }

  #frame(frame: Buffer): void {
    const {counters} = this.#context;
    counters.messagesReceived++;
    const type = frame[0]! >> 4;
    if (this.#state === 'new') this.#first(type, frame);
    else if (type === PacketType.publish) {
      const publish = decodePublish(frame, this.protocolVersion);
      counters.publishReceived++;
      counters.publishBytesReceived += publish.payload.length;
      this.#observe('in', frame);
      this.#handler?.publish(publish);
      this.#fast?.learn(publish.topic);
    } else if (isAcknowledgement(type)) {
      const acknowledgement = decodeAcknowledgement(frame, this.protocolVersion);
      this.#observe('in', frame);
      this.#handler?.acknowledgement(acknowledgement);
    } else if (type === PacketType.connect) {
      throw protocolError('MQTT-3.1.0-2', 'A client sends CONNECT only once.');
    } else {
      validateFrame(frame, this.protocolVersion);
      this.#observe('in', frame);
      this.#handler?.packet(parse(frame, this.protocolVersion));
    }
  }

  /** CONNECT, judged before anything else happens [MQTT-3.1.4-1]. */
  #first(type: number, frame: Buffer): void {
    if (type !== PacketType.connect) {
      throw protocolError('MQTT-3.1.0-1', `The first packet is ${packetNames[type]}, not CONNECT.`);
    }
    const reader = new PacketReader(frame, bodyStart(frame));
    // The level decides in which form a violation is answered.
    const level = frame[reader.position + 6];
    if (level === 5 && frame[reader.position + 1] === 4) this.protocolVersion = 5;
    validateFrame(frame, this.protocolVersion);
    const details = readConnect(reader);
    this.protocolVersion = details.protocolVersion;
    const packet = parse(frame, this.protocolVersion) as IConnectPacket;
    const done = this.#handler?.connect(packet, details);
    if (done === undefined) return;
    this.hold();
    done.catch((error: unknown) => this.#failed(error)).finally(() => this.unhold());
  }

  /** The CONNECT was accepted: from now on all packets are handled. */
  accepted(): void {
    if (this.#state === 'new') this.#state = 'open';
    if (this.#handler !== undefined) {
      this.#fast = this.#context.fastFrames?.(this.#handler, this.protocolVersion);
    }
    this.#splitter.limit = this.#context.maxPacketSize;
  }

  /** Shows a packet to whoever watches, as the bytes say it. */
  #observe(direction: 'in' | 'out', frame: Buffer): void {
    const {observe} = this.#context;
    if (observe === undefined) return;
    observe(this.clientId, direction, parse(frame, this.protocolVersion) as unknown as ObservedPacket);
  }

  /** Shows CONNECT, once it is known under which name: without its password, which is nobody's business. */
  observeConnect(connect: IConnectPacket): void {
    const {observe} = this.#context;
    if (observe === undefined) return;
    const {password: _, ...packet} = connect;
    observe(this.clientId, 'in', packet as unknown as ObservedPacket);
  }

  /** Sends a packet that is not hot. */
  send(packet: Packet): void {
    this.write([this.bytes(packet)]);
  }

  /** Without properties their length is 0 [MQTT-2.2.2-1]; the flags of CONNACK are mqtt-packet's [MQTT-3.2.2-1]. */
  bytes(packet: Packet): Buffer {
    return generate(packet, {protocolVersion: this.protocolVersion});
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP with success and nothing else [3.4.2.1]. */
  acknowledge(type: number, packetId: number): void {
    if (!this.open) return;
    this.#out.acknowledgement(type, packetId);
    this.#sent(1, acknowledgementBytes);
    if (this.#context.observe !== undefined) this.#observe('out', acknowledgements(type, [packetId]));
  }

  /** Sends one whole frame: with all others of this turn in one go. */
  write(frame: Frame, identity?: PacketIdentity): void {
    if (!this.open) return;
    const before = this.#out.length;
    this.#out.frame(frame, identity);
    this.#sent(1, this.#out.length - before);
    if (this.#context.observe === undefined) return;
    const seen = new Outgoing();
    seen.frame(frame, identity);
    this.#observe('out', Buffer.concat(seen.take()));
  }

  /** Sends a message as it came; not where anybody watches. */
  writeShared(message: SharedFrame, packetId: number, dup: boolean): void {
    if (!this.open) return;
    this.#out.sharedFrame(message, packetId, dup);
    this.#sent(1, message.end - message.start);
  }

  /** Sends whole frames that follow each other. */
  writeFrames(bytes: Buffer, frames: number): void {
    if (!this.open) return;
    this.#out.bytes(bytes);
    this.#sent(frames, bytes.length);
  }

  #sent(messages: number, bytes: number): void {
    const {counters} = this.#context;
    counters.messagesSent += messages;
    counters.bytesSent += bytes;
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const bytes = this.#out.length;
    if (bytes === 0) return;
    const pieces = this.#out.take();
    if (this.stream.destroyed || this.stream.writableEnded) return;
    if (pieces.length === 1) this.stream.write(pieces[0]);
    else if (bytes <= 65_536) this.stream.write(Buffer.concat(pieces, bytes));
    else {
      this.stream.cork();
      for (const piece of pieces) this.stream.write(piece);
      this.stream.uncork();
    }
    if (!this.stream.writableNeedDrain) this.#handler?.drained();
  }

  /**
   * Sends what is left, then closes; the peer gets a moment to read it. Nothing is sent or handled any more
   * [MQTT-3.14.4-1], [MQTT-3.14.4-2], [MQTT-3.1.4-6], [MQTT-4.13.1-1], [MQTT-4.13.2-1].
   */
  close(last?: Packet): void {
    if (last !== undefined && this.open) this.send(last);
    this.#end({cause: 'ours'});
  }

  #end(ending: Ending): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'closing') {
      if (ending.cause === 'closed' || ending.cause === 'error') this.#finish();
      return;
    }
    // The handler may send a last packet for a violation, and cause all sorts of things while at it.
    if (this.#handlerTold) return;
    this.#handlerTold = true;
    this.#handler?.ended(ending);
    this.#state = 'closing';
    this.#flush();
    const {stream} = this;
    if (ending.cause === 'closed' || ending.cause === 'error' || this.#ended) {
      stream.end();
      this.#finish();
      return;
    }
    stream.end();
    // Unread bytes at the time of closing would make the system throw our last packet away.
    stream.resume();
    this.#later(() => this.#finish());
    stream.once('end', () => this.#finish());
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#out.take();
    const {stream} = this;
    if (stream.writableFinished || stream.destroyed) stream.destroy();
    else {
      stream.once('finish', () => stream.destroy());
      this.#later(() => stream.destroy());
    }
  }

  /** Acts when the peer had its time, unless the stream is closed before. */
  #later(act: () => void): void {
    const timer = setTimeout(act, lingering);
    this.stream.once('close', () => clearTimeout(timer));
  }
}

/** A parser for each protocol version: to make one for each CONNECT is most of the work of reading it. */
const parsers = new Map<ProtocolVersion, Parser>();
let parsed: Packet | undefined;

function parserFor(protocolVersion: ProtocolVersion): Parser {
  const known = parsers.get(protocolVersion);
  if (known !== undefined) return known;
  const fresh = parser({protocolVersion});
  fresh.on('packet', (packet) => {
    parsed = packet;
  });
  fresh.on('error', (error: unknown) => {
    throw error;
  });
  parsers.set(protocolVersion, fresh);
  return fresh;
}

/** Parses one whole frame that validation has passed. */
function parse(frame: Buffer, protocolVersion: ProtocolVersion): Packet {
  let packet: Packet | undefined;
  let left = frame.length;
  try {
    left = parserFor(protocolVersion).parse(frame);
    packet = parsed;
  } finally {
    parsed = undefined;
    // What it has begun with would be taken for the beginning of the next frame.
    if (packet === undefined || left > 0) parsers.delete(protocolVersion);
  }
  if (packet === undefined) throw new Error(`mqtt-packet does not parse ${packetNames[frame[0]! >> 4]}`);
  return packet;
}
