/** The command of --then: started once all filters are granted, and waited for at the end. */

import {TmqError} from '../../../errors.ts';
import {runCommand} from '../../../io/command/run-command.ts';
import type {Io} from '../../../io/process.ts';

/** The descriptor of standard error. */
const standardError = 2;

export class Companion {
  readonly #words: readonly string[];
  readonly #io: Pick<Io, 'env' | 'platform'>;
  readonly #stop = new AbortController();
  #ended: Promise<unknown> = Promise.resolve();
  #fail: (error: unknown) => void = () => undefined;
  /** Rejects when the command fails, or cannot be run; never resolves. */
  readonly failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor(words: readonly string[], io: Pick<Io, 'env' | 'platform'>) {
    this.#words = words;
    this.#io = io;
    this.failed.catch(() => undefined);
  }

  /** Its standard output goes to standard error: tmq's own has messages only. @param signal is passed on to it */
  start(signal: AbortSignal): void {
    const running = runCommand(this.#words, {
      ...this.#io,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      stdio: ['inherit', standardError, 'inherit'],
    });
    this.#ended = running.then((status) => {
      if (status !== 0)
        this.#fail(new TmqError(`The command of --then failed with status ${status}.`, status));
    }, this.#fail);
  }

  /** Does the work, waits for the command, and gives what the work gives. A failure of the work ends the command. */
  async beside<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#stop.abort();
      throw error;
    } finally {
      await this.#ended;
    }
  }
}
