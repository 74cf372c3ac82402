/** One payload of 256 MB, sent from a file and received to the null device: time and memory. */

import {open} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, type BenchContext, tmq} from './bench.ts';
import {startGenerator} from './generator.ts';
import {measure, paired, peakRatios, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

const payloadBytes = 256_000_000;

async function payloadFile(directory: string): Promise<string> {
  const path = join(directory, 'payload');
  await using file = await open(path, 'w');
  const block = Buffer.alloc(1_000_000, 'large payload ');
  for (let written = 0; written < payloadBytes; written += block.length) await file.write(block);
  return path;
}

async function send(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('pub -f');
  await using sink = await startGenerator('sink');
  const path = await payloadFile(context.directory);
  const words = ['-p', String(sink.port), '-t', 'bench/large', '-f', path];
  const series = await paired(
    {
      tmq: () => measure({...tmq('pub', ...words), usage: true}),
      mosquitto: () => measure({command: 'mosquitto_pub', args: words, usage: true}),
    },
    {rounds: context.rounds(5), warmUp: 1},
  );
  const {payloadBytes: arrived} = await sink.next();
  return [
    {
      label: 'pub -f, wall / mosquitto_pub',
      unit: 'x',
      values: wallRatios(series.tmq, series.mosquitto),
      goal: atMost(0.55),
    },
    {
      label: 'pub -f, peak memory / mosquitto_pub',
      unit: 'x',
      values: peakRatios(series.tmq, series.mosquitto),
      goal: atMost(0.15),
    },
    {
      label: '  bytes arrived',
      unit: '%',
      // The sink counts whole bodies of large packets: topic and its length are 13 bytes.
      values: [((Number(arrived) - 13) / payloadBytes) * 100],
      goal: atLeast(100),
    },
  ];
}

async function receive(context: BenchContext): Promise<readonly Figure[]> {
  context.progress('sub -C 1');
  await using flood = await startGenerator('flood', {large: payloadBytes});
  const words = ['-p', String(flood.port), '-t', 'bench/flood', '-C', '1'];
  const series = await paired(
    {
      tmq: () => measure({...tmq('sub', ...words), usage: true}),
      mosquitto: () => measure({command: 'mosquitto_sub', args: words, usage: true}),
    },
    {rounds: context.rounds(5), warmUp: 1},
  );
  return [
    {
      label: 'sub, wall / mosquitto_sub',
      unit: 'x',
      values: wallRatios(series.tmq, series.mosquitto),
      goal: atMost(0.55),
    },
    {
      label: 'sub, peak memory / mosquitto_sub',
      unit: 'x',
      values: peakRatios(series.tmq, series.mosquitto),
      goal: atMost(0.15),
    },
  ];
}

export const large: Bench = {
  name: 'large',
  summary: 'one payload of 256 MB',
  async run(context) {
    return [...(await send(context)), ...(await receive(context))];
  },
};
