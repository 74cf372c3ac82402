/**
 * The interface between the broker's state and its persistence: the changes that must survive a restart, and the
 * state after one. The broker calls the journal at each change, synchronously and in order, for sessions that
 * outlive their connection and for messages at QoS 0 only where they are queued.
 */

import type {QoS} from '../../protocol/message.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';

/** A session without its subscriptions and messages. */
export interface SavedSession {
  readonly clientId: string;
  /** Seconds without a connection after which it ends; `never` (0xFFFFFFFF): it does not. */
  readonly expirySeconds: number;
  readonly username?: string;
  /** Milliseconds of the broker's clock; absent while it is connected. */
  readonly disconnectedAt?: number;
}

/** One subscription of a session. */
export interface SavedSubscription {
  /** The whole filter, with $share/ and mount point. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier?: number;
}

/** One message queued or in flight for one session. Many deliveries may share one `message` object. */
export interface SavedDelivery<Message = StoredMessage> {
  /** Unique in this broker and rising, also across restarts. */
  readonly sequence: number;
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /** The whole filter, with $share/ and mount point, of the shared subscription that it came from. */
  readonly shareFilter?: string;
}

/** The changes of the broker's state, one method each. Times are milliseconds of the broker's clock. */
export interface Journal<Message = StoredMessage> {
  /** A retained message was set, or cleared (undefined). */
  retained(topic: string, message: Message | undefined): void;
  /** A session began, connected, disconnected or changed its expiry: replaces the saved session. */
  session(session: SavedSession): void;
  /** A session ended: its subscriptions and messages are gone too. */
  sessionEnded(clientId: string): void;
  /** Replaces a subscription to the same filter. */
  subscribed(clientId: string, subscription: SavedSubscription): void;
  unsubscribed(clientId: string, filter: string): void;
  /** A message waits for its session. */
  queued(clientId: string, delivery: SavedDelivery<Message>): void;
  /** PUBLISH with this packet identifier was sent; the message is in flight. */
  sent(clientId: string, sequence: number, packetId: number): void;
  /** PUBREC came: the message is no longer needed, the packet identifier stays in use until PUBCOMP. */
  released(clientId: string, sequence: number, packetId: number): void;
  /** The delivery is over: acknowledged, refused, expired, dropped, or moved to another session. */
  settled(clientId: string, sequence: number): void;
  /** PUBCOMP came: the packet identifier is free. */
  completed(clientId: string, packetId: number): void;
  /** A QoS 2 PUBLISH of the client was accepted; PUBREL has not come yet. */
  received(clientId: string, packetId: number): void;
  /** PUBREL came. */
  forgotten(clientId: string, packetId: number): void;
}

/** A session with all that belongs to it. */
export interface RestoredSession<Message = StoredMessage> {
  readonly session: SavedSession;
  readonly subscriptions: readonly SavedSubscription[];
  /** In flight, in the order sent. */
  readonly sent: readonly {readonly delivery: SavedDelivery<Message>; readonly packetId: number}[];
  /** Packet identifiers released and not completed, in order. */
  readonly released: readonly number[];
  /** Waiting, in order. */
  readonly queued: readonly SavedDelivery<Message>[];
  /** QoS 2 packet identifiers received and not forgotten. */
  readonly received: readonly number[];
}

/** The state of a broker, to be gone through once; what changes meanwhile may be in it or not. */
export interface SavedState {
  readonly retained: Iterable<StoredMessage>;
  readonly sessions: Iterable<RestoredSession>;
}

/** The state of a broker before the restart. A session that was connected counts as disconnected since. */
export interface RestoredState<Message = StoredMessage> {
  readonly retained: readonly Message[];
  readonly sessions: readonly RestoredSession<Message>[];
}
