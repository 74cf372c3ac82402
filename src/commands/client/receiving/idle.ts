/**
 * --idle: finds out that nothing has come for some time. While the output takes what came, the time does not begin; after
 * a lost connection it begins anew. Knows neither messages nor how a session works.
 */

import type {Session} from '../../../client/types.ts';
import {monotonicMilliseconds} from '../../../client/waiting.ts';
import {sleep} from '../../../timers.ts';

export class IdleTime {
  readonly #session: Pick<Session, 'roundTrip' | 'connections'>;
  readonly #milliseconds: number;
  readonly #halt = new AbortController();
  #quietSince = 0;
  /** Messages so far, and how many of them are flushed, or being flushed. */
  #messages = 0;
  #flushing = 0;
  #flushed: Promise<unknown> = Promise.resolve();

  constructor(session: Pick<Session, 'roundTrip' | 'connections'>, seconds: number) {
    this.#session = session;
    this.#milliseconds = seconds * 1000;
  }

  /** A message came that counts. */
  news(): void {
    this.#messages++;
  }

  /** What came is being written. Returns the flush, with what has to follow it. */
  flushing(flush: Promise<void> | undefined): Promise<void> | undefined {
    if (this.#flushing === this.#messages) return flush;
    this.#flushing = this.#messages;
    const flushed = Promise.resolve(flush).finally(() => {
      this.#quietSince = monotonicMilliseconds();
    });
    this.#flushed = flushed.catch(() => undefined);
    return flushed;
  }

  /** Resolves when nothing has come for the time. @param subscribed resolves when the time begins */
  async over(subscribed: Promise<void>): Promise<void> {
    await subscribed;
    this.#quietSince = monotonicMilliseconds();
    for (;;) {
      await this.#quiet();
      const {connections} = this.#session;
      const messages = this.#messages;
      await this.#session.roundTrip();
      if (this.#messages !== messages) continue;
      if (this.#session.connections === connections) return;
      this.#quietSince = monotonicMilliseconds();
    }
  }

  async #quiet(): Promise<void> {
    for (;;) {
      await this.#flushed;
      const left = this.#quietSince + this.#milliseconds - monotonicMilliseconds();
      if (left <= 0 && this.#flushing === this.#messages) return;
      await sleep(Math.max(left, 1), this.#halt.signal);
    }
  }

  /** Stops the clock; `over` then fails. */
  [Symbol.dispose](): void {
    this.#halt.abort();
  }
}
