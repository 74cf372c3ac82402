/**
 * One client on one stream: bytes in, packets out of them strictly in order, packets in, bytes out of them once a
 * turn. States: 'open'; 'closing', after our last packet: nothing is handled or sent any more. Knows no session.
 */

import type {Duplex} from 'node:stream';
import {acknowledgements} from '../../protocol/acknowledgement.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ConnectionContext, ConnectionHandler, Ending, MessageHandler} from './connection-handler.ts';
import {ConnectionOutput} from './connection-output.ts';
import {FrameDispatcher, type FrameReceiver} from './frame-dispatcher.ts';
import {FrameSplitter, otherProtocol} from './frame-splitter.ts';
import {PacketViolation, protocolError} from './packet-violation.ts';
import type {IConnectPacket, ObservedPacket, Packet} from './packets.ts';
import type {Frame} from './publish-packet.ts';
import type {SharedFrame} from './shared-frame.ts';
import {StreamEnd} from './stream-end.ts';
import {type PacketIdentity, WriteBuffer} from './write-buffer.ts';

/** The largest CONNECT, in bytes: anyone may send one, so it is limited to 65,535 for each of its fields and some. */
const longestConnect = 393_216;

/** The bytes of one client, both ways. */
export class Connection implements FrameReceiver {
  readonly stream: Duplex;
  readonly output: ConnectionOutput;
  protocolVersion: ProtocolVersion = 4;
  /** Empty until CONNECT is read. */
  clientId = '';
  /** Milliseconds of the broker's clock. */
  lastReceived: number;
  readonly #context: ConnectionContext;
  readonly #splitter: FrameSplitter;
  readonly #streamEnd: StreamEnd;
  #handler: ConnectionHandler | undefined;
  #dispatcher: FrameDispatcher | undefined;
  #messages: MessageHandler | undefined;
  #state: 'open' | 'closing' = 'open';
  #holds = 0;
  #processing = false;
  /** The peer sends no more. */
  #peerEnded = false;
  #handlerEnded = false;

  constructor(stream: Duplex, context: ConnectionContext) {
    this.stream = stream;
    this.#context = context;
    this.#splitter = new FrameSplitter(Math.min(context.maxPacketSize, longestConnect));
    this.output = new ConnectionOutput({
      stream,
      context,
      committed: (isStored) => this.#committed(isStored),
      drained: () => this.#handler?.drained(),
    });
    this.#streamEnd = new StreamEnd(stream);
    this.lastReceived = context.now();
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#dispatcher = new FrameDispatcher(this, this.#context, handler);
    const {stream} = this;
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    stream.on('end', () => {
      this.#peerEnded = true;
      this.#process();
    });
    stream.on('error', (error) => this.#end({cause: 'error', error}));
    stream.on('close', () => this.#closed());
    stream.on('drain', () => this.#handler?.drained());
  }

  /** Whether packets can still be sent. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** Bytes written and not yet taken by the network. */
  get buffered(): number {
    return this.output.length + this.stream.writableLength;
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
    const isFirst = this.#dispatcher?.isAccepted !== true && this.#splitter.length === 0;
    const foreign = isFirst ? otherProtocol(chunk) : undefined;
    this.#splitter.push(chunk);
    if (foreign === undefined) this.#process();
    else this.fail(protocolError('MQTT-3.1.0-1', `It speaks ${foreign}, not MQTT.`));
  }

  /** Handles all whole frames, in order [MQTT-4.6.0-2], [MQTT-4.6.0-3], as long as nothing holds. */
  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    try {
      while (this.#holds === 0 && this.open) if (!this.#dispatcher?.next(this.#splitter)) break;
    } catch (error) {
      this.fail(error);
    } finally {
      this.#processing = false;
    }
    if (this.#holds > 0 || !this.open) return;
    if (this.#peerEnded) this.#end({cause: 'closed'});
    else this.stream.resume();
  }

  /** The peer's own end is seen even while nothing is read: what came before it is handled when nothing holds. */
  #closed(): void {
    if (this.#peerEnded && this.held && this.open) return;
    this.#end({cause: 'closed'});
  }

  /** Ends the connection over what its frames or their handling threw. */
  fail(error: unknown): void {
    if (!(error instanceof PacketViolation)) this.#context.bug(error);
    this.#end({cause: 'violation', violation: error instanceof PacketViolation ? error : brokerFailed()});
  }

  /** The CONNECT was accepted: from now on all packets are handled. */
  accepted(messages: MessageHandler): void {
    this.#messages = messages;
    this.#dispatcher?.accept(messages);
    this.#splitter.limit = this.#context.maxPacketSize;
  }

  #committed(isStored: boolean): void {
    try {
      this.#messages?.committed(isStored);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Shows a packet to the observer, as parsed from its bytes. */
  observe(direction: 'in' | 'out', frame: Buffer): void {
    const {observe} = this.#context;
    if (observe === undefined) return;
    const packet = this.#context.codec.parse(frame, this.protocolVersion);
    observe(this.clientId, direction, packet as unknown as ObservedPacket);
  }

  /** Shows CONNECT, once the client's identifier is known: without the password. */
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

  /** A packet as bytes for this client. */
  bytes(packet: Packet): Buffer {
    return this.#context.codec.encode(packet, this.protocolVersion);
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP with success and nothing else [3.4.2.1]. */
  acknowledge(type: number, packetId: number): void {
    if (!this.open) return;
    this.output.acknowledgement(type, packetId);
    if (this.#context.observe !== undefined) this.observe('out', acknowledgements(type, [packetId]));
  }

  /** Sends one whole frame, together with all others of this turn. */
  write(frame: Frame, identity?: PacketIdentity): void {
    if (!this.open) return;
    if (identity !== undefined && isExactlyOnce(frame[0]![0]!)) this.output.needCommit();
    this.output.frame(frame, identity);
    if (this.#context.observe === undefined) return;
    const seen = new WriteBuffer(this.#context.buffers);
    seen.frame(frame, identity);
    this.observe('out', Buffer.concat(seen.take()));
  }

  /** Sends a message as it came; not where packets are observed. */
  writeShared({bytes, start, end, packetIdAt}: SharedFrame, packetId: number, dup: boolean): void {
    if (!this.open) return;
    if (isExactlyOnce(bytes[start]!)) this.output.needCommit();
    this.output.shared(bytes, start, end, {packetId, at: packetIdAt - start, dup});
  }

  /** Sends whole frames that follow each other. */
  writeFrames(bytes: Buffer, frames: number): void {
    if (!this.open) return;
    this.output.frames(bytes, frames);
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
      if (peerIsGone) this.#streamEnd.finish();
      return;
    }
    // The handler may send a last packet for a violation, and close the connection itself meanwhile.
    if (this.#handlerEnded) return;
    this.#handlerEnded = true;
    this.output.commit();
    this.#handler?.ended(ending);
    this.#state = 'closing';
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
