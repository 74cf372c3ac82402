/** Waiting for what others do: each wait ends by what it waits for, a timeout, a signal, or the end of it all. */

import {setLongTimeout} from '../../timers.ts';
import type {WaitOptions} from './wait-options.ts';

/** Milliseconds; below the five seconds that jest and vitest allow a test. */
export const defaultTimeout = 4000;

/** How a wait ends. */
interface Ends<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** What to wait for. */
export interface Wait<Result> {
  /** The method that was called: the stack of an error begins at its caller. */
  readonly caller: (...words: never[]) => unknown;
  /** The message of the error when it does not come: 'No message to a within 20 ms'. */
  readonly missing: (reason: string) => string;
  /** Looks for it, now and at each change; makes errors with `errorAt`. Returns what has to be undone at the end. */
  readonly begin: (ends: Ends<Result>, errorAt: (message: string) => Error) => () => void;
}

/** @throws TypeError for what is no number of milliseconds */
export function checkMilliseconds(name: string, value: number): void {
  if (!(value >= 0)) throw new TypeError(`${name} is ${String(value)}: it is a number of milliseconds.`);
}

/** An error whose stack begins where `caller` was called, although it is made later. */
export function errorFrom(caller: Wait<never>['caller']): (message: string) => Error {
  const place: {stack?: string} = {};
  Error.captureStackTrace(place, caller);
  const frames = (place.stack ?? '').split('\n').slice(1);
  return (message) => {
    const error = new Error(message);
    error.stack = [`Error: ${message}`, ...frames].join('\n');
    return error;
  };
}

interface Beginning<Result> extends Ends<Result> {
  /** Keeps a rejection from counting as one that no code handles. */
  readonly isNotAwaited: () => void;
  /** To be filled with what has to be undone at the end. */
  readonly cleanUp: (() => void)[];
}

/** Why waits end without a result: an error, or what completes the message that something is missing. */
type End = {readonly error: unknown} | {readonly reason: string};

/** All waits of one broker or one client. */
export class Waits {
  readonly #pending = new Set<{readonly stop: (end: End) => void; readonly isNotAwaited: () => void}>();
  readonly #timeout: number;
  /** Why nothing comes any more. */
  #end: End | undefined;

  /** `timeout` in milliseconds, of waits that have none of their own. */
  constructor(timeout = defaultTimeout) {
    checkMilliseconds('timeout', timeout);
    this.#timeout = timeout;
  }

  /** Resolves with what was waited for. The promise rejects for options that are not valid, too. */
  wait<Result>(wait: Wait<Result>, options: WaitOptions = {}): Promise<Result> {
    const cleanUp: (() => void)[] = [];
    const isNotAwaited = () => void promise.catch(() => undefined);
    const promise: Promise<Result> = new Promise((resolve, reject) =>
      this.#begin(wait, options, {resolve, reject, isNotAwaited, cleanUp}),
    );
    const clean = () => {
      for (const act of cleanUp) act();
    };
    promise.then(clean, clean);
    return promise;
  }

  #begin<Result>(
    {caller, missing, begin}: Wait<Result>,
    {timeout = this.#timeout, signal}: WaitOptions,
    {resolve, reject, isNotAwaited, cleanUp}: Beginning<Result>,
  ): void {
    checkMilliseconds('timeout', timeout);
    signal?.throwIfAborted();
    const errorAt = errorFrom(caller);
    let isOver = false;
    const ends: Ends<Result> = {
      resolve(result) {
        isOver = true;
        resolve(result);
      },
      reject(error) {
        isOver = true;
        reject(error);
      },
    };
    const stop = (end: End) => ends.reject('error' in end ? end.error : errorAt(missing(end.reason)));
    cleanUp.push(begin(ends, errorAt));
    if (isOver) return;
    if (this.#end !== undefined) {
      stop(this.#end);
      return;
    }
    const abort = () => ends.reject(signal?.reason);
    signal?.addEventListener('abort', abort);
    const pending = {stop, isNotAwaited};
    this.#pending.add(pending);
    cleanUp.push(
      setLongTimeout(() => stop({reason: `within ${timeout} ms`}), timeout),
      () => signal?.removeEventListener('abort', abort),
      () => this.#pending.delete(pending),
    );
  }

  /** Rejects all pending waits with an error; whether there was one. */
  fail(error: unknown): boolean {
    const pending = [...this.#pending];
    for (const {stop} of pending) stop({error});
    return pending.length > 0;
  }

  /** From now on nothing comes: all waits end so, also later ones. */
  close(end: End): void {
    this.#end ??= end;
    for (const {stop, isNotAwaited} of [...this.#pending]) {
      // The test is over, and may not have come as far as to await this.
      isNotAwaited();
      stop(this.#end);
    }
  }
}
