/**
 * Runs tasks when they are due: keep alive, will delay, expiry, $SYS. A heap of deadlines on the broker's
 * clock, and one timer of Node for the nearest; a test that sets the clock calls `runDue`.
 */

import {longestTimeout} from '../../timers.ts';

export interface ScheduledTask {
  cancel(): void;
}

class Entry implements ScheduledTask {
  /** Milliseconds of the broker's clock. */
  readonly due: number;
  run: (() => void) | undefined;
  readonly #cancelled: () => void;

  constructor(due: number, run: () => void, cancelled: () => void) {
    this.due = due;
    this.run = run;
    this.#cancelled = cancelled;
  }

  cancel(): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.#cancelled();
  }
}

/** The scheduled tasks of one broker. */
export class Schedule {
  /** Milliseconds. */
  readonly now: () => number;
  #heap: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #cancelled = 0;
  #closed = false;
  readonly #countCancelled = () => {
    this.#cancelled++;
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact();
  };

  constructor(now: () => number) {
    this.now = now;
  }

  /** Runs `run` once, `seconds` from now at the earliest. */
  after(seconds: number, run: () => void): ScheduledTask {
    const entry = new Entry(this.now() + seconds * 1000, run, this.#countCancelled);
    if (!this.#closed) {
      this.#push(entry);
      this.#arm();
    }
    return entry;
  }

  /** Runs all that is due by now, in order. */
  runDue(): void {
    const now = this.now();
    for (let entry = this.#heap[0]; entry !== undefined && entry.due <= now; entry = this.#heap[0]) {
      this.#pop();
      const {run} = entry;
      entry.run = undefined;
      run?.();
    }
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#heap.length = 0;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) this.#pop();
    const next = this.#heap[0];
    if (next === undefined || this.#closed || (this.#timer !== undefined && next.due >= this.#timerDue))
      return;
    clearTimeout(this.#timer);
    this.#timerDue = next.due;
    const delay = Math.min(Math.max(Math.ceil(next.due - this.now()), 1), longestTimeout);
    // It keeps no process alive: the sockets do that.
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.runDue();
    }, delay).unref();
  }

  /** Drops what was cancelled; a sorted list is a heap. */
  #compact(): void {
    this.#heap = this.#heap.filter((entry) => entry.run !== undefined).sort((a, b) => a.due - b.due);
    this.#cancelled = 0;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.due <= entry.due) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    if (heap[0]?.run === undefined && this.#cancelled > 0) this.#cancelled--;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child++;
      if (heap[child]!.due >= last.due) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

/** Work of a job in one turn of the event loop, in small steps: some milliseconds. */
const workOfSlice = 1000;

interface Job {
  /** Each value is the number of small steps since the last. */
  readonly steps: Iterator<number>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Long jobs in slices, one each turn of the event loop: other clients are served in between. */
export class SlicedWork {
  readonly #jobs: Job[] = [];

  /** Begins a job now. Undefined: that was all of it; else the promise resolves at its end. */
  run(steps: Iterator<number>): Promise<void> | undefined {
    if (isDone(steps)) return undefined;
    return new Promise((resolve, reject) => {
      if (this.#jobs.push({steps, resolve, reject}) === 1) setImmediate(() => this.#turn());
    });
  }

  #turn(): void {
    const job = this.#jobs.shift()!;
    try {
      if (isDone(job.steps)) job.resolve();
      else this.#jobs.push(job);
    } catch (error) {
      job.reject(error);
    }
    if (this.#jobs.length > 0) setImmediate(() => this.#turn());
  }
}

/** Does the work of one slice; whether none is left. */
function isDone(steps: Iterator<number>): boolean {
  for (let work = 0; work < workOfSlice; ) {
    const step = steps.next();
    if (step.done) return true;
    work += step.value;
  }
  return false;
}
