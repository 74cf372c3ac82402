/** The published figures: those of the last run, the same in each place, and rounded to the worse side. */

import assert from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {readmeRows} from '../bench/notes.ts';
import {figuresPage, isWonByC, readmeSection, withSection} from '../bench/page.ts';
import {type Recorded, type RecordedFigure, type Run, withRun} from '../bench/record.ts';
import {summary, table} from '../bench/report.ts';
import {judge, summarise} from '../bench/statistics.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: readonly string[]) => readFileSync(join(root, ...path), 'utf8');
const recorded = JSON.parse(read('test', 'bench', 'figures.json')) as Recorded;
const benches = [...read('test', 'bench', 'main.ts').matchAll(/^ {2}(\w+): async \(\) => \(await/gm)].map(
  ([, name]) => name,
);

test('README.md and FIGURES.md say what figures.json says; otherwise: npm run figures', () => {
  assert.equal(read('test', 'bench', 'FIGURES.md'), figuresPage(recorded));
  const readme = read('README.md');
  assert.equal(readme, withSection(readme, readmeSection(recorded)));
});

test('every bench has its figures there, and each that misses its goal says why', () => {
  assert.ok(benches.length >= 9);
  assert.deepEqual(recorded.benches.map(({name}) => name).sort(), benches.sort());
  const rows = figuresPage(recorded)
    .split('\n')
    .filter((line) => line.includes('**not met**'));
  const missed = recorded.benches.flatMap(({figures}) =>
    figures.filter(({verdict}) => verdict === 'NOT MET'),
  );
  assert.equal(rows.length, missed.length);
  for (const line of rows) assert.match(line, /\*\*not met\*\*.* \| \S.* \|$/);
  assert.ok(existsSync(join(root, 'test', 'bench', 'FIGURES.md')));
});

const figure = (label: string, values: readonly number[], more: Partial<RecordedFigure> = {}) => {
  const whole = {label, unit: 'x' as const, values, ...more};
  return {...whole, ...summarise(values), verdict: judge(whole)};
};
const run = (name: string, ...figures: readonly ReturnType<typeof figure>[]): Run => ({
  environment: {node: 'v20.19.0', mosquitto: '2.0.11', machine: 'linux x64, 2 processors'},
  benches: [{name, pace: {emptyScriptMilliseconds: 20.4, roundTripMicroseconds: 60}, figures}],
});

test('a run takes the place of what it measured anew, and of nothing else', () => {
  const first = withRun(undefined, run('one', figure('a', [1.23456, 2, 3])));
  const second = withRun(first, run('two', figure('b', [4])));
  const third = withRun(second, run('one', figure('a', [5])));
  assert.deepEqual(
    third.benches.map(({name, figures}) => [name, figures.map(({median, rounds}) => [median, rounds])]),
    [
      ['one', [[5, 1]]],
      ['two', [[4, 1]]],
    ],
  );
  assert.deepEqual(first.benches[0]!.figures[0], {
    label: 'a',
    unit: 'x',
    rounds: 3,
    median: 2,
    lowerQuartile: 1.617,
    upperQuartile: 2.5,
    verdict: 'told',
  });
  const elsewhere = {...run('one', figure('a', [1])), environment: {node: 'v22.0.0'}};
  assert.throws(() => withRun(second, elsewhere), /two would have to be measured anew/);
  assert.deepEqual(withRun(first, elsewhere).environment, {node: 'v22.0.0'});
});

test('C wins where it does: more time than it takes, or fewer messages', () => {
  const wins = (label: string, median: number, more: Partial<RecordedFigure> = {}) =>
    isWonByC(withRun(undefined, run('one', figure(label, [median], more))).benches[0]!.figures[0]!);
  assert.equal(wins('pub / mosquitto_pub', 1.01), true);
  assert.equal(wins('pub / mosquitto_pub', 0.99), false);
  assert.equal(wins('wall / all of mosquitto', 1.2), true);
  const multiple = {goal: {direction: 'at least', limit: 2}} as const;
  assert.equal(wins('QoS 0 / mosquitto', 1.9, multiple), false);
  assert.equal(wins('QoS 0 / mosquitto', 0.9, multiple), true);
  // Not ours, not theirs.
  assert.equal(wins('empty node script / mosquitto_pub', 4), false);
  assert.equal(wins('  the receiver, given ready packets / mosquitto_pub', 1.1), false);
  assert.equal(wins('pub / npm mqtt pub', 2), false);
});

test('a bench records how fast the machine was', () => {
  const page = figuresPage(withRun(undefined, run('one', figure('a', [1]))));
  const pace = 'an empty Node script takes 20 ms, and a byte to another process and back 60 µs';
  assert.ok(page.includes(`\nOn that machine, ${pace}.\n`));
  assert.ok(table(run('one', figure('a', [1])).benches[0]!).endsWith(`\nHere ${pace}.\n`));
});

test('README has a figure a row, below 1 where tmq is faster, also where the bench measures a rate', () => {
  const rows = readmeSection(recorded)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| task') && !line.startsWith('| ---'));
  assert.equal(rows.length, readmeRows.length);
  for (const row of rows)
    assert.match(row, /^\| [^|]+ \| `[^|]+ \| \d+(?:\.\d\d)?(?: \(\*\*C wins\*\*\))? \|$/);
  const brokerRow = readmeRows.find(({figure: key}) => key.startsWith('broker: '))!;
  const twice = figure(brokerRow.figure.replace('broker: ', ''), [4], {
    goal: {direction: 'at least', limit: 2},
  });
  const others = recorded.benches.filter(({name}) => name !== 'broker');
  const fast = {...recorded, benches: [...others, withRun(undefined, run('broker', twice)).benches[0]!]};
  assert.ok(readmeSection(fast).includes(`| ${brokerRow.task} | ${brokerRow.comparedWith} | 0.25 |\n`));
});

test('a row of README whose figure is gone is an error', () => {
  assert.throws(() => readmeSection({...recorded, benches: []}), /There is no figure 'startup: /);
});

test('a goal that is missed needs a reason', () => {
  const missed = figure('new', [2], {goal: {direction: 'at most', limit: 1}});
  assert.throws(() => figuresPage(withRun(undefined, run('one', missed))), /'one: new'/);
  assert.match(
    figuresPage(withRun(undefined, run('one', {...missed, remark: 'the disk'}))),
    /\| new \| 2\.00 \| {2}\| 1 \| at most 1 \| \*\*not met\*\* \| the disk \|/,
  );
});

test('the benches end with how many goals are met, and which are not; their table says why', () => {
  const label = '  QoS 0, 500,000 lines, wall / mosquitto_pub';
  const missed = figure(label, [2], {goal: {direction: 'at most', limit: 1}});
  const met = figure('b', [1], {goal: {direction: 'at least', limit: 1}});
  const results = run('publine', missed, met, figure('c', [1])).benches;
  assert.equal(
    summary(results),
    'not met: publine: QoS 0, 500,000 lines, wall / mosquitto_pub\n1 of 2 goals are met.\n',
  );
  assert.match(
    table(results[0]!),
    /wall \/ mosquitto_pub .* at most 1 +NOT MET +\(the broker is the limit.*\)$/m,
  );
});
