/**
 * The whole chain, publisher to broker to subscriber, all three of one make: the time from the start of
 * the publisher to the end of the subscriber, and whether what comes out is what went in.
 */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {open, readFile, rm, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, type BenchContext, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {environment, type Invocation, type Measurement, measure, paired, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

interface Chain {
  readonly qos: 0 | 1;
  readonly lines: number;
  readonly limit: number;
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
}

async function runChain(maker: Maker, {qos, lines}: Chain, {input, output}: Files): Promise<Measurement> {
  await using broker = await startBroker(maker);
  const words = ['-p', String(broker.port), '-t', topic, '-q', String(qos)];
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

async function isWhole({input, output}: Files): Promise<boolean> {
  const expected = Buffer.concat([Buffer.from('ready\n'), await readFile(input)]);
  return expected.equals(await readFile(output));
}

async function figures(context: BenchContext, chain: Chain): Promise<readonly Figure[]> {
  context.progress(`QoS ${chain.qos}, ${chain.lines} lines`);
  const input = await linesFile(context.directory, 'lines', chain.lines);
  const files = {input, output: join(context.directory, 'tmq-output')};
  const theirs = {input, output: join(context.directory, 'mosquitto-output')};
  const series = await paired(
    {tmq: () => runChain('tmq', chain, files), mosquitto: () => runChain('mosquitto', chain, theirs)},
    {rounds: context.rounds(5)},
  );
  const whole = await isWhole(files);
  await Promise.all([input, files.output, theirs.output].map((path) => rm(path)));
  const label = `QoS ${chain.qos}, ${chain.lines.toLocaleString('en')} lines`;
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

export const pipeline: Bench = {
  name: 'pipeline',
  summary: 'pub, broker and sub together',
  async run(context) {
    return [
      ...(await figures(context, {qos: 0, lines: 500_000, limit: 0.12})),
      ...(await figures(context, {qos: 1, lines: 60_000, limit: 0.25})),
    ];
  },
};
