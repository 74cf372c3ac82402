/** Waiting that can be aborted. Knows nothing of MQTT. */

import {hrtime} from 'node:process';

/**
 * Milliseconds, with a fraction, by a clock that is never set; only differences mean anything. As performance.now(),
 * for which Node loads nine modules: 3 % of a one-shot.
 */
export function monotonicMilliseconds(): number {
  return Number(hrtime.bigint()) / 1e6;
}

/** The promise, or a rejection with the signal's reason as soon as it aborts. Removes its listener. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, {once: true});
  });
}

/** Resolves when the promise does, or after so many milliseconds. */
export async function atMost(promise: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, elapsed]);
  clearTimeout(timer);
}

/** A condition variable: `notify` wakes every waiter, which then looks again. `fail` rejects all waits, later ones too. */
export class Signal {
  #waiters: {resolve: () => void; reject: (error: unknown) => void}[] = [];
  #failure: {readonly error: unknown} | undefined;

  /** Resolves at the next `notify`. @throws the error given to `fail` */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure === undefined) this.#waiters.push({resolve, reject});
      else reject(this.#failure.error);
    });
  }

  notify(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const {resolve} of waiters) resolve();
  }

  fail(error: unknown): void {
    this.#failure ??= {error};
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const {reject} of waiters) reject(this.#failure.error);
  }
}

/** Lets callers do something one after the other, in the order in which they asked. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who asked earlier have had their turn, and `work` has resolved. @throws what `work` throws */
  async take(work: () => Promise<void>): Promise<void> {
    const before = this.#last;
    let done: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      await work();
    } finally {
      done();
    }
  }
}
