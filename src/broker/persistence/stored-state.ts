/** The content of a store in memory: the result of all journal calls so far. Knows no file. */

import type {StoredMessage} from '../wire/publish-packet.ts';
import type {
  Journal,
  RestoredSession,
  RestoredState,
  SavedDelivery,
  SavedSession,
  SavedSubscription,
} from './journal.ts';

interface SessionState {
  session: SavedSession;
  readonly subscriptions: Map<string, SavedSubscription>;
  readonly queued: Map<number, SavedDelivery>;
  readonly sent: Map<number, {readonly delivery: SavedDelivery; readonly packetId: number}>;
  readonly released: Set<number>;
  readonly received: Set<number>;
}

/** Calls about a session that has not begun have no effect. */
export class StoredState implements Journal {
  readonly #retained = new Map<string, StoredMessage>();
  readonly #sessions = new Map<string, SessionState>();

  retained(topic: string, message: StoredMessage | undefined): void {
    if (message === undefined) this.#retained.delete(topic);
    else this.#retained.set(topic, message);
  }

  session(session: SavedSession): void {
    const known = this.#sessions.get(session.clientId);
    if (known !== undefined) known.session = session;
    else {
      this.#sessions.set(session.clientId, {
        session,
        subscriptions: new Map(),
        queued: new Map(),
        sent: new Map(),
        released: new Set(),
        received: new Set(),
      });
    }
  }

  sessionEnded(clientId: string): void {
    this.#sessions.delete(clientId);
  }

  subscribed(clientId: string, subscription: SavedSubscription): void {
    this.#sessions.get(clientId)?.subscriptions.set(subscription.filter, subscription);
  }

  unsubscribed(clientId: string, filter: string): void {
    this.#sessions.get(clientId)?.subscriptions.delete(filter);
  }

  queued(clientId: string, delivery: SavedDelivery): void {
    this.#sessions.get(clientId)?.queued.set(delivery.sequence, delivery);
  }

  sent(clientId: string, sequence: number, packetId: number): void {
    const state = this.#sessions.get(clientId);
    const delivery = state?.queued.get(sequence);
    if (state === undefined || delivery === undefined) return;
    state.queued.delete(sequence);
    state.sent.set(sequence, {delivery, packetId});
  }

  released(clientId: string, sequence: number, packetId: number): void {
    this.settled(clientId, sequence);
    this.#sessions.get(clientId)?.released.add(packetId);
  }

  settled(clientId: string, sequence: number): void {
    const state = this.#sessions.get(clientId);
    state?.queued.delete(sequence);
    state?.sent.delete(sequence);
  }

  completed(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.released.delete(packetId);
  }

  received(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.received.add(packetId);
  }

  forgotten(clientId: string, packetId: number): void {
    this.#sessions.get(clientId)?.received.delete(packetId);
  }

  /** The state for a broker that starts. */
  restored(): RestoredState {
    return {
      retained: [...this.#retained.values()],
      sessions: [...this.#sessions.values()].map(
        (state): RestoredSession => ({
          session: state.session,
          subscriptions: [...state.subscriptions.values()],
          sent: [...state.sent.values()],
          released: [...state.released],
          queued: [...state.queued.values()],
          received: [...state.received],
        }),
      ),
    };
  }

  /** Makes the calls that give another journal this state. */
  replayTo(journal: Journal): void {
    for (const [topic, message] of this.#retained) journal.retained(topic, message);
    for (const [clientId, state] of this.#sessions) {
      journal.session(state.session);
      for (const subscription of state.subscriptions.values()) journal.subscribed(clientId, subscription);
      for (const {delivery, packetId} of state.sent.values()) {
        journal.queued(clientId, delivery);
        journal.sent(clientId, delivery.sequence, packetId);
      }
      // These have no message any more; no message has sequence 0.
      for (const packetId of state.released) journal.released(clientId, 0, packetId);
      for (const delivery of state.queued.values()) journal.queued(clientId, delivery);
      for (const packetId of state.received) journal.received(clientId, packetId);
    }
  }
}
