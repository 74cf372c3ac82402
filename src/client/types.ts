/** A session as commands see it: its options, what it publishes, and what receives its messages. Types only. */

import type {Message, Publication, QoS} from '../protocol/message.ts';
import type {SubscribeProperties, UnsubscribeProperties} from '../protocol/properties.ts';

/** What to do when the network or the broker goes away. */
export interface ReconnectPolicy {
  /** Connect again after a connection that had been accepted is lost. */
  readonly afterLoss: boolean;
  /** Also keep trying when the very first connection fails for a reason that may pass. */
  readonly atStart: boolean;
  /** Milliseconds before the first attempt; before each further one twice as long, up to the maximum, with jitter. */
  readonly delayMilliseconds: number;
  /** The longest pause; without it all pauses are the same. */
  readonly maximumDelayMilliseconds?: number;
  /** How many attempts may fail running; without it, any number. */
  readonly attempts?: number;
}

/** What happens to the connections of a session. Hosts are as `describe` shows them, without user and password. */
export type SessionEvent =
  /** `again`: not the first one. `session`: whether the broker had kept it. */
  | {
      readonly event: 'connected';
      readonly host: string;
      readonly again: boolean;
      readonly session: 'new' | 'kept';
    }
  /** `status`: what the command would end with. */
  | {readonly event: 'lost'; readonly host: string; readonly reason: string; readonly status: number}
  /** An attempt to connect has failed. */
  | {readonly event: 'refused'; readonly host: string; readonly reason: string; readonly status: number}
  | {readonly event: 'redirected'; readonly host: string; readonly to: string}
  /** Messages of these seconds may be missing: the broker has not kept the session. */
  | {readonly event: 'gap'; readonly seconds: number}
  /** A SUBSCRIBE was repeated; a code of 128 or more is a refusal. */
  | {readonly event: 'resubscribed'; readonly filters: readonly {filter: string; code: number}[]};

export interface SessionContext {
  /** Aborting it ends every wait with the signal's reason; `end` still works. */
  readonly signal: AbortSignal;
  readonly reconnect: ReconnectPolicy;
  /** One line for each packet: the -d lines. */
  readonly trace?: (line: string) => void;
  /** Traces mosquitto_sub's line "Subscribed (mid: …)" after each SUBACK, too. */
  readonly traceGrants?: boolean;
  /** False: every packet passes through MQTT.js, to compare with. */
  readonly fastPath?: boolean;
  /**
   * On the first connection, sends packets behind CONNECT without waiting for CONNACK [MQTT-3.1.4-5], where
   * nothing in CONNACK can affect them. They succeed only when CONNACK has come.
   */
  readonly pipelined?: boolean;
  /**
   * The session is short: on the fast path, a clean one of MQTT 3.1.1 then does without MQTT.js
   * (minimal-client.ts).
   */
  readonly minimal?: boolean;
  /** A packet follows each SUBACK anyway, and acknowledges it for TCP: no PINGREQ is sent for that. */
  readonly sendsAfterSubscribing?: boolean;
  /** Called when the first connection is accepted, and when the session ends or fails: no wait for it is left. */
  readonly onReady?: () => void;
  /** One line for each event: connection lost, connected again. */
  readonly notice?: (line: string) => void;
  readonly onEvent?: (event: SessionEvent) => void;
  /** One line for each step of connecting: names, addresses, proxy, TLS. */
  readonly detail?: (line: string) => void;
}

export interface SubscribeOptions {
  readonly qos: QoS;
  /** Of filters that have one of their own. */
  readonly qosByFilter?: ReadonlyMap<string, QoS>;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  /** 0: send retained messages, 1: only for a new subscription, 2: never. */
  readonly retainHandling?: 0 | 1 | 2;
  readonly properties?: SubscribeProperties;
}

/** 'more': handled, go on. 'last': handled, and no further one. 'stop': not handled, and no further one. */
export type ReceiveDecision = 'more' | 'last' | 'stop';

/** Where a payload goes that is still coming. */
export interface PayloadSink {
  /** The next bytes, which may change once this returns. Resolves when there may be more. @throws what ends `receive` */
  write(chunk: Uint8Array): Promise<void>;
  /** The payload is complete. The receiver's flush follows. */
  end(): void;
}

/** Takes the messages of a session. A message is acknowledged only after the flush that follows it. */
export interface Receiver {
  /** The bytes of the message may change once this returns: copy it to keep it. */
  message(message: Message): ReceiveDecision;
  /** Called once for each batch; the session reads no further until it resolves. Undefined: there is nothing to wait for. */
  flush(): Promise<void> | undefined;
  /**
   * A large message has begun to come. `payloadBytes` is the size of its payload; the message holds only what has
   * come of it, perhaps nothing. With a sink it is the last message, and if the connection is lost before its end,
   * `receive` fails with status 7. Without a sink it is given to `message` when it is whole.
   */
  readonly stream?: ((message: Message, payloadBytes: number) => PayloadSink | undefined) | undefined;
}

/** A message that is acknowledged by itself. */
export interface Delivery {
  /** Its bytes are its own. */
  readonly message: Message;
  /** Acknowledges it as soon as those before it are [MQTT-4.6.0-2]; on a connection that is lost, when it comes again. */
  acknowledge(): void;
  /** It stays unacknowledged, and no other message waits for it. */
  abandon(): void;
}

/** Takes messages and acknowledges them one by one, at any time and in any order. */
export interface DeliveryReceiver {
  /** How many messages it has at a time; while it has so many, the session reads no further one. */
  readonly window: number;
  delivered(delivery: Delivery): ReceiveDecision;
}

/** The result of one message at QoS 1 or 2, or 0 at QoS 0 once it was written to the network. */
export interface PublishResult {
  /** Below 128: 0, or 16 (no matching subscribers). */
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

/** The counts so far; `publishAll` keeps them current, also for the report of a failure. */
export interface PublishProgress {
  read: number;
  acknowledged: number;
  refused: number;
}

/** More of a `publishAll` that is running, or has run. */
export interface PublishState {
  /** How many messages, from the first on, are all acknowledged or refused, or at QoS 0 written. */
  readonly settled: number;
  /** Messages sent once more on another connection: they may have arrived twice. */
  readonly repeated: number;
}

/** A payload that is not held in memory. */
export interface StreamedPayload {
  /** In bytes. */
  readonly length: number;
  /**
   * Passes all bytes to `write` in order, until one call resolves with false; a chunk may change once its call
   * has resolved. May be called again. @throws what keeps it from reading all of them
   */
  send(write: (chunk: Uint8Array) => Promise<boolean>): Promise<void>;
}

export type Payload = Uint8Array | StreamedPayload;

/** Payloads with a publication for each. Equal publications should be one object: it is encoded once. */
export interface MessageBatch {
  readonly payloads: readonly Uint8Array[];
  readonly publications: readonly Publication[];
}

/** Payloads of one publication, or messages. */
export type PublishBatch = readonly Uint8Array[] | MessageBatch;

export interface Session extends AsyncDisposable {
  /** The one assigned by the server, if it assigned one. */
  readonly clientId: string;
  /** How many connections a broker has accepted so far: when pipelined, the first one may come later than the session. */
  readonly connections: number;
  /** The Response Information of the present connection, where the server gave any [MQTT 5, 3.2.2.3.15]. */
  responseInformation(): string | undefined;
  /**
   * Resolves when the QoS is satisfied. `isLast`: only the end follows, so DISCONNECT may be sent at once.
   * @throws TmqError with the reason code when refused, 7 when the connection is lost
   */
  publish(payload: Payload, publication: Publication, isLast?: boolean): Promise<PublishResult>;
  /**
   * Sends every payload in order, across reconnects, with at most the in-flight window unacknowledged. Reads only as fast
   * as the network takes; a batch is used until the next one is asked for. `publication` is that of payloads alone.
   */
  publishAll(
    batches: AsyncIterable<PublishBatch>,
    publication: Publication,
    progress?: PublishProgress,
  ): Promise<PublishReport>;
  /** Of `publishAll`. */
  publishState(): PublishState;
  /** One SUBSCRIBE for all filters, repeated after a reconnect that finds no session. Reason codes in order; it does not throw for refusals. */
  subscribe(filters: readonly string[], options: SubscribeOptions): Promise<readonly number[]>;
  /** One UNSUBSCRIBE for each filter; resolves with their reason codes. */
  unsubscribe(filters: readonly string[], properties?: UnsubscribeProperties): Promise<readonly number[]>;
  /** Sends PINGREQ behind what was sent; resolves with its answer, behind what the broker had sent before. */
  roundTrip(): Promise<void>;
  /** Delivers messages until the receiver wants no more, the signal aborts (rejects with its reason) or the session fails. */
  receive(receiver: Receiver): Promise<void>;
  /**
   * Delivers messages that the receiver acknowledges by itself, in the place of `receive`. A message that the broker
   * sends again, and that the receiver has or has just had, is not delivered twice. Never resolves.
   * @throws what the receiver throws, the signal's reason, and what ends the session
   */
  deliver(receiver: DeliveryReceiver): Promise<never>;
  /** Sends DISCONNECT behind everything written, and closes. Idempotent; `await using` calls it, too. */
  end(reasonCode?: number): Promise<void>;
}
