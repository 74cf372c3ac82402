/**
 * `sub --where` under a flood of JSON, against `sub` that prints all of it and against jq behind a pipe. The three
 * versions get the same messages; what --where and jq choose is compared with what they should.
 */

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, numberedObject, objectBytes, tmq} from './bench.ts';
import {startGenerator} from './generator.ts';
import {measure, paired, wallRatios} from './measure.ts';
import {atLeast, atMost, type Figure} from './statistics.ts';

const messages = 500_000;
const chosen = messages / 10;
const topic = 'bench/flood';
const condition = '.temperature > 30';

/** Compares each line that --where chose with the message. */
async function correctness(path: string): Promise<number> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const right = lines.filter((line, index) => line === numberedObject(index * 10 + 9)).length;
  return lines.length === chosen ? (right / chosen) * 100 : 0;
}

export const conditions: Bench = {
  name: 'conditions',
  summary: 'sub --where under a flood of JSON',
  async run(context) {
    if (numberedObject(messages - 1).length !== objectBytes)
      throw new Error('The objects have another size.');
    await using flood = await startGenerator('flood', {count: messages, kind: 'object', topic});
    const at = ['-p', String(flood.port), '-t', topic];
    const all = [...at, '-C', String(messages)];
    const where = tmq('sub', ...at, '--where', condition, '-C', String(chosen));
    const shell = `"$@" | jq -c 'select(.payload${condition})' > /dev/null`;
    const format = tmq('sub', ...all, '-F', '%J');
    await measure(tmq('sub', '--help'));
    const series = await paired(
      {
        plain: () => measure(tmq('sub', ...all)),
        where: () => measure(where),
        topic: () => measure(tmq('sub', ...all, '--where', `topic ~ "^bench/" and not topic ~ "/x$"`)),
        jq: () => measure({command: 'sh', args: ['-c', shell, 'sh', format.command, ...format.args]}),
      },
      {rounds: context.rounds(5), warmUp: 1},
    );
    const output = join(context.directory, 'chosen');
    await measure({...where, stdout: output});
    const right = await correctness(output);
    const figures: readonly Figure[] = [
      {
        label: "sub --where '.temperature > 30' / sub",
        unit: 'x',
        values: wallRatios(series.where, series.plain),
        goal: atMost(3),
      },
      {label: '  output as it should be', unit: '%', values: [right], goal: atLeast(100)},
      {
        label: "sub -F %J | jq -c 'select(.payload.temperature > 30)' / sub --where",
        unit: 'x',
        values: wallRatios(series.jq, series.where),
        goal: atLeast(5),
      },
      {
        label: 'sub --where with two regular expressions on the topic / sub',
        unit: 'x',
        values: wallRatios(series.topic, series.plain),
      },
    ];
    return figures;
  },
};
