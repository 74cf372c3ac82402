/** The values of the options of bench: rates and times. */

import {UsageError} from '../../errors.ts';

const unitSeconds = {ms: 0.001, s: 1, m: 60, h: 3600} as const;

/** A parser of times, in seconds: '30s', '500ms', '1.5m', '2h', or a number of seconds. @throws UsageError */
export function time(option: string): (given: string) => number {
  return (given) => {
    const [, amount, unit = 's'] = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?$/.exec(given) ?? [];
    if (amount === undefined) {
      throw new UsageError(`Invalid ${option} given: ${given}. It is a time such as 30s, 500ms or 2m.`);
    }
    return Number(amount) * unitSeconds[unit as keyof typeof unitSeconds];
  };
}

/** A parser of rates, a second: '50', '50/s', '3000/m', '0.5/s'. @throws UsageError */
export function rate(option: string): (given: string) => number {
  return (given) => {
    const [, amount, unit = 's'] = /^(\d{1,9}(?:\.\d{1,9})?)(?:\/(s|m|h))?$/.exec(given) ?? [];
    const perSecond = Number(amount ?? 0) / unitSeconds[unit as keyof typeof unitSeconds];
    if (perSecond > 0) return perSecond;
    throw new UsageError(
      `Invalid ${option} given: ${given}. It is a number above 0 such as 50/s, 50 or 3000/m.`,
    );
  };
}
