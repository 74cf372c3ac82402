/**
 * `pub -l` and `sub` over TCP, TLS and WebSockets, against the programs that speak the same: mosquitto's clients, and
 * over WebSockets, which those lack, the `mqtt` of npm. The broker is mosquitto, with one listener for each transport.
 */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {open, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {defined} from '../../src/defined.ts';
import {type Bench, type BenchContext, lineBytes, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {
  cpuRatios,
  cpuSoFar,
  environment,
  type Invocation,
  type Measurement,
  measure,
  paired,
  type Series,
  wallRatios,
} from './measure.ts';
import {mqttCli} from './peers.ts';
import {makeCertificates} from './secure.ts';
import {atMost, type Figure, type Goal} from './statistics.ts';

type Program = Pick<Invocation, 'command' | 'args'>;

type Transport = 'tcp' | 'tls' | 'ws' | 'wss';
const transports: readonly Transport[] = ['tcp', 'tls', 'ws', 'wss'];

type QoS = 0 | 1 | 2;
const levels: readonly QoS[] = [0, 1, 2];

const topic = 'bench/transport';

interface Place {
  readonly port: number;
  readonly transport: Transport;
  readonly caFile: string;
}

/** The options that say where tmq and mosquitto's clients connect. */
function ownWords({port, transport, caFile}: Place): readonly string[] {
  const isSecure = transport === 'tls' || transport === 'wss';
  const isWebSocket = transport === 'ws' || transport === 'wss';
  return [
    ...['-p', String(port), '-t', topic],
    ...(isSecure ? ['--cafile', caFile] : []),
    ...(isWebSocket ? ['--ws'] : []),
  ];
}

function npmWords({port, transport, caFile}: Place): readonly string[] {
  const protocol = {tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss'}[transport];
  const words = ['-h', 'localhost', '-p', String(port), '-t', topic, '-C', protocol];
  return protocol.endsWith('s') && protocol !== 'ws' ? [...words, '--ca', caFile] : words;
}

/** The program that tmq is compared with over a transport. */
function peerName(transport: Transport): string {
  return transport === 'tcp' || transport === 'tls' ? 'mosquitto' : 'npm mqtt';
}

function peer(name: 'pub' | 'sub', place: Place, qos: QoS): Program {
  const level = ['-q', String(qos)];
  if (peerName(place.transport) === 'mosquitto') {
    const lines = name === 'pub' ? ['-l'] : [];
    return {command: `mosquitto_${name}`, args: [...ownWords(place), ...level, ...lines]};
  }
  return mqttCli(name, ...npmWords(place), ...level, ...(name === 'pub' ? ['-s', '-M'] : []));
}

function ours(name: 'pub' | 'sub', place: Place, qos: QoS): Program {
  return tmq(name, ...ownWords(place), '-q', String(qos), ...(name === 'pub' ? ['-l'] : []));
}

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
    transport,
    port: broker.ports[transports.indexOf(transport)]!,
    caFile: join(directory, 'ca.crt'),
  });
  return {place, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]()};
}

type Broker = Awaited<ReturnType<typeof startEverywhere>>;

/** Fewer where the peer is slow. */
function linesOf(transport: Transport, qos: QoS): number {
  if (peerName(transport) !== 'mosquitto') return 10_000;
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
  const tmq = run(ours('pub', there, qos));
  const rounds = {rounds: context.rounds(3), warmUp: 1};
  const figures: Figure[] = [];
  if (transport !== 'wss') {
    const series = await paired({tmq, peer: run(peer('pub', there, qos))}, rounds);
    const goal = publishGoals[`${transport} ${qos}`];
    const values = {wall: wallRatios(series.tmq, series.peer), CPU: cpuRatios(series.tmq, series.peer)};
    const name = peerName(transport);
    figures.push(
      {label: `${label}, wall / ${name}`, unit: 'x', values: values.wall, ...defined({goal})},
      {label: `${label}, CPU / ${name}`, unit: 'x', values: values.CPU},
    );
  }
  if (transport !== 'tls') {
    const lower = below[transport];
    const more = await linesFile(context.directory, `lines-${lower}-${qos}`, linesOf(lower, qos));
    const runMore = (place: Place) => () => measure({...ours('pub', place, qos), stdin: more});
    const series = await paired({tmq: runMore(there), lower: runMore(broker.place(lower))}, rounds);
    const goal = transport === 'ws' ? atMost(1.3) : undefined;
    const values = wallRatios(series.tmq, series.lower);
    const moreLabel = `pub -l over ${transport}, QoS ${qos}, ${linesOf(lower, qos).toLocaleString('en')} lines`;
    figures.push({label: `${moreLabel}, wall / over ${lower}`, unit: 'x', values, ...defined({goal})});
  }
  return figures;
}

/** Resolves when the file has at least so many bytes, or the process has ended. */
async function grown(path: string, bytes: number, hasEnded: () => boolean): Promise<void> {
  while ((await stat(path)).size < bytes && !hasEnded()) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
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
  const file = await open(want.output, 'w');
  const child = spawn(program.command, program.args, {
    stdio: ['ignore', file.fd, 'inherit'],
    env: environment(),
    timeout: 240_000,
  });
  const exit = once(child, 'exit');
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  try {
    const started = process.hrtime.bigint();
    await grown(want.output, 1, hasEnded);
    await publish();
    await grown(want.output, want.bytes, hasEnded);
    if (hasEnded()) throw new Error(`${program.command} ended before it had received everything.`);
    return {
      cpuMilliseconds: await cpuSoFar(child.pid!),
      wallMilliseconds: Number(process.hrtime.bigint() - started) / 1e6,
      peakMegabytes: Number.NaN,
    };
  } finally {
    kill();
    await exit;
    process.off('exit', kill);
    await file.close();
  }
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
  const label = `sub over ${transport}, QoS ${qos}, ${count.toLocaleString('en')} messages, CPU / ${peerName(transport)}`;
  context.progress(label);
  const stdin = await linesFile(context.directory, `received-${count}`, count);
  const there = broker.place(transport);
  const publish = () => measure({...ours('pub', broker.place('tcp'), qos), stdin});
  const first = ['-p', String(broker.place('tcp').port), '-t', topic, '-r', '-m', 'x'.repeat(lineBytes)];
  await measure({command: 'mosquitto_pub', args: first});
  const want = (name: string) => ({
    output: join(context.directory, name),
    bytes: (count + 1) * (lineBytes + 1),
  });
  const series: Readonly<Record<'tmq' | 'peer', Series>> = await paired(
    {
      tmq: () => receive(ours('sub', there, qos), publish, want('output')),
      peer: () => receive(peer('sub', there, qos), publish, want('their-output')),
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
