/**
 * Memory of `pub -l` under receivers that are fast, slow, or take nothing for a while: does the
 * program read on only as fast as the network takes, and does every byte arrive?
 */

import {rm} from 'node:fs/promises';
import {type Bench, type BenchContext, lineBytes, linesFile, tmq} from './bench.ts';
import {startGenerator} from './generator.ts';
import {type Invocation, measure} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

interface Receiver {
  readonly label: string;
  readonly lines: number;
  readonly qos: 0 | 1;
  readonly options: Readonly<Record<string, number>>;
}

const receivers: readonly Receiver[] = [
  {label: 'fast receiver, 200 MB', lines: 8_000_000, qos: 0, options: {}},
  {label: '25 MB/s receiver, 150 MB', lines: 6_000_000, qos: 0, options: {rate: 40_000_000}},
  {label: 'receiver that takes nothing for 3 s, 75 MB', lines: 3_000_000, qos: 0, options: {stall: 3000}},
  {label: '5 MB/s receiver at QoS 1, 15 MB', lines: 600_000, qos: 1, options: {rate: 8_000_000}},
];

async function peakInto(
  receiver: Receiver,
  invocation: (port: number) => Pick<Invocation, 'command' | 'args'>,
  stdin: string,
): Promise<{readonly peak: number; readonly arrived: number}> {
  await using sink = await startGenerator('sink', receiver.options);
  const {peakMegabytes} = await measure({...invocation(sink.port), stdin, usage: true});
  const {payloadBytes} = await sink.next();
  return {peak: peakMegabytes, arrived: (Number(payloadBytes) / (receiver.lines * lineBytes)) * 100};
}

async function runReceiver(context: BenchContext, receiver: Receiver): Promise<readonly Figure[]> {
  context.progress(receiver.label);
  const stdin = await linesFile(context.directory, 'lines', receiver.lines);
  const words = (port: number) => ['-p', String(port), '-t', 'bench/lines', '-l', '-q', String(receiver.qos)];
  const ours = await peakInto(receiver, (port) => tmq('pub', ...words(port)), stdin);
  const theirs = await peakInto(receiver, (port) => ({command: 'mosquitto_pub', args: words(port)}), stdin);
  await rm(stdin);
  return [
    {label: `peak memory, ${receiver.label}`, unit: 'MB', values: [ours.peak], goal: atMost(110)},
    {label: '  bytes arrived', unit: '%', values: [ours.arrived], goal: atLeast(100)},
    {label: '  mosquitto_pub, peak memory', unit: 'MB', values: [theirs.peak]},
    {label: '  mosquitto_pub, bytes arrived', unit: '%', values: [theirs.arrived]},
  ];
}

export const bounded: Bench = {
  name: 'bounded',
  summary: 'memory of pub -l for any receiver',
  async run(context) {
    const figures: Figure[] = [];
    for (const receiver of receivers) figures.push(...(await runReceiver(context, receiver)));
    return figures;
  },
};
