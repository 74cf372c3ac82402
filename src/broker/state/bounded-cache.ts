/** A cache with a bound in bytes: anyone may publish to topics of 65,535 bytes. Knows no topic and no message. */

/** Values by key; over its bound it forgets all. */
export class BoundedCache<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  /** Keeps a value that takes about so many bytes, its key included, if that is within the bound. */
  set(key: Key, value: Value, bytes: number): void {
    if (this.#bytes + bytes > this.#mostBytes) this.clear();
    if (bytes > this.#mostBytes) return;
    this.#bytes += bytes;
    this.#values.set(key, value);
  }

  clear(): void {
    this.#values.clear();
    this.#bytes = 0;
  }
}
