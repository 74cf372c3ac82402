/**
 * What must survive a restart, as it changes, and as it comes back. The broker calls a Journal at each
 * change, synchronously and in order; whoever keeps it decides how. Only sessions that outlive their
 * connection are told of, and messages at QoS 0 only where they are queued.
 */

import type {QoS} from '../../protocol/message.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';

/** What a session is, without what it holds. */
export interface SavedSession {
  readonly clientId: string;
  /** Seconds without a connection after which it ends; `never` (0xFFFFFFFF): it does not. */
  readonly expirySeconds: number;
  readonly username?: string;
  /** Milliseconds since the epoch; absent while it is connected. */
  readonly disconnectedAt?: number;
}

export interface SavedSubscription {
  /** As subscribed to, $share/ and mount point and all. */
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier?: number;
}

/** One message on its way to one session. The same `message` object may be in many. */
export interface SavedDelivery {
  /** Unlike any other of this broker, and rising, also across restarts. */
  readonly sequence: number;
  readonly message: StoredMessage;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[];
}

export interface Journal {
  /** A retained message was set, or with undefined cleared. Its `expiresAt` is in milliseconds since the epoch. */
  retained(topic: string, message: StoredMessage | undefined): void;
  /** A session is new, or connected, disconnected, changed its expiry: replaces what was saved of it. */
  session(session: SavedSession): void;
  /** A session ended, with all it held. */
  sessionEnded(clientId: string): void;
  /** Replaces a subscription to the same filter. */
  subscribed(clientId: string, subscription: SavedSubscription): void;
  unsubscribed(clientId: string, filter: string): void;
  /** A message waits for its session. */
  queued(clientId: string, delivery: SavedDelivery): void;
  /** PUBLISH with this packet identifier was sent; it is not settled yet. */
  sent(clientId: string, sequence: number, packetId: number): void;
  /** PUBREC came for the message: the message is settled, the packet identifier is not. */
  released(clientId: string, sequence: number, packetId: number): void;
  /** The message needs no more: acknowledged, refused, expired, dropped or given to somebody else. */
  settled(clientId: string, sequence: number): void;
  /** PUBCOMP came: the packet identifier is free. */
  completed(clientId: string, packetId: number): void;
  /** A QoS 2 PUBLISH of the client was taken; PUBREL has yet to come. */
  received(clientId: string, packetId: number): void;
  /** PUBREL came. */
  forgotten(clientId: string, packetId: number): void;
}

export interface RestoredSession {
  readonly session: SavedSession;
  readonly subscriptions: readonly SavedSubscription[];
  /** PUBLISH sent and not settled, in the order sent. */
  readonly sent: readonly {readonly delivery: SavedDelivery; readonly packetId: number}[];
  /** Packet identifiers released and not completed, in order. */
  readonly released: readonly number[];
  /** Waiting, in order. */
  readonly queued: readonly SavedDelivery[];
  /** QoS 2 packet identifiers received and not forgotten. */
  readonly received: readonly number[];
}

/** A broker's state as it was. A session that was connected then counts as disconnected since the restart. */
export interface RestoredState {
  readonly retained: readonly StoredMessage[];
  readonly sessions: readonly RestoredSession[];
}
