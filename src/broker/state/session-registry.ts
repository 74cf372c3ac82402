/**
 * The sessions of a broker, from the first CONNECT to their expiry, and the wills that come due in
 * between [MQTT 5, 3.1.2.5, 3.1.3.2.2, 4.1]. Knows no packets.
 */

import type {BrokerLimits} from '../config/settings.ts';
import type {
  Journal,
  RestoredSession,
  SavedDelivery,
  SavedSession,
  SavedSubscription,
} from '../persistence/journal.ts';
import type {Counters} from '../wire/counters.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import {type DeliveryObserver, DeliveryQueue} from './delivery-queue.ts';
import type {Delivery} from './in-flight-table.ts';
import type {Router} from './router.ts';
import type {Schedule} from './schedule.ts';
import {type ConnectedClient, never, Session, type StoredWill} from './session.ts';
import type {BrokerSubscription, Subscriptions} from './subscriptions.ts';

export interface RegistryOptions {
  readonly schedule: Schedule;
  readonly subscriptions: Subscriptions<Session>;
  readonly router: Router;
  readonly counters: Counters;
  readonly limits: BrokerLimits;
  readonly notice: (line: string) => void;
  readonly journal: Journal | undefined;
  /** Called with a will before it is published. */
  readonly willDue: ((from: Session, message: StoredMessage) => void) | undefined;
}

/** All sessions of a broker. */
export class SessionRegistry {
  readonly #options: RegistryOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  /**
   * The session for a CONNECT, by the client identifier [MQTT-3.1.3-2], and whether it was there: resumed
   * [MQTT-3.1.2-5], or a new one [MQTT-3.1.2-4], [MQTT-3.1.2-6], [MQTT-3.1.4-4]. An existing connection must have been taken over before.
   */
  open(clientId: string, cleanStart: boolean): {readonly session: Session; readonly present: boolean} {
    const existing = this.#sessions.get(clientId);
    if (existing !== undefined && !cleanStart) {
      existing.expiry?.cancel();
      // [MQTT-3.1.3-9]
      existing.willDelay?.cancel();
      existing.will = undefined;
      return {session: existing, present: true};
    }
    if (existing !== undefined) this.end(existing);
    return {session: this.#create(clientId), present: false};
  }

  #create(clientId: string): Session {
    const session = new Session(clientId, (created) => this.#deliveries(created));
    this.#sessions.set(clientId, session);
    return session;
  }

  #deliveries(session: Session): DeliveryQueue {
    const {limits, schedule, journal} = this.#options;
    return new DeliveryQueue(limits, journal && saving(session, journal), schedule.now);
  }

  /** Connects a session, with the expiry and user name of this connection. */
  join(
    session: Session,
    client: ConnectedClient,
    {expirySeconds, username}: Pick<Session, 'expirySeconds' | 'username'>,
  ): void {
    const wasSaved = session.persistent;
    session.client = client;
    this.#options.subscriptions.receiversChanged();
    session.expirySeconds = expirySeconds;
    session.username = username;
    if (session.persistent) this.#save(session);
    else if (wasSaved) this.#options.journal?.sessionEnded(session.clientId);
  }

  /** A new Session Expiry Interval, in seconds, from DISCONNECT [3.14.2.2.2]. */
  changeExpiry(session: Session, expirySeconds: number): void {
    const wasSaved = session.persistent;
    session.expirySeconds = expirySeconds;
    if (wasSaved && !session.persistent) this.#options.journal?.sessionEnded(session.clientId);
  }

  #save(session: Session): void {
    if (session.client === undefined) session.disconnectedAt = this.#options.schedule.now();
    this.#options.journal?.session(savedSession(session));
  }

  /** What `restore` takes: all sessions that outlive their connections. */
  *saved(): Generator<RestoredSession, void, undefined> {
    for (const session of this.#sessions.values()) {
      if (!session.persistent) continue;
      yield {
        session: savedSession(session),
        subscriptions: [...session.subscriptions.values()].map(savedSubscription),
        received: [...session.incoming],
        ...session.deliveries.saved(),
      };
    }
  }

  /** Notes the packet identifier of a QoS 2 message until PUBREL. */
  received(session: Session, packetId: number): void {
    session.incoming.add(packetId);
    if (session.persistent) this.#options.journal?.received(session.clientId, packetId);
  }

  /** Whether the identifier was in use. */
  released(session: Session, packetId: number): boolean {
    const known = session.incoming.delete(packetId);
    if (known && session.persistent) this.#options.journal?.forgotten(session.clientId, packetId);
    return known;
  }

  /** Brings back the sessions of before a restart; the highest delivery number among them. */
  restore(sessions: readonly RestoredSession[]): number {
    const {subscriptions, schedule} = this.#options;
    for (const {session: saved, subscriptions: restored, received} of sessions) {
      const {clientId, expirySeconds, username, disconnectedAt} = saved;
      const session = this.#create(clientId);
      session.expirySeconds = expirySeconds;
      session.username = username;
      for (const subscription of restored) {
        session.subscribe({...subscription, subscriber: session});
        subscriptions.add({...subscription, subscriber: session});
      }
      for (const packetId of received) session.incoming.add(packetId);
      session.disconnectedAt = disconnectedAt;
      if (disconnectedAt === undefined) this.#save(session);
      this.#expireLater(session, disconnectedAt ?? schedule.now());
    }
    for (const restored of sessions) {
      const {deliveries} = this.#sessions.get(restored.session.clientId)!;
      deliveries.restore(withGroups(restored, subscriptions));
    }
    return highestSequence(sessions);
  }

  /**
   * The connection of a session is gone; the session stays as long as it may [MQTT-3.1.2-23], and did so until
   * now in any case [MQTT-4.1.0-1]. `sendWill` unless the client sent DISCONNECT [MQTT-3.14.4-3]; the
   * will waits for its delay or the end of the session, whichever comes first [MQTT-3.1.2-8].
   */
  leave(session: Session, sendWill: boolean): void {
    session.client = undefined;
    this.#options.subscriptions.receiversChanged();
    session.deliveries.detach();
    if (!sendWill) session.will = undefined;
    const lifetime = this.#lifetime(session);
    if (lifetime === 0) {
      this.end(session);
      return;
    }
    this.#save(session);
    this.#options.router.reshare(session, false);
    this.#expireLater(session, this.#options.schedule.now());
    const delay = session.will?.delaySeconds ?? 0;
    if (delay === 0) this.#sendWill(session);
    else if (delay < lifetime) {
      session.willDelay = this.#options.schedule.after(delay, () => this.#sendWill(session));
    }
  }

  /** [MQTT-4.1.0-2]; `since` in milliseconds of the broker's clock. */
  #expireLater(session: Session, since: number): void {
    const {schedule, counters, notice} = this.#options;
    const lifetime = this.#lifetime(session);
    if (lifetime === never) return;
    // The clock may have been set back while the broker did not run.
    const left = Math.min(lifetime, Math.max(0.001, lifetime - (schedule.now() - since) / 1000));
    session.expiry = schedule.after(left, () => {
      counters.clientsExpired++;
      notice(`Expiring client ${session.clientId} due to timeout.`);
      this.end(session);
    });
  }

  /** Seconds that a session lasts without a connection. */
  #lifetime(session: Session): number {
    const {persistentClientExpiration} = this.#options.limits;
    return Math.min(session.expirySeconds, persistentClientExpiration ?? never);
  }

  #sendWill(session: Session): void {
    const {will} = session;
    // [MQTT-3.1.2-10]
    session.will = undefined;
    session.willDelay?.cancel();
    if (will === undefined || !session.mayPublish(will.message.topic)) return;
    const message = willMessage(will, this.#options.schedule.now());
    this.#options.willDue?.(session, message);
    this.#options.router.announce(message, session);
  }

  /** Ends a session; its will is published now if it still waits [MQTT-3.1.2-8]. */
  end(session: Session): void {
    session.expiry?.cancel();
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    for (const filter of [...session.subscriptions.keys()]) {
      this.#options.subscriptions.remove(session, filter);
      session.unsubscribe(filter);
    }
    this.#sendWill(session);
    this.#options.router.reshare(session, true);
    if (session.persistent) this.#options.journal?.sessionEnded(session.clientId);
    // From now on the session is not persistent: later changes are not saved.
    session.expirySeconds = 0;
  }

  /** Adds or replaces a subscription [MQTT-3.8.4-3], with no moment in between [MQTT-3.8.4-4]; whether it is new. */
  subscribe(subscription: BrokerSubscription<Session>): boolean {
    const {subscriber, filter} = subscription;
    const fresh = !subscriber.subscriptions.has(filter);
    subscriber.subscribe(subscription);
    this.#options.subscriptions.add(subscription);
    if (subscriber.persistent) {
      this.#options.journal?.subscribed(subscriber.clientId, savedSubscription(subscription));
    }
    return fresh;
  }

  /**
   * Whether there was one by this very text [MQTT-3.10.4-1]. Nothing is added any more [MQTT-3.10.4-2]; what
   * waits or is on its way stays [MQTT-3.10.4-3].
   */
  unsubscribe(session: Session, filter: string): boolean {
    this.#options.subscriptions.remove(session, filter);
    const existed = session.unsubscribe(filter);
    if (existed && session.persistent) this.#options.journal?.unsubscribed(session.clientId, filter);
    return existed;
  }
}

/** The message of a will, whose expiry begins at `now`, in milliseconds. */
function willMessage({message, expirySeconds}: StoredWill, now: number): StoredMessage {
  if (expirySeconds === undefined) return message;
  return {...message, expiresAt: now + expirySeconds * 1000};
}

/** Saves the deliveries of a session while it is persistent. */
function saving(session: Session, journal: Journal): DeliveryObserver {
  const {clientId} = session;
  const saved = () => (session.persistent ? journal : undefined);
  return {
    queued: (delivery) => saved()?.queued(clientId, delivery),
    sent: ({sequence}, packetId) => saved()?.sent(clientId, sequence, packetId),
    released: ({sequence}, packetId) => saved()?.released(clientId, sequence, packetId),
    removed: ({sequence}) => saved()?.settled(clientId, sequence),
    completed: (packetId) => saved()?.completed(clientId, packetId),
  };
}

/** Deliveries with the groups of the shared subscriptions that they come from. Those groups must be restored. */
function withGroups(
  {sent, queued, released}: RestoredSession,
  subscriptions: Subscriptions<Session>,
): Pick<RestoredSession, 'sent' | 'queued' | 'released'> {
  const grouped = (delivery: SavedDelivery): Delivery => {
    const {shareFilter} = delivery;
    if (shareFilter === undefined) return delivery;
    const group = subscriptions.sharedGroup(shareFilter);
    return group === undefined ? delivery : {...delivery, group};
  };
  return {
    sent: sent.map(({delivery, packetId}) => ({delivery: grouped(delivery), packetId})),
    queued: queued.map(grouped),
    released,
  };
}

function highestSequence(sessions: readonly RestoredSession[]): number {
  let highest = 0;
  for (const {queued, sent} of sessions) {
    for (const {sequence} of queued) highest = Math.max(highest, sequence);
    for (const {delivery} of sent) highest = Math.max(highest, delivery.sequence);
  }
  return highest;
}

function savedSession({clientId, expirySeconds, username, client, disconnectedAt}: Session): SavedSession {
  return {
    clientId,
    expirySeconds,
    ...(username === undefined ? {} : {username}),
    ...(client !== undefined || disconnectedAt === undefined ? {} : {disconnectedAt}),
  };
}

function savedSubscription({subscriber: _, ...saved}: BrokerSubscription<Session>): SavedSubscription {
  return saved;
}
