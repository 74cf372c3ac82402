/** The messages of one session that wait for the send quota or for the client, in order. Knows no packets. */

import {payloadBytes} from '../wire/shared-frame.ts';
import type {Delivery} from './in-flight-table.ts';
import {RingBuffer} from './ring-buffer.ts';

export class WaitingMessages {
  readonly #queue = new RingBuffer<Delivery>();
  #bytes = 0;
  /** Milliseconds of the broker's clock: before then, none of them expires. */
  #earliestExpiry = Number.POSITIVE_INFINITY;

  get length(): number {
    return this.#queue.length;
  }

  /** Of the payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  get first(): Delivery | undefined {
    return this.#queue.first;
  }

  push(delivery: Delivery): void {
    const {message} = delivery;
    this.#queue.push(delivery);
    this.#bytes += payloadBytes(message);
    if (message.expiresAt !== undefined && message.expiresAt < this.#earliestExpiry) {
      this.#earliestExpiry = message.expiresAt;
    }
  }

  /** Takes out the first, which must be there. */
  shift(): Delivery {
    return this.#taken(this.#queue.shift()!);
  }

  /** Takes out the last, which must be there. */
  pop(): Delivery {
    return this.#taken(this.#queue.pop()!);
  }

  #taken(delivery: Delivery): Delivery {
    this.#bytes -= payloadBytes(delivery.message);
    return delivery;
  }

  toArray(): Delivery[] {
    return this.#queue.toArray();
  }

  /** Takes out those that are not to be kept. */
  takeUnless(isKept: (delivery: Delivery) => boolean): Delivery[] {
    const taken: Delivery[] = [];
    const before = this.#queue.toArray();
    this.#queue.clear();
    this.#bytes = 0;
    this.#earliestExpiry = Number.POSITIVE_INFINITY;
    for (const delivery of before) {
      if (isKept(delivery)) this.push(delivery);
      else taken.push(delivery);
    }
    return taken;
  }

  /** Takes out those that have expired [MQTT-3.3.2-5], but not the one just `arriving`. */
  takeExpired(now: number, arriving: Delivery): Delivery[] {
    if (this.#earliestExpiry > now) return [];
    return this.takeUnless((delivery) => delivery === arriving || !isExpired(delivery, now));
  }
}

/** `now` in milliseconds of the broker's clock. */
export function isExpired({message: {expiresAt}}: Delivery, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
