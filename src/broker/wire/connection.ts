/**
 * One client on one stream: bytes in, packets out of them strictly in order, packets in, bytes out of them once a
 * turn. States: 'open'; 'closing', after our last packet: nothing is handled or sent any more. Knows no session.
 */

import type {Duplex} from 'node:stream';
import {acknowledgements} from '../../protocol/acknowledgement.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {PacketViolation, protocolError} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ConnectionContext, ConnectionHandler, Ending, MessageHandler} from './connection-handler.ts';
import {ConnectionOutput, type OutputOwner, type PacketIdentity} from './connection-output.ts';
import {FrameDispatcher, FrameQueue, type FrameReceiver, type HeldPackets} from './frame-dispatcher.ts';
import {otherProtocol} from './frame-splitter.ts';
import {PacketObserver} from './packet-observer.ts';
import type {Packet} from './packets.ts';
import type {Frame} from './publish-packet.ts';
import type {SharedFrame} from './shared-frame.ts';
import {isRead, StreamEnd} from './stream-end.ts';
import {gatheringEvent, own, type StreamOwner} from './stream-events.ts';

/** Bytes of unread answers over which no more is read from the client. */
const mostUnread = 262_144;

/** The bytes of one client, both ways. */
export class Connection implements FrameReceiver, OutputOwner, StreamOwner {
  readonly stream: Duplex;
  readonly context: ConnectionContext;
  readonly output: ConnectionOutput;
  readonly observer: PacketObserver;
  protocolVersion: ProtocolVersion = 4;
  /** Milliseconds of the broker's clock. */
  lastReceived: number;
  #streamEnd: StreamEnd | undefined;
  #handler: ConnectionHandler | undefined;
  #frames: FrameQueue | undefined;
  #messages: MessageHandler | undefined;
  #state: 'open' | 'closing' = 'open';
  #processing = false;
  /** The peer sends no more. */
  #peerEnded = false;
  #handlerEnded = false;

  constructor(stream: Duplex, context: ConnectionContext) {
    this.stream = stream;
    this.context = context;
    this.observer = new PacketObserver(context);
    this.output = new ConnectionOutput(this);
    this.lastReceived = context.now();
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#frames = new FrameQueue(new FrameDispatcher(this, this.context, handler), this.context);
    own(this.stream, this);
  }

  /** Whether packets can still be sent. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** Bytes written and not yet taken by the network. */
  get buffered(): number {
    return this.output.length + this.stream.writableLength;
  }

  /** Whether the client has to wait until its packets are handled. */
  get held(): boolean {
    return this.#frames?.isHeld === true;
  }

  /** Whether the client waits for CONNACK: not if it has closed and sent nothing behind CONNECT. */
  get awaitsAnswer(): boolean {
    return this.open && !(isRead(this.stream) && this.#frames?.isAtStart === true);
  }

  /** Lets PUBLISH, or all packets, wait until `unhold` was called as often. */
  hold(packets: HeldPackets = 'all'): void {
    this.#frames?.hold(packets);
    if (packets === 'all' && this.open) this.stream.pause();
  }

  unhold(packets: HeldPackets = 'all'): void {
    this.#frames?.unhold(packets);
    if (!this.held) this.lastReceived = this.context.now();
    if (this.open) queueMicrotask(() => this.#process());
  }

  received(chunk: Buffer): void {
    // What comes after our last packet is read only to let the peer see it.
    if (!this.open) return;
    this.context.counters.bytesReceived += chunk.length;
    this.lastReceived = this.context.now();
    const frames = this.#frames!;
    const foreign = frames.isAtStart ? otherProtocol(chunk) : undefined;
    frames.push(chunk);
    if (foreign === undefined) this.#process();
    else this.fail(protocolError('MQTT-3.1.0-1', `It speaks ${foreign}, not MQTT.`));
  }

  gathered(bytes: number): void {
    this.#frames!.gather(bytes);
  }

  peerEnded(): void {
    this.#peerEnded = true;
    this.#process();
  }

  failed(error: Error): void {
    this.#end({cause: 'error', error});
  }

  /** Handles all whole frames, in order [MQTT-4.6.0-2], [MQTT-4.6.0-3], as long as nothing holds. */
  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    const frames = this.#frames!;
    try {
      while (this.open && !this.#mayNotRead(frames) && frames.next());
    } catch (error) {
      this.fail(error);
    } finally {
      this.#processing = false;
    }
    if (!this.open) return;
    if (this.#mayNotRead(frames)) this.stream.pause();
    else if (this.#peerEnded && !frames.isHeld) this.#end({cause: 'closed'});
    else this.stream.resume();
  }

  #mayNotRead(frames: FrameQueue): boolean {
    return frames.isFull || this.output.unreadAnswers > mostUnread;
  }

  /** The stream takes bytes: what waited for that goes on. */
  drained(): void {
    const wasFull = this.output.unreadAnswers > mostUnread;
    this.output.unreadAnswers = 0;
    this.#handler?.drained();
    if (wasFull && this.open) this.#process();
  }

  /** The peer's own end is seen even while nothing is read: what came before it is handled when nothing holds. */
  closed(): void {
    this.#handler?.closed();
    if (!(this.#peerEnded && this.held && this.open)) this.#end({cause: 'closed'});
  }

  /** Ends the connection over what its frames or their handling threw. */
  fail(error: unknown): void {
    if (!(error instanceof PacketViolation)) this.context.bug(error);
    this.#end({cause: 'violation', violation: error instanceof PacketViolation ? error : brokerFailed()});
  }

  /** The CONNECT was accepted: from now on all packets are handled. */
  accepted(messages: MessageHandler): void {
    this.#messages = messages;
    this.stream.removeAllListeners(gatheringEvent);
    this.#frames?.accept(messages, this.context.maxPacketSize);
  }

  committed(isStored: boolean): void {
    try {
      this.#messages?.committed(isStored);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends a packet that is not hot. */
  send(packet: Packet): void {
    this.answer(this.bytes(packet));
  }

  /** Sends a whole packet that answers one. A client that does not read its answers is not read from. */
  answer(bytes: Buffer): void {
    this.output.unreadAnswers += bytes.length;
    this.write([bytes]);
  }

  /** A packet as bytes for this client. */
  bytes(packet: Packet): Buffer {
    return this.context.codec.encode(packet, this.protocolVersion);
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP with success and nothing else [3.4.2.1]. */
  acknowledge(type: number, packetId: number): void {
    if (!this.open) return;
    this.output.acknowledgement(type, packetId);
    if (this.observer.observes) {
      this.observer.frame('out', acknowledgements(type, [packetId]), this.protocolVersion);
    }
  }

  /** Sends one whole frame, together with all others of this turn. */
  write(frame: Frame, identity?: PacketIdentity): void {
    if (!this.open) return;
    if (identity !== undefined && isExactlyOnce(frame[0]![0]!)) this.output.needCommit();
    this.output.frame(frame, identity);
    this.observer.sent(frame, identity, this.protocolVersion);
  }

  /** Sends a message as it came; not where packets are observed. */
  writeShared({bytes, start, end, packetIdAt}: SharedFrame, packetId: number, dup: boolean): void {
    if (!this.open) return;
    if (isExactlyOnce(bytes[start]!)) this.output.needCommit();
    this.output.shared(bytes, start, end, {packetId, at: packetIdAt - start, dup});
  }

  /** Sends whole frames that follow each other. */
  writeFrames(bytes: Buffer, frames: number): void {
    if (this.open) this.output.frames(bytes, frames);
  }

  /**
   * Sends what is left, then closes; the peer gets a moment to read it. Nothing is sent or handled any more
   * [MQTT-3.14.4-1], [MQTT-3.14.4-2], [MQTT-3.1.4-6], [MQTT-4.13.1-1], [MQTT-4.13.2-1].
   */
  close(last?: Packet): void {
    // Acknowledgements that are due stand before the last packet.
    if (this.open) this.output.commit();
    if (last !== undefined && this.open) this.send(last);
    this.#end({cause: 'ours'});
  }

  #end(ending: Ending): void {
    const peerIsGone = ending.cause === 'closed' || ending.cause === 'error';
    if (this.#state !== 'open') {
      if (peerIsGone) this.#streamEnd?.finish();
      return;
    }
    // The handler may send a last packet for a violation, and close the connection itself meanwhile.
    if (this.#handlerEnded) return;
    this.#handlerEnded = true;
    this.#frames?.ended();
    this.output.commit();
    this.#handler?.ended(ending);
    this.#state = 'closing';
    this.#streamEnd = new StreamEnd(this.stream);
    this.output.flush();
    this.#streamEnd.end(peerIsGone || this.#peerEnded);
  }
}

/** Whether a PUBLISH begins so at QoS 2: a client that got it twice under two identifiers would deliver it twice. */
function isExactlyOnce(first: number): boolean {
  return ((first >> 1) & 3) === 2;
}

function brokerFailed(): PacketViolation {
  return new PacketViolation(ReasonCode.unspecifiedError, '4.13', 'The broker failed.');
}
