/**
 * Waiting that can be called off: the two ways in which the session waits. Knows nothing of MQTT.
 */

/** The promise, or a rejection with the signal's reason as soon as it aborts. Leaves no listener behind. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, {once: true});
  });
}

/** Something changed; whoever waits looks again. One failure ends all waits, those to come as well. */
export class Bell {
  #waiting: {resolve: () => void; reject: (error: unknown) => void}[] = [];
  #failure: {readonly error: unknown} | undefined;

  /** Resolves at the next `ring`. @throws the error given to `fail` */
  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure === undefined) this.#waiting.push({resolve, reject});
      else reject(this.#failure.error);
    });
  }

  ring(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const {resolve} of waiting) resolve();
  }

  fail(error: unknown): void {
    this.#failure ??= {error};
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const {reject} of waiting) reject(this.#failure.error);
  }
}
