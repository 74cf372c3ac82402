/** The options of sub that run a command for each message. */

import {inGroup, integer, type Values} from '../../../cli/option.ts';
import type {ConnectionOptions} from '../../../client/connection-options.ts';
import {UsageError} from '../../../errors.ts';
import type {QoS} from '../../../protocol/message.ts';

/** What to do when the command fails. */
export interface FailurePolicy {
  /** How often the command is run again, before `skips` counts; it may be infinite. */
  readonly attempts: number;
  /** Whether the message is then acknowledged. Otherwise the work ends. */
  readonly skips: boolean;
}

const policies: Readonly<Record<string, FailurePolicy>> = {
  retry: {attempts: Number.POSITIVE_INFINITY, skips: false},
  skip: {attempts: 0, skips: true},
  stop: {attempts: 0, skips: false},
};

function failurePolicy(given: string): FailurePolicy {
  const attempts = Number(/^retry:(\d{1,9})$/.exec(given)?.[1] ?? 0);
  const policy = attempts > 0 ? {attempts, skips: false} : policies[given];
  if (policy !== undefined) return policy;
  throw new UsageError(`Invalid --on-failure given: ${given}. It is retry, retry:N, skip or stop.`);
}

export const execOptions = inGroup('Commands', {
  exec: {
    flags: '--exec',
    summary: 'run the command after -- for each message, instead of printing it',
    details:
      'The payload is its standard input, and the rest of the message is in its environment. The options about printing are refused. See A command for each message.',
  },
  jobs: {
    flags: '--jobs <number>',
    summary: 'with --exec, run so many commands at a time (default 1)',
    details:
      'With more than one, they begin in the order of the messages, and end in any order. The standard output of a command is then written when it has ended, so that it stays together, and its standard error line by line.',
    noun: 'number',
    parse: integer({
      minimum: 1,
      maximum: 1000,
      problem: (given) => `Invalid number of jobs "${given}". It is a number from 1 to 1000.`,
    }),
  },
  onFailure: {
    flags: '--on-failure <policy>',
    summary: 'with --exec, what to do when the command fails: retry, retry:N, skip or stop',
    details:
      'retry, the default, runs it again for the same message, after pauses that grow from 0.2 to 60 seconds; retry:N does so N times, and then stops. skip gives the message up, acknowledges it, and goes on; at the end the status is that of the first command that failed. stop leaves the message unacknowledged, lets the other commands finish, disconnects, and ends with the status of the command; the broker sends the message again to the next tmq with this client id. For that, stop and retry:N need -q 1 or 2 and -c.',
    noun: 'policy',
    complete: ['retry', 'retry:3', 'skip', 'stop'],
    parse: failurePolicy,
  },
});

export interface ExecPlan {
  readonly words: readonly string[];
  readonly jobs: number;
  readonly onFailure: FailurePolicy;
}

/** Messages that tmq has at a time, for each job: one that runs, and one that waits or has ended before an earlier one. */
const messagesForEachJob = 2;

/** How many messages `sub --exec` has at a time, where Receive Maximum was not given. */
export function usualWindow({jobs = 1}: Values<typeof execOptions>): number {
  return jobs * messagesForEachJob;
}

/** Keys of the options that print messages, or whose end is found by what is printed. */
const excluded = {
  format: '-F',
  verbose: '-v',
  noNewline: '-N',
  pretty: '--pretty',
  json: '--json',
  nullData: '-0',
  framing: '--framing',
  watch: '--watch',
  messageRate: '--message-rate',
  retainedOnly: '--retained-only',
  removeRetained: '--remove-retained',
  exitAfterSubscribe: '-E',
} as const;

type Given = Values<typeof execOptions> & {readonly [Key in keyof typeof excluded]?: unknown};

/** What counts for the question whether a message would be lost. */
export interface ExecContext {
  readonly connection: Pick<ConnectionOptions, 'clean' | 'protocolVersion' | 'properties'>;
  /** Of all subscriptions. */
  readonly levels: readonly QoS[];
}

/** Whether the broker keeps the session, and what is unacknowledged in it, after DISCONNECT. */
function isKept({clean, protocolVersion, properties}: ExecContext['connection']): boolean {
  return !clean && (protocolVersion < 5 || (properties?.sessionExpiryInterval ?? 0) > 0);
}

/** The sentence about the first combination of options that is not allowed. */
function problem(
  values: Given,
  operands: readonly string[],
  {connection, levels}: ExecContext,
): string | undefined {
  const {exec = false, jobs, onFailure} = values;
  if (!exec && jobs !== undefined) return '--jobs needs --exec.';
  if (!exec && onFailure !== undefined) return '--on-failure needs --exec.';
  if (!exec) return undefined;
  if (operands.length === 0) return '--exec needs a command after --, such as --exec -- ./job.sh';
  const other = Object.keys(excluded).find((key) => values[key as keyof typeof excluded] !== undefined);
  if (other !== undefined) {
    return `--exec runs a command for each message, and prints none: leave out ${excluded[other as keyof typeof excluded]}.`;
  }
  if (onFailure === undefined || onFailure.skips || onFailure.attempts === Number.POSITIVE_INFINITY)
    return undefined;
  const policy = onFailure.attempts === 0 ? 'stop' : `retry:${onFailure.attempts}`;
  if (levels.includes(0)) {
    return `--on-failure ${policy} would lose the message: at QoS 0 the broker does not keep it. Add -q 1.`;
  }
  if (isKept(connection)) return undefined;
  const remedy = connection.clean
    ? 'Add -c, and -i with a name.'
    : 'Give -x another number of seconds than 0.';
  return `--on-failure ${policy} would lose the message: the broker forgets the session when tmq ends. ${remedy}`;
}

/** The plan of --exec; undefined without it. @throws UsageError */
export function toExecPlan(
  values: Given,
  operands: readonly string[],
  context: ExecContext,
): ExecPlan | undefined {
  const wrong = problem(values, operands, context);
  if (wrong !== undefined) throw new UsageError(wrong);
  const {exec = false, jobs = 1, onFailure = policies.retry!} = values;
  return exec ? {words: operands, jobs, onFailure} : undefined;
}
