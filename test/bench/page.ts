/**
 * The recorded figures in Markdown: all of them for FIGURES.md, the main ones for README.md. Pure.
 * Names each figure where C is better and each missed goal; the notes on a bench, and why its goals are
 * missed, are in notes.ts.
 */

import {benchNotes, type ReadmeRow, readmeRows, remarksOn} from './notes.ts';
import type {Recorded, RecordedFigure} from './record.ts';
import {goalsText, paceText} from './statistics.ts';

type Bench = Recorded['benches'][number];

/** With as many decimals as there is reason for, and its unit but for ratios. */
function shown(value: number, unit: RecordedFigure['unit']): string {
  const text = unit === '%' || value >= 20 ? value.toFixed(0) : value.toFixed(2);
  return unit === 'x' ? text : `${text} ${unit}`;
}

/** In a share less is better, in a multiple more. */
function isMoreBetter({goal}: RecordedFigure): boolean {
  return goal?.direction === 'at least';
}

/** A figure of tmq over one of mosquitto's programs, on the wrong side of 1. */
export function isWonByC(figure: RecordedFigure): boolean {
  const isOurs = /^(?!empty| {2}).* \/ (all of )?mosquitto\w*$/.test(figure.label);
  return isOurs && figure.unit === 'x' && (isMoreBetter(figure) ? figure.median < 1 : figure.median > 1);
}

/** The text next to a figure. @throws Error when a goal is missed and no note gives the reason */
function note(bench: string, figure: RecordedFigure): string {
  const texts = remarksOn(bench, figure, figure.verdict);
  if (figure.verdict === 'NOT MET' && texts.length === 0) {
    const key = `${bench}: ${figure.label.trim()}`;
    throw new Error(`Nothing says why a goal is missed: give '${key}' a reason in test/bench/notes.ts.`);
  }
  return texts.join('; ');
}

function verdict(figure: RecordedFigure): string {
  const texts = figure.verdict === 'told' ? [] : [figure.verdict === 'met' ? 'met' : '**not met**'];
  if (isWonByC(figure)) texts.push('**C wins**');
  return texts.join(', ');
}

function row(bench: string, figure: RecordedFigure): string {
  const {label, unit, median, lowerQuartile, upperQuartile, goal, rounds} = figure;
  const quartiles = rounds === 1 ? '' : `${shown(lowerQuartile, unit)} … ${shown(upperQuartile, unit)}`;
  const cells = [
    label.replace(/^ +/, '… '),
    shown(median, unit),
    quartiles,
    String(rounds),
    goal === undefined ? '' : `${goal.direction} ${goal.limit}`,
    verdict(figure),
    note(bench, figure),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('$', '\\$')).join(' | ')} |`;
}

function section({name, pace, figures}: Bench): string {
  return [
    `## ${name}`,
    '',
    ...(benchNotes[name] === undefined ? [] : [benchNotes[name], '']),
    ...(pace === undefined ? [] : [`On that machine, ${paceText(pace)}.`, '']),
    '| figure | median | quartiles | rounds | goal | verdict | |',
    '| --- | ---: | --- | ---: | --- | --- | --- |',
    ...figures.map((figure) => row(name, figure)),
    '',
  ].join('\n');
}

/** 'Node v20.20.2, mosquitto 2.0.11, …' */
function environmentText({environment}: Recorded): string {
  const named = ({machine, node, ...peers}: Recorded['environment']) => [
    `Node ${node}`,
    ...Object.entries(peers).map((entry) => entry.join(' ')),
    String(machine),
  ];
  return named(environment).join(', ');
}

/** FIGURES.md. */
export function figuresPage(recorded: Recorded): string {
  return [
    '# Figures',
    '',
    `${environmentText(recorded)}, over the loopback. Made by \`npm run -s bench -- --json > run.json\`, which exits with 1`,
    'when a goal is missed, and `npm run figures -- run.json`; a run of some benches, or several files, will do.',
    '',
    'Unless noted otherwise, a figure is the time or the memory of `tmq` divided by that of the other program. Whole',
    'programs run in turn, one pair after another; the figure is the median of the pairs, and the quartiles show how quiet',
    'the machine was. Milliseconds are left out, because those of one machine say little about another. The other programs',
    'are Debian’s builds of mosquitto with their default settings, and the npm packages `mqtt` and `aedes-cli`; variables',
    'that change how Node starts are removed from the environment.',
    '',
    ...recorded.benches.map(section),
  ].join('\n');
}

function figureOf(recorded: Recorded, key: string): RecordedFigure {
  for (const {name, figures} of recorded.benches) {
    const found = figures.find(({label}) => `${name}: ${label}` === key);
    if (found !== undefined) return found;
  }
  throw new Error(`There is no figure '${key}' any more: README's rows are in test/bench/notes.ts.`);
}

/** tmq's time divided by the other's, also where the figure is a rate. */
function timeRatio(figure: RecordedFigure): number {
  return isMoreBetter(figure) ? 1 / figure.median : figure.median;
}

function readmeRow(recorded: Recorded, {task, comparedWith, figure: key}: ReadmeRow): string {
  const figure = figureOf(recorded, key);
  const winner = isWonByC(figure) ? ' (**C wins**)' : '';
  return `| ${task} | ${comparedWith} | ${shown(timeRatio(figure), 'x')}${winner} |`;
}

/** README's section on performance: a row for each figure, where it was measured, and a link to the rest. */
export function readmeSection(recorded: Recorded): string {
  const verdicts = recorded.benches.flatMap(({figures}) => figures.map(({verdict}) => verdict));
  return [
    "Each figure is `tmq`'s time divided by the other program's, the median of runs in pairs (`npm run bench`). Below 1,",
    '`tmq` is faster.',
    '',
    '| task | compared with | figure |',
    '| --- | --- | ---: |',
    ...readmeRows.map((row) => readmeRow(recorded, row)),
    '',
    `[All figures](test/bench/FIGURES.md): ${goalsText(verdicts)}, and each of the others has its reason there.`,
    `Measured with ${environmentText(recorded)}.`,
    '',
  ].join('\n');
}

/** README.md with this below its heading. @throws Error when that is not there */
export function withSection(readme: string, text: string): string {
  const whole = /(?<=^## Performance\n\n).*?(?=\n## )/ms;
  if (!whole.test(readme)) throw new Error("README.md has no section 'Performance' with another behind it.");
  return readme.replace(whole, () => text);
}
