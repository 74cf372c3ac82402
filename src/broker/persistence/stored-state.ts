/**
 * The content of a store in memory: the result of all journal calls so far. Knows no file; messages may be numbers.
 */

import type {StoredMessage} from '../wire/publish-packet.ts';
import type {
  Journal,
  RestoredSession,
  RestoredState,
  SavedDelivery,
  SavedSession,
  SavedSubscription,
} from './journal.ts';

interface SessionState<Message> {
  session: SavedSession;
  readonly subscriptions: Map<string, SavedSubscription>;
  readonly queued: Map<number, SavedDelivery<Message>>;
  readonly sent: Map<number, {readonly delivery: SavedDelivery<Message>; readonly packetId: number}>;
  readonly released: Set<number>;
  readonly received: Set<number>;
}

/** Calls about a session that has not begun have no effect. */
export class StoredState<Message = StoredMessage> implements Journal<Message> {
  readonly #retained = new Map<string, Message>();
  readonly #sessions = new Map<string, SessionState<Message>>();

  retained(topic: string, message: Message | undefined): void {
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

  queued(clientId: string, delivery: SavedDelivery<Message>): void {
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
  restored(): RestoredState<Message> {
    return {
      retained: [...this.#retained.values()],
      sessions: [...this.#sessions.values()].map(
        (state): RestoredSession<Message> => ({
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
}
