/**
 * `sub` under a flood: as many small messages as it takes, to the null device, a file and a pipe, at
 * QoS 1, and through formats. What it writes is compared byte for byte with what was sent.
 */

import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {join} from 'node:path';
import {type Bench, type BenchContext, numberedLine, tmq} from './bench.ts';
import {startGenerator} from './generator.ts';
import {cpuRatios, type Invocation, type Measurement, measure, paired, wallRatios} from './measure.ts';
import {makeCertificates} from './secure.ts';
import {atLeast, atMost, type Figure, type Goal} from './statistics.ts';

const messages = 1_000_000;
const topic = 'bench/flood';

interface Case {
  readonly label: string;
  readonly to: 'null' | 'file' | 'pipe';
  readonly args: readonly string[];
  readonly goal: Goal;
  readonly qos?: 0 | 1 | 2;
  /** Default: a million. */
  readonly count?: number;
  readonly isSecure?: boolean;
  /** Compared is processor time, not the time by the clock: over TLS, or where the sender waits for answers. */
  readonly byCpu?: boolean;
  /** What the whole output must be, if it is the same each time. */
  readonly line?: (index: number) => string;
}

const cases: readonly Case[] = [
  {label: 'to the null device', to: 'null', args: [], goal: atMost(0.1)},
  {label: 'to a file', to: 'file', args: [], goal: atMost(0.1), line: numberedLine},
  {label: 'to a pipe', to: 'pipe', args: [], goal: atMost(0.15), line: numberedLine},
  {label: '-q 1, to a file', to: 'file', args: [], qos: 1, goal: atMost(0.15), line: numberedLine},
  {
    label: '-q 2, 20 at a time, 200,000 messages, to a file, CPU',
    to: 'file',
    args: [],
    qos: 2,
    count: 200_000,
    byCpu: true,
    goal: atMost(0.5),
    line: numberedLine,
  },
  ...([0, 1, 2] as const).map((qos) => ({
    label: `TLS, -q ${qos}${qos === 2 ? ', 20 at a time, 200,000 messages' : ''}, to a file, CPU`,
    to: 'file' as const,
    args: [],
    qos,
    count: qos === 2 ? 200_000 : messages,
    isSecure: true,
    byCpu: true,
    goal: atMost(qos === 2 ? 0.7 : 0.3),
    line: numberedLine,
  })),
  {label: '-F %j, to a file', to: 'file', args: ['-F', '%j'], goal: atMost(0.15)},
  {
    label: "-F '%t %p', to a file",
    to: 'file',
    args: ['-F', '%t %p'],
    goal: atMost(0.15),
    line: (index) => `${topic} ${numberedLine(index)}`,
  },
];

/** Writes to the case's target; a pipe is one of the shell's, with `cat` behind it. */
async function receive(
  program: Pick<Invocation, 'command' | 'args'>,
  to: Case['to'],
  output: string,
): Promise<Measurement> {
  if (to === 'null') return await measure(program);
  if (to === 'file') return await measure({...program, stdout: output, usage: true});
  const {command, args} = program;
  return await measure({command: 'sh', args: ['-c', '"$@" | cat', 'sh', command, ...args], stdout: output});
}

async function sha256(chunks: AsyncIterable<Uint8Array | string>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

async function* expected(line: (index: number) => string, count: number) {
  const block = 10_000;
  for (let first = 0; first < count; first += block) {
    yield Array.from({length: block}, (_, offset) => `${line(first + offset)}\n`).join('');
  }
}

/** 100 if the output is as expected, else 0; with timestamps, one JSON object for each message is expected. */
async function correctness(path: string, {line, count = messages}: Case): Promise<number> {
  if (line !== undefined)
    return (await sha256(createReadStream(path))) === (await sha256(expected(line, count))) ? 100 : 0;
  let right = 0;
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const text of lines) if (JSON.parse(text).payload === numberedLine(right)) right++;
  }
  return (right / count) * 100;
}

async function runCase(context: BenchContext, one: Case): Promise<readonly Figure[]> {
  const {qos = 0, count = messages, isSecure = false, byCpu = false} = one;
  context.progress(`${count} messages ${one.label}`);
  const {directory} = context;
  const secure = isSecure ? {tls: directory} : {};
  await using flood = await startGenerator('flood', {count, qos, topic, ...secure});
  const place = ['-p', String(flood.port), ...(isSecure ? ['--cafile', join(directory, 'ca.crt')] : [])];
  const words = [...place, '-t', topic, '-q', String(qos), '-C', String(count), ...one.args];
  const output = join(context.directory, 'output');
  const theirOutput = join(context.directory, 'their-output');
  const series = await paired(
    {
      tmq: () => receive(tmq('sub', ...words), one.to, output),
      mosquitto: () => receive({command: 'mosquitto_sub', args: words}, one.to, theirOutput),
    },
    {rounds: context.rounds(3)},
  );
  const values = (byCpu ? cpuRatios : wallRatios)(series.tmq, series.mosquitto);
  const figure: Figure = {label: `${one.label} / mosquitto_sub`, unit: 'x', values, goal: one.goal};
  if (one.to === 'null') return [figure];
  const right = await correctness(output, one);
  return [figure, {label: '  output as sent', unit: '%', values: [right], goal: atLeast(100)}];
}

export const subflood: Bench = {
  name: 'subflood',
  summary: 'sub under a flood of small messages',
  async run(context) {
    await measure(tmq('sub', '--help'));
    await makeCertificates(context.directory);
    const figures: Figure[] = [];
    for (const one of cases) figures.push(...(await runCase(context, one)));
    return figures;
  },
};
