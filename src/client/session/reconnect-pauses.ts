/**
 * How long to wait before each attempt to connect again: twice as long as before the last one, with jitter, so that the
 * clients of a server that failed do not come back all at once. Pure, but for the random numbers.
 */

import type {ReconnectPolicy} from '../types.ts';

/** Milliseconds for which a connection must have lasted, at least, for the pauses to begin anew. */
const lastingMilliseconds = 2000;

export class ReconnectPauses {
  readonly #policy: ReconnectPolicy;
  readonly #random: () => number;
  /** Attempts since a connection that lasted. */
  #attempts = 0;
  /** The pause before the last attempt, in milliseconds. */
  #last = 0;

  /** @param random from 0 up to 1 */
  constructor(policy: ReconnectPolicy, random: () => number = Math.random) {
    this.#policy = policy;
    this.#random = random;
  }

  /** Attempts since a connection that lasted. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Milliseconds to wait before the next attempt; undefined when the policy allows no further one. */
  next(): number | undefined {
    const {delayMilliseconds: least, maximumDelayMilliseconds: most = least, attempts} = this.#policy;
    if (attempts !== undefined && this.#attempts >= attempts) return undefined;
    const doubled = Math.min(most, least * 2 ** this.#attempts);
    this.#attempts++;
    // At the longest pause the jitter goes down: no pause is longer than that.
    const upTo = Math.min(most, doubled * 1.5);
    const from = doubled < most ? doubled : Math.max(least, most * (2 / 3));
    this.#last = from + (upTo - from) * this.#random();
    return this.#last;
  }

  /** A connection was accepted and has ended: one that lasted longer than the pause before it begins the pauses anew. */
  ended(acceptedMilliseconds: number): void {
    if (acceptedMilliseconds < Math.max(lastingMilliseconds, this.#last)) return;
    this.#attempts = 0;
    this.#last = 0;
  }
}
