/**
 * The journal's calls as values that a file can hold, and back. A message that many queues share is written once,
 * under a number, and stands as that number in the calls. Knows no file.
 */

import {defined} from '../../defined.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Journal, SavedDelivery, SavedSession, SavedState} from './journal.ts';
import type {StoredState} from './stored-state.ts';

/** A method of the journal and its arguments; or 'message', number, message. Times are in wall clock time. */
export type Change = readonly [method: string, ...values: unknown[]];

/** The number that a change defines a message under. */
export function definedMessage(
  change: Change,
): readonly [number: number, message: StoredMessage] | undefined {
  const [method, number, message] = change;
  return method === 'message' ? [number as number, message as StoredMessage] : undefined;
}

export interface ChangeWriterOptions {
  readonly write: (change: Change) => void;
  /** A number that no other message of the file has. */
  readonly nextNumber: () => number;
  /** Milliseconds from the broker's clock to the wall clock. */
  readonly wallOffset: () => number;
}

/** A journal that gives each call as a change. */
export class ChangeWriter implements Journal {
  readonly #options: ChangeWriterOptions;
  /** Of the messages that are in the file. */
  #numbers = new WeakMap<StoredMessage, number>();

  constructor(options: ChangeWriterOptions) {
    this.#options = options;
  }

  /** The message is in the file under this number. */
  know(message: StoredMessage, number: number): void {
    this.#numbers.set(message, number);
  }

  /** From now on each message is written again before it is referred to. */
  forgetMessages(): void {
    this.#numbers = new WeakMap();
  }

  #write(...change: Change): void {
    this.#options.write(change);
  }

  #wall(time: number | undefined): number | undefined {
    return time === undefined ? undefined : time + this.#options.wallOffset();
  }

  #numberOf(message: StoredMessage): number {
    const known = this.#numbers.get(message);
    if (known !== undefined) return known;
    const number = this.#options.nextNumber();
    const {topic, payload, qos, retain, properties} = message;
    const expiresAt = this.#wall(message.expiresAt);
    this.#write('message', number, defined({topic, payload, qos, retain, properties, expiresAt}));
    this.#numbers.set(message, number);
    return number;
  }

  retained(topic: string, message: StoredMessage | undefined): void {
    this.#write('retained', topic, message && this.#numberOf(message));
  }

  queued(clientId: string, delivery: SavedDelivery): void {
    const {message, sequence, qos, retain, subscriptionIdentifiers, shareFilter} = delivery;
    const number = this.#numberOf(message);
    const rest = defined({sequence, qos, retain, subscriptionIdentifiers, shareFilter});
    this.#write('queued', clientId, rest, number);
  }

  session({disconnectedAt, ...session}: SavedSession): void {
    this.#write('session', defined({...session, disconnectedAt: this.#wall(disconnectedAt)}));
  }

  sessionEnded(clientId: string): void {
    this.#write('sessionEnded', clientId);
  }

  subscribed(...call: Parameters<Journal['subscribed']>): void {
    this.#write('subscribed', ...call);
  }

  unsubscribed(...call: Parameters<Journal['unsubscribed']>): void {
    this.#write('unsubscribed', ...call);
  }

  sent(...call: Parameters<Journal['sent']>): void {
    this.#write('sent', ...call);
  }

  released(...call: Parameters<Journal['released']>): void {
    this.#write('released', ...call);
  }

  settled(...call: Parameters<Journal['settled']>): void {
    this.#write('settled', ...call);
  }

  completed(...call: Parameters<Journal['completed']>): void {
    this.#write('completed', ...call);
  }

  received(...call: Parameters<Journal['received']>): void {
    this.#write('received', ...call);
  }

  forgotten(...call: Parameters<Journal['forgotten']>): void {
    this.#write('forgotten', ...call);
  }
}

/**
 * Makes the call that a change stands for, with numbers in place of messages. A call about a message that the file
 * does not define has no effect: its record is lost, or it was delivered before the file was compacted.
 */
export function applyChange(
  [method, ...values]: Change,
  state: StoredState<number>,
  isDefined: (number: number) => boolean,
): void {
  if (method === 'retained') {
    const [topic, number] = values as [string, number | undefined];
    if (number === undefined || isDefined(number)) state.retained(topic, number);
  } else if (method === 'queued') {
    const [clientId, delivery, number] = values as [string, Omit<SavedDelivery, 'message'>, number];
    if (isDefined(number)) state.queued(clientId, {...delivery, message: number});
  } else {
    const call = state[method as keyof Journal] as (...parameters: unknown[]) => void;
    call.apply(state, values);
  }
}

/** Makes the calls that give a journal this state, one in each step. */
export function* replay(state: SavedState, journal: Journal): Generator<void, void, undefined> {
  for (const message of state.retained) yield journal.retained(message.topic, message);
  for (const {session, subscriptions, sent, released, queued, received} of state.sessions) {
    const {clientId} = session;
    yield journal.session(session);
    for (const subscription of subscriptions) yield journal.subscribed(clientId, subscription);
    for (const {delivery, packetId} of sent) {
      journal.queued(clientId, delivery);
      yield journal.sent(clientId, delivery.sequence, packetId);
    }
    // These have no message any more; no message has sequence 0.
    for (const packetId of released) yield journal.released(clientId, 0, packetId);
    for (const delivery of queued) yield journal.queued(clientId, delivery);
    for (const packetId of received) yield journal.received(clientId, packetId);
  }
}
