/**
 * One network connection from CONNECT to close: its protocol client, its write queue, the publish filter on the
 * fast path, and the first error, which closes it. Knows nothing of reconnecting, the in-flight window or commands.
 *
 * States: connecting; accepted (CONNACK has come); ending (DISCONNECT was written); closed. `isOpen` holds in the
 * second, and when pipelined in the first.
 */

import type {Duplex, Readable} from 'node:stream';
import type {TmqError} from '../../errors.ts';
import {Violation} from '../../protocol/packet-violation.ts';
import type {ConnectionOptions, Endpoint} from '../connection-options.ts';
import type {ReadBuffer} from '../transport/read-buffer.ts';
import {Uploading} from '../transport/taken-bytes.ts';
import {monotonicMilliseconds} from '../waiting.ts';
import {
  connackError,
  connectionError,
  disconnectedByServer,
  keepaliveExceeded,
  lost,
  notAccepted,
} from './connection-lost.ts';
import {awaitClose, brief, type CloseOptions, disconnectPacket, whenClosed} from './disconnect.ts';
import type {ConnectionEvents, KeptMessage, MessageSource} from './events.ts';
import type {PacketIdentifiers} from './packet-ids.ts';
import {PendingRequests} from './pending-requests.ts';
import type {CreateProtocolClient, IncomingMessage, Packet, ProtocolClient} from './protocol-client.ts';
import {type FilterConnection, PublishFilter} from './publish-filter.ts';
import {type ReceivedQos2, UnacknowledgedMessages} from './received-qos2.ts';
import {limitsOf, type ServerLimits, withinLimits} from './server-limits.ts';
import {WriteQueue} from './write-queue.ts';

export interface ConnectionSetup {
  readonly stream: Duplex;
  readonly options: ConnectionOptions;
  readonly clientId: string;
  readonly identifiers: PacketIdentifiers;
  readonly receivedQos2: ReceivedQos2;
  readonly events: ConnectionEvents;
  /** Aborting it before CONNACK destroys the stream. */
  readonly signal: AbortSignal;
  readonly createClient: CreateProtocolClient;
  /** Whether messages and acknowledgements may bypass the protocol client (publish-filter.ts). */
  readonly fastPath: boolean;
  /** What the stream reads into, where it was given that; only on the fast path. */
  readonly readBuffer?: ReadBuffer | undefined;
  /** Whether packets may be sent before CONNACK came. */
  readonly pipelined: boolean;
}

/**
 * Sends the packets of this turn together with CONNECT. A server that refuses it would otherwise close the connection
 * over what it has not read, which discards the refusal; a peer that acknowledges only every second TCP segment at
 * once would delay its answer to the second one by 40 ms.
 */
function corkThisTurn(stream: Duplex, write: () => void): void {
  stream.cork();
  write();
  setImmediate(() => stream.uncork());
}

/** The messages that come through the protocol client, one at a time. */
class PacketMessages implements MessageSource {
  readonly #events: ConnectionEvents;
  readonly #stream: Readable;
  readonly #connection: {readonly isOpen: boolean};
  #held: {readonly incoming: IncomingMessage; readonly proceed: () => void} | undefined;
  #isOffering = false;
  #taken: IncomingMessage[] = [];
  #flushPlanned: NodeJS.Immediate | undefined;

  constructor(events: ConnectionEvents, stream: Readable, connection: {readonly isOpen: boolean}) {
    this.#events = events;
    this.#stream = stream;
    this.#connection = connection;
  }

  get hasEnded(): boolean {
    return this.#stream.readableEnded || this.#stream.destroyed;
  }

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  offer(incoming: IncomingMessage, proceed: () => void): void {
    this.#held = {incoming, proceed};
    this.offerAgain();
  }

  offerAgain(): void {
    const held = this.#held;
    if (held === undefined || !this.#offer(held.incoming)) return;
    this.#held = undefined;
    held.proceed();
  }

  /** The connection is closed: what is held is kept by the session, and nothing more is read. */
  close(): void {
    if (this.#held !== undefined) this.#offer(this.#held.incoming);
    this.#held = undefined;
  }

  keep(): KeptMessage {
    const {incoming} = this.#held!;
    return {
      connection: this.#connection,
      message: incoming.message,
      // Asked when the message is taken: it may be kept twice, from one connection and the next.
      get isRepeated() {
        return incoming.isRepeated;
      },
      isDuplicate: incoming.isDuplicate,
      take: incoming.take,
      acknowledge: incoming.acknowledge,
    };
  }

  acknowledgementOfTaken(): () => void {
    const taken = this.#taken;
    this.#taken = [];
    return () => {
      for (const incoming of taken) incoming.acknowledge();
    };
  }

  /** Returns whether the source need not hold the message any more. */
  #offer(incoming: IncomingMessage): boolean {
    if (this.#isOffering) return false;
    this.#isOffering = true;
    const answer = this.#events.messages.offered(incoming.message, this, incoming.isRepeated);
    this.#isOffering = false;
    if (answer === 'taken') {
      incoming.take();
      this.#taken.push(incoming);
    }
    // Also after 'passed': the receiver may have refused this message as the end, and earlier ones wait for a flush.
    if (answer !== 'later') {
      this.#flushPlanned ??= setImmediate(() => {
        this.#flushPlanned = undefined;
        this.#events.messages.flush();
      });
    }
    return answer !== 'later';
  }
}

/** What a server may send while CONNECT is not answered with success. */
const beforeAcceptance: ReadonlySet<string> = new Set(['connack', 'auth', 'disconnect']);

/** @throws Error for a packet that a server may send only later */
function early(packet: Packet): Packet {
  if (!beforeAcceptance.has(packet.cmd)) throw new Error(`${packet.cmd} before CONNACK`);
  return packet;
}

export class ClientConnection implements FilterConnection {
  /** Everything that is sent goes through it. */
  readonly writeQueue: WriteQueue;
  /** Why the connection ended; resolves once, whatever the cause. */
  readonly closed: Promise<TmqError>;
  /** Resolves when CONNACK has accepted the connection. @throws ConnectionRefused with its code, TmqError */
  readonly accepted: Promise<void>;
  limits: ServerLimits = limitsOf({});
  sessionPresent = false;
  /** The same, but a CONNACK of MQTT 3.1 cannot say it. */
  sessionMayBeKept = false;
  /** Whether CONNACK has accepted the connection, and when, by `monotonicMilliseconds`. */
  isAccepted = false;
  acceptedAt = 0;
  readonly endpoint: Endpoint;

  readonly #setup: ConnectionSetup;
  readonly #incoming: Readable;
  readonly #client: ProtocolClient;
  readonly #filter: PublishFilter | undefined;
  readonly #messages: PacketMessages;
  readonly #requests: PendingRequests;
  #failure: TmqError | undefined;
  #accept: () => void = () => undefined;
  #isEnding = false;
  /** The system has taken DISCONNECT. */
  #isDisconnectSent = false;
  readonly #uploading: Uploading;

  constructor(setup: ConnectionSetup) {
    const {options, events, stream: socket} = setup;
    this.#setup = setup;
    this.endpoint = options.endpoint;
    this.#uploading = new Uploading(socket);
    this.#requests = new PendingRequests(setup.identifiers);
    const parts = {...setup, unacknowledged: new UnacknowledgedMessages(options)};
    this.#filter = setup.fastPath ? new PublishFilter({...parts, connection: this}) : undefined;
    this.#incoming = this.#filter ?? socket;
    this.writeQueue = new WriteQueue(socket, (error) => this.fail(error), this.endpoint);
    this.#messages = new PacketMessages(events, this.#incoming, this);
    this.closed = new Promise((resolve) => whenClosed(this.#incoming, () => resolve(this.#close())));
    this.#incoming.on('error', (error) => this.fail(error));
    this.#incoming.once('end', () => this.resume());
    if (socket.errored) this.fail(socket.errored);
    const handler = {
      send: (packet: Packet, done?: () => void) => this.send(packet, done),
      onPacket: (packet: Packet) => this.#received(packet),
      onMessage: (message: IncomingMessage, proceed: () => void) => this.#messages.offer(message, proceed),
      onSilence: () => this.#keepaliveTimeout(),
      onError: (error: unknown) => this.fail(error),
    };
    this.#client = setup.createClient({...parts, stream: this.#incoming, handler});
    this.accepted = this.#connect();
    // When pipelined, `accepted` may not be awaited; requests and `closed` report the same error.
    this.accepted.catch(() => undefined);
  }

  /** Sends CONNECT and waits for CONNACK. */
  async #connect(): Promise<void> {
    const {signal, stream} = this.#setup;
    const onAbort = () => this.fail(signal.reason);
    signal.addEventListener('abort', onAbort, {once: true});
    try {
      const accepted = new Promise<void>((resolve) => {
        this.#accept = resolve;
      });
      if (signal.aborted) onAbort();
      else if (!this.#incoming.destroyed) corkThisTurn(stream, () => this.#client.connect());
      await Promise.race([accepted, this.closed]);
      // What follows CONNACK may have come with it: the connection was accepted all the same.
      if (this.#failure !== undefined && !this.isAccepted) throw await this.closed;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whether packets can be sent. */
  get isOpen(): boolean {
    return (
      (this.isAccepted || this.#setup.pipelined) && this.#failure === undefined && this.writeQueue.isOpen
    );
  }

  /** Whether requests await their answer; while there are any, reading must not stop. */
  get awaitsReply(): boolean {
    return this.#requests.size > 0;
  }

  /** Writes a packet behind everything written before; nothing when the connection is closed. */
  send(packet: Packet, done?: () => void): void {
    this.writeQueue.writeEncoded(() => {
      const bytes = withinLimits(this.#client.encode(packet), packet, this.limits);
      this.#setup.events.traced?.('out', packet);
      return bytes;
    }, done);
  }

  /** Sends SUBSCRIBE or UNSUBSCRIBE; resolves with the answer. @throws the TmqError that closed the connection */
  request(packet: Omit<Packet, 'messageId'> & {readonly cmd: string}): Promise<Packet> {
    if (!this.isOpen) return Promise.reject(this.#failure ?? lost(this.#setup.options.endpoint));
    const answer = this.#requests.request((messageId) => this.send({...packet, messageId}));
    this.resume();
    return answer;
  }

  ping(): void {
    if (this.isOpen) this.#client.ping();
  }

  /** Sends PINGREQ; resolves with its answer. @throws TmqError that closed the connection */
  roundTrip(): Promise<void> {
    return this.#requests.roundTrip(() => this.ping());
  }

  /** Offers held messages again: an answer that is awaited may come behind them. */
  resume(): void {
    this.#messages.offerAgain();
    this.#filter?.offerAgain();
  }

  /** The session is ready for what follows CONNACK. */
  start(): void {
    this.#filter?.open();
  }

  onBytes(): void {
    this.#uploading.missed = 0;
  }

  /** Closes the connection. The first error is its cause; later ones follow from it. */
  fail(error: unknown): void {
    const isViolation = this.#failure === undefined && this.isAccepted && error instanceof Violation;
    this.#failure ??= connectionError(error, this.#setup.options, this.isAccepted);
    if (isViolation) this.#filter?.discard();
    if (isViolation) this.shutdown({reasonCode: error.reasonCode, ...brief}).catch(() => undefined);
    else this.#incoming.destroy();
  }

  /** Sends DISCONNECT, and closes when the peer has taken everything. @throws TmqError 7 when it did not */
  async shutdown(close: CloseOptions): Promise<void> {
    const {stream: socket} = this.#setup;
    if (!socket.writable) return;
    this.disconnect(close.reasonCode);
    socket.end();
    this.resume();
    await awaitClose(this.#incoming, this.closed, {...close, socket, taken: this.#uploading.taken});
    if (!this.#isDisconnectSent) throw this.#failure ?? lost(this.#setup.options.endpoint);
  }

  /** Writes DISCONNECT behind everything written, once; nothing follows it. */
  disconnect(reasonCode: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const {options, events} = this.#setup;
    // DISCONNECT cannot follow a partially written packet.
    if (this.writeQueue.isStreaming) this.fail(lost(options.endpoint));
    const packet = disconnectPacket(options, reasonCode);
    events.traced?.('out', packet);
    // What is written is taken in order: with DISCONNECT, everything is. What happens after it does not count.
    this.writeQueue.writeLast(this.#client.encode(packet), (isWritten) => {
      this.#isDisconnectSent = isWritten;
    });
  }

  #received(packet: Packet): void {
    this.#uploading.missed = 0;
    const {events, options} = this.#setup;
    const {cmd, properties} = this.isAccepted ? packet : early(packet);
    // A packet is traced before those that it causes; only CONNACK is traced with the client id that it assigns.
    if (cmd !== 'connack') events.traced?.('in', packet);
    else {
      this.#connackCame(packet);
      const assigned = properties?.assignedClientIdentifier;
      if (typeof assigned === 'string') events.assigned(assigned);
      events.traced?.('in', packet);
    }
    if (cmd === 'puback' || cmd === 'pubrec' || cmd === 'pubcomp') events.acknowledged(packet);
    else if (cmd === 'suback' || cmd === 'unsuback') this.#requests.answered(packet);
    else if (cmd === 'pingresp') this.#requests.pinged();
    else if (cmd === 'disconnect') this.fail(disconnectedByServer(options.endpoint, packet));
  }

  #connackCame(packet: Packet): void {
    const {options} = this.#setup;
    const error = connackError(packet, options);
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    this.limits = limitsOf(packet);
    this.sessionPresent = packet.sessionPresent ?? false;
    this.sessionMayBeKept = this.sessionPresent || (options.protocolVersion === 3 && !options.clean);
    if (!this.sessionMayBeKept) this.#setup.receivedQos2.forget();
    this.isAccepted = true;
    this.acceptedAt = monotonicMilliseconds();
    this.#accept();
  }

  /**
   * Half a keepalive time after a PINGREQ without an answer. While a message is held, the answer may be there, unread;
   * no PINGREQ can be sent within a packet whose source is slow. Otherwise the broker has, as with mosquitto, a
   * keepalive time to answer, and as long as it was seen to take bytes.
   */
  #keepaliveTimeout(): void {
    const isHolding = this.#messages.isHolding || this.#filter?.isHolding;
    if (isHolding) this.#client.ping();
    const waitsForSource = this.writeQueue.isStreaming && !this.#uploading.isWaiting;
    if (isHolding || waitsForSource) this.#client.restartKeepalive();
    else if (this.#uploading.isSilent()) this.fail(keepaliveExceeded(this.#setup.options.endpoint));
  }

  /** The stream is closed: requests are rejected with the cause. */
  #close(): TmqError {
    this.#failure ??= this.isAccepted ? lost(this.#setup.options.endpoint) : notAccepted(this.#setup.options);
    this.#messages.close();
    this.#requests.fail(this.#failure);
    return this.#failure;
  }
}
