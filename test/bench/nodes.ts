/** One-shots on later Nodes than the one that runs the benches: npm has them as packages. */

import {type Bench, type BenchContext, emptyScript, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {measure, paired, wallRatios} from './measure.ts';
import {nodeProgram} from './peers.ts';
import {securePublish, startSecureBroker} from './secure.ts';
import {atMost, type Figure} from './statistics.ts';

/** By their lines. */
const laterNodes = ['22', '24'] as const;

async function plain(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startBroker('mosquitto');
  const empty = await emptyScript(context.directory);
  const program = tmq('pub', '-p', String(broker.port), '-t', 'bench/start', '-m', 'hello');
  const figures: Figure[] = [];
  for (const line of laterNodes) {
    const {command, version} = await nodeProgram(line);
    context.progress(`one-shots, Node ${version}`);
    const series = await paired(
      {empty: () => measure({command, args: [empty]}), pub: () => measure({...program, command})},
      {rounds: context.rounds(15), warmUp: 2},
    );
    const values = wallRatios(series.pub, series.empty);
    figures.push({
      label: `pub one-shot, Node ${line} / its empty script`,
      unit: 'x',
      values,
      remark: version,
    });
  }
  return figures;
}

async function secure(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startSecureBroker(context.directory);
  const figures: Figure[] = [];
  for (const line of laterNodes) {
    const {command, version} = await nodeProgram(line);
    context.progress(`one-shots with TLS, Node ${version}`);
    const values = await securePublish(context, broker.words, command);
    figures.push({
      label: `pub one-shot with TLS, Node ${line} / mosquitto_pub`,
      unit: 'x',
      values,
      goal: atMost(0.95),
      remark: version,
    });
  }
  return figures;
}

export const nodes: Bench = {
  name: 'nodes',
  summary: 'one-shot commands on later Nodes',
  async run(context) {
    return [...(await plain(context)), ...(await secure(context))];
  },
};
