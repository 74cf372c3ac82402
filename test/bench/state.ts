/**
 * `tmq broker` where it has much to keep: sessions on disk, retained messages, filters, idle clients; messages a second
 * over mosquitto's with the same configuration.
 */

import type {Bench, BenchContext} from './bench.ts';
import {type BrokerName, openConfig, startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {residentMegabytes} from './measure.ts';
import {atLeast, atMost, type Figure, type Goal, ratios} from './statistics.ts';

type Load = Readonly<Record<string, string | number | true>>;

interface Case {
  readonly label: string;
  readonly config?: string;
  readonly load: Load;
  readonly goal?: Goal;
}

const stored = `${openConfig}persistence true\npersistence_location {directory}/\n`;

const cases: readonly Case[] = [
  {
    label: 'persistence, persistent subscriber, QoS 1',
    config: stored,
    load: {messages: 40_000, qos: 1, kept: true},
    goal: atLeast(1),
  },
  {
    label: 'persistence, persistent subscriber, QoS 2',
    config: stored,
    load: {messages: 20_000, qos: 2, kept: true},
    goal: atLeast(1),
  },
  {
    label: 'persistence, persistent subscriber and an offline session, QoS 1',
    config: stored,
    load: {messages: 40_000, qos: 1, kept: true, offline: 1},
    goal: atLeast(0.8),
  },
  {
    label: 'persistence, persistent subscriber and an offline session, QoS 2',
    config: stored,
    load: {messages: 20_000, qos: 2, kept: true, offline: 1},
    goal: atLeast(0.8),
  },
  {
    label: '100,000 retained messages to one subscriber',
    load: {messages: 100_000, topics: 100_000, retained: true},
    goal: atLeast(2),
  },
  {
    label: '1,000 subscribers with wildcard filters, QoS 0',
    load: {messages: 200_000, topics: 1000, subscribers: 1000, filter: '+/{i}'},
  },
];

async function messagesPerSecond(name: BrokerName, {config = openConfig, load}: Case): Promise<number> {
  await using broker = await startBroker(name, config);
  await using generator = await startGenerator('load', {...load, port: broker.port});
  generator.begin();
  const {deliveries, milliseconds} = await generator.next();
  return (Number(deliveries) / Number(milliseconds)) * 1000;
}

async function compared(context: BenchContext, one: Case): Promise<Figure> {
  const {label, goal} = one;
  context.progress(label);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < context.rounds(5); round++) {
    ours.push(await messagesPerSecond('tmq', one));
    theirs.push(await messagesPerSecond('mosquitto', one));
  }
  const values = ratios(ours, theirs);
  return {label: `${label} / mosquitto`, unit: 'x', values, ...(goal === undefined ? {} : {goal})};
}

const idleClients = 10_000;

async function memory(context: BenchContext): Promise<Figure> {
  const label = '10,000 idle clients, memory';
  context.progress(label);
  const values: number[] = [];
  for (let round = 0; round < context.rounds(3); round++) {
    await using broker = await startBroker('tmq');
    await using _clients = await startGenerator('load', {port: broker.port, idle: idleClients});
    values.push(await residentMegabytes(broker.pid));
  }
  return {label, unit: 'MB', values, goal: atMost(130)};
}

export const state: Bench = {
  name: 'state',
  summary: 'tmq broker with sessions on disk, many retained messages, filters and clients',
  async run(context) {
    const figures: Figure[] = [];
    for (const one of cases) figures.push(await compared(context, one));
    return [...figures, await memory(context)];
  },
};
