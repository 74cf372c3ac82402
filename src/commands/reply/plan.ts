/** From the values of reply to what is to be done. Pure. */

import type {SubscribeOptions} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import type {QoS} from '../../protocol/message.ts';
import type {Properties} from '../../protocol/properties.ts';
import {propertiesFor} from '../../protocol/property-option.ts';
import {type ClientPlan, defaultInFlight, toClientPlan, withoutDelay} from '../client/client-options.ts';
import {checkUrlTopic} from '../client/network-options.ts';
import {type PayloadSource, payloadSource} from '../client/payload-source.ts';
import type {ReplyValues} from './options.ts';

/** Where answers come from. */
export type AnswerSource =
  | PayloadSource
  | {readonly kind: 'echo'}
  | {readonly kind: 'command'; readonly words: readonly string[]; readonly trimsNewline: boolean};

export interface ReplyPlan {
  readonly client: ClientPlan;
  readonly filters: readonly string[];
  readonly subscribe: SubscribeOptions;
  readonly source: AnswerSource;
  /** How many answers are made at a time. */
  readonly jobs: number;
  /** How many requests tmq has at a time. */
  readonly window: number;
  /** Of the answers; absent: that of the request. */
  readonly qos?: QoS;
  /** Of the answers, without correlation data. */
  readonly properties?: Properties;
  readonly count?: number;
  readonly timeoutSeconds?: number;
}

/** Requests that tmq has at a time, for each command: one that is answered, and one that waits. */
const requestsForEachJob = 2;

/** The QoS of the subscription without -q: each request comes with the QoS that it was published with. */
const highestQos = 2;

/** @throws UsageError */
export function toReplyPlan(values: ReplyValues, operands: readonly string[]): ReplyPlan {
  const {topics, jobs: givenJobs, exec = false, qos, count, timeout: timeoutSeconds} = values;
  const jobs = exec ? (givenJobs ?? 1) : defaultInFlight;
  const window = exec ? jobs * requestsForEachJob : defaultInFlight;
  const client = toClientPlan(values, {protocolVersion: 5, receiveMaximum: window});
  const {protocolVersion, properties: ofConnect} = client.connection;
  if (topics === undefined) {
    checkUrlTopic(values);
    throw new UsageError('You must specify a topic to subscribe to (-t), as in tmq reply -t clock --echo');
  }
  if (protocolVersion < 5) {
    throw new UsageError(
      'tmq reply needs MQTT 5: before it, a request names no response topic. Leave out -V, or say -V 5.',
    );
  }
  const source = answerSource(values, operands);
  const properties = propertiesFor(values.property, 'publish', protocolVersion);
  checkProperties(properties);
  const ofSubscribe = propertiesFor(values.property, 'subscribe', protocolVersion);
  return {
    client: withoutDelay(client),
    filters: [...new Set(topics)],
    // A retained message would be answered again at each start.
    subscribe: {qos: qos ?? highestQos, retainHandling: 2, ...defined({properties: ofSubscribe})},
    source,
    jobs,
    window: ofConnect?.receiveMaximum ?? window,
    ...defined({qos, properties, count, timeoutSeconds}),
  };
}

/** @throws UsageError where not exactly one is given */
function answerSource(values: ReplyValues, operands: readonly string[]): AnswerSource {
  const {exec = false, echo = false, message, file, nullMessage = false, jobs, noNewline = false} = values;
  const sources = [exec, echo, message !== undefined, file !== undefined, nullMessage].filter(Boolean);
  if (sources.length !== 1) {
    const problem = sources.length === 0 ? 'What to answer is missing' : 'Only one answer can be sent';
    throw new UsageError(`${problem}. Give one of --exec, --echo, -m, -f and -n.`);
  }
  const useless = jobs !== undefined ? '--jobs' : noNewline ? '-N' : undefined;
  if (!exec && useless !== undefined) throw new UsageError(`${useless} needs --exec.`);
  if (!exec) return payloadSource(values) ?? {kind: 'echo'};
  if (operands.length === 0)
    throw new UsageError('--exec needs a command after --, such as --exec -- ./answer.sh');
  return {kind: 'command', words: operands, trimsNewline: noNewline};
}

/** @throws UsageError for properties that are those of the request */
function checkProperties({correlationData, responseTopic}: Properties = {}): void {
  if (correlationData !== undefined) {
    throw new UsageError(
      'An answer has the correlation data of its request: leave out -D publish correlation-data.',
    );
  }
  if (responseTopic !== undefined) {
    throw new UsageError(
      'An answer is sent to the response topic of its request: leave out -D publish response-topic.',
    );
  }
}
