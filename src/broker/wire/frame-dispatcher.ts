/**
 * The receiving half of a connection: takes frames in order, judges and decodes them, and calls the handler.
 * The first frame must be CONNECT; then AUTH and DISCONNECT may come, and after `accept` any other packet. Knows no
 * stream.
 */

import {isAcknowledgement} from '../../protocol/acknowledgement.ts';
import {bodyStart, firstByte, PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {type PacketViolation, protocolError} from '../../protocol/packet-violation.ts';
import {PublishReader} from '../../protocol/publish-reader.ts';
import type {
  ConnectionContext,
  ConnectionHandler,
  FastPublisher,
  MessageHandler,
} from './connection-handler.ts';
import type {Counters} from './counters.ts';
import {EarlyBytes} from './early-bytes.ts';
import {FrameSplitter} from './frame-splitter.ts';
import type {PacketObserver} from './packet-observer.ts';
import type {IConnectPacket} from './packets.ts';
import {decodePublish} from './publish-packet.ts';
import {decodeAcknowledgement, readConnect, validateFrame} from './validate.ts';

/** The connection that the frames belong to. */
export interface FrameReceiver {
  readonly observer: PacketObserver;
  protocolVersion: ProtocolVersion;
  /** Nothing more is dispatched until `unhold` was called as often. */
  hold(): void;
  unhold(): void;
  /** An error that ends the connection was thrown later than in `next`. */
  fail(error: unknown): void;
}

/**
 * Handles frequent frames in place, in the chunk they came in: PUBLISH of known topics without properties,
 * and acknowledgements with success. Any other frame, also a malformed one, is decoded alone.
 * Measured at QoS 1 and 2: without it, buffers for frames take a third of the time outside system calls.
 */
class FastFrames {
  readonly #handler: MessageHandler;
  readonly #counters: Counters;
  /** Bytes after the fixed header. */
  readonly #longestAcknowledgement: number;
  #publish: FastPublisher | undefined;
  #hasAsked = false;

  constructor(handler: MessageHandler, counters: Counters, protocolVersion: ProtocolVersion) {
    this.#handler = handler;
    this.#counters = counters;
    this.#longestAcknowledgement = protocolVersion === 5 ? 4 : 2;
  }

  /** Handles the next frames, one or more. False: none; the next one must be decoded. */
  pass(splitter: FrameSplitter): boolean {
    const {piece, position, limit} = splitter;
    const type = piece[position]! >> 4;
    if (type !== PacketType.publish) return isAcknowledgement(type) && this.#acknowledgements(splitter, type);
    if (this.#publish === undefined) return false;
    const bytes = this.#publish.forward(piece, position, limit);
    if (bytes > 0) {
      splitter.skip(bytes);
      return true;
    }
    const publish = this.#publish.decode(piece, position, limit);
    if (publish === undefined) return false;
    splitter.skip(publish.size);
    this.#counters.messagesReceived++;
    this.#counters.publishReceived++;
    this.#counters.publishBytesReceived += publish.payload.length;
    this.#handler.publish(publish);
    return true;
  }

  /** Called with the topic of a PUBLISH that was decoded; empty where only an alias names it. */
  learn(topic: string): void {
    if (!this.#hasAsked) {
      this.#hasAsked = true;
      this.#publish = this.#handler.fastPublish();
    }
    this.#publish?.learn(topic);
  }

  /**
   * Handles acknowledgements of one type with success, in MQTT 5 with or without the reason code and the
   * property length [MQTT 5, 3.4.2.1]. Whether there was one.
   */
  #acknowledgements(splitter: FrameSplitter, type: number): boolean {
    const {piece, position, limit} = splitter;
    const first = piece[position]!;
    if (first !== firstByte(type)) return false;
    let at = position;
    let frames = 0;
    while (piece[at] === first) {
      const size = this.#sizeOfSuccess(piece, at);
      if (size === 0 || size > limit) break;
      const packetId = (piece[at + 2]! << 8) | piece[at + 3]!;
      if (packetId === 0 || !this.#handler.succeeded(type, packetId)) break;
      at += size;
      frames++;
    }
    if (frames === 0) return false;
    splitter.skip(at - position);
    this.#counters.messagesReceived += frames;
    this.#handler.acknowledgementsEnd();
    return true;
  }

  /** Bytes of the acknowledgement at `at`, if all of it is there and it has success; else 0. */
  #sizeOfSuccess(piece: Buffer, at: number): number {
    const remaining = piece[at + 1]!;
    const end = at + 2 + remaining;
    if (remaining < 2 || remaining > this.#longestAcknowledgement || end > piece.length) return 0;
    for (let index = at + 4; index < end; index++) if (piece[index] !== 0) return 0;
    return 2 + remaining;
  }
}

/** The frames of one client. */
export class FrameDispatcher {
  readonly #receiver: FrameReceiver;
  readonly #context: ConnectionContext;
  readonly #handler: ConnectionHandler;
  /** CONNECT has come. */
  #hasConnect = false;
  /** Of an accepted client. */
  #messages: MessageHandler | undefined;
  #fast: FastFrames | undefined;
  #publishReader: PublishReader | undefined;

  constructor(receiver: FrameReceiver, context: ConnectionContext, handler: ConnectionHandler) {
    this.#receiver = receiver;
    this.#context = context;
    this.#handler = handler;
  }

  get isAccepted(): boolean {
    return this.#messages !== undefined;
  }

  /** The CONNECT was accepted: from now on all packets are handled. */
  accept(messages: MessageHandler): void {
    this.#messages = messages;
    const {counters, fastPath} = this.#context;
    if (fastPath) this.#fast = new FastFrames(messages, counters, this.#receiver.protocolVersion);
  }

  /** Handles the next frame or frames; false: more bytes are needed. @throws PacketViolation */
  next(splitter: FrameSplitter): boolean {
    if (this.#fast?.pass(splitter)) return true;
    if (this.#messages === undefined && splitter.length > 0)
      checkFirst(splitter.piece[splitter.position]!, this.#hasConnect);
    const frame = splitter.next();
    if (frame === undefined) return false;
    this.frame(frame);
    return true;
  }

  /** Handles one whole frame. @throws PacketViolation */
  frame(frame: Buffer): void {
    this.#context.counters.messagesReceived++;
    if (this.#messages !== undefined) this.#packet(frame, this.#messages);
    else if (this.#hasConnect) this.#rare(frame);
    else this.#connect(frame);
  }

  #packet(frame: Buffer, messages: MessageHandler): void {
    const receiver = this.#receiver;
    const {counters} = this.#context;
    const {protocolVersion} = receiver;
    const type = frame[0]! >> 4;
    if (type === PacketType.publish) {
      this.#publishReader ??= new PublishReader(protocolVersion);
      const publish = decodePublish(frame, protocolVersion, this.#publishReader);
      counters.publishReceived++;
      counters.publishBytesReceived += publish.payload.length;
      receiver.observer.frame('in', frame, protocolVersion);
      messages.publish(publish);
      this.#fast?.learn(publish.topic);
    } else if (isAcknowledgement(type)) {
      const acknowledgement = decodeAcknowledgement(frame, protocolVersion);
      receiver.observer.frame('in', frame, protocolVersion);
      messages.acknowledgement(acknowledgement);
    } else if (type === PacketType.connect) {
      throw secondConnect();
    } else this.#rare(frame);
  }

  #rare(frame: Buffer): void {
    const {observer, protocolVersion} = this.#receiver;
    validateFrame(frame, protocolVersion);
    observer.frame('in', frame, protocolVersion);
    this.#handler.packet(this.#context.codec.parse(frame, protocolVersion));
  }

  /** CONNECT, judged before anything else happens [MQTT-3.1.4-1]. */
  #connect(frame: Buffer): void {
    const receiver = this.#receiver;
    const reader = new PacketReader(frame, bodyStart(frame));
    // The level decides in which form a violation is answered.
    const level = frame[reader.position + 6];
    if (level === 5 && frame[reader.position + 1] === 4) receiver.protocolVersion = 5;
    validateFrame(frame, receiver.protocolVersion);
    const details = readConnect(reader);
    this.#hasConnect = true;
    receiver.protocolVersion = details.protocolVersion;
    const packet = this.#context.codec.parse(frame, details.protocolVersion) as IConnectPacket;
    const done = this.#handler.connect(packet, details);
    if (done === undefined) return;
    receiver.hold();
    done.catch((error: unknown) => receiver.fail(error)).finally(() => receiver.unhold());
  }
}

/** Looks at the first byte of a packet before CONNACK, before memory is spent on the rest. @throws PacketViolation */
function checkFirst(first: number, hasConnect: boolean): void {
  const type = first >> 4;
  if (!hasConnect && type !== PacketType.connect) {
    throw protocolError('MQTT-3.1.0-1', `The first packet is ${packetNames[type]}, not CONNECT.`);
  }
  if (hasConnect && type === PacketType.connect) throw secondConnect();
  if (hasConnect && type !== PacketType.auth && type !== PacketType.disconnect) {
    throw protocolError('MQTT-3.1.2-30', `${packetNames[type]} comes before the client is authenticated.`);
  }
}

function secondConnect(): PacketViolation {
  return protocolError('MQTT-3.1.0-2', 'A client sends CONNECT only once.');
}

/** The largest CONNECT, in bytes: anyone may send one, so it is limited to 65,535 for each of its fields and some. */
const longestConnect = 393_216;

/** Bytes of packets set aside over which no more is read from the client. */
const mostSetAside = 262_144;

/** 'publish': all but acknowledgements, PINGREQ and DISCONNECT. */
export type HeldPackets = 'all' | 'publish';

/**
 * The frames of one client that are not handled yet, in the order in which they may be: while PUBLISH is held back,
 * acknowledgements, PINGREQ and DISCONNECT are not, or two clients could stop each other.
 */
export class FrameQueue {
  readonly #dispatcher: FrameDispatcher;
  readonly #splitter: FrameSplitter;
  /** Until the CONNECT is accepted. */
  #early: EarlyBytes | undefined;
  /** Bytes that came since `next` was called. */
  #unread = 0;
  /** Bytes that have come and are still gathered outside, for a WebSocket message. */
  #gathered = 0;
  /** How often all packets are held, or only PUBLISH and its like. */
  #allHolds = 0;
  #publishHolds = 0;
  /** What waits, in order, while PUBLISH is held back. */
  #aside: FrameSplitter | undefined;
  /** The connection is about to end: what came before that is handled, whatever holds it back. */
  #isLast = false;

  constructor(
    dispatcher: FrameDispatcher,
    {maxPacketSize, earlyBudget}: Pick<ConnectionContext, 'maxPacketSize' | 'earlyBudget'>,
  ) {
    this.#dispatcher = dispatcher;
    this.#splitter = new FrameSplitter(Math.min(maxPacketSize, longestConnect));
    this.#early = new EarlyBytes(earlyBudget);
  }

  /** The CONNECT was accepted: all packets are handled, of up to so many bytes. */
  accept(messages: MessageHandler, limit: number): void {
    this.#dispatcher.accept(messages);
    this.#early?.release();
    this.#early = undefined;
    this.#splitter.limit = limit;
  }

  /** Whether the next byte is the first of CONNECT. */
  get isAtStart(): boolean {
    return !this.#dispatcher.isAccepted && this.#splitter.length === 0;
  }

  push(chunk: Buffer): void {
    this.#unread += Math.max(0, chunk.length - this.#gathered);
    this.#gathered = 0;
    this.#splitter.push(chunk);
  }

  /** Bytes came that will be pushed later, as parts of one chunk. @throws PacketViolation for too many before `accept` */
  gather(bytes: number): void {
    this.#gathered += bytes;
    if (this.#gathered > longestConnect) {
      throw protocolError(
        '4.13',
        `A message of over ${longestConnect} bytes comes before CONNECT is accepted.`,
      );
    }
    this.#early?.add(bytes);
  }

  /** The connection has ended: nothing of it is held. */
  ended(): void {
    this.#early?.release();
  }

  /** Whether some packets have to wait. */
  get isHeld(): boolean {
    return this.#allHolds > 0 || this.#publishHolds > 0;
  }

  /** Whether all packets have to wait, and nothing more may be read. */
  get isFull(): boolean {
    if (this.#allHolds > 0) return true;
    if (this.#isLast || this.#aside === undefined) return false;
    return this.#publishHolds > 0 && this.#aside.length > mostSetAside;
  }

  /** Lets packets wait until `unhold` was called as often: all, or those that may wait, up to a limit. */
  hold(packets: HeldPackets): void {
    if (packets === 'all') this.#allHolds++;
    else this.#publishHolds++;
  }

  unhold(packets: HeldPackets): void {
    if (packets === 'all') this.#allHolds--;
    else this.#publishHolds--;
  }

  /** Handles the next frame or frames; false: more bytes are needed. @throws PacketViolation */
  next(): boolean {
    if (this.#unread > 0) this.#early?.add(this.#unread);
    this.#unread = 0;
    if (this.#publishHolds > 0 && !this.#isLast) return this.#pick();
    if (this.#aside !== undefined) {
      if (this.#dispatcher.next(this.#aside)) return true;
      this.#aside = undefined;
    }
    return this.#dispatcher.next(this.#splitter);
  }

  /** Handles the next frame if it may not wait; else sets it aside. */
  #pick(): boolean {
    let frame: Buffer | undefined;
    try {
      frame = this.#splitter.next();
    } catch {
      // It throws again when what came before is handled.
      this.#isLast = true;
      return true;
    }
    if (frame === undefined) return false;
    const type = frame[0]! >> 4;
    if (isAcknowledgement(type) || type === PacketType.pingreq) this.#dispatcher.frame(frame);
    else {
      this.#isLast = type === PacketType.disconnect;
      this.#aside ??= new FrameSplitter(this.#splitter.limit);
      this.#aside.append(frame);
    }
    return true;
  }
}
