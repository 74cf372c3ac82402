/** Where the messages of a session go: to a receiver that flushes batches, or to one that acknowledges each by itself. */

import type {MessageEvents} from '../connection/events.ts';
import type {DeliveryReceiver, Receiver} from '../types.ts';
import {DeliveryQueue} from './delivery-queue.ts';
import {ReceiverQueue} from './receiver-queue.ts';

export class IncomingMessages {
  /** Whether an answer is awaited that may come behind a message. */
  readonly #awaitsReply: () => boolean;
  readonly #batches: ReceiverQueue;
  #deliveries: DeliveryQueue | undefined;
  #events: {messages: MessageEvents} | undefined;
  /** Rejects what begins after `fail`. */
  #failure: Promise<never> | undefined;

  constructor(awaitsReply: () => boolean) {
    this.#awaitsReply = awaitsReply;
    this.#batches = new ReceiverQueue(awaitsReply);
  }

  /** What takes the messages of connections now. */
  get queue(): MessageEvents {
    return this.#deliveries ?? this.#batches;
  }

  /** Keeps `messages` of the object up to date: a getter there would cost as much as a small message. */
  attach(events: {messages: MessageEvents}): void {
    this.#events = events;
  }

  /** Resolves when the receiver wants no more. @throws what the receiver throws, and the error given to `fail` */
  receive(receiver: Receiver): Promise<void> {
    return this.#failure ?? this.#batches.receive(receiver);
  }

  /** Never resolves. @throws what the receiver throws, and the error given to `fail` */
  deliver(receiver: DeliveryReceiver): Promise<never> {
    if (this.#failure !== undefined) return this.#failure;
    const deliveries = new DeliveryQueue(receiver, this.#awaitsReply);
    this.#deliveries = deliveries;
    if (this.#events !== undefined) this.#events.messages = deliveries;
    deliveries.takeOver(this.#batches.handOver());
    return deliveries.failed;
  }

  /** There is another connection: where the session was kept, the broker sends again what was not acknowledged. */
  connected(isSessionKept: boolean): void {
    this.#deliveries?.connected(isSessionKept);
    if (isSessionKept) this.#batches.resumed();
  }

  /** Resolves when all that has come was handled, or no receiver takes it any more. */
  emptied(): Promise<void> {
    return (this.#deliveries ?? this.#batches).emptied();
  }

  /** Resolves when the last flush has ended and what it took was acknowledged. */
  get flushed(): Promise<void> {
    return this.#batches.flushed;
  }

  /** Ends what receives with the error. */
  fail(error: unknown): void {
    this.#failure ??= Promise.reject(error);
    this.#failure.catch(() => undefined);
    this.#deliveries?.fail(error);
    this.#batches.fail(error);
  }
}
