/** What `pub` does with its input while it has no connection. */

import {choice, decimal, inGroup, type Values} from '../../cli/option.ts';
import {UsageError} from '../../errors.ts';
import type {QoS} from '../../protocol/message.ts';

export type OutagePolicy =
  | {readonly kind: 'block' | 'drop' | 'exit'}
  /** Keep what comes in a file. */
  | {readonly kind: 'spool'; readonly path: string};

export const outageOptions = inGroup('Message', {
  onOutage: {
    flags: '--on-outage <policy>',
    summary: 'what to do with lines while the connection is lost: block (default), drop, exit, spool:FILE',
    details:
      'block stops reading until there is a connection again. drop reads on and throws away what comes meanwhile; the status is then 7. exit ends with the unacknowledged lines counted, and status 7. spool:FILE, for QoS 1 and 2, writes every message to the file before it is sent, reads on, and sends from there; the first connection may come late, too. What is in the file at the end of a run, also of one that was killed, is sent first by the next one; of a run that is killed, only what it was just reading is lost. The file is removed when all of it is acknowledged. A second run at the same time needs a file of its own.',
    noun: 'policy',
    parse: (given: string): OutagePolicy => {
      if (given === 'block' || given === 'drop' || given === 'exit') return {kind: given};
      const path = /^spool:(.+)$/s.exec(given)?.[1];
      if (path !== undefined) return {kind: 'spool', path};
      throw new UsageError(`Invalid --on-outage given: ${given}. It is block, drop, exit or spool:FILE.`);
    },
    complete: ['block', 'drop', 'exit', 'spool:'],
  },
  maxOutage: {
    flags: '--max-outage <seconds>',
    summary: 'end with status 7 when there has been no connection for this time',
    noun: 'time',
    parse: decimal({
      minimum: 0.1,
      maximum: 86_400 * 365,
      problem: (given) => `Invalid --max-outage given: ${given}. It is a number of seconds from 0.1.`,
    }),
  },
  summaryForm: {
    flags: '--summary <form>',
    summary: 'write the counts of the run to standard error at its end, as text or json',
    details:
      'In json one object: "read", "acknowledged", "refused", "repeated" (sent once more on another connection, so that they may have arrived twice), "invalid" (lines that are no messages), "dropped", "spooled" (left in the file), "seconds". Also where the run ends with an error.',
    noun: 'form',
    parse: choice(['text', 'json'], (given) => `Invalid --summary given: ${given}. It is text or json.`),
    complete: ['text', 'json'],
  },
});

export interface OutagePlan {
  readonly policy: OutagePolicy;
  readonly maxSeconds?: number;
  readonly summary?: 'text' | 'json';
}

type OutageValues = Values<typeof outageOptions>;

/**
 * @param byLine whether standard input is read line by line
 * @throws UsageError for what says nothing here
 */
export function toOutagePlan(
  {onOutage: policy = {kind: 'block'}, maxOutage, summaryForm}: OutageValues,
  byLine: {readonly qos: QoS; readonly hasOwnQos: boolean} | undefined,
): OutagePlan {
  const given = {'--on-outage': policy.kind !== 'block', '--max-outage': maxOutage, '--summary': summaryForm};
  const [option] = Object.entries(given).find(([, value]) => value !== undefined && value !== false) ?? [];
  if (byLine === undefined && option !== undefined) {
    throw new UsageError(
      `${option} goes with messages from standard input: -l, --json, --topic-from or --topic-template.`,
    );
  }
  if (policy.kind === 'spool' && byLine?.qos === 0 && !byLine.hasOwnQos) {
    throw new UsageError(
      '--on-outage spool needs -q 1 or -q 2: at QoS 0 no acknowledgement says that a message arrived.',
    );
  }
  if (policy.kind === 'exit' && maxOutage !== undefined) {
    throw new UsageError('--on-outage exit and --max-outage cannot be used together: the run ends at once.');
  }
  return {
    policy,
    ...(maxOutage === undefined ? {} : {maxSeconds: maxOutage}),
    ...(summaryForm === undefined ? {} : {summary: summaryForm}),
  };
}
