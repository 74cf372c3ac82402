/**
 * When the messages of a thread are due, and in which order its publishers send them. With a rate the schedule is fixed
 * from the start: a message that has to wait keeps the time at which it was to be sent [coordinated omission].
 */

import {now} from './measuring/clock.ts';
import type {Publisher} from './publisher.ts';

export interface Pace {
  /** When the first message of all is due, in milliseconds of the clock. */
  readonly start: number;
  /** Messages a second of each client; without it as many as the broker takes. */
  readonly rate?: number | undefined;
  /** Messages of each client, and milliseconds after the start, at most; at least one of the two is there. */
  readonly count?: number | undefined;
  readonly milliseconds?: number | undefined;
  /** The number of clients that publish, in all threads. */
  readonly clients: number;
}

/** A publisher, and its place among all of them, from 0. */
export interface Paced {
  readonly publisher: Publisher;
  readonly ofRole: number;
}

export class Pacer {
  readonly #paced: readonly Paced[];
  readonly #pace: Pace;
  /** Messages of each client. */
  readonly #each: number;
  /** Publishers that may have something to send. */
  #ready: Publisher[] = [];
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Messages of the schedule that have become due, of all publishers in turn. */
  #passed = 0;
  #hasBegun = false;
  #hasFinished = false;

  constructor(paced: readonly Paced[], pace: Pace) {
    const {rate, count = Number.POSITIVE_INFINITY, milliseconds = Number.POSITIVE_INFINITY} = pace;
    this.#paced = paced;
    this.#pace = pace;
    // What is due at the end of the time is no longer sent; 3 a second for 0.1 s is one message.
    const inTime =
      rate === undefined ? Number.POSITIVE_INFINITY : Math.ceil((rate * milliseconds) / 1000 - 1e-9);
    this.#each = Math.min(count, inTime);
  }

  /** When the last message is due, in milliseconds of the clock; Infinity where only a number of messages is given. */
  get end(): number {
    const {start, rate, milliseconds = Number.POSITIVE_INFINITY} = this.#pace;
    const scheduled = rate === undefined ? Number.POSITIVE_INFINITY : (this.#each / rate) * 1000;
    return start + Math.min(milliseconds, scheduled);
  }

  /** Whether no message will become due. */
  get isWhole(): boolean {
    if (this.#hasFinished) return true;
    if (this.#pace.rate === undefined) return this.#hasBegun && this.#each !== Number.POSITIVE_INFINITY;
    return this.#passed >= this.#each * this.#paced.length;
  }

  /** Begins at the time of the start. */
  begin(): void {
    const {rate, start, clients} = this.#pace;
    if (rate === undefined) {
      this.#timer = setTimeout(() => {
        this.#hasBegun = true;
        for (const {publisher} of this.#paced) {
          publisher.due = this.#each;
          this.ready(publisher);
        }
      }, start - now());
      return;
    }
    this.#hasBegun = true;
    const interval = 1000 / rate;
    for (const {publisher, ofRole} of this.#paced) {
      const first = start + (ofRole / clients) * interval;
      publisher.intendedAt = (number) => first + number * interval;
    }
    this.#tick();
  }

  /** No further message becomes due than those that are by now, which a schedule still sends. */
  finish(): void {
    if (this.#hasFinished) return;
    this.#hasFinished = true;
    clearTimeout(this.#timer);
    if (this.#pace.rate === undefined) for (const {publisher} of this.#paced) publisher.stop();
    else if (this.#hasBegun) this.#makeDue(now());
  }

  /** Nothing more is sent; returns how many messages were due and are not sent. */
  giveUp(): number {
    this.finish();
    let unsent = 0;
    for (const {publisher} of this.#paced) {
      unsent += publisher.unsent;
      publisher.stop();
    }
    return unsent;
  }

  /** The publisher can send: it does so in its turn. */
  ready(publisher: Publisher): void {
    if (publisher.isListed) return;
    publisher.isListed = true;
    this.#ready.push(publisher);
    this.#immediate ??= setImmediate(() => this.#round());
  }

  /** Each publisher sends one batch; between two rounds the connections are read. */
  #round(): void {
    this.#immediate = undefined;
    const publishers = this.#ready;
    this.#ready = [];
    const time = now();
    for (const publisher of publishers) {
      publisher.isListed = false;
      if (publisher.pump(time)) this.ready(publisher);
    }
  }

  /** Makes due what is due by now, and looks again when the next message is. */
  #tick(): void {
    const time = now();
    const next = this.#makeDue(time);
    // Timers have no fractions of a millisecond: a message is sent up to one too late, which its latency includes.
    if (next !== undefined) this.#timer = setTimeout(() => this.#tick(), Math.max(1, next - time));
    this.#round();
  }

  /** Lets publishers send what the schedule has for them by this time; returns when the next message is due. */
  #makeDue(time: number): number | undefined {
    const paced = this.#paced;
    const all = this.#each * paced.length;
    for (; this.#passed < all; this.#passed++) {
      const {publisher} = paced[this.#passed % paced.length]!;
      const dueAt = publisher.intendedAt!(Math.floor(this.#passed / paced.length));
      if (dueAt > time) return dueAt;
      publisher.due++;
      this.ready(publisher);
    }
    return undefined;
  }
}
