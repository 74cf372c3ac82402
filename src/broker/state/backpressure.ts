/**
 * What slow consumers may cost, over all clients of a broker: bytes that wait for the network, and time for which
 * publishers are held back. Knows no client.
 */

import type {Schedule, ScheduledTask} from './schedule.ts';

/** Bytes from which on a client is slow. */
const usualSlowBytes = 1_048_576;
/** The same while all clients together are over `allBytes`. */
const crowdedSlowBytes = 65_536;
/** Bytes over which QoS 0 messages are dropped in any case. */
const usualDropBytes = 16_777_216;
const allBytes = 268_435_456;

/** A client may have a megabyte waiting, but a thousand of them not all at once. */
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
}

/** Seconds of the whole budget. */
const wholeSeconds = 5;
/** Seconds in which it comes back. */
const refillSeconds = 60;
/** Seconds that a client gets when the budget is used up, so that a short stall still loses nothing. */
const leastSeconds = 0.1;
/** Seconds of debt over which it gets none. */
const mostDebtSeconds = 1;

interface Stall {
  /** Milliseconds of the broker's clock. */
  readonly since: number;
  readonly timer: ScheduledTask;
}

/**
 * The time for which slow consumers may hold publishers back: one budget for all clients of a broker, or clients that
 * never read could stop the publishers one after the other.
 * Only the time of clients that do not catch up is counted, and that of several at once only once.
 */
export class StallBudget {
  readonly #schedule: Schedule;
  /** By the callback to give up. */
  readonly #stalls = new Map<() => void, Stall>();
  /** Seconds left when last counted. */
  #left = wholeSeconds;
  /** Milliseconds of the broker's clock. */
  #countedAt: number;
  /** Up to here, stalls were charged. */
  #chargedUntil = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#countedAt = schedule.now();
  }

  /** A client begins to hold publishers back, until `leave` or until `giveUp` is called. False: it may not. */
  enter(giveUp: () => void): boolean {
    const left = this.#count();
    if (left < -mostDebtSeconds) return false;
    const timer = this.#schedule.after(Math.max(left, leastSeconds), () => this.#fail(giveUp));
    this.#stalls.set(giveUp, {since: this.#schedule.now(), timer});
    return true;
  }

  /** It holds nothing back any more. */
  leave(giveUp: () => void, hasCaughtUp: boolean): void {
    const stall = this.#stalls.get(giveUp);
    if (stall === undefined) return;
    stall.timer.cancel();
    this.#stalls.delete(giveUp);
    if (!hasCaughtUp) this.#charge(stall);
  }

  #fail(giveUp: () => void): void {
    this.leave(giveUp, false);
    giveUp();
    if (this.#left > 0) return;
    for (const other of [...this.#stalls.keys()]) {
      this.leave(other, false);
      other();
    }
  }

  #charge({since}: Stall): void {
    this.#count();
    const now = this.#schedule.now();
    this.#left -= Math.max(0, now - Math.max(since, this.#chargedUntil)) / 1000;
    this.#chargedUntil = now;
  }

  /** Seconds left now. */
  #count(): number {
    const now = this.#schedule.now();
    const back = ((now - this.#countedAt) / 1000) * (wholeSeconds / refillSeconds);
    this.#left = Math.min(wholeSeconds, this.#left + back);
    this.#countedAt = now;
    return this.#left;
  }
}
