/**
 * The last full run of the benches, as it is kept in figures.json: medians and quartiles, what they were
 * to reach, and where. Pure; a newer run of some benches takes the place of their older figures.
 */

import type {Figure, Pace, Summary, Verdict} from './statistics.ts';

export interface RecordedFigure extends Omit<Figure, 'values'>, Summary {
  readonly rounds: number;
  readonly verdict: Verdict;
}

export interface Recorded {
  readonly environment: Readonly<Record<string, string>>;
  readonly benches: readonly {
    readonly name: string;
    /** Of the machine; the oldest records have none. */
    readonly pace?: Pace;
    readonly figures: readonly RecordedFigure[];
  }[];
}

/** What `npm run bench -- --json` prints. */
export interface Run {
  readonly environment: Readonly<Record<string, string>>;
  readonly benches: readonly {
    readonly name: string;
    readonly pace: Pace;
    readonly figures: readonly (Figure & Summary & {readonly verdict: Verdict})[];
  }[];
}

const rounded = (value: number): number => Number(value.toPrecision(4));

function recordedFigure({values, ...figure}: Run['benches'][number]['figures'][number]): RecordedFigure {
  const {median, lowerQuartile, upperQuartile, ...rest} = figure;
  return {
    ...rest,
    rounds: values.length,
    median: rounded(median),
    lowerQuartile: rounded(lowerQuartile),
    upperQuartile: rounded(upperQuartile),
  };
}

/**
 * The record with a run's benches in it, in the order that they had, new ones behind.
 * @throws Error when what stays was measured elsewhere, or with other versions
 */
export function withRun(recorded: Recorded | undefined, run: Run): Recorded {
  const fresh = new Map(
    run.benches.map(({name, pace, figures}) => [name, {name, pace, figures: figures.map(recordedFigure)}]),
  );
  const kept = (recorded?.benches ?? []).filter(({name}) => !fresh.has(name));
  if (kept.length > 0 && JSON.stringify(recorded?.environment) !== JSON.stringify(run.environment)) {
    const names = kept.map(({name}) => name).join(', ');
    throw new Error(`Elsewhere, or with other versions, ${names} would have to be measured anew, too.`);
  }
  const order = [...new Set([...(recorded?.benches ?? []).map(({name}) => name), ...fresh.keys()])];
  const byName = new Map(kept.map((bench) => [bench.name, bench]));
  return {environment: run.environment, benches: order.map((name) => fresh.get(name) ?? byName.get(name)!)};
}
