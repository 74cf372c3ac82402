/** The options about when to connect again, and where. */

import {choice, inGroup, type Values} from '../../cli/option.ts';
import type {ReconnectPolicy} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';

/** What --reconnect says: 'off', or the parts of a policy that it names. */
type ReconnectSetting =
  | 'off'
  | Partial<Pick<ReconnectPolicy, 'delayMilliseconds' | 'maximumDelayMilliseconds' | 'attempts'>>;

const unitMilliseconds: Readonly<Record<string, number>> = {ms: 1, s: 1000, '': 1000, m: 60_000};

/** The shortest and the longest pause that make sense: a tenth of a second, and a day. */
const shortestMilliseconds = 100;
const longestMilliseconds = 86_400_000;

function milliseconds(amount: string, unit = ''): number {
  return Number(amount) * unitMilliseconds[unit]!;
}

const form =
  'It is off, a pause such as 5s, a range such as 1s..30s, a number of attempts such as 5x, or both as in 1s..30s,5x.';

/** @throws UsageError for what has another form, or is out of range */
function parseReconnect(given: string): ReconnectSetting {
  if (given === 'off') return 'off';
  const amount = '(\\d+(?:\\.\\d+)?)(ms|s|m)?';
  const pattern = new RegExp(`^(?:${amount}(?:\\.\\.${amount})?(?:,(\\d+)x)?|(\\d+)x)$`);
  const match = pattern.exec(given);
  if (match === null) throw new UsageError(`Invalid --reconnect given: ${given}. ${form}`);
  const [, least, leastUnit, most, mostUnit, count = match[6]] = match;
  const attempts = count === undefined ? undefined : Number(count);
  if (attempts === 0) throw new UsageError('Invalid --reconnect given: 0x. For no attempt at all it is off.');
  if (least === undefined) return defined({attempts});
  const from = milliseconds(least, leastUnit);
  const to = most === undefined ? from : milliseconds(most, mostUnit);
  if (from < shortestMilliseconds || to < from || to > longestMilliseconds) {
    throw new UsageError(
      `Invalid --reconnect given: ${given}. The pauses go from 100ms to 1440m, and the first is the shorter one.`,
    );
  }
  return defined({delayMilliseconds: from, maximumDelayMilliseconds: to, attempts});
}

/** The rows about connecting again. */
export const reconnectOptions = inGroup('Connection', {
  reconnect: {
    flags: '--reconnect <policy>',
    summary: 'pauses before connecting again (default 1s..30s), attempts (5x), or off',
    details:
      'A range such as 1s..30s begins with the first pause, doubles it after each attempt that fails, adds jitter, and goes up to the second. It begins anew after a connection that lasted. 5s is the same pause each time, 5x the most attempts that may fail running; 1s..30s,5x says both. off ends the command when the connection is lost. A command that sends one message connects again only with this option. See Reconnecting in tmq(1), or tmq help reconnecting.',
    noun: 'reconnect policy',
    parse: parseReconnect,
    complete: ['off', '1s..30s', '5x'],
  },
  retryConnect: {
    flags: '--retry-connect',
    summary: 'keep trying if the first connection fails',
    details:
      'For a reason that may pass: nothing listens yet, the name is not found, or the broker says that it is busy. Without it only a connection that was once accepted is made again. The pauses are those of --reconnect.',
  },
  hosts: {
    flags: '--hosts <order>',
    summary: 'try several hosts in the order given, or random',
    details: 'With random, the clients of a cluster spread over its nodes.',
    noun: 'order',
    parse: choice(
      ['given', 'random'],
      (given) => `Invalid --hosts given: ${given}. It is given or random; the hosts themselves stand in -h.`,
    ),
    complete: ['given', 'random'],
  },
  redirect: {
    flags: '--redirect <when>',
    summary: 'go where an MQTT 5 broker sends the client: follow (default) or off',
    details:
      'A broker may name another server when it refuses or ends a connection (reason codes 156 and 157). tmq follows three such references at most, with the same transport: never from TLS to plain text. A user name and password go only to a host whose certificate was verified, or that -h or -L names.',
    noun: 'redirection',
    parse: choice(['follow', 'off'], (given) => `Invalid --redirect given: ${given}. It is follow or off.`),
    complete: ['follow', 'off'],
  },
});

/** What the options say about connecting again; a command knows whether it reconnects by default. */
export interface ReconnectPlan {
  /** --reconnect was given: whether to connect again after a loss. */
  readonly afterLoss?: boolean;
  readonly atStart: boolean;
  readonly pauses: Exclude<ReconnectSetting, 'off'>;
}

/** The plan of these options. */
export function toReconnect({reconnect, retryConnect}: Values<typeof reconnectOptions>): ReconnectPlan {
  return {
    ...defined({afterLoss: reconnect === undefined ? undefined : reconnect !== 'off'}),
    atStart: retryConnect === true,
    pauses: reconnect === undefined || reconnect === 'off' ? {} : reconnect,
  };
}
