/** From the values of bench to what is to be done: which load, for how long, and what is asked of the report. */

import {UsageError} from '../../errors.ts';
import {expectedSenders, senderKey} from '../../load/measuring/loss.ts';
import type {ClientGroup} from '../../load/measuring/measurement.ts';
import {numbered, type Publishing, type Subscribing} from '../../load/plan.ts';
import {isPublishTopic} from '../../protocol/topic.ts';
import {type ClientPlan, defaultInFlight, toClientPlan} from '../client/client-options.ts';
import type {BenchValues} from './options.ts';
import {type Kind, kinds} from './report.ts';

/** A load, or reports to merge. */
export interface BenchPlan {
  readonly action: Kind | 'merge';
  /** The reports to merge; empty for a load. */
  readonly files: readonly string[];
  readonly client: ClientPlan;
  readonly clientId: string | undefined;
  readonly first: number;
  /** Clients of conn. */
  readonly idle: number;
  readonly publishing?: Publishing;
  readonly subscribing?: Subscribing;
  /** Connections a second. */
  readonly connectRate: number | undefined;
  readonly holdSeconds: number | undefined;
  /** After so many messages sub ends. */
  readonly messages: number | undefined;
  readonly warmupSeconds: number;
  readonly settleSeconds: number;
  readonly threads: number | undefined;
  readonly json: boolean;
  readonly failIf: string | undefined;
}

/** Options that only some actions have, and which. */
const onlyOf: Readonly<Partial<Record<keyof BenchValues, readonly Kind[]>>> = {
  clients: ['conn', 'pub', 'sub'],
  publishers: ['e2e'],
  subscribers: ['e2e'],
  topics: ['pub', 'sub', 'e2e'],
  filter: ['e2e'],
  size: ['pub', 'e2e'],
  rate: ['conn', 'pub', 'e2e'],
  connectRate: ['pub', 'sub', 'e2e'],
  count: ['pub', 'sub', 'e2e'],
  qos: ['pub', 'sub', 'e2e'],
  maxInflight: ['pub', 'e2e'],
  warmup: ['pub', 'sub', 'e2e'],
  settle: ['pub', 'e2e'],
};

/** What the options are called in errors. */
const spellings: Readonly<Partial<Record<keyof BenchValues, string>>> = {
  clients: '-n',
  publishers: '--pubs',
  subscribers: '--subs',
  topics: '-t',
  connectRate: '--connect-rate',
  qos: '-q',
  maxInflight: '-M',
};

/** Options about the report, all that merge has. */
const ofReports: ReadonlySet<string> = new Set(['json', 'failIf', 'quiet', 'color']);

const defaultSeconds = 10;
const defaultSettleSeconds = 3;
const defaultSize = 256;

/** Checks the values. @throws UsageError */
export function toBenchPlan(values: BenchValues, operands: readonly string[]): BenchPlan {
  const [action, ...files] = operands;
  if (action !== 'merge' && !isKind(action)) {
    const given = action === undefined ? 'An action is missing' : `Unknown action '${action}'`;
    throw new UsageError(`${given}. It is ${kinds.join(', ')} or merge, as in tmq bench pub -n 10`);
  }
  if (action === 'merge' && files.length === 0) {
    throw new UsageError('The reports to merge are missing, as in tmq bench merge a.json b.json');
  }
  if (action !== 'merge' && files.length > 0) {
    throw new UsageError(`Unexpected word '${files[0]}' after ${action}.`);
  }
  checkOptions(values, action);
  const {id, topics: _topics, ...shared} = values;
  const client = toClientPlan(shared, {protocolVersion: 4});
  const {clients = 1, rate, connectRate, count, first = 0, threads, failIf} = values;
  const isHolding = action === 'conn' || action === 'sub';
  const total = action === 'e2e' ? (values.publishers ?? 1) + (values.subscribers ?? 1) : clients;
  if (id !== undefined && total > 1 && !id.includes('{i}')) {
    throw new UsageError("Several clients cannot have one id: -i needs {i} in it, as in -i 'load-{i}'");
  }
  return {
    action,
    files,
    client,
    clientId: id,
    first,
    idle: action === 'conn' ? clients : 0,
    ...loadOf(values, action),
    connectRate: action === 'conn' ? rate : connectRate,
    holdSeconds: isHolding ? (values.for ?? (action === 'conn' ? 0 : undefined)) : undefined,
    messages: action === 'sub' ? count : undefined,
    warmupSeconds: values.warmup ?? 0,
    settleSeconds: values.settle ?? defaultSettleSeconds,
    threads,
    json: values.json === true,
    failIf,
  };
}

function isKind(action: string | undefined): action is Kind {
  return kinds.includes(action as Kind);
}

/** @throws UsageError for an option that the action does not have */
function checkOptions(values: BenchValues, action: BenchPlan['action']): void {
  for (const key of Object.keys(values) as (keyof BenchValues)[]) {
    const name = spellings[key] ?? `--${key}`;
    if (action === 'merge') {
      if (ofReports.has(key)) continue;
      throw new UsageError('bench merge has no options of a load: only --json and --fail-if.');
    }
    const owners = onlyOf[key];
    if (owners !== undefined && !owners.includes(action)) {
      throw new UsageError(`bench ${action} has no ${name}: it is an option of ${owners.join(', ')}.`);
    }
  }
}

/** Who publishes and who subscribes. @throws UsageError */
function loadOf(
  values: BenchValues,
  action: BenchPlan['action'],
): Pick<BenchPlan, 'publishing' | 'subscribing'> {
  const {clients = 1, publishers = 1, subscribers = 1, qos = 0} = values;
  if (action === 'conn' || action === 'merge') return {};
  if (action === 'sub') {
    return {subscribing: {clients, filter: values.topics?.at(-1) ?? 'tmq-bench/#', qos}};
  }
  const topic = values.topics?.at(-1) ?? 'tmq-bench/{i}';
  if (!isPublishTopic(topic))
    throw new UsageError(`Nothing can be published to '${topic}': it has a wildcard.`);
  const {count, rate} = values;
  const seconds = values.for ?? (count === undefined ? defaultSeconds : undefined);
  const publishing = {
    clients: action === 'pub' ? clients : publishers,
    topic,
    qos,
    size: values.size ?? defaultSize,
    window: Math.min(values.maxInflight ?? defaultInFlight, 65_535),
    ...(rate === undefined ? {} : {rate}),
    ...(count === undefined ? {} : {count}),
    ...(seconds === undefined ? {} : {seconds}),
  };
  if (action === 'pub') return {publishing};
  const filter = values.filter?.at(-1) ?? (publishers === subscribers ? topic : topic.replaceAll('{i}', '+'));
  checkPairs(publishing, {clients: subscribers, filter, qos}, values.first ?? 0);
  return {publishing, subscribing: {clients: subscribers, filter, qos}};
}

/** @throws UsageError where messages have no subscriber */
function checkPairs(publishing: Publishing, subscribing: Subscribing, first: number): void {
  const group = (template: string, clients: number): ClientGroup => ({run: '', template, first, clients});
  const expected = expectedSenders(
    [group(publishing.topic, publishing.clients)],
    [group(subscribing.filter, subscribing.clients)],
  );
  const reached = new Set([...expected.values()].flatMap((senders) => [...senders]));
  for (let number = first; number < first + publishing.clients; number++) {
    if (reached.has(senderKey('', number))) continue;
    throw new UsageError(
      `No subscriber would get what is published to '${numbered(publishing.topic, number)}': --filter is '${subscribing.filter}'. Choose one that fits, as in --filter '${publishing.topic.replaceAll('{i}', '+')}'`,
    );
  }
}
