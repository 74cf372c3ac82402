/** `tmq bench` as a load, beside loops with MQTT.js and floods of mosquitto's clients. */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {run} from '../support/spawn.ts';
import {type Bench, type BenchContext, projectDirectory, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {measure, paired, residentMegabytes, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure, ratios} from './statistics.ts';

const size = 256;
const window = 100;

/** The last line of JSON that a program prints, on one processor where that is asked for. @throws Error when it fails */
async function told(
  command: string,
  args: readonly string[],
  isOnOneCore = false,
): Promise<Readonly<Record<string, unknown>>> {
  const words = isOnOneCore ? ['taskset', '-c', '1', command, ...args] : [command, ...args];
  const {exitCode, stdout, stderr} = await run(words[0]!, words.slice(1), {timeoutMilliseconds: 300_000});
  if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout.toString().trimEnd().split('\n').at(-1)!);
}

/** The figures of a load. */
async function loaded(words: readonly string[], isOnOneCore = false): Promise<Record<string, number>> {
  const {command, args} = tmq('bench', ...words, '--json');
  const {figures} = await told(command, args, isOnOneCore);
  return figures as Record<string, number>;
}

/** What the loop with MQTT.js tells. */
async function looped(
  options: Readonly<Record<string, number>>,
  isOnOneCore = false,
): Promise<Record<string, number>> {
  const words = Object.entries(options).map(([key, value]) => `--${key}=${value}`);
  const file = join(projectDirectory, 'test/bench/generators/mqttjs.ts');
  const args = ['--import', 'tsx', file, ...words];
  return (await told(process.execPath, args, isOnOneCore)) as Record<string, number>;
}

/** Messages a second of one client into a server that keeps nothing, each program on the same core. */
async function againstLoop(context: BenchContext, qos: 0 | 1, messages: number): Promise<Figure> {
  context.progress(`QoS ${qos}, beside a loop with MQTT.js`);
  await using sink = await startGenerator('sink');
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < context.rounds(5); round++) {
    const words = ['pub', '-p', String(sink.port), '-q', String(qos), '-M', String(window)];
    const {rate = 0} = await loaded([...words, '--size', String(size), '--count', String(messages)], true);
    const options = {port: sink.port, qos, size, window, messages: messages / 10};
    const {publishMilliseconds = 0} = await looped(options, true);
    ours.push(rate);
    theirs.push(messages / 10 / (publishMilliseconds / 1000));
  }
  return {
    label: `QoS ${qos}, ${size} bytes, one core, messages a second / loop with MQTT.js`,
    unit: 'x',
    values: ratios(ours, theirs),
    goal: atLeast(5),
  };
}

/** Messages a second of one client into mosquitto, with 20 of them unacknowledged. */
async function againstMosquittoPub(context: BenchContext): Promise<Figure> {
  context.progress('into mosquitto, beside mosquitto_pub');
  const messages = 60_000;
  const stdin = join(context.directory, 'lines');
  await writeFile(stdin, `${'x'.repeat(size)}\n`.repeat(messages));
  await using broker = await startBroker('mosquitto');
  const place = ['-p', String(broker.port), '-q', '1'];
  const pub = ['-t', 'bench/load', '-l'];
  const series = await paired(
    {
      tmq: () => measure(tmq('bench', 'pub', ...place, '--size', String(size), '--count', String(messages))),
      mosquitto: () => measure({command: 'mosquitto_pub', args: [...place, ...pub], stdin}),
    },
    {rounds: context.rounds(5)},
  );
  return {
    label: `QoS 1, 60,000 messages of ${size} bytes, wall / mosquitto_pub`,
    unit: 'x',
    values: wallRatios(series.tmq, series.mosquitto),
  };
}

/** A million messages from a server that sends them as fast as they are read. */
async function againstMosquittoSub(context: BenchContext): Promise<Figure> {
  context.progress('from a flood, beside mosquitto_sub');
  const messages = 1_000_000;
  await using flood = await startGenerator('flood', {count: messages});
  const place = ['-p', String(flood.port), '-t', 'bench'];
  const count = String(messages);
  const series = await paired(
    {
      tmq: () => measure(tmq('bench', 'sub', ...place, '--count', count)),
      mosquitto: () => measure({command: 'mosquitto_sub', args: [...place, '-C', count]}),
    },
    {rounds: context.rounds(5)},
  );
  return {
    label: 'sub of 1,000,000 messages, wall / mosquitto_sub',
    unit: 'x',
    values: wallRatios(series.tmq, series.mosquitto),
  };
}

/** Ten thousand connections to mosquitto, and a thousand beside those of MQTT.js. */
async function connections(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('10,000 connections');
  const many = 10_000;
  const seconds: number[] = [];
  const peaks: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < context.rounds(5); round++) {
    await using broker = await startBroker('mosquitto');
    const port = String(broker.port);
    const {rate = 0} = await loaded(['conn', '-n', String(many), '-p', port]);
    seconds.push(many / rate);
    const words = (count: number) => tmq('bench', 'conn', '-n', String(count), '-p', port, '--for', '1s');
    const {peakMegabytes} = await measure({...words(many), usage: true});
    peaks.push(peakMegabytes);
    const ours = await measure({...words(1000), usage: true});
    const {megabytes = 0} = await looped({port: broker.port, clients: 1000});
    memory.push(ours.peakMegabytes / megabytes);
    // A broker that has lost them all is still there.
    if (!((await residentMegabytes(broker.pid)) > 0)) throw new Error('The broker is gone.');
  }
  return [
    {
      label: `${many.toLocaleString('en')} connections to mosquitto`,
      unit: 's',
      values: seconds,
      goal: atMost(5),
    },
    {
      label: `${many.toLocaleString('en')} connections, peak memory of all of tmq`,
      unit: 'MB',
      values: peaks,
      goal: atMost(300),
    },
    {label: '1,000 connections, memory / MQTT.js', unit: 'x', values: memory},
  ];
}

export const load: Bench = {
  name: 'load',
  summary: 'tmq bench beside other loads',
  async run(context) {
    return [
      await againstLoop(context, 0, 1_000_000),
      await againstLoop(context, 1, 500_000),
      await againstMosquittoPub(context),
      await againstMosquittoSub(context),
      ...(await connections(context)),
    ];
  },
};
