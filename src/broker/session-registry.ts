/**
 * The sessions of a broker, from the first CONNECT to their expiry, and the wills that come due in
 * between [MQTT 5, 3.1.2.5, 3.1.3.2.2, 4.1]. Knows no packets.
 */

import type {BrokerLimits} from './config.ts';
import type {Counters} from './counters.ts';
import {Outbox} from './outbox.ts';
import type {Router} from './router.ts';
import type {Schedule} from './schedule.ts';
import {never, Session, type StoredWill} from './session.ts';
import type {Subscription, Subscriptions} from './subscriptions.ts';

export interface RegistryParts {
  readonly schedule: Schedule;
  readonly subscriptions: Subscriptions<Session>;
  readonly router: Router;
  readonly counters: Counters;
  readonly limits: BrokerLimits;
  readonly notice: (line: string) => void;
}

export class SessionRegistry {
  readonly #parts: RegistryParts;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
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
   * The session for a CONNECT, and whether it was there: resumed [MQTT-3.1.2-5], or a new one
   * [MQTT-3.1.2-4], [MQTT-3.1.2-6]. An existing connection must have been taken over before.
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
    const session = new Session(clientId, () => this.#outbox());
    this.#sessions.set(clientId, session);
    return {session, present: false};
  }

  #outbox(): Outbox {
    const {limits, schedule} = this.#parts;
    return new Outbox(
      limits,
      {
        queued: () => undefined,
        sent: () => undefined,
        released: () => undefined,
        settled: () => undefined,
        dropped: () => undefined,
      },
      schedule.now,
    );
  }

  /**
   * The connection of a session is gone. `sendWill` unless the client said goodbye [MQTT-3.14.4-3]; the
   * will waits for its delay or the end of the session, whichever comes first [MQTT-3.1.2-8].
   */
  leave(session: Session, sendWill: boolean): void {
    session.link = undefined;
    session.outbox.detach();
    if (!sendWill) session.will = undefined;
    const lifetime = this.#lifetime(session);
    if (lifetime === 0) {
      this.end(session);
      return;
    }
    this.#parts.router.reshare(session);
    // [MQTT-4.1.0-2]
    if (lifetime !== never) {
      session.expiry = this.#parts.schedule.after(lifetime, () => {
        this.#parts.counters.clientsExpired++;
        this.#parts.notice(`Expiring client ${session.clientId} due to timeout.`);
        this.end(session);
      });
    }
    const delay = session.will?.delaySeconds ?? 0;
    if (delay === 0) this.#sendWill(session);
    else if (delay < lifetime) {
      session.willDelay = this.#parts.schedule.after(delay, () => this.#sendWill(session));
    }
  }

  /** Seconds that a session lasts without a connection. */
  #lifetime(session: Session): number {
    const {persistentClientExpiration} = this.#parts.limits;
    return Math.min(session.expirySeconds, persistentClientExpiration ?? never);
  }

  #sendWill(session: Session): void {
    const {will} = session;
    session.will = undefined;
    session.willDelay?.cancel();
    if (will === undefined || !session.mayPublish(will.message.topic)) return;
    this.#parts.router.publish(this.#begun(will), session);
  }

  /** The will as a message whose time begins now. */
  #begun({message, expirySeconds}: StoredWill) {
    if (expirySeconds === undefined) return message;
    return {...message, expiresAt: this.#parts.schedule.now() + expirySeconds * 1000};
  }

  /** Ends a session; its will is published now if it still waits [MQTT-3.1.2-8]. */
  end(session: Session): void {
    session.expiry?.cancel();
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    for (const filter of [...session.subscriptions.keys()]) this.unsubscribe(session, filter);
    this.#sendWill(session);
    this.#parts.router.reshare(session);
  }

  /** Adds or replaces a subscription [MQTT-3.8.4-3]; whether it is new. */
  subscribe(subscription: Subscription<Session>): boolean {
    const {member, filter} = subscription;
    const fresh = !member.subscriptions.has(filter);
    member.subscriptions.set(filter, subscription);
    this.#parts.subscriptions.add(subscription);
    return fresh;
  }

  /** Whether there was one. */
  unsubscribe(session: Session, filter: string): boolean {
    this.#parts.subscriptions.remove(session, filter);
    return session.subscriptions.delete(filter);
  }
}
