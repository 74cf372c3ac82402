/** The options of sub about what messages say, and about their absence. The conditions are parsed in judge.ts. */

import {inGroup, text, type Values} from '../../../cli/option.ts';
import {defined} from '../../../defined.ts';
import {idleRow} from '../../client/receiving/idle-option.ts';
import type {ConditionTexts, Judge} from './types.ts';

export {createIdleTime} from '../../client/receiving/idle-option.ts';

export const conditionOptions = {
  ...inGroup('Messages', {
    where: {
      flags: '--where <condition>',
      summary: 'take only messages for which this condition is true',
      details:
        'All others are passed over as if they had not come: they are not printed, not cleared, and do not count for -C, --idle, --message-rate and the other conditions. See Conditions below.',
      parse: text,
    },
    until: {
      flags: '--until <condition>',
      summary: 'end after the first message for which this condition is true',
      details:
        'The message is printed, and the exit status is 0. With -C, --idle or --retained-only, whichever comes first ends the run with 0; with -W, it is 27 when the message did not come in time.',
      parse: text,
    },
    failIf: {
      flags: '--fail-if <condition>',
      summary: 'end with 50 after the first message for which this condition is true',
      details:
        'The message is printed. Where it is also the last one for -C or --until, it still is a failure.',
      parse: text,
    },
    idle: {
      ...idleRow,
      summary: 'end after so long without a message, with exit status 0',
      details:
        'A number, also with a fraction. The time begins when the broker has acknowledged the subscription, and again when a message was printed. Messages that -T, -R or --where drops are none. Before it ends, tmq asks the broker by a ping whether more is on its way; where that finds the connection lost, the time begins anew with the next one.',
    },
  }),
} as const;

/** The conditions among the values; undefined where there is none. */
export function conditionTexts({
  where,
  until,
  failIf,
}: Values<typeof conditionOptions>): ConditionTexts | undefined {
  const texts = defined({where, until, failIf});
  return Object.keys(texts).length === 0 ? undefined : texts;
}

/** Parses the conditions; loads the room for that only where there is one. @throws UsageError with the column */
export async function createJudge(conditions: ConditionTexts | undefined): Promise<Judge | undefined> {
  return conditions === undefined ? undefined : new (await import('./judge.ts')).ConditionsJudge(conditions);
}
