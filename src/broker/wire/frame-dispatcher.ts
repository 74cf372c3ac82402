/**
 * The receiving half of a connection: takes frames in order, judges and decodes them, and calls the handler.
 * Until `accept` the next frame must be CONNECT; then any other packet may come. Knows no stream.
 */

import {isAcknowledgement} from '../../protocol/acknowledgement.ts';
import {bodyStart, PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import type {
  ConnectionContext,
  ConnectionHandler,
  FrameReader,
  MessageHandler,
} from './connection-handler.ts';
import type {FrameSplitter} from './frame-splitter.ts';
import {PacketReader} from './packet-reader.ts';
import {protocolError} from './packet-violation.ts';
import type {IConnectPacket} from './packets.ts';
import {decodePublish} from './publish-packet.ts';
import {decodeAcknowledgement, readConnect, validateFrame} from './validate.ts';

/** The connection that the frames belong to. */
export interface FrameReceiver {
  protocolVersion: ProtocolVersion;
  /** Nothing more is dispatched until `unhold` was called as often. */
  hold(): void;
  unhold(): void;
  /** An error that ends the connection was thrown later than in `next`. */
  fail(error: unknown): void;
  observe(direction: 'in' | 'out', frame: Buffer): void;
}

/** The frames of one client. */
export class FrameDispatcher {
  readonly #receiver: FrameReceiver;
  readonly #context: ConnectionContext;
  readonly #handler: ConnectionHandler;
  /** Of an accepted client. */
  #messages: MessageHandler | undefined;
  #fast: FrameReader | undefined;

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
    this.#fast = this.#context.fastFrames?.(messages, this.#receiver.protocolVersion);
  }

  /** Handles the next frame or frames; false: more bytes are needed. @throws PacketViolation */
  next(splitter: FrameSplitter): boolean {
    if (this.#fast?.pass(splitter)) return true;
    const frame = splitter.next();
    if (frame === undefined) return false;
    this.#context.counters.messagesReceived++;
    if (this.#messages === undefined) this.#connect(frame);
    else this.#packet(frame, this.#messages);
    return true;
  }

  #packet(frame: Buffer, messages: MessageHandler): void {
    const receiver = this.#receiver;
    const {counters, codec} = this.#context;
    const {protocolVersion} = receiver;
    const type = frame[0]! >> 4;
    if (type === PacketType.publish) {
      const publish = decodePublish(frame, protocolVersion);
      counters.publishReceived++;
      counters.publishBytesReceived += publish.payload.length;
      receiver.observe('in', frame);
      messages.publish(publish);
      this.#fast?.learn(publish.topic);
    } else if (isAcknowledgement(type)) {
      const acknowledgement = decodeAcknowledgement(frame, protocolVersion);
      receiver.observe('in', frame);
      messages.acknowledgement(acknowledgement);
    } else if (type === PacketType.connect) {
      throw protocolError('MQTT-3.1.0-2', 'A client sends CONNECT only once.');
    } else {
      validateFrame(frame, protocolVersion);
      receiver.observe('in', frame);
      this.#handler.packet(codec.parse(frame, protocolVersion));
    }
  }

  /** CONNECT, judged before anything else happens [MQTT-3.1.4-1]. */
  #connect(frame: Buffer): void {
    const receiver = this.#receiver;
    const type = frame[0]! >> 4;
    if (type !== PacketType.connect) {
      throw protocolError('MQTT-3.1.0-1', `The first packet is ${packetNames[type]}, not CONNECT.`);
    }
    const reader = new PacketReader(frame, bodyStart(frame));
    // The level decides in which form a violation is answered.
    const level = frame[reader.position + 6];
    if (level === 5 && frame[reader.position + 1] === 4) receiver.protocolVersion = 5;
    validateFrame(frame, receiver.protocolVersion);
    const details = readConnect(reader);
    receiver.protocolVersion = details.protocolVersion;
    const packet = this.#context.codec.parse(frame, details.protocolVersion) as IConnectPacket;
    const done = this.#handler.connect(packet, details);
    if (done === undefined) return;
    receiver.hold();
    done.catch((error: unknown) => receiver.fail(error)).finally(() => receiver.unhold());
  }
}
