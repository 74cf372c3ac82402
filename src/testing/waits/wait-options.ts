/** The options of every wait. Types only. */

/** How long to wait. */
export interface WaitOptions {
  /** Milliseconds; default 4000, which is less than the time that test runners allow. Infinity: no limit. */
  readonly timeout?: number;
  /** When it aborts, the wait rejects with its reason. */
  readonly signal?: AbortSignal;
}
