/** A queue in a ring that grows and shrinks: values that have left are not kept, and none are moved. */

const firstCapacity = 16;

export class RingBuffer<Value> {
  #ring: (Value | undefined)[] = [];
  #start = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The next one to leave. */
  get first(): Value | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#start];
  }

  push(value: Value): void {
    if (this.#length === this.#ring.length) this.#resize(Math.max(firstCapacity, this.#length * 2));
    this.#ring[(this.#start + this.#length) & (this.#ring.length - 1)] = value;
    this.#length++;
  }

  shift(): Value | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#ring[this.#start];
    this.#ring[this.#start] = undefined;
    this.#start = (this.#start + 1) & (this.#ring.length - 1);
    this.#length--;
    this.#shrink();
    return value;
  }

  /** Takes out the last that came in. */
  pop(): Value | undefined {
    if (this.#length === 0) return undefined;
    const at = (this.#start + this.#length - 1) & (this.#ring.length - 1);
    const value = this.#ring[at];
    this.#ring[at] = undefined;
    this.#length--;
    return value;
  }

  /** All there are, in order. */
  toArray(): Value[] {
    const all: Value[] = [];
    for (let index = 0; index < this.#length; index++) {
      all.push(this.#ring[(this.#start + index) & (this.#ring.length - 1)] as Value);
    }
    return all;
  }

  /** A flood that is over does not keep its memory. */
  #shrink(): void {
    const capacity = this.#ring.length;
    if (capacity > 1024 && this.#length * 4 < capacity) this.#resize(capacity / 2);
  }

  #resize(capacity: number): void {
    const all: (Value | undefined)[] = this.toArray();
    const {length} = all;
    while (all.length < capacity) all.push(undefined);
    this.#ring = all;
    this.#start = 0;
    this.#length = length;
  }
}
