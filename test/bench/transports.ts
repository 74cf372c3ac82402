/**
 * `pub -l` and `sub` over TCP, TLS and WebSockets, against the programs that speak the same: mosquitto's clients, and
 * over WebSockets, which those lack, the `mqtt` of npm. The broker is mosquitto, with one listener for each transport.
 */

import {join} from 'node:path';
import {defined} from '../../src/defined.ts';
import {type Bench, type BenchContext, lineBytes, linesFile} from './bench.ts';
import {startBroker} from './brokers.ts';
import {
  client,
  type Place,
  type Program,
  peerNames,
  peerOf,
  type QoS,
  startSubscriber,
  type Transport,
} from './clients.ts';
import {cpuRatios, cpuSoFar, type Measurement, measure, paired, type Series, wallRatios} from './measure.ts';
import {makeCertificates} from './secure.ts';
import {atMost, type Figure, type Goal} from './statistics.ts';

const transports: readonly Transport[] = ['tcp', 'tls', 'ws', 'wss'];

const levels: readonly QoS[] = [0, 1, 2];

const topic = 'bench/transport';

const config = [
  'allow_anonymous true',
  'max_queued_messages 0',
  'listener {port} 127.0.0.1',
  'listener {port2} 127.0.0.1',
  'certfile {directory}/server.crt',
  'keyfile {directory}/server.key',
  'listener {port3} 127.0.0.1',
  'protocol websockets',
  'listener {port4} 127.0.0.1',
  'protocol websockets',
  'certfile {directory}/server.crt',
  'keyfile {directory}/server.key',
  '',
].join('\n');

/** A mosquitto that listens on every transport. */
async function startEverywhere(directory: string) {
  await makeCertificates(directory);
  const broker = await startBroker('mosquitto', config.replaceAll('{directory}', directory));
  const place = (transport: Transport): Place => ({
    topic,
    transport,
    port: broker.ports[transports.indexOf(transport)]!,
    caFile: join(directory, 'ca.crt'),
  });
  return {place, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]()};
}

type Broker = Awaited<ReturnType<typeof startEverywhere>>;

/** Fewer where the peer is slow. */
function linesOf(transport: Transport, qos: QoS): number {
  if (peerOf(transport) === 'npm') return 10_000;
  return qos === 0 ? 200_000 : 40_000;
}

const publishGoals: Readonly<Record<string, Goal>> = {'tls 1': atMost(0.8), 'tls 2': atMost(0.8)};

/** The transport below: the same without WebSockets. */
const below = {ws: 'tcp', wss: 'tls'} as const;

/**
 * What `pub -l` takes over TLS and WebSockets, over what its peer takes, and over what it takes itself without
 * WebSockets. Over wss there is no peer: from QoS 1 on, mosquitto and the `mqtt` of npm come to a halt.
 */
async function publishing(
  context: BenchContext,
  broker: Broker,
  {transport, qos}: {readonly transport: Exclude<Transport, 'tcp'>; readonly qos: QoS},
): Promise<readonly Figure[]> {
  const count = linesOf(transport, qos);
  const label = `pub -l over ${transport}, QoS ${qos}, ${count.toLocaleString('en')} lines`;
  context.progress(label);
  const stdin = await linesFile(context.directory, `lines-${count}`, count);
  const run = (program: Program) => () => measure({...program, stdin, usage: true});
  const there = broker.place(transport);
  const tmq = run(client('tmq', 'pub', there, qos));
  const rounds = {rounds: context.rounds(3), warmUp: 1};
  const figures: Figure[] = [];
  if (transport !== 'wss') {
    const series = await paired({tmq, peer: run(client(peerOf(transport), 'pub', there, qos))}, rounds);
    const goal = publishGoals[`${transport} ${qos}`];
    const values = {wall: wallRatios(series.tmq, series.peer), CPU: cpuRatios(series.tmq, series.peer)};
    const name = peerNames[peerOf(transport)];
    figures.push(
      {label: `${label}, wall / ${name}`, unit: 'x', values: values.wall, ...defined({goal})},
      {label: `${label}, CPU / ${name}`, unit: 'x', values: values.CPU},
    );
  }
  if (transport !== 'tls') {
    const lower = below[transport];
    const more = await linesFile(context.directory, `lines-${lower}-${qos}`, linesOf(lower, qos));
    const runMore = (place: Place) => () => measure({...client('tmq', 'pub', place, qos), stdin: more});
    const series = await paired({tmq: runMore(there), lower: runMore(broker.place(lower))}, rounds);
    const goal = transport === 'ws' ? atMost(1.3) : undefined;
    const values = wallRatios(series.tmq, series.lower);
    const moreLabel = `pub -l over ${transport}, QoS ${qos}, ${linesOf(lower, qos).toLocaleString('en')} lines`;
    figures.push({label: `${moreLabel}, wall / over ${lower}`, unit: 'x', values, ...defined({goal})});
  }
  return figures;
}

/**
 * Runs a subscriber until it has written all lines, which arrive while it runs, and gives the processor time it took
 * for them and its start. @throws Error when it ends before
 */
async function receive(
  program: Program,
  publish: () => Promise<unknown>,
  want: Received,
): Promise<Measurement> {
  await using subscriber = await startSubscriber(program, want.output);
  const started = process.hrtime.bigint();
  await subscriber.hasWritten(1);
  await publish();
  await subscriber.hasWritten(want.bytes);
  return {
    cpuMilliseconds: await cpuSoFar(subscriber.pid),
    wallMilliseconds: Number(process.hrtime.bigint() - started) / 1e6,
    peakMegabytes: Number.NaN,
  };
}

interface Received {
  readonly output: string;
  readonly bytes: number;
}

/** The processor time of `sub` over that of its peer, for messages that an ordinary publisher sends through the broker. */
async function receiving(
  context: BenchContext,
  broker: Broker,
  {transport, qos}: {readonly transport: Transport; readonly qos: QoS},
): Promise<Figure> {
  const count = linesOf(transport, qos);
  const label = `sub over ${transport}, QoS ${qos}, ${count.toLocaleString('en')} messages, CPU / ${peerNames[peerOf(transport)]}`;
  context.progress(label);
  const stdin = await linesFile(context.directory, `received-${count}`, count);
  const there = broker.place(transport);
  const publish = () => measure({...client('tmq', 'pub', broker.place('tcp'), qos), stdin});
  const first = ['-p', String(broker.place('tcp').port), '-t', topic, '-r', '-m', 'x'.repeat(lineBytes)];
  await measure({command: 'mosquitto_pub', args: first});
  const want = (name: string) => ({
    output: join(context.directory, name),
    bytes: (count + 1) * (lineBytes + 1),
  });
  const series: Readonly<Record<'tmq' | 'peer', Series>> = await paired(
    {
      tmq: () => receive(client('tmq', 'sub', there, qos), publish, want('output')),
      peer: () => receive(client(peerOf(transport), 'sub', there, qos), publish, want('their-output')),
    },
    {rounds: context.rounds(3)},
  );
  return {label, unit: 'x', values: cpuRatios(series.tmq, series.peer)};
}

export const transportsBench: Bench = {
  name: 'transports',
  summary: 'pub -l and sub over TLS and WebSockets',
  async run(context) {
    await using broker = await startEverywhere(context.directory);
    const figures: Figure[] = [];
    for (const transport of transports) {
      for (const qos of levels) {
        if (transport !== 'tcp') figures.push(...(await publishing(context, broker, {transport, qos})));
        figures.push(await receiving(context, broker, {transport, qos}));
      }
    }
    return figures;
  },
};
