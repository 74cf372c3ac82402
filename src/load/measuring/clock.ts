/** The clock that times are taken by: monotonic, and the same for all processes of a machine. */

import {createHash, randomBytes} from 'node:crypto';
import {readFileSync, readlinkSync} from 'node:fs';
import {bootMilliseconds} from '../../io/process.ts';
import type {Identifier} from '../plan.ts';

/** What `performance.now()` is behind: it counts from the start of its thread. */
const offset = bootMilliseconds() - performance.now();

/** Milliseconds by the machine's monotonic clock. */
export function now(): number {
  return performance.now() + offset;
}

/** A new identifier of a run. */
export function newIdentifier(): Identifier {
  return randomBytes(8).toString('hex');
}

/**
 * Which clock this is. Linux tells each start of a machine apart; elsewhere it is a clock of this process alone, so that
 * no two machines are ever taken for one.
 */
export function clockIdentifier(): Identifier {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
    // A container may have a clock of its own [time_namespaces(7)].
    const clock = readlinkSync('/proc/self/ns/time');
    return createHash('sha256').update(boot).update(clock).digest('hex').slice(0, 16);
  } catch {
    return newIdentifier();
  }
}
