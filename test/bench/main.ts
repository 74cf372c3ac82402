/**
 * `npm run bench -- [NAME…] [--json] [--rounds N]`: measures this clone's tmq against an empty Node
 * script, Debian's mosquitto and the MQTT programs of npm, as ratios of paired runs. Ends with 1 when
 * a figure misses its goal. Not part of `npm test`: a time is no reason for a test to fail.
 */

import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import type {Bench} from './bench.ts';
import {pace} from './pace.ts';
import {installTools, versions} from './peers.ts';
import {type BenchResult, document, summary, surroundings, table} from './report.ts';
import {judge} from './statistics.ts';

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  startup: async () => (await import('./startup.ts')).startup,
  nodes: async () => (await import('./nodes.ts')).nodes,
  publine: async () => (await import('./publine.ts')).publine,
  bounded: async () => (await import('./bounded.ts')).bounded,
  transports: async () => (await import('./transports.ts')).transportsBench,
  subflood: async () => (await import('./subflood.ts')).subflood,
  conditions: async () => (await import('./conditions.ts')).conditions,
  envelope: async () => (await import('./envelope.ts')).envelopes,
  large: async () => (await import('./large.ts')).large,
  broker: async () => (await import('./broker.ts')).broker,
  state: async () => (await import('./state.ts')).state,
  pipeline: async () => (await import('./pipeline.ts')).pipeline,
  exec: async () => (await import('./exec.ts')).exec,
  load: async () => (await import('./load.ts')).load,
  rtt: async () => (await import('./rtt.ts')).rtt,
  passwd: async () => (await import('./passwd.ts')).passwd,
};

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {json: {type: 'boolean', default: false}, rounds: {type: 'string'}},
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  throw new Error(`There is no bench '${unknown[0]}'; there are ${Object.keys(benches).join(', ')}.`);
}
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
  throw new Error('--rounds needs a whole number above 0.');
}

const progress = (line: string) => process.stderr.write(`${line}\n`);

async function runBench(name: string): Promise<BenchResult> {
  const bench = await benches[name]!();
  progress(`${bench.name}: ${bench.summary}`);
  const directory = await mkdtemp(join(tmpdir(), 'tmq-bench-'));
  try {
    return {
      name,
      pace: await pace(directory),
      figures: await bench.run({
        directory,
        rounds: (usual) => rounds ?? usual,
        progress: (line) => progress(`  ${line}`),
      }),
    };
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
installTools(progress);
const results: BenchResult[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(benches)) {
  const result = await runBench(name);
  results.push(result);
  if (!values.json) process.stdout.write(`\n${table(result)}\n`);
}
const environment = surroundings(versions());
if (values.json) process.stdout.write(document(results, environment));
else {
  const place = Object.entries(environment).map((entry) => entry.join(' '));
  process.stdout.write(`\n${place.join('; ')}\n${summary(results)}`);
}
if (results.some(({figures}) => figures.some((figure) => judge(figure) === 'NOT MET'))) process.exitCode = 1;
