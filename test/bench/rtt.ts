/** One-shots to a broker that is 50 ms away, there and back: what round trips a command saves. */

import {type Bench, type BenchContext, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {measure, paired, wallRatios} from './measure.ts';
import {atMost, type Figure, type Goal} from './statistics.ts';

interface Case {
  readonly label: string;
  readonly program: 'pub' | 'sub';
  readonly args: readonly string[];
  /** Of tmq alone. */
  readonly more?: readonly string[];
  readonly goal?: Goal;
}

const topic = ['-t', 'bench/distant'];
const kinds: readonly Case[] = [
  {label: 'pub -q 0', program: 'pub', args: [...topic, '-m', 'hello']},
  {label: 'pub -q 1', program: 'pub', args: [...topic, '-m', 'hello', '-q', '1'], goal: atMost(0.85)},
  {label: 'pub -q 2', program: 'pub', args: [...topic, '-m', 'hello', '-q', '2'], goal: atMost(0.95)},
  {label: 'sub -C 1 of a retained message', program: 'sub', args: [...topic, '-C', '1'], goal: atMost(0.85)},
];
/** Each by default, which waits for CONNACK, and with --pipeline, whose goal it is. */
const cases: readonly Case[] = kinds.flatMap(({goal, ...kind}) => [
  kind,
  {
    ...kind,
    label: kind.label.replace(/^\w+/, '$& --pipeline'),
    more: ['--pipeline'],
    ...(goal === undefined ? {} : {goal}),
  },
]);

async function runCase(context: BenchContext, one: Case, port: number): Promise<Figure> {
  context.progress(one.label);
  const words = ['-p', String(port), ...one.args];
  const series = await paired(
    {
      tmq: () => measure(tmq(one.program, ...words, ...(one.more ?? []))),
      mosquitto: () => measure({command: `mosquitto_${one.program}`, args: words}),
    },
    {rounds: context.rounds(11), warmUp: 2},
  );
  return {
    label: `${one.label} / mosquitto_${one.program}`,
    unit: 'x',
    values: wallRatios(series.tmq, series.mosquitto),
    ...(one.goal === undefined ? {} : {goal: one.goal}),
  };
}

export const rtt: Bench = {
  name: 'rtt',
  summary: 'one-shots through a round trip of 50 ms',
  async run(context) {
    await using broker = await startBroker('mosquitto');
    await measure({
      command: 'mosquitto_pub',
      args: ['-p', String(broker.port), ...topic, '-r', '-m', 'kept'],
    });
    await using distance = await startGenerator('delay', {to: broker.port, delay: 25});
    const figures: Figure[] = [];
    for (const one of cases) figures.push(await runCase(context, one, distance.port));
    return figures;
  },
};
