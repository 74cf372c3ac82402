/**
 * Medians, quartiles and the verdict on a figure. Pure: it knows no process and no clock.
 */

/** What a figure must reach. */
export interface Goal {
  readonly direction: 'at most' | 'at least';
  readonly limit: number;
}

/** One line of the table: values of one unit, a round each, and what their median should be. */
export interface Figure {
  /** 'pub one-shot / empty script' */
  readonly label: string;
  /** 'x' is a ratio of paired runs, '%' a share, 'MB' a size in 10^6 bytes, 's' seconds. */
  readonly unit: 'x' | '%' | 'MB' | 's';
  /** One a round. */
  readonly values: readonly number[];
  /** Absent: reported, without a verdict. */
  readonly goal?: Goal;
  /** What a reader must know to judge the figure fairly. */
  readonly remark?: string;
}

/** How fast the machine is: medians. */
export interface Pace {
  /** Of a process that runs an empty script. */
  readonly emptyScriptMilliseconds: number;
  /** Of a byte to another process and back over TCP, as clients and brokers speak to each other. */
  readonly roundTripMicroseconds: number;
}

export interface Summary {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

export type Verdict = 'met' | 'NOT MET' | 'told';

/** A goal that the median be no more than `limit`. */
export function atMost(limit: number): Goal {
  return {direction: 'at most', limit};
}

/** A goal that the median be no less than `limit`. */
export function atLeast(limit: number): Goal {
  return {direction: 'at least', limit};
}

/** The value below which a share (0…1) of the values lies, interpolated between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** Median and quartiles. */
export function summarise(values: readonly number[]): Summary {
  return {
    median: quantile(values, 0.5),
    lowerQuartile: quantile(values, 0.25),
    upperQuartile: quantile(values, 0.75),
  };
}

/** Whether the median reaches the goal; a figure without values does not. */
export function judge(figure: Figure): Verdict {
  if (figure.goal === undefined) return 'told';
  const {median} = summarise(figure.values);
  const {direction, limit} = figure.goal;
  return (direction === 'at most' ? median <= limit : median >= limit) ? 'met' : 'NOT MET';
}

/** Ratios of paired values, round by round. */
export function ratios(values: readonly number[], references: readonly number[]): readonly number[] {
  return values.map((value, round) => value / (references[round] ?? Number.NaN));
}

/** '24 of 33 goals are met' */
export function goalsText(verdicts: readonly Verdict[]): string {
  const judged = verdicts.filter((each) => each !== 'told');
  return `${judged.filter((each) => each === 'met').length} of ${judged.length} goals are met`;
}

/** 'an empty Node script takes 41 ms, and a byte to another process and back 170 µs' */
export function paceText({emptyScriptMilliseconds, roundTripMicroseconds}: Pace): string {
  const [script, trip] = [emptyScriptMilliseconds, roundTripMicroseconds].map(Math.round);
  return `an empty Node script takes ${script} ms, and a byte to another process and back ${trip} µs`;
}
