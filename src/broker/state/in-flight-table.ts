/**
 * What is known by its packet identifier, in a table of slots [MQTT 5, 2.2.1]. Identifiers are given out
 * one after the other, so those in use lie close together, and that is also the order they began in.
 *
 * Measured at QoS 1: a Map grows a new table every few messages, and the former ones, once they are old,
 * keep all that passed through them alive until the next full collection.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';

const firstCapacity = 32;

/** Values by packet identifier, 1 to 65535. */
export class InFlightTable<Value> {
  #identifiers: number[] = [];
  #values: (Value | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(packetId: number): Value | undefined {
    const slot = packetId & (this.#values.length - 1);
    return this.#identifiers[slot] === packetId ? this.#values[slot] : undefined;
  }

  has(packetId: number): boolean {
    return this.get(packetId) !== undefined;
  }

  set(packetId: number, value: Value): void {
    if (this.#values.length === 0) this.#resize(firstCapacity);
    let slot = packetId & (this.#values.length - 1);
    while (this.#values[slot] !== undefined && this.#identifiers[slot] !== packetId) {
      this.#resize(this.#values.length * 2);
      slot = packetId & (this.#values.length - 1);
    }
    if (this.#values[slot] === undefined) this.#size++;
    this.#identifiers[slot] = packetId;
    this.#values[slot] = value;
  }

  delete(packetId: number): boolean {
    if (!this.has(packetId)) return false;
    this.#values[packetId & (this.#values.length - 1)] = undefined;
    this.#size--;
    return true;
  }

  /** All there are, in the order in which identifiers were given out, the last of them being `last`. */
  entries(last: number): [packetId: number, value: Value][] {
    const all: [number, Value][] = [];
    if (this.#size === 0) return all;
    for (const [slot, value] of this.#values.entries()) {
      if (value !== undefined) all.push([this.#identifiers[slot]!, value]);
    }
    const age = (packetId: number) => (packetId - last - 1 + largestTwoByteInteger) % largestTwoByteInteger;
    return all.sort(([one], [other]) => age(one) - age(other));
  }

  /** Doubles until no two share a slot; at 65536 none can. */
  #resize(capacity: number): void {
    const before = {values: this.#values, identifiers: this.#identifiers};
    this.#values = new Array<Value | undefined>(capacity).fill(undefined);
    this.#identifiers = new Array<number>(capacity).fill(0);
    for (const [slot, value] of before.values.entries()) {
      if (value === undefined) continue;
      const packetId = before.identifiers[slot]!;
      this.#values[packetId & (capacity - 1)] = value;
      this.#identifiers[packetId & (capacity - 1)] = packetId;
    }
  }
}
