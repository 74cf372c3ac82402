/**
 * The process as one value. Commands see the world through `Io`, so that a test can hand them another
 * one; `processIo` is the only reader of `process` in the product.
 */

import type {Readable, Writable} from 'node:stream';
import {Interrupted} from '../errors.ts';

/** A stream that may be a terminal. */
export type Terminal<Stream> = Stream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly fd?: number;
};

export interface Io {
  readonly stdin: Terminal<Readable>;
  readonly stdout: Terminal<Writable>;
  readonly stderr: Terminal<Writable>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** SIGINT and SIGTERM; its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
}

/** The real process. SIGINT and SIGTERM abort `signal`; a second one ends the process as by default. */
export function processIo(): Io {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }
  const startWall = BigInt(Date.now()) * 1_000_000n;
  const startMonotonic = process.hrtime.bigint();
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    pid: process.pid,
    signal: controller.signal,
    now: () => startWall + (process.hrtime.bigint() - startMonotonic),
  };
}
