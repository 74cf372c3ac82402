/**
 * Counts the bytes that wait for the network over all clients of a broker, and sets the limits for one:
 * a client may have a megabyte waiting, but a thousand of them not all at once. Knows no client.
 */

/** Bytes from which on a client is slow. */
const usualSlowBytes = 1_048_576;
/** The same while all clients together are over `allBytes`. */
const crowdedSlowBytes = 65_536;
/** Bytes over which QoS 0 messages are dropped in any case. */
const usualDropBytes = 16_777_216;
const allBytes = 268_435_456;

export class Backpressure {
  #bytes = 0;

  /** Bytes that wait, as last reported. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reports that the bytes which wait for one client have changed by so many. */
  changed(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Bytes from which on a client is slow. */
  get slowBytes(): number {
    return this.#bytes > allBytes ? crowdedSlowBytes : usualSlowBytes;
  }

  /** Bytes over which QoS 0 messages are dropped in any case. */
  get dropBytes(): number {
    return this.#bytes > allBytes ? usualSlowBytes : usualDropBytes;
  }

  /** Bytes from which on a client can be stalled. */
  readonly stallBytes = crowdedSlowBytes;
}
