/** Prints figures: a table for people, or one JSON document for programs. */

import {arch, cpus, platform} from 'node:os';
import {remarksOn} from './notes.ts';
import {type Figure, goalsText, judge, type Pace, paceText, summarise} from './statistics.ts';

export interface BenchResult {
  readonly name: string;
  readonly pace: Pace;
  readonly figures: readonly Figure[];
}

const decimals = (value: number, unit: Figure['unit']): string =>
  unit === 'x' || unit === 's' ? value.toFixed(value < 10 ? 2 : 1) : value.toFixed(1);

function row(bench: string, figure: Figure): readonly string[] {
  const {median, lowerQuartile, upperQuartile} = summarise(figure.values);
  const show = (value: number) => decimals(value, figure.unit);
  const goal = figure.goal === undefined ? '' : `${figure.goal.direction} ${figure.goal.limit}`;
  const verdict = judge(figure);
  const remarks = remarksOn(bench, figure, verdict).join('; ');
  return [
    figure.label,
    `${show(median)} ${figure.unit}`,
    `${show(lowerQuartile)} … ${show(upperQuartile)}`,
    goal,
    verdict === 'told' ? '' : verdict,
    remarks === '' ? '' : `(${remarks})`,
  ];
}

/** A table of one bench: the figure, its median, its quartiles, its goal, the verdict, and why a goal is missed. */
export function table({name, pace, figures}: BenchResult): string {
  const rows = [[name, 'median', 'quartiles', 'goal', '', ''], ...figures.map((figure) => row(name, figure))];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\nHere ${paceText(pace)}.\n`;
}

/** The versions and the machine, without which figures mean little. */
export function surroundings(peers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return {node: process.version, ...peers, machine: `${platform()} ${arch()}, ${cpus().length} processors`};
}

/** How many goals are met, and which are not. */
export function summary(results: readonly BenchResult[]): string {
  const judged = results.flatMap(({name, figures}) =>
    figures.map((figure) => ({name, label: figure.label.trim(), verdict: judge(figure)})),
  );
  const missed = judged.filter(({verdict}) => verdict === 'NOT MET');
  if (judged.every(({verdict}) => verdict === 'told')) return '';
  return [
    ...missed.map(({name, label}) => `not met: ${name}: ${label}`),
    `${goalsText(judged.map(({verdict}) => verdict))}.`,
    '',
  ].join('\n');
}

/** Everything, with every round's value. */
export function document(
  results: readonly BenchResult[],
  environment: Readonly<Record<string, string>>,
): string {
  const benches = results.map(({name, pace, figures}) => ({
    name,
    pace,
    figures: figures.map((figure) => ({...figure, ...summarise(figure.values), verdict: judge(figure)})),
  }));
  return `${JSON.stringify({environment, benches}, null, 2)}\n`;
}
