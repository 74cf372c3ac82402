/**
 * One client's session: what the broker remembers of a client identifier, with or without a connection
 * [MQTT 5, 4.1]. Holds state; the router and the session registry decide what happens to it.
 */

import type {ProtocolVersion} from '../../protocol/message.ts';
import type {Permissions} from '../access/access.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import {BoundedCache} from './bounded-cache.ts';
import type {DeliveryQueue, DeliveryWriter} from './delivery-queue.ts';
import type {Delivery} from './in-flight-table.ts';
import {PacketIdSet} from './packet-id-set.ts';
import type {ScheduledTask} from './schedule.ts';
import type {BrokerSubscription} from './subscriptions.ts';

/** Session Expiry Interval: never [MQTT 5, 3.1.2.11.2]. */
export const never = 0xffff_ffff;

/** The connected client of a session, as far as the router and forwarding write to it. */
export interface ConnectedClient extends DeliveryWriter {
  readonly protocolVersion: ProtocolVersion;
  readonly maximumPacketSize: number;
  /** Whether it may get frames as they came: it has no mount point and no topic aliases. */
  readonly takesFrames: boolean;
  /** A slow consumer: more bytes or messages wait for it than should. */
  readonly slow: boolean;
  /** As many messages wait for its send quota as make it a slow consumer. */
  readonly queueFull: boolean;
  /** Sends a QoS 0 message. False: it was dropped, because too many bytes wait. */
  sendAtMostOnce(delivery: Delivery): boolean;
  /** Sends whole frames as they came; the bytes may be kept. */
  sendFrames(bytes: Buffer, frames: number): void;
  /** Holds the publisher back while this client is slow. To be called after each message. */
  holdBack(publisher: ConnectedClient | undefined): void;
  /** Handles no PUBLISH of this client, until `unhold` was called as often. */
  hold(): void;
  unhold(): void;
  /** Sends DISCONNECT with a reason where the protocol has it, and closes. An empty `log` is not logged. */
  disconnect(reasonCode: number, log: string): void;
}

/** A will as kept: its time begins when it is published. */
export interface StoredWill {
  readonly message: StoredMessage;
  readonly delaySeconds: number;
  /** Seconds. */
  readonly expirySeconds?: number;
}

/** Bytes of the cached permissions of each session, to publish and to receive; about so many for a topic. */
const mostCachedBytes = 262_144;
const topicBytes = 64;

const noSubscriptions: ReadonlyMap<string, BrokerSubscription<Session>> = new Map();

/** The state of one client identifier. */
export class Session {
  readonly clientId: string;
  readonly deliveries: DeliveryQueue;
  /** Packet identifiers of QoS 2 messages taken and not released [MQTT-4.3.3-10]. */
  readonly incoming = new PacketIdSet();
  /** Undefined while the client is away. */
  client: ConnectedClient | undefined;
  /** Seconds. */
  expirySeconds = 0;
  username: string | undefined;
  /** Milliseconds of the broker's clock; without meaning while the client is connected. */
  disconnectedAt: number | undefined;
  will: StoredWill | undefined;
  /** Ends the session. */
  expiry: ScheduledTask | undefined;
  /** Publishes the will. */
  willDelay: ScheduledTask | undefined;
  /** Its last message was dropped: the log has one line for each time that this begins. */
  dropping = false;
  #permissions: Permissions | undefined;
  // Created when first needed: most clients of a large broker are idle.
  #subscriptions: Map<string, BrokerSubscription<Session>> | undefined;
  #receivable: BoundedCache<string, boolean> | undefined;
  #publishable: BoundedCache<string, boolean> | undefined;

  constructor(clientId: string, deliveries: (session: Session) => DeliveryQueue) {
    this.clientId = clientId;
    this.deliveries = deliveries(this);
  }

  /** Whether it outlives its connection. */
  get persistent(): boolean {
    return this.expirySeconds > 0;
  }

  /** By filter. */
  get subscriptions(): ReadonlyMap<string, BrokerSubscription<Session>> {
    return this.#subscriptions ?? noSubscriptions;
  }

  /** Adds a subscription, or replaces that with the same filter. */
  subscribe(subscription: BrokerSubscription<Session>): void {
    this.#subscriptions ??= new Map();
    this.#subscriptions.set(subscription.filter, subscription);
  }

  /** Whether there was one. */
  unsubscribe(filter: string): boolean {
    return this.#subscriptions?.delete(filter) === true;
  }

  get permissions(): Permissions | undefined {
    return this.#permissions;
  }

  /** Sets the permissions and clears the cache. */
  permit(permissions: Permissions | undefined): void {
    this.#permissions = permissions;
    this.permissionsChanged();
  }

  /** Clears the cache: the permissions may decide otherwise from now on. */
  permissionsChanged(): void {
    this.#receivable = undefined;
    this.#publishable = undefined;
  }

  /** Cached by topic. A restored session, whose permissions are not known yet, may receive everything. */
  mayReceive(topic: string): boolean {
    this.#receivable ??= new BoundedCache(mostCachedBytes);
    return this.#receivable.get(topic) ?? cache(this.#receivable, topic, this.decideReceiving(topic));
  }

  /** As `mayReceive`, without the cache: of a hundred thousand retained messages, each has a topic of its own. */
  decideReceiving(topic: string): boolean {
    return this.#permissions?.mayReceive(topic) ?? true;
  }

  /** Cached by topic. */
  mayPublish(topic: string): boolean {
    this.#publishable ??= new BoundedCache(mostCachedBytes);
    return (
      this.#publishable.get(topic) ??
      cache(this.#publishable, topic, this.#permissions?.mayPublish(topic) ?? true)
    );
  }
}

function cache(answers: BoundedCache<string, boolean>, topic: string, answer: boolean): boolean {
  answers.set(topic, answer, topicBytes + 2 * topic.length);
  return answer;
}
