/**
 * Messages as lines: `pub --json` and `pub --topic-from` beside `pub -l` with the same payloads, `sub --json` beside
 * -F %j, and a million messages through both.
 */

import {readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {start} from '../support/spawn.ts';
import {type Bench, type BenchContext, lineBytes, linesFile, numberedLine, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {startGenerator} from './generator.ts';
import {cpuRatios, measure, paired, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

const lines = 500_000;
const topics = 1000;
const messages = 1_000_000;
const topic = 'bench/lines';

/** Writes a line for each number and gives the file's path. */
async function filled(context: BenchContext, name: string, line: (index: number) => string): Promise<string> {
  const path = join(context.directory, name);
  await rm(path, {force: true});
  const block = 50_000;
  for (let first = 0; first < lines; first += block) {
    const text = Array.from({length: block}, (_, offset) => `${line(first + offset)}\n`).join('');
    await writeFile(path, text, {flag: 'a'});
  }
  return path;
}

const envelope = (index: number) =>
  `{"tst":"2026-01-01T00:00:00.${String(index).padStart(6, '0')}+0000","topic":"${topic}","qos":0,"retain":false,"payloadlen":${lineBytes},"payload":"${numberedLine(index)}"}`;

async function publishing(context: BenchContext): Promise<readonly Figure[]> {
  context.progress(`${lines} lines into mosquitto`);
  await using broker = await startBroker('mosquitto');
  const at = ['-p', String(broker.port)];
  const plain = await linesFile(context.directory, 'plain', lines);
  const json = await filled(context, 'json', envelope);
  const prefixed = await filled(
    context,
    'prefixed',
    (index) => `${topic}/${index % topics}=${numberedLine(index)}`,
  );
  const series = await paired(
    {
      plain: () => measure({...tmq('pub', ...at, '-t', topic, '-l'), stdin: plain, usage: true}),
      json: () => measure({...tmq('pub', ...at, '--json'), stdin: json, usage: true}),
      prefixed: () => measure({...tmq('pub', ...at, '--topic-from', '='), stdin: prefixed, usage: true}),
    },
    {rounds: context.rounds(7), warmUp: 1},
  );
  return [
    {
      label: 'pub --json / pub -l, CPU',
      unit: 'x',
      values: cpuRatios(series.json, series.plain),
      goal: atMost(2),
    },
    {label: '  most memory', unit: 'MB', values: series.json.peak, goal: atMost(110)},
    {
      label: `pub --topic-from with ${topics} topics / pub -l, CPU`,
      unit: 'x',
      values: cpuRatios(series.prefixed, series.plain),
      goal: atMost(1.3),
    },
  ];
}

async function subscribing(context: BenchContext): Promise<Figure> {
  context.progress(`${messages} messages as JSON`);
  await using flood = await startGenerator('flood', {count: messages, topic});
  const words = ['sub', '-p', String(flood.port), '-t', topic, '-C', String(messages)];
  const series = await paired(
    {json: () => measure(tmq(...words, '--json')), format: () => measure(tmq(...words, '-F', '%j'))},
    {rounds: context.rounds(5), warmUp: 1},
  );
  return {
    label: 'sub --json / sub -F %j',
    unit: 'x',
    values: wallRatios(series.json, series.format),
    goal: atMost(1.1),
  };
}

/** What arrives behind `sub --json | pub --json`, in per cent of what was sent: in order and byte for byte. */
async function copying(context: BenchContext): Promise<Figure> {
  context.progress(`${messages} messages through sub --json | pub --json`);
  await using flood = await startGenerator('flood', {count: messages, topic});
  await using broker = await startBroker('tmq');
  const receiver = tmq(
    'sub',
    '-p',
    String(broker.port),
    '-t',
    topic,
    '-C',
    String(messages),
    '-W',
    '120',
    '-d',
  );
  const output = join(context.directory, 'copied');
  const shell = `exec "$@" > '${output}'`;
  await using receiving = start('sh', ['-c', shell, 'sh', receiver.command, ...receiver.args], {
    timeoutMilliseconds: 150_000,
  });
  await receiving.waitFor('stderr', /received SUBACK/);
  const from = tmq('sub', '-p', String(flood.port), '-t', topic, '-C', String(messages), '--json');
  const into = tmq('pub', '-p', String(broker.port), '--json');
  const chain = `"$0" '${from.args[0]}' ${from.args.slice(1).join(' ')} | "$0" '${into.args[0]}' ${into.args.slice(1).join(' ')}`;
  await measure({command: 'sh', args: ['-c', chain, process.execPath]});
  await receiving.finished;
  const copied = (await readFile(output, 'utf8')).split('\n').slice(0, -1);
  const right = copied.filter((line, index) => line === numberedLine(index)).length;
  return {
    label: 'sub --json | pub --json: arrived as sent, in order',
    unit: '%',
    values: [(right / messages) * 100],
    goal: atLeast(100),
  };
}

export const envelopes: Bench = {
  name: 'envelope',
  summary: 'messages as lines, out of sub and into pub',
  async run(context) {
    await measure(tmq('pub', '--help'));
    return [...(await publishing(context)), await subscribing(context), await copying(context)];
  },
};
