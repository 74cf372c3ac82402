/** What a command sees of a session: its options, what it publishes, and what takes its messages. Types only. */

import type {Message, Publication, QoS} from '../protocol/message.ts';
import type {SubscribeProperties, UnsubscribeProperties} from '../protocol/properties.ts';

/** What to do when the network or the broker goes away. */
export interface ReconnectPolicy {
  /** Connect again after a connection that had been accepted is lost. */
  readonly afterLoss: boolean;
  /** Also keep trying when the very first connection fails for a reason that may pass. */
  readonly atStart: boolean;
  /** Milliseconds between attempts. */
  readonly delayMilliseconds: number;
}

export interface SessionContext {
  /** Aborting it ends every wait with the signal's reason; `end` still works. */
  readonly signal: AbortSignal;
  readonly reconnect: ReconnectPolicy;
  /** One line for each packet: the -d lines. */
  readonly trace?: (line: string) => void;
  /** Traces mosquitto_sub's line "Subscribed (mid: …)" after each SUBACK, too. */
  readonly traceGrants?: boolean;
  /** False: every packet takes the way through MQTT.js, to compare with. */
  readonly fastPath?: boolean;
  /**
   * Sends what is asked for right behind CONNECT, without waiting for CONNACK [MQTT-3.1.4-5], on a first
   * connection where nothing in CONNACK can matter to it. Whatever is sent so succeeds only with CONNACK.
   */
  readonly pipelined?: boolean;
  /**
   * The session is over soon, and no message of QoS 2 will come: on the fast path it does without MQTT.js
   * where it is a clean one of MQTT 3.1.1.
   */
  readonly brief?: boolean;
  /** Called when the first connection was accepted, and when the session ends or fails: nobody waits for it any more. */
  readonly settled?: () => void;
  /** One line for each thing worth telling: connection lost, connected again. */
  readonly notice?: (line: string) => void;
}

export interface SubscribeOptions {
  readonly qos: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  /** 0: send retained messages, 1: only for a new subscription, 2: never. */
  readonly retainHandling?: 0 | 1 | 2;
  readonly properties?: SubscribeProperties;
}

/** 'more': handled, go on. 'last': handled, and no further one. 'stop': not handled, and no further one. */
export type Verdict = 'more' | 'last' | 'stop';

/** Where a payload goes that is still on its way. */
export interface PayloadSink {
  /** The next bytes, which may change once this returns. Resolves when there may be more. @throws what ends the reception */
  write(piece: Uint8Array): Promise<void>;
  /** All of it was written. The receiver's flush follows. */
  end(): void;
}

/** Takes the messages of a session. A message is acknowledged only after the flush that follows it. */
export interface Receiver {
  /** Whoever keeps the message has to copy its bytes. */
  message(message: Message): Verdict;
  /** Called once for each batch; the session reads no further until it resolves. */
  flush(): Promise<void>;
  /**
   * Asked about a large message that has only begun to come, with how many bytes its payload will have; there
   * may be none of them in the message yet. With a sink it is the last one: a connection lost in its midst
   * ends the reception with status 7. Without one it comes to `message` when it is whole.
   */
  readonly stream?: ((message: Message, payloadBytes: number) => PayloadSink | undefined) | undefined;
}

/** The outcome of one message at QoS 1 or 2, or 0 at QoS 0 once it was written to the network. */
export interface Published {
  /** Below 128: 0, or 16 where the broker says that nobody subscribes. */
  readonly reasonCode: number;
}

export interface PublishReport {
  readonly read: number;
  /** At QoS 0, written to the network. */
  readonly acknowledged: number;
  readonly refused: number;
  /** The first refusal's reason code and text. */
  readonly firstRefusal?: {readonly reasonCode: number; readonly text: string};
}

/** What became of the messages so far; `publishAll` keeps it current, so that a failure can be told in numbers. */
export interface PublishProgress {
  read: number;
  acknowledged: number;
  refused: number;
}

/** A payload that is not held in memory. */
export interface StreamedPayload {
  /** In bytes. */
  readonly length: number;
  /**
   * Hands all bytes to `write` in order, until one call resolves with false; a piece may change once its call
   * has resolved. May be asked for again. @throws what keeps it from giving all of them
   */
  send(write: (piece: Uint8Array) => Promise<boolean>): Promise<void>;
}

export type Payload = Uint8Array | StreamedPayload;

export interface Session extends AsyncDisposable {
  /** As assigned by the server, where it assigned one. */
  readonly clientId: string;
  /** Whether a broker has accepted a connection: when pipelined, that may come later than the session. */
  readonly isAccepted: boolean;
  /**
   * Resolves when the QoS is satisfied. `isLast`: nothing but the end follows, so goodbye may be said at once.
   * @throws TmqError with the reason code when refused, 7 when the connection is lost
   */
  publish(payload: Payload, publication: Publication, isLast?: boolean): Promise<Published>;
  /** Sends every payload in order, at most the window unacknowledged, across reconnects. Reads on only as fast as the network takes. */
  publishAll(
    payloads: AsyncIterable<readonly Uint8Array[]>,
    publication: Publication,
    progress?: PublishProgress,
  ): Promise<PublishReport>;
  /** One SUBSCRIBE for all filters, repeated after a reconnect that finds no session. Reason codes in order; it does not throw for refusals. */
  subscribe(filters: readonly string[], options: SubscribeOptions): Promise<readonly number[]>;
  /** One UNSUBSCRIBE for each filter; resolves with their reason codes. */
  unsubscribe(filters: readonly string[], properties?: UnsubscribeProperties): Promise<readonly number[]>;
  /** Delivers messages until the receiver says so, the signal aborts (rejects with its reason) or the session fails. */
  receive(receiver: Receiver): Promise<void>;
  /** Sends DISCONNECT after all that was promised, and closes. Idempotent; also what `await using` calls. */
  end(reasonCode?: number): Promise<void>;
}
