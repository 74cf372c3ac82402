/** --idle, as far as sub and rr have it in common. */

import {decimal} from '../../../cli/option.ts';
import type {Session} from '../../../client/types.ts';
import type {IdleTime} from './idle.ts';

export const idleRow = {
  flags: '--idle <seconds>',
  noun: 'time',
  parse: decimal({
    minimum: 0.001,
    problem: (given) => `Invalid --idle time "${given}". It is a number of seconds above 0.`,
  }),
} as const;

/** The clock of --idle, where there is one. */
export async function createIdleTime(
  seconds: number | undefined,
  session: Pick<Session, 'roundTrip' | 'connections'>,
): Promise<IdleTime | undefined> {
  return seconds === undefined ? undefined : new (await import('./idle.ts')).IdleTime(session, seconds);
}
