/**
 * The fast path of a connection: stands between the socket and the protocol client, takes whole PUBLISH packets, and
 * acknowledgements of ours and of the other side, from the incoming bytes, and passes every other packet on unchanged.
 * What is sent goes to the socket itself. TMQ_NO_FASTPATH=1 leaves it out; `tmq sub` then takes some twenty times as long.
 *
 * States: 'greeting' (only CONNACK and AUTH pass); 'accepted' (CONNACK has passed, the rest waits for `open`);
 * 'open'; 'failed' (nothing counts any more). In 'open' it is blocked while a message is held (#messages) or the
 * protocol client takes no more (#isFull), and in the middle of a packet while it passes one on (#passing), collects
 * one (#collected) or streams one (#streamed). PUBACKs and PUBRECs are written together, after the flush of what one
 * read brought, and PUBCOMPs at its end: 0.94 of the processor time of one write for each, at QoS 2.
 */

import {type Duplex, Readable} from 'node:stream';
import {acknowledgements, isAcknowledgement, readAcknowledgement} from '../../protocol/acknowledgement.ts';
import {incomplete, malformedInteger, PacketType} from '../../protocol/fixed-header.ts';
import {copyOf, type Message} from '../../protocol/message.ts';
import {PublishReader} from '../../protocol/publish-reader.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import {join, type ReadBuffer} from '../transport/read-buffer.ts';
import {whenClosed} from './disconnect.ts';
import type {ConnectionEvents, KeptMessage, MessageSource} from './events.ts';
import {allowedBytes, CollectedPacket, largePacketBytes, StreamedPacket} from './large-packets.ts';
import type {ReceivedQos2, UnacknowledgedMessages} from './received-qos2.ts';

/** What the filter does with its connection. */
export interface FilterConnection {
  readonly isOpen: boolean;
  readonly writeQueue: {write(bytes: Uint8Array): void};
  /** Bytes came: the peer is alive. */
  onBytes(): void;
  fail(error: unknown): void;
}

export interface FilterSetup {
  /** The socket, or the TLS or WebSocket stream on it. */
  readonly stream: Duplex;
  readonly options: Pick<ConnectionOptions, 'protocolVersion' | 'properties'>;
  readonly events: Pick<ConnectionEvents, 'messages' | 'acknowledged'>;
  readonly connection: FilterConnection;
  readonly receivedQos2: ReceivedQos2;
  readonly unacknowledged: UnacknowledgedMessages;
  /** What the socket reads into, if it was given one. */
  readonly readBuffer?: ReadBuffer | undefined;
}

/** What may come before the connection is accepted. Anything else is not MQTT, and left to the protocol client. */
const greetings: ReadonlySet<number> = new Set([PacketType.connack, PacketType.auth]);

/** Whether a packet that begins with this byte may take the fast path. */
function isFast(first: number): boolean {
  const type = first >> 4;
  return type === PacketType.publish || isAcknowledgement(type);
}

/** The messages that the filter takes. */
class FilteredMessages implements MessageSource {
  readonly #setup: FilterSetup;
  readonly #onOfferAgain: () => void;
  /** A message was answered with 'later'. */
  isHolding = false;
  #offered: Message | undefined;
  #isDuplicate = false;
  /** Packet identifiers of messages taken and not yet acknowledged: at QoS 1, and at QoS 2. */
  #taken: number[] = [];
  #takenQos2: number[] = [];
  /** Packet identifiers of PUBRELs that are not yet answered. */
  #released: number[] = [];
  /** The end of the connection waits in the filter, so that a held message stays there, too. */
  readonly hasEnded = false;

  constructor(setup: FilterSetup, onOfferAgain: () => void) {
    this.#setup = setup;
    this.#onOfferAgain = onOfferAgain;
  }

  /** Returns whether the message need not be held. @throws Violation when the server may not send it yet */
  offer(message: Message, isDuplicate: boolean): boolean {
    this.#offered = message;
    this.#isDuplicate = isDuplicate;
    const {qos, messageId = 0} = message;
    const {events, receivedQos2, unacknowledged} = this.#setup;
    if (qos > 0) unacknowledged.assertRoom(isDuplicate);
    if (qos === 2) receivedQos2.came(messageId, isDuplicate);
    const isRepeated = qos === 2 && receivedQos2.wasTaken(messageId);
    const answer = events.messages.offered(message, this, isRepeated);
    this.isHolding = answer === 'later';
    if (qos > 0 && !this.isHolding) unacknowledged.came();
    if (answer === 'taken' && qos === 1) this.#taken.push(messageId);
    else if (answer === 'taken' && qos === 2) {
      receivedQos2.take(messageId);
      this.#takenQos2.push(messageId);
    }
    return !this.isHolding;
  }

  /** PUBREL came: `endOfRead` answers it. */
  released(messageId: number): void {
    this.#setup.receivedQos2.released(messageId);
    this.#released.push(messageId);
  }

  /** Answers the PUBRELs that came, together, and has the receiver flush what it took. */
  endOfRead(): void {
    const {unacknowledged, connection, events} = this.#setup;
    if (this.#released.length > 0) {
      unacknowledged.acknowledged(this.#released.length);
      connection.writeQueue.write(acknowledgements(PacketType.pubcomp, this.#released));
      this.#released = [];
    }
    events.messages.flush();
  }

  offerAgain(): void {
    this.isHolding = false;
    this.#onOfferAgain();
  }

  keep(): KeptMessage {
    const message = copyOf(this.#offered!);
    const {connection, receivedQos2, unacknowledged} = this.#setup;
    const {qos, messageId = 0} = message;
    return {
      connection,
      message,
      isDuplicate: this.#isDuplicate,
      get isRepeated() {
        return qos === 2 && receivedQos2.wasTaken(messageId);
      },
      take: () => {
        if (qos === 2) receivedQos2.take(messageId);
      },
      acknowledge: () => {
        const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
        if (qos === 1) unacknowledged.acknowledged();
        if (qos > 0) connection.writeQueue.write(acknowledgements(type, [messageId]));
      },
    };
  }

  acknowledgementOfTaken(): () => void {
    const taken = this.#taken;
    const takenQos2 = this.#takenQos2;
    this.#taken = [];
    this.#takenQos2 = [];
    const {connection, unacknowledged} = this.#setup;
    const {writeQueue} = connection;
    return () => {
      unacknowledged.acknowledged(taken.length);
      if (taken.length > 0) writeQueue.write(acknowledgements(PacketType.puback, taken));
      if (takenQos2.length > 0) writeQueue.write(acknowledgements(PacketType.pubrec, takenQos2));
    };
  }
}

const nothing = Buffer.alloc(0);

/** The bytes from `at` on. */
function rest(bytes: Buffer, at: number): Buffer {
  return at < bytes.length ? bytes.subarray(at) : nothing;
}

export class PublishFilter extends Readable {
  readonly #setup: FilterSetup;
  readonly #events: FilterSetup['events'];
  readonly #publishReader: PublishReader;
  /** What came and was not handed on yet, from `#at` on. */
  #bytes: Buffer = nothing;
  #at = 0;
  #collected: CollectedPacket | undefined;
  #streamed: StreamedPacket | undefined;
  #state: 'greeting' | 'accepted' | 'open' | 'failed' = 'greeting';
  readonly #messages: FilteredMessages;
  /** Bytes still to come of a packet for the protocol client. */
  #passing = 0;
  /** That packet is CONNACK. */
  #passesConnack = false;
  /** The protocol client takes no more for now. */
  #isFull = false;
  #isProceeding = false;
  /** The end of the connection, while something that came before it still waits. */
  #endings: (() => void)[] = [];

  constructor(setup: FilterSetup) {
    // The end of what comes is not the end of what is sent.
    super({autoDestroy: false});
    this.#setup = setup;
    this.#events = setup.events;
    this.#publishReader = new PublishReader(setup.options.protocolVersion);
    this.#messages = new FilteredMessages(setup, () => this.#proceed());
    const {stream: socket, readBuffer} = setup;
    socket.on('end', () => this.#afterwards(() => this.push(null)));
    socket.on('error', (error) => this.#afterwards(() => this.destroy(error)));
    whenClosed(socket, () => this.#afterwards(() => this.destroy()));
    if (readBuffer === undefined) socket.on('data', (chunk: Buffer) => this.#received(chunk));
    else {
      readBuffer.open((chunk) => this.#received(chunk));
      socket.resume();
    }
  }

  /** Whether messages wait, so that nothing behind them is read. */
  get isHolding(): boolean {
    return this.#messages.isHolding || this.#streamed !== undefined;
  }

  /** CONNACK was understood: takes what follows. */
  open(): void {
    if (this.#state === 'accepted') this.#state = 'open';
    this.#proceed();
  }

  /** Offers the held message again, after 'later'. */
  offerAgain(): void {
    this.#messages.offerAgain();
  }

  /** The connection has failed: takes nothing more. Reading goes on: TCP might discard DISCONNECT otherwise. */
  discard(): void {
    this.#state = 'failed';
    this.#bytes = nothing;
    this.#at = 0;
    this.#isFull = false;
    for (const ending of this.#endings.splice(0)) ending();
  }

  override _read(): void {
    this.#isFull = false;
    this.#proceed();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#setup.stream.destroy();
    const broken = this.#streamed?.broken();
    if (broken !== undefined) this.#setup.connection.fail(broken);
    done(error);
  }

  /** The end comes behind what came before it: TLS and WebSockets report it even while nothing is read. */
  #afterwards(ending: () => void): void {
    if (this.#keepsBytes) this.#endings.push(ending);
    else ending();
  }

  /** Something came that may not be handed on yet. */
  get #keepsBytes(): boolean {
    return this.#isBlocked && this.#at < this.#bytes.length;
  }

  get #isBlocked(): boolean {
    return this.#state === 'accepted' || this.#isFull || this.#messages.isHolding;
  }

  #received(chunk: Buffer): void {
    this.#setup.connection.onBytes();
    if (this.#state === 'failed') return;
    if (this.#streamed !== undefined) {
      chunk = this.#streamed.take(chunk);
      if (this.#streamed.isWhole) this.#streamed = undefined;
      if (chunk.length === 0) return;
    }
    if (this.#collected !== undefined) {
      chunk = this.#collected.take(chunk);
      if (!this.#collected.isWhole) return;
      this.#bytes = this.#collected.bytes;
      this.#at = 0;
      this.#collected = undefined;
      // The packet is handed on before anything is joined to it: it may be hundreds of megabytes.
      this.#proceed();
    }
    this.#bytes = join(rest(this.#bytes, this.#at), chunk);
    this.#at = 0;
    this.#proceed();
    if (this.#setup.readBuffer === undefined) return;
    this.#bytes = this.#setup.readBuffer.keep(rest(this.#bytes, this.#at));
    this.#at = 0;
  }

  /** Hands on all packets that are there, until it is blocked. */
  #proceed(): void {
    // MQTT.js reads from within push.
    if (this.#isProceeding || this.destroyed || this.#streamed !== undefined) return;
    this.#isProceeding = true;
    try {
      // The protocol client ends the connection at a packet that it cannot read: nothing behind it counts.
      while (!this.#isBlocked && !this.destroyed) {
        if (!this.#next()) break;
      }
    } catch (error) {
      this.#setup.connection.fail(error);
    } finally {
      // Also before an error: what came until then is answered, and waited for.
      this.#messages.endOfRead();
      this.#isProceeding = false;
    }
    if (this.destroyed) return;
    if (this.#isBlocked) this.#setup.stream.pause();
    else if (this.#setup.stream.isPaused()) this.#setup.stream.resume();
    if (this.#keepsBytes || this.#endings.length === 0) return;
    for (const ending of this.#endings.splice(0)) ending();
  }

  /** Hands on one packet, or what is there of it; false when there is nothing to be done. */
  #next(): boolean {
    const {length} = this.#bytes;
    if (this.#at >= length) return false;
    if (this.#passing > 0) {
      const end = Math.min(length, this.#at + this.#passing);
      this.#passing -= end - this.#at;
      this.#pass(end);
      if (this.#passing === 0 && this.#passesConnack) this.#state = 'accepted';
      return true;
    }
    const bytes = allowedBytes(this.#bytes, this.#at, this.#setup.options);
    if (bytes === incomplete) return false;
    const type = this.#bytes[this.#at]! >> 4;
    if (bytes === malformedInteger || (this.#state === 'greeting' && !greetings.has(type))) {
      this.#passing = Number.POSITIVE_INFINITY;
      return true;
    }
    if (this.#state !== 'open' || !isFast(this.#bytes[this.#at]!)) {
      this.#passing = bytes;
      this.#passesConnack = type === PacketType.connack && this.#state === 'greeting';
      return true;
    }
    if (this.#at + bytes > length) {
      if (bytes >= largePacketBytes && !this.#stream(bytes)) this.#collect(bytes);
      return false;
    }
    const end = this.#at + bytes;
    if (!this.#take(type, end) && !this.#messages.isHolding) this.#pass(end);
    return true;
  }

  /** Whether the packet was one for the fast path, and was taken. */
  #take(type: number, end: number): boolean {
    if (type === PacketType.publish) {
      const message = this.#publishReader.read(this.#bytes, this.#at, end);
      if (message === undefined) return false;
      const isDuplicate = (this.#bytes[this.#at]! & 0x08) !== 0;
      if (!this.#messages.offer(message, isDuplicate)) return false;
      this.#at = end;
      return true;
    }
    const acknowledgement = readAcknowledgement(this.#bytes, this.#at, end);
    if (acknowledgement === undefined) return false;
    const {cmd, messageId} = acknowledgement;
    if (cmd === 'pubrel') this.#messages.released(messageId);
    else this.#events.acknowledged(acknowledgement);
    this.#at = end;
    return true;
  }

  /** Passes everything up to `end` on to the protocol client. */
  #pass(end: number): void {
    const passed = this.#bytes.subarray(this.#at, end);
    const bytes = this.#setup.readBuffer === undefined ? passed : Buffer.from(passed);
    this.#at = end;
    if (!this.push(bytes)) this.#isFull = true;
  }

  /** Begins to stream the payload of a large packet, if the receiver wants that. */
  #stream(bytes: number): boolean {
    if (this.#bytes[this.#at]! >> 4 !== PacketType.publish) return false;
    const message = this.#publishReader.read(this.#bytes, this.#at, this.#bytes.length);
    if (message === undefined || message.qos > 0) return false;
    const payloadBytes = bytes - (this.#bytes.length - this.#at) + message.payload.length;
    const payload = this.#events.messages.begun(message, payloadBytes);
    if (payload === undefined) return false;
    this.#bytes = nothing;
    this.#at = 0;
    this.#streamed = new StreamedPacket(payload, payloadBytes, this.#setup.stream);
    this.#streamed.take(message.payload as Buffer);
    return true;
  }

  #collect(bytes: number): void {
    this.#collected = new CollectedPacket(bytes, this.#bytes.subarray(this.#at));
    this.#bytes = nothing;
    this.#at = 0;
  }
}
