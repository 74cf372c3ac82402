/**
 * The whole chain, publisher to broker to subscriber, all three of one make: the time from the start of
 * the publisher to the end of the subscriber, and whether what comes out is what went in.
 */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {open, readFile, rm, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, type BenchContext, linesFile, tmq} from './bench.ts';
import {openConfig, startBroker} from './brokers.ts';
import {environment, type Invocation, type Measurement, measure, paired, wallRatios} from './measure.ts';
import {makeCertificates, secureConfig} from './secure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

interface Chain {
  readonly qos: 0 | 1 | 2;
  readonly lines: number;
  readonly limit: number;
  /** Both clients use TLS; default: TCP alone. */
  readonly isSecure?: boolean;
}

type Maker = 'tmq' | 'mosquitto';

const topic = 'bench/chain';

function program(maker: Maker, name: 'pub' | 'sub', args: readonly string[]) {
  return maker === 'tmq' ? tmq(name, ...args) : {command: `mosquitto_${name}`, args};
}

/** Starts a subscriber that writes to a file, and waits until it has written the retained message. */
async function startSubscriber({command, args}: Pick<Invocation, 'command' | 'args'>, output: string) {
  const file = await open(output, 'w');
  const child = spawn(command, args, {
    stdio: ['ignore', file.fd, 'inherit'],
    env: environment(),
    timeout: 120_000,
  });
  const exit = once(child, 'exit');
  while ((await stat(output)).size === 0 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return {
    /** Resolves at the end of the process. @throws Error when it failed */
    async finished() {
      const [code] = await exit;
      await file.close();
      if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}.`);
    },
  };
}

interface Files {
  readonly input: string;
  readonly output: string;
  /** Where the certificates are. */
  readonly directory: string;
}

async function runChain(
  maker: Maker,
  {qos, lines, isSecure = false}: Chain,
  files: Files,
): Promise<Measurement> {
  const {input, output, directory} = files;
  await using broker = await startBroker(maker, isSecure ? secureConfig(directory) : openConfig);
  const secure = isSecure ? ['--cafile', join(directory, 'ca.crt')] : [];
  const words = ['-p', String(broker.port), ...secure, '-t', topic, '-q', String(qos)];
  await measure({command: 'mosquitto_pub', args: [...words, '-r', '-m', 'ready']});
  const subscribe = program(maker, 'sub', [...words, '-C', String(lines + 1)]);
  const subscriber = await startSubscriber(subscribe, output);
  const started = process.hrtime.bigint();
  const {cpuMilliseconds, peakMegabytes} = await measure({
    ...program(maker, 'pub', [...words, '-l']),
    stdin: input,
  });
  await subscriber.finished();
  const wallMilliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  return {wallMilliseconds, cpuMilliseconds, peakMegabytes};
}

async function isWhole({input, output}: Pick<Files, 'input' | 'output'>): Promise<boolean> {
  const expected = Buffer.concat([Buffer.from('ready\n'), await readFile(input)]);
  return expected.equals(await readFile(output));
}

async function figures(context: BenchContext, chain: Chain): Promise<readonly Figure[]> {
  const place = chain.isSecure ? 'TLS, ' : '';
  const label = `${place}QoS ${chain.qos}, ${chain.lines.toLocaleString('en')} lines`;
  context.progress(label);
  const input = await linesFile(context.directory, 'lines', chain.lines);
  const {directory} = context;
  const files = {input, directory, output: join(directory, 'tmq-output')};
  const theirs = {input, directory, output: join(directory, 'mosquitto-output')};
  const series = await paired(
    {tmq: () => runChain('tmq', chain, files), mosquitto: () => runChain('mosquitto', chain, theirs)},
    {rounds: context.rounds(5)},
  );
  const whole = await isWhole(files);
  await Promise.all([input, files.output, theirs.output].map((path) => rm(path)));
  return [
    {
      label: `${label}, wall / all of mosquitto`,
      unit: 'x',
      values: wallRatios(series.tmq, series.mosquitto),
      goal: atMost(chain.limit),
    },
    {label: '  output as sent', unit: '%', values: [whole ? 100 : 0], goal: atLeast(100)},
  ];
}

/** Publisher and subscriber both have at most 20 messages unacknowledged, as mosquitto's have. */
const chains: readonly Chain[] = [
  {qos: 0, lines: 500_000, limit: 0.12},
  {qos: 1, lines: 60_000, limit: 0.4},
  {qos: 2, lines: 60_000, limit: 0.5},
  {qos: 1, lines: 60_000, limit: 0.5, isSecure: true},
  {qos: 2, lines: 60_000, limit: 0.6, isSecure: true},
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
