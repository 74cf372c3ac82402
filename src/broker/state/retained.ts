/**
 * Retained messages: the last one of each topic [MQTT 5, 3.3.1.3], until it is cleared or expires.
 */

import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Schedule, ScheduledTask} from './schedule.ts';
import {TopicTree} from './topic-tree.ts';

interface RetainedEntry {
  readonly message: StoredMessage;
  readonly expiry: ScheduledTask | undefined;
}

/** All retained messages of a broker. */
export class RetainedMessages {
  readonly #tree = new TopicTree<RetainedEntry>();
  readonly #schedule: Schedule;
  #bytes = 0;
  readonly #changed: (topic: string, message: StoredMessage | undefined) => void;

  /** `changed` is called for each message set, cleared or expired. */
  constructor(schedule: Schedule, changed: (topic: string, message: StoredMessage | undefined) => void) {
    this.#schedule = schedule;
    this.#changed = changed;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Of payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps it in place of the former [MQTT-3.3.1-5]; an empty payload clears [MQTT-3.3.1-6], [MQTT-3.3.1-7]. */
  set(message: StoredMessage): void {
    const {topic} = message;
    if (message.payload.length === 0) {
      this.#clear(topic);
      return;
    }
    this.#keep(message);
    this.#changed(topic, message);
  }

  /** Restores the messages of before a restart; `changed` is called only when one expires. */
  restore(messages: readonly StoredMessage[]): void {
    for (const message of messages) this.#keep(message);
  }

  #keep(message: StoredMessage): void {
    const {topic, expiresAt} = message;
    this.#forget(topic);
    const expiry =
      expiresAt === undefined
        ? undefined
        : this.#schedule.after(Math.max(0.001, (expiresAt - this.#schedule.now()) / 1000), () =>
            this.#clear(topic),
          );
    this.#tree.set(topic, {message, expiry});
    this.#bytes += message.payload.length;
  }

  /** Cancels the expiry of the topic's message and takes it out of the size. */
  #forget(topic: string): void {
    const kept = this.#tree.get(topic);
    if (kept === undefined) return;
    kept.expiry?.cancel();
    this.#bytes -= kept.message.payload.length;
  }

  #clear(topic: string): void {
    this.#forget(topic);
    if (this.#tree.delete(topic)) this.#changed(topic, undefined);
  }

  /** Calls `found` with all that match a filter and have not expired, in small steps: how many nodes each looked at. */
  match(filter: string, found: (message: StoredMessage) => void): Generator<number, void> {
    return this.#tree.match(filter, ({message}) => {
      if (message.expiresAt === undefined || message.expiresAt > this.#schedule.now()) found(message);
    });
  }

  *all(): IterableIterator<StoredMessage> {
    for (const [, kept] of this.#tree.entries()) yield kept.message;
  }
}
