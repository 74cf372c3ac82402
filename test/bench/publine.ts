/**
 * `pub -l`: many lines. Into a real mosquitto for the time it takes, into a counting sink for whether
 * every line arrives, in order.
 */

import {type Bench, type BenchContext, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {
  cpuRatios,
  hasConnections,
  type Invocation,
  type Measurement,
  measure,
  paired,
  wallRatios,
} from './measure.ts';
import {atLeast, atMost, type Figure, type Goal, summarise} from './statistics.ts';

interface Race {
  readonly qos: 0 | 1 | 2;
  readonly lines: number;
  readonly rounds: number;
}

async function race(context: BenchContext, {qos, lines, rounds}: Race) {
  context.progress(`QoS ${qos}, ${lines} lines into mosquitto`);
  // One for each race: what earlier ones left in its memory must not matter.
  await using broker = await startBroker('mosquitto');
  await using raw = await startGenerator('raw', {port: broker.port, qos, messages: lines});
  const stdin = await linesFile(context.directory, `lines-${lines}`, lines);
  const words = ['-p', String(broker.port), '-t', 'bench/lines', '-l', '-q', String(qos)];
  return await paired(
    {
      tmq: () => measure({...tmq('pub', ...words), stdin, usage: true}),
      mosquitto: () => measure({command: 'mosquitto_pub', args: words, stdin, usage: true}),
      limit: async () => {
        raw.begin();
        const {milliseconds} = await raw.next();
        return {
          wallMilliseconds: Number(milliseconds),
          cpuMilliseconds: Number.NaN,
          peakMegabytes: Number.NaN,
        };
      },
    },
    {rounds: context.rounds(rounds), warmUp: 1},
  );
}

/** Two figures of a race; the second is the limit of the first. */
function raceFigures(label: string, series: Awaited<ReturnType<typeof race>>, goal: Goal): readonly Figure[] {
  const {tmq: ours, mosquitto, limit} = series;
  const isReachable = summarise(wallRatios(limit, mosquitto)).median <= goal.limit;
  return [
    {
      label: `${label}, wall / mosquitto_pub`,
      unit: 'x',
      values: wallRatios(ours, mosquitto),
      goal,
      ...(isReachable ? {} : {remark: 'out of reach of any sender, as the next line shows'}),
    },
    {
      label: '  the receiver, given ready packets / mosquitto_pub',
      unit: 'x',
      values: wallRatios(limit, mosquitto),
      remark: 'the limit of any sender',
    },
  ];
}

interface Versus {
  readonly label: string;
  readonly port: number;
  readonly lines: number;
  readonly qos?: 0 | 1;
  /** Takes the time; by default that of the program alone. */
  readonly timed?: (program: Invocation) => Promise<Measurement>;
}

/** What tmq takes over what mosquitto_pub takes, where nothing else is to be compared. */
async function versus(
  context: BenchContext,
  {label, port, lines, qos = 0, timed = measure}: Versus,
): Promise<Figure> {
  context.progress(label);
  const stdin = await linesFile(context.directory, `lines-${lines}`, lines);
  const words = ['-p', String(port), '-t', 'bench/lines', '-l', '-q', String(qos)];
  const series = await paired(
    {
      tmq: () => timed({...tmq('pub', ...words), stdin}),
      mosquitto: () => timed({command: 'mosquitto_pub', args: words, stdin}),
    },
    {rounds: context.rounds(5), warmUp: 1},
  );
  return {label: `${label} / mosquitto_pub`, unit: 'x', values: wallRatios(series.tmq, series.mosquitto)};
}

/**
 * mosquitto_pub ends when the system has its last lines, tmq when the broker has read them and closed. This
 * is when the broker was done, for either.
 */
async function untilRead(context: BenchContext): Promise<Figure> {
  await using broker = await startBroker('mosquitto');
  return await versus(context, {
    label: 'QoS 0, 500,000 lines, until the broker has read them all',
    port: broker.port,
    lines: 500_000,
    async timed(program) {
      const measurement = await measure(program);
      const ended = performance.now();
      while (await hasConnections(broker.port)) await new Promise((resolve) => setTimeout(resolve, 1));
      const wallMilliseconds = measurement.wallMilliseconds + performance.now() - ended;
      return {...measurement, wallMilliseconds};
    },
  });
}

/** Where the broker is far away, what counts is how many lines are on their way. */
async function distant(context: BenchContext): Promise<Figure> {
  await using broker = await startBroker('mosquitto');
  await using distance = await startGenerator('delay', {to: broker.port, delay: 25});
  const label = 'QoS 1, 1,000 lines, 50 ms there and back, wall';
  return await versus(context, {label, port: distance.port, lines: 1000, qos: 1});
}

async function speed(context: BenchContext): Promise<readonly Figure[]> {
  const first = await race(context, {qos: 0, lines: 500_000, rounds: 7});
  const read = await untilRead(context);
  const second = await race(context, {qos: 1, lines: 60_000, rounds: 5});
  const third = await race(context, {qos: 2, lines: 60_000, rounds: 5});
  return [
    ...raceFigures('QoS 0, 500,000 lines', first, atMost(0.45)),
    read,
    {
      label: 'QoS 0, 500,000 lines, cpu / mosquitto_pub',
      unit: 'x',
      values: cpuRatios(first.tmq, first.mosquitto),
      goal: atMost(0.3),
    },
    ...raceFigures('QoS 1, 60,000 lines', second, atMost(0.55)),
    ...raceFigures('QoS 2, 60,000 lines', third, atMost(0.55)),
    await distant(context),
  ];
}

/** Into a receiver that is as fast as can be: the programs' own time. */
async function intoSink(context: BenchContext): Promise<Figure> {
  await using sink = await startGenerator('sink');
  const label = 'QoS 0, 1,000,000 lines into a sink, wall';
  return await versus(context, {label, port: sink.port, lines: 1_000_000});
}

async function arrivals(context: BenchContext): Promise<readonly Figure[]> {
  const lines = 1_000_000;
  const stdin = await linesFile(context.directory, `lines-${lines}`, lines);
  const figures: Figure[] = [];
  for (const qos of [0, 1, 2]) {
    context.progress(`QoS ${qos}, ${lines} lines into a counting sink`);
    await using sink = await startGenerator('sink');
    const words = ['-p', String(sink.port), '-t', 'bench/lines', '-l', '-q', String(qos)];
    await measure({...tmq('pub', ...words), stdin});
    const {inOrder} = await sink.next();
    figures.push({
      label: `QoS ${qos}, 1,000,000 lines, arrived in order`,
      unit: '%',
      values: [(Number(inOrder) / lines) * 100],
      goal: atLeast(100),
    });
  }
  return figures;
}

export const publine: Bench = {
  name: 'publine',
  summary: 'pub -l, a file of lines',
  async run(context) {
    return [...(await speed(context)), await intoSink(context), ...(await arrivals(context))];
  },
};
