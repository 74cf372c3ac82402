/**
 * `tmq broker` under load: deliveries a second over mosquitto's with the same configuration, ready time
 * and memory over aedes-cli's. The multiples come from floods, which can be batched; the paced row, in
 * which every message is alone, stands next to them.
 */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Bench, BenchContext} from './bench.ts';
import {type BrokerName, openConfig, startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {cpuSoFar, measure, residentMegabytes} from './measure.ts';
import {atLeast, atMost, type Figure, ratios} from './statistics.ts';

type Load = Readonly<Record<string, string | number>>;

interface Case {
  readonly label: string;
  readonly load: Load;
  /** The goals: open to all in MQTT 3.1.1, and with password, ACL and MQTT 5. */
  readonly open: number;
  readonly guarded: number;
}

const cases: readonly Case[] = [
  {label: '1 to 1, QoS 0', load: {messages: 300_000}, open: 5, guarded: 3},
  {label: '1 to 50, QoS 0', load: {messages: 20_000, subscribers: 50}, open: 20, guarded: 10},
  {label: '1 to 1, QoS 0, 1000 topics', load: {messages: 300_000, topics: 1000}, open: 2, guarded: 1.5},
  {label: '1 to 1, QoS 1', load: {messages: 50_000, qos: 1}, open: 2.5, guarded: 2},
  {label: '1 to 1, QoS 2', load: {messages: 30_000, qos: 2}, open: 3, guarded: 2.5},
];

/** Users and permissions, in the files that both brokers read. */
interface Setting {
  readonly config: string;
  readonly load: Load;
  readonly prepare: (directory: string) => Promise<void>;
}

const open: Setting = {config: openConfig, load: {}, prepare: async () => undefined};

const guarded: Setting = {
  config: [
    'listener {port} 127.0.0.1',
    'allow_anonymous false',
    'max_queued_messages 0',
    'password_file {directory}/passwords',
    'acl_file {directory}/acl',
    '',
  ].join('\n'),
  load: {version: 5, username: 'bench', password: 'secret'},
  async prepare(directory) {
    const passwords = join(directory, 'passwords');
    await measure({command: 'mosquitto_passwd', args: ['-b', '-c', passwords, 'bench', 'secret']});
    const others = Array.from(
      {length: 20},
      (_, index) => `user u${index}\ntopic readwrite other/${index}/#\n`,
    );
    await writeFile(join(directory, 'acl'), `${others.join('')}user bench\ntopic readwrite bench/#\n`);
  },
};

/** Messages delivered a second by a broker of its own. */
async function deliveriesPerSecond(name: BrokerName, load: Load, setting: Setting): Promise<number> {
  await using broker = await startBroker(name, setting.config, setting.prepare);
  await using generator = await startGenerator('load', {...load, ...setting.load, port: broker.port});
  generator.begin();
  const {deliveries, milliseconds} = await generator.next();
  return (Number(deliveries) / Number(milliseconds)) * 1000;
}

async function throughput(context: BenchContext, setting: Setting): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const suffix = setting === open ? '' : ', password, ACL, MQTT 5';
  for (const {label, load, ...goals} of cases) {
    context.progress(label + suffix);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < context.rounds(5); round++) {
      ours.push(await deliveriesPerSecond('tmq', load, setting));
      theirs.push(await deliveriesPerSecond('mosquitto', load, setting));
    }
    const goal = atLeast(setting === open ? goals.open : goals.guarded);
    figures.push({label: `${label}${suffix} / mosquitto`, unit: 'x', values: ratios(ours, theirs), goal});
  }
  return figures;
}

async function ready(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('time until ready');
  const times: Record<BrokerName, number[]> = {tmq: [], aedes: [], mosquitto: []};
  // The first round fills caches and is not counted.
  for (let round = -1; round < context.rounds(7); round++) {
    for (const name of ['tmq', 'aedes', 'mosquitto'] as const) {
      await using broker = await startBroker(name);
      if (round >= 0) times[name].push(broker.readyMilliseconds);
    }
  }
  return [
    {label: 'ready time / aedes-cli', unit: 'x', values: ratios(times.tmq, times.aedes), goal: atMost(0.25)},
    {label: 'ready time / mosquitto', unit: 'x', values: ratios(times.tmq, times.mosquitto)},
  ];
}

async function memoryWithIdleClients(name: BrokerName): Promise<number> {
  await using broker = await startBroker(name);
  await using _clients = await startGenerator('load', {port: broker.port, idle: 1000});
  return await residentMegabytes(broker.pid);
}

async function memory(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('memory with 1000 idle clients');
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < context.rounds(5); round++) {
    ours.push(await memoryWithIdleClients('tmq'));
    theirs.push(await memoryWithIdleClients('aedes'));
  }
  return [
    {label: '1000 idle clients, memory', unit: 'MB', values: ours},
    {
      label: '1000 idle clients, memory / aedes-cli',
      unit: 'x',
      values: ratios(ours, theirs),
      goal: atMost(0.6),
    },
  ];
}

/** Processor time for 1000 messages a second to 50 subscribers, for three seconds. */
async function pacedCpu(name: BrokerName): Promise<number> {
  await using broker = await startBroker(name);
  const load = {port: broker.port, subscribers: 50, messages: 3000, pace: 1000};
  await using generator = await startGenerator('load', load);
  const before = await cpuSoFar(broker.pid);
  generator.begin();
  await generator.next();
  return (await cpuSoFar(broker.pid)) - before;
}

async function paced(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('1000 messages a second to 50 subscribers');
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < context.rounds(3); round++) {
    ours.push(await pacedCpu('tmq'));
    theirs.push(await pacedCpu('mosquitto'));
  }
  return [
    {label: 'paced 1 to 50, cpu / mosquitto', unit: 'x', values: ratios(ours, theirs), goal: atMost(1.1)},
  ];
}

export const broker: Bench = {
  name: 'broker',
  summary: 'tmq broker under load, idle, and starting',
  async run(context) {
    return [
      ...(await ready(context)),
      ...(await memory(context)),
      ...(await paced(context)),
      ...(await throughput(context, open)),
      ...(await throughput(context, guarded)),
    ];
  },
};
