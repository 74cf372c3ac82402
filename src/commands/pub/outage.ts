/** Whether there is a connection, and what becomes of the input while there is none. */

import type {MessageBatch, SessionEvent} from '../../client/types.ts';
import {Signal} from '../../client/waiting.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {setLongTimeout} from '../../timers.ts';

/** Follows the events of a session. */
export class OutageWatch implements Disposable {
  /** Notified when an outage begins or ends. */
  readonly changed = new Signal();
  /** Aborts when an outage lasts too long. */
  readonly signal: AbortSignal;
  isOut = false;
  readonly #controller = new AbortController();
  readonly #maxSeconds: number | undefined;
  #stop: () => void = () => undefined;

  constructor(maxSeconds: number | undefined) {
    this.#maxSeconds = maxSeconds;
    this.signal = this.#controller.signal;
  }

  readonly onEvent = ({event}: SessionEvent): void => {
    if (event === 'lost') this.begin();
    else if (event === 'connected') this.#end();
  };

  /** There is no connection. */
  begin(): void {
    if (this.isOut) return;
    this.isOut = true;
    const seconds = this.#maxSeconds;
    if (seconds !== undefined) {
      const error = new TmqError(`No connection for ${seconds} s (--max-outage).`, ExitCode.connectionLost);
      this.#stop = setLongTimeout(() => this.#controller.abort(error), seconds * 1000);
    }
    this.changed.notify();
  }

  #end(): void {
    this.isOut = false;
    this.#stop();
    this.changed.notify();
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

/**
 * Messages of a source; those that come during an outage are read and thrown away. A batch is its receiver's own: the
 * source goes on while the receiver still has it.
 */
export class DroppingSource {
  dropped = 0;
  readonly #source: AsyncIterator<MessageBatch>;
  readonly #watch: OutageWatch;
  #pending: Promise<IteratorResult<MessageBatch>> | undefined;
  #isDone = false;

  constructor(source: AsyncIterable<MessageBatch>, watch: OutageWatch) {
    this.#source = source[Symbol.asyncIterator]();
    this.#watch = watch;
  }

  async *batches(): AsyncGenerator<MessageBatch, void, undefined> {
    void this.#dropDuringOutages();
    for (;;) {
      while (this.#watch.isOut && !this.#isDone) await this.#watch.changed.wait();
      const {value, done} = await this.#next();
      if (this.#isDone || done === true) return;
      // What came while the outage began is dropped by the other loop.
      if (this.#pending === undefined) continue;
      this.#pending = undefined;
      yield {
        payloads: value.payloads.map((payload) => Buffer.from(payload)),
        publications: value.publications,
      };
    }
  }

  /** The batch that comes next; both loops may wait for it. */
  async #next(): Promise<IteratorResult<MessageBatch>> {
    this.#pending ??= this.#source.next();
    const result = await this.#pending;
    if (result.done === true) this.#isDone = true;
    return result;
  }

  async #dropDuringOutages(): Promise<void> {
    try {
      while (!this.#isDone) {
        while (!this.#watch.isOut && !this.#isDone) await this.#watch.changed.wait();
        const {value, done} = await this.#next();
        if (done === true) {
          this.#watch.changed.notify();
          return;
        }
        if (!this.#watch.isOut || this.#pending === undefined) continue;
        this.#pending = undefined;
        this.dropped += value.payloads.length;
      }
    } catch {
      // The other loop has the same error.
    }
  }
}
