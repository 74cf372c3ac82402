/**
 * `pub -l`: many lines. Into a real mosquitto for the time it takes, into a counting sink for whether
 * every line arrives, in order.
 */

import {type Bench, type BenchContext, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {cpuRatios, measure, paired, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

interface Race {
  readonly qos: 0 | 1 | 2;
  readonly lines: number;
  readonly rounds: number;
}

async function race(context: BenchContext, {qos, lines, rounds}: Race) {
  context.progress(`QoS ${qos}, ${lines} lines into mosquitto`);
  // One for each race: what earlier ones left in its memory must not matter.
  await using broker = await startBroker('mosquitto');
  const stdin = await linesFile(context.directory, `lines-${lines}`, lines);
  const words = ['-p', String(broker.port), '-t', 'bench/lines', '-l', '-q', String(qos)];
  return await paired(
    {
      tmq: () => measure({...tmq('pub', ...words), stdin, usage: true}),
      mosquitto: () => measure({command: 'mosquitto_pub', args: words, stdin, usage: true}),
    },
    {rounds: context.rounds(rounds), warmUp: 1},
  );
}

async function speed(context: BenchContext): Promise<readonly Figure[]> {
  const first = await race(context, {qos: 0, lines: 500_000, rounds: 7});
  const second = await race(context, {qos: 1, lines: 60_000, rounds: 5});
  const third = await race(context, {qos: 2, lines: 60_000, rounds: 5});
  const wall = ({tmq: ours, mosquitto}: typeof first) => wallRatios(ours, mosquitto);
  return [
    {label: 'QoS 0, 500,000 lines, wall / mosquitto_pub', unit: 'x', values: wall(first), goal: atMost(0.45)},
    {
      label: 'QoS 0, 500,000 lines, cpu / mosquitto_pub',
      unit: 'x',
      values: cpuRatios(first.tmq, first.mosquitto),
      goal: atMost(0.3),
    },
    {label: 'QoS 1, 60,000 lines, wall / mosquitto_pub', unit: 'x', values: wall(second), goal: atMost(0.55)},
    {label: 'QoS 2, 60,000 lines, wall / mosquitto_pub', unit: 'x', values: wall(third), goal: atMost(0.55)},
  ];
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
    return [...(await speed(context)), ...(await arrivals(context))];
  },
};
