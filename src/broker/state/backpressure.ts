/**
 * What waits for the network, over all clients of a broker, and from where on it is too much: one client
 * may lag by a megabyte, but a thousand of them may not do so at once. Knows no client.
 */

/** Bytes from which on a client counts as slow. */
const slowBytes = 1_048_576;
/** The same while all of them together are over `allBytes`. */
const crowdedSlowBytes = 65_536;
/** Bytes over which QoS 0 messages are dropped in any case. */
const tooManyBytes = 16_777_216;
const allBytes = 268_435_456;

export class Backpressure {
  #bytes = 0;

  /** Bytes that wait, as last told. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What waits for one client has changed by so many bytes. */
  changed(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Bytes from which on a client counts as slow. */
  get slow(): number {
    return this.#bytes > allBytes ? crowdedSlowBytes : slowBytes;
  }

  /** Bytes over which QoS 0 messages are dropped in any case. */
  get tooMany(): number {
    return this.#bytes > allBytes ? slowBytes : tooManyBytes;
  }

  /** Bytes from which on it is worth knowing since when nothing left. */
  readonly notable = crowdedSlowBytes;
}
