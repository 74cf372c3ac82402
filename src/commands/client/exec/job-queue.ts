/**
 * Deliveries, each with a job: a number of jobs at a time, begun in the order of the deliveries. A delivery is
 * acknowledged when its job has resolved with true, and abandoned otherwise. Knows nothing of what a job does.
 *
 * States: taking; ending (it has the last delivery, or takes no further one); draining (besides, no job is begun);
 * finished (no job runs, and `finished` has been settled).
 */

import type {Delivery} from '../../../client/types.ts';
import type {Message} from '../../../protocol/message.ts';

export interface JobQueueSetup {
  /** How many jobs run at a time. */
  readonly jobs: number;
  /** Does the job; resolves with whether the message may be acknowledged. @throws what ends the work */
  readonly work: (message: Message) => Promise<boolean>;
}

export class JobQueue {
  /** Resolves when the last delivery is done, or after `drain`. @throws what ended the work */
  readonly finished: Promise<void>;
  readonly #setup: JobQueueSetup;
  readonly #draining = new AbortController();
  #waiting: Delivery[] = [];
  #running = 0;
  #isEnding = false;
  #failure: {readonly error: unknown} | undefined;
  /** Callbacks of `idle`. */
  #onIdle: (() => void)[] = [];
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(setup: JobQueueSetup) {
    this.#setup = setup;
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.finished.catch(() => undefined);
  }

  /** Whether it takes no further delivery. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Aborted when no job is begun any more. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#begin();
  }

  /** The last delivery was added. */
  end(): void {
    this.#isEnding = true;
    this.#begin();
  }

  /** Resolves when no job runs, and none waits. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#begin();
    });
  }

  /** Lets the jobs that run finish, and begins no further one. Resolves when none runs. */
  async drain(): Promise<void> {
    this.#draining.abort();
    for (const delivery of this.#waiting.splice(0)) delivery.abandon();
    this.end();
    await this.finished.catch(() => undefined);
  }

  /** Begins what may be begun; the work is finished where nothing runs and nothing more comes. */
  #begin(): void {
    while (this.#running < this.#setup.jobs && this.#waiting.length > 0)
      void this.#run(this.#waiting.shift()!);
    if (this.#running > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
    if (!this.#isEnding) return;
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure.error);
  }

  async #run(delivery: Delivery): Promise<void> {
    this.#running++;
    try {
      if (await this.#setup.work(delivery.message)) delivery.acknowledge();
      else delivery.abandon();
    } catch (error) {
      this.#failure ??= {error};
      delivery.abandon();
      void this.drain();
    }
    this.#running--;
    this.#begin();
  }
}
