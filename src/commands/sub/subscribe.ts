/** SUBSCRIBE and UNSUBSCRIBE of `sub`, and what the user reads about their answers. */

import type {Session, SubscribeOptions} from '../../client/types.ts';
import {ExitCode, TmqError, UsageError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import {warningLine} from '../../io/terminal.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {propertiesFor} from '../../protocol/property-option.ts';
import {isFailure} from '../../protocol/reason-codes.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {subscriptionRefusal} from '../client/refusal.ts';
import {topicFilter} from '../client/topic-option.ts';

export interface SubscribePlan {
  readonly client: ClientPlan;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly options: SubscribeOptions;
  readonly unsubscribeProperties: ReturnType<typeof propertiesFor<'unsubscribe'>>;
  readonly view: 'messages' | 'watch' | 'rate';
  /** -E: leave once the subscription is acknowledged. */
  readonly exitAfterSubscribe: boolean;
}

/** "filter NUL level". @throws UsageError for what is no filter, or no QoS */
export function topicQos(given: string): readonly [string, QoS] {
  const [filter = '', level = ''] = given.split('\0');
  const checked = topicFilter({option: '--topic-qos', what: 'subscription topic'})(filter);
  if (!/^[012]$/.test(level)) throw new UsageError(`Invalid QoS given: ${level}. It is 0, 1 or 2.`);
  return [checked, Number(level) as QoS];
}

/** @throws UsageError where --no-local cannot be */
export function checkNoLocal(isAsked: boolean, version: ProtocolVersion, topics: readonly string[]): void {
  if (!isAsked) return;
  if (version < 5)
    throw new UsageError('--no-local is not supported before MQTT 5. Leave out -V, or say -V 5.');
  const shared = topics.find((topic) => topic.startsWith('$share/'));
  // [MQTT-3.8.3-4]
  if (shared !== undefined)
    throw new UsageError(`--no-local and the shared subscription ${shared} cannot be used together.`);
}

/** Writes a warning, where the user wants any. */
export async function warnUser(
  {client}: Pick<SubscribePlan, 'client'>,
  sentence: string,
  io: Io,
): Promise<void> {
  if (!client.quiet) io.stderr.write(await warningLine(io, sentence, client.color));
}

/**
 * One SUBSCRIBE for all filters and behind it, without waiting for the answer, an UNSUBSCRIBE for each -U. Resolves
 * with the granted QoS, or reason code, of each filter.
 * @param needsAll whether one filter that is denied is an error, too
 * @throws TmqError with the reason code where the broker denies what is needed
 */
export async function subscribe(
  plan: SubscribePlan,
  session: Session,
  io: Io,
  needsAll: boolean,
): Promise<readonly number[]> {
  const {subscribe: filters, unsubscribe} = plan;
  const subscribing = filters.length > 0 ? session.subscribe(filters, plan.options) : [];
  const leaving = unsubscribe.length > 0 ? session.unsubscribe(unsubscribe, plan.unsubscribeProperties) : [];
  const [codes] = await Promise.all([subscribing, leaving]);
  const refused = subscriptionRefusal(filters, codes, plan.client.connection.protocolVersion);
  if (refused instanceof TmqError) throw refused;
  if (refused !== undefined && needsAll) {
    throw new TmqError(refused.replace(/^t/, 'T'), codes.find(isFailure) ?? ExitCode.failure);
  }
  if (refused !== undefined) await warnUser(plan, refused, io);
  await tellSubscribed(plan, codes, io);
  return codes;
}

/** Once, on a terminal: without it nothing shows that there is a connection until a message comes. */
async function tellSubscribed(plan: SubscribePlan, codes: readonly number[], io: Io): Promise<void> {
  const {client, subscribe: filters, exitAfterSubscribe, view} = plan;
  if (io.stdout.isTTY !== true || filters.length === 0 || exitAfterSubscribe || view === 'watch') return;
  const {subscribedLine, tellsSubscribed} = await import('./subscribed-line.ts');
  if (tellsSubscribed(client, io)) io.stderr.write(await subscribedLine(client, filters, codes, io));
}
