/**
 * A set of packet identifiers, in slots like those of InFlightTable: identifiers in use lie close together.
 * Measured at QoS 2: a Set allocates a new table every few messages.
 */

const firstCapacity = 32;

/** Packet identifiers, 1 to 65535. */
export class PacketIdSet {
  /** 0 where there is none. */
  #slots: Uint16Array | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(packetId: number): boolean {
    const slots = this.#slots;
    return slots !== undefined && packetId !== 0 && slots[packetId & (slots.length - 1)] === packetId;
  }

  add(packetId: number): void {
    if (this.has(packetId)) return;
    this.#slots ??= new Uint16Array(firstCapacity);
    while (this.#slots[packetId & (this.#slots.length - 1)] !== 0) this.#slots = doubled(this.#slots);
    this.#slots[packetId & (this.#slots.length - 1)] = packetId;
    this.#size++;
  }

  delete(packetId: number): boolean {
    if (!this.has(packetId)) return false;
    const slots = this.#slots!;
    slots[packetId & (slots.length - 1)] = 0;
    this.#size--;
    return true;
  }

  /** All there are, in no particular order. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (const packetId of this.#slots ?? []) if (packetId !== 0) yield packetId;
  }
}

/** Twice the slots: no two that had one each share one now. At 65536 none can. */
function doubled(slots: Uint16Array): Uint16Array {
  const larger = new Uint16Array(slots.length * 2);
  for (const packetId of slots) if (packetId !== 0) larger[packetId & (larger.length - 1)] = packetId;
  return larger;
}
