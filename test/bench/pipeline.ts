/**
 * The whole chain, publisher to broker to subscriber, all three of one make: the time from the start of
 * the publisher until the subscriber has written the last line, and whether what comes out is what went in.
 */

import {readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, type BenchContext, lineBytes, linesFile} from './bench.ts';
import {type BrokerName, openConfig, startBroker} from './brokers.ts';
import {
  client,
  isWebSocket,
  type Maker,
  peerOf,
  type QoS,
  startSubscriber,
  type Transport,
} from './clients.ts';
import {type Measurement, measure, paired, wallRatios} from './measure.ts';
import {makeCertificates, secureConfig, webSocketConfig} from './secure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

interface Chain {
  readonly qos: QoS;
  readonly lines: number;
  readonly limit: number;
  /** Of both clients. Default: tcp. */
  readonly transport?: Transport;
}

const topic = 'bench/chain';

const brokers: Readonly<Record<Maker, BrokerName>> = {tmq: 'tmq', mosquitto: 'mosquitto', npm: 'aedes'};

function configOf(transport: Transport, directory: string): string {
  if (isWebSocket(transport)) return webSocketConfig(transport === 'wss' ? directory : undefined);
  return transport === 'tls' ? secureConfig(directory) : openConfig;
}

/** The first line that a subscriber gets: once it has written it, it is subscribed. */
const ready = 'ready';

interface Files {
  readonly input: string;
  readonly output: string;
  /** Where the certificates are. */
  readonly directory: string;
}

async function runChain(
  maker: Maker,
  {qos, lines, transport = 'tcp'}: Chain,
  {input, output, directory}: Files,
): Promise<Measurement> {
  await using broker = await startBroker(brokers[maker], configOf(transport, directory));
  const caFile = join(directory, 'ca.crt');
  const first = ['-p', String(broker.port), ...(transport === 'tls' ? ['--cafile', caFile] : [])];
  await measure({command: 'mosquitto_pub', args: [...first, '-t', topic, '-q', '1', '-r', '-m', ready]});
  const place = {port: broker.ports.at(-1)!, transport, caFile, topic};
  await using subscriber = await startSubscriber(client(maker, 'sub', place, qos), output);
  await subscriber.hasWritten(ready.length + 1);
  const started = process.hrtime.bigint();
  const {cpuMilliseconds, peakMegabytes} = await measure({...client(maker, 'pub', place, qos), stdin: input});
  await subscriber.hasWritten(ready.length + 1 + lines * (lineBytes + 1));
  const wallMilliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  return {wallMilliseconds, cpuMilliseconds, peakMegabytes};
}

async function isWhole({input, output}: Pick<Files, 'input' | 'output'>): Promise<boolean> {
  const expected = Buffer.concat([Buffer.from(`${ready}\n`), await readFile(input)]);
  return expected.equals(await readFile(output));
}

const prefixes: Readonly<Record<Transport, string>> = {tcp: '', tls: 'TLS, ', ws: 'ws, ', wss: 'wss, '};

async function figures(context: BenchContext, chain: Chain): Promise<readonly Figure[]> {
  const {transport = 'tcp'} = chain;
  const peer = peerOf(transport);
  const label = `${prefixes[transport]}QoS ${chain.qos}, ${chain.lines.toLocaleString('en')} lines`;
  context.progress(label);
  const input = await linesFile(context.directory, 'lines', chain.lines);
  const {directory} = context;
  const files = {input, directory, output: join(directory, 'tmq-output')};
  const theirs = {input, directory, output: join(directory, 'their-output')};
  const series = await paired(
    {tmq: () => runChain('tmq', chain, files), theirs: () => runChain(peer, chain, theirs)},
    {rounds: context.rounds(isWebSocket(transport) ? 3 : 5)},
  );
  const whole = await isWhole(files);
  await Promise.all([input, files.output, theirs.output].map((path) => rm(path)));
  return [
    {
      label: `${label}, wall / all of ${peer === 'npm' ? 'npm mqtt and aedes' : peer}`,
      unit: 'x',
      values: wallRatios(series.tmq, series.theirs),
      goal: atMost(chain.limit),
    },
    {label: '  output as sent', unit: '%', values: [whole ? 100 : 0], goal: atLeast(100)},
  ];
}

/**
 * Publisher and subscriber both have at most 20 messages unacknowledged, as mosquitto's have. Over WebSockets there
 * are fewer lines, as the peers are slow.
 */
const chains: readonly Chain[] = [
  {qos: 0, lines: 500_000, limit: 0.12},
  {qos: 1, lines: 60_000, limit: 0.4},
  {qos: 2, lines: 60_000, limit: 0.5},
  {transport: 'tls', qos: 0, lines: 500_000, limit: 0.2},
  {transport: 'tls', qos: 1, lines: 60_000, limit: 0.5},
  {transport: 'tls', qos: 2, lines: 60_000, limit: 0.6},
  ...(['ws', 'wss'] as const).flatMap((transport) =>
    ([0, 1, 2] as const).map((qos) => ({transport, qos, lines: 10_000, limit: 0.25})),
  ),
];

export const pipeline: Bench = {
  name: 'pipeline',
  summary: 'pub, broker and sub together',
  async run(context) {
    await makeCertificates(context.directory);
    const all: Figure[] = [];
    for (const chain of chains) all.push(...(await figures(context, chain)));
    return all;
  },
};
