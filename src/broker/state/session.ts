/**
 * One client's session: what the broker remembers of a client identifier, with or without a connection
 * [MQTT 5, 4.1]. Holds state; what to do with it is decided by the router and the registry.
 */

import type {ProtocolVersion} from '../../protocol/message.ts';
import type {Permissions} from '../access/access.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Delivery, DeliveryQueue} from './delivery-queue.ts';
import {PacketIdSet} from './packet-id-set.ts';
import type {ScheduledTask} from './schedule.ts';
import type {BrokerSubscription} from './subscriptions.ts';

/** Session Expiry Interval: never [MQTT 5, 3.1.2.11.2]. */
export const never = 0xffff_ffff;

/** A client that takes frames as they came. */
export interface Passage {
  readonly protocolVersion: ProtocolVersion;
  readonly maximumPacketSize: number;
  /** More waits for it than should: each message needs a decision of its own. */
  readonly lagging: boolean;
  /** As many messages wait for its window as may before it counts as lagging. */
  readonly queueFull: boolean;
  /** Sends so many whole frames; the bytes may be kept. */
  send(bytes: Buffer, frames: number): void;
}

/** The connection of a session, as the router sees it. */
export interface SessionLink {
  readonly clientId: string;
  /** It reads more slowly than others publish. */
  readonly lagging: boolean;
  /** Takes frames as they came; undefined where each has to be made for this client. */
  readonly passage: Passage | undefined;
  /** Sends a QoS 0 message, unless the client reads too slowly; false: it was dropped. */
  sendAtMostOnce(delivery: Delivery): boolean;
  /** Called after a message was given to this session: slows `publisher` where this client cannot follow. */
  slow(publisher: SessionLink | undefined): void;
  /** Stops reading from the client, until as many times released. */
  hold(): void;
  unhold(): void;
  /** Another connection takes over [MQTT-3.1.4-3]. */
  takenOver(): void;
  /** DISCONNECT with a reason, and close. */
  disconnect(reasonCode: number, log: string): void;
}

/** A will as kept: its time begins when it is published. */
export interface StoredWill {
  readonly message: StoredMessage;
  readonly delaySeconds: number;
  /** Seconds. */
  readonly expirySeconds?: number;
}

/** Topics whose permission is remembered. */
const rememberedTopics = 2000;

/** What is remembered of one client identifier. */
export class Session {
  readonly clientId: string;
  readonly deliveries: DeliveryQueue;
  readonly subscriptions = new Map<string, BrokerSubscription<Session>>();
  /** Packet identifiers of QoS 2 messages taken and not released [MQTT-4.3.3-10]. */
  readonly incoming = new PacketIdSet();
  link: SessionLink | undefined;
  /** Seconds. */
  expirySeconds = 0;
  username: string | undefined;
  /** Milliseconds of the broker's clock; says nothing while there is a connection. */
  disconnectedAt: number | undefined;
  will: StoredWill | undefined;
  /** Ends the session, or publishes its will. */
  expiry: ScheduledTask | undefined;
  willDelay: ScheduledTask | undefined;
  /** One warning for each time that messages begin to be dropped. */
  dropping = false;
  #permissions: Permissions | undefined;
  // Made when first needed: most clients of a large broker are idle.
  #receivable: Map<string, boolean> | undefined;
  #publishable: Map<string, boolean> | undefined;

  constructor(clientId: string, deliveries: (session: Session) => DeliveryQueue) {
    this.clientId = clientId;
    this.deliveries = deliveries(this);
  }

  /** Whether it outlives its connection. */
  get persistent(): boolean {
    return this.expirySeconds > 0;
  }

  get permissions(): Permissions | undefined {
    return this.#permissions;
  }

  /** New permissions; what was remembered of the former is forgotten. */
  permit(permissions: Permissions | undefined): void {
    this.#permissions = permissions;
    this.forgetAnswers();
  }

  /** The permissions may answer differently from now on. */
  forgetAnswers(): void {
    this.#receivable = undefined;
    this.#publishable = undefined;
  }

  /** Asked once for each topic. While nobody knows (a restored session), the answer is yes. */
  mayReceive(topic: string): boolean {
    this.#receivable ??= new Map();
    return (
      this.#receivable.get(topic) ??
      remember(this.#receivable, topic, this.#permissions?.mayReceive(topic) ?? true)
    );
  }

  mayPublish(topic: string): boolean {
    this.#publishable ??= new Map();
    return (
      this.#publishable.get(topic) ??
      remember(this.#publishable, topic, this.#permissions?.mayPublish(topic) ?? true)
    );
  }
}

function remember(answers: Map<string, boolean>, topic: string, answer: boolean): boolean {
  if (answers.size >= rememberedTopics) answers.clear();
  answers.set(topic, answer);
  return answer;
}
