/** What a load has measured: numbers that can be added up, over threads and over machines, without losing anything. */

import type {Identifier} from '../plan.ts';
import {Histogram, type HistogramData} from './histogram.ts';
import {NumberSet} from './number-set.ts';

/** How often each thing happened, by what it was. */
export type Counts = Readonly<Record<string, number>>;

/** A group of clients with one topic or filter, in which {i} stands for their numbers. */
export interface ClientGroup {
  readonly run: Identifier;
  readonly template: string;
  /** The number of the first one. */
  readonly first: number;
  readonly clients: number;
}

/** Numbers of messages by sender, `run/number`; each as begins and ends of ranges. */
export type Numbers = Readonly<Record<string, readonly number[]>>;

/** A measurement as JSON. */
export interface Measurement {
  readonly clients: number;
  readonly connected: number;
  /** Connections and subscriptions that were not accepted, by reason. */
  readonly refused: Counts;
  /** Connections that ended before their time, by reason. */
  readonly lost: Counts;
  readonly sent: number;
  /** At QoS 0, handed to the system. */
  readonly acknowledged: number;
  /** Messages that were due, and not sent when the time was over. */
  readonly unsent: number;
  /** Messages that the broker refused, by reason. */
  readonly refusedMessages: Counts;
  readonly received: number;
  /** Messages that this bench did not send. */
  readonly foreign: number;
  /** Messages received whose time is that of another machine's clock. */
  readonly otherClock: number;
  readonly twice: number;
  /** Messages that came behind a later one of the same sender. */
  readonly disordered: number;
  /** Seconds from the first attempt to connect to the answer to the last. */
  readonly connectSeconds: number;
  /** Seconds from the first message to the last acknowledgement, and from the first message received to the last. */
  readonly sendSeconds: number;
  readonly receiveSeconds: number;
  readonly latency: {
    readonly connect: HistogramData;
    readonly acknowledge: HistogramData;
    readonly message: HistogramData;
  };
  /** Who published, and the numbers of the messages that were acknowledged. */
  readonly publishers: readonly ClientGroup[];
  readonly acknowledgedNumbers: Numbers;
  /** Who subscribed, and by subscriber, or shared subscription, the numbers of the messages that came. */
  readonly subscribers: readonly ClientGroup[];
  readonly receivedNumbers: Readonly<Record<string, Numbers>>;
}

/** Adds one to a count. */
export function count(counts: Record<string, number>, what: string, times = 1): void {
  counts[what] = (counts[what] ?? 0) + times;
}

/** The sum of all counts. */
export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

function sumOfCounts(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {};
  for (const counts of all) for (const [what, times] of Object.entries(counts)) count(sum, what, times);
  return sum;
}

function merged(all: readonly HistogramData[]): HistogramData {
  const histogram = new Histogram();
  for (const data of all) histogram.add(data);
  return histogram.toJSON();
}

/** The numbers of all; what is in several of them counts in `onTwice`. */
export function union(all: readonly Numbers[], onTwice: (times: number) => void): Numbers {
  const sets = new Map<string, NumberSet>();
  for (const numbers of all) {
    for (const [sender, bounds] of Object.entries(numbers)) {
      const set = new NumberSet(bounds);
      const known = sets.get(sender);
      const both = known?.union(set) ?? set;
      if (known !== undefined) onTwice(known.size + set.size - both.size);
      sets.set(sender, both);
    }
  }
  return Object.fromEntries([...sets].map(([sender, set]) => [sender, set.toJSON()]));
}

/** Groups of several threads are the same ones; those of several runs are not. */
function distinct(groups: readonly ClientGroup[]): readonly ClientGroup[] {
  return [...new Map(groups.map((group) => [JSON.stringify(group), group])).values()];
}

/** All of them as one. Times of runs count from the same moment: of durations, the longest counts. */
export function addUp(parts: readonly Measurement[]): Measurement {
  const sum = (of: (part: Measurement) => number) => parts.reduce((result, part) => result + of(part), 0);
  const longest = (of: (part: Measurement) => number) => Math.max(0, ...parts.map(of));
  let twice = sum((part) => part.twice);
  const subscribers = new Set(parts.flatMap(({receivedNumbers}) => Object.keys(receivedNumbers)));
  const receivedNumbers = Object.fromEntries(
    [...subscribers].map((key) => [
      key,
      union(
        parts.map((part) => part.receivedNumbers[key] ?? {}),
        (times) => {
          twice += times;
        },
      ),
    ]),
  );
  return {
    clients: sum((part) => part.clients),
    connected: sum((part) => part.connected),
    refused: sumOfCounts(parts.map((part) => part.refused)),
    lost: sumOfCounts(parts.map((part) => part.lost)),
    sent: sum((part) => part.sent),
    acknowledged: sum((part) => part.acknowledged),
    unsent: sum((part) => part.unsent),
    refusedMessages: sumOfCounts(parts.map((part) => part.refusedMessages)),
    received: sum((part) => part.received),
    foreign: sum((part) => part.foreign),
    otherClock: sum((part) => part.otherClock),
    twice,
    disordered: sum((part) => part.disordered),
    connectSeconds: longest((part) => part.connectSeconds),
    sendSeconds: longest((part) => part.sendSeconds),
    receiveSeconds: longest((part) => part.receiveSeconds),
    latency: {
      connect: merged(parts.map(({latency}) => latency.connect)),
      acknowledge: merged(parts.map(({latency}) => latency.acknowledge)),
      message: merged(parts.map(({latency}) => latency.message)),
    },
    publishers: distinct(parts.flatMap((part) => part.publishers)),
    acknowledgedNumbers: union(
      parts.map((part) => part.acknowledgedNumbers),
      () => undefined,
    ),
    subscribers: distinct(parts.flatMap((part) => part.subscribers)),
    receivedNumbers,
  };
}
