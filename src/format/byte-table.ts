/**
 * Values by names that are bytes within others: a Map would need a string for each look, which costs more than the rest
 * of the work on a line. Holds a bounded number of them; one more, and it begins anew.
 */

import {isAt} from './json-scan.ts';

interface Entry<Value> {
  readonly hash: number;
  readonly name: Uint8Array;
  readonly value: Value;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash;
}

/** Whether the same bytes stand there. */
export function isSpan(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  return name.length === end - start && isAt(bytes, start, name);
}

export class ByteTable<Value> {
  readonly #slots: (Entry<Value> | undefined)[];
  readonly #mostNames: number;
  #count = 0;

  /** @param mostNames a power of two */
  constructor(mostNames: number) {
    this.#mostNames = mostNames;
    // Half of the slots stay free, so that a search is short.
    this.#slots = new Array(mostNames * 2).fill(undefined);
  }

  /** The value of the name that stands at `start` up to `end`. */
  get(bytes: Uint8Array, start: number, end: number): Value | undefined {
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot];
      if (entry === undefined) return undefined;
      if (entry.hash === hash && isSpan(bytes, start, end, entry.name)) return entry.value;
    }
  }

  /** Sets the value of a name that has none. */
  set(bytes: Uint8Array, start: number, end: number, value: Value): void {
    if (this.#count === this.#mostNames) {
      this.#slots.fill(undefined);
      this.#count = 0;
    }
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & mask;
    this.#slots[slot] = {hash, name: Uint8Array.prototype.slice.call(bytes, start, end), value};
    this.#count++;
  }
}
