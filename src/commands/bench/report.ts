/**
 * The report of a load: its figures by name, for people, for --fail-if and as JSON; and the file that bench merge
 * reads. Pure.
 */

import {TmqError} from '../../errors.ts';
import {Histogram, type HistogramData} from '../../load/measuring/histogram.ts';
import {lostMessages} from '../../load/measuring/loss.ts';
import {addUp, type Measurement, total} from '../../load/measuring/measurement.ts';
import {isMeasurement} from '../../load/measuring/measurement-shape.ts';
import type {Identifier} from '../../load/plan.ts';

/** What a load is about. */
export const kinds = ['conn', 'pub', 'sub', 'e2e'] as const;
export type Kind = (typeof kinds)[number];

/** Percentiles and the like of one latency, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly 'p99.9': number;
  readonly max: number;
  readonly mean: number;
}

export interface Report {
  readonly format: 'tmq-bench';
  readonly version: 1;
  readonly kind: Kind;
  /** What the runs in it are called; several where it was merged. */
  readonly runs: readonly Identifier[];
  /** Whether messages were due at fixed times, against which latencies count. */
  readonly scheduled: boolean;
  /** Of the published messages and the subscriptions. */
  readonly qos: number;
  readonly measurement: Measurement;
}

/** The figures of a report. Those that the kind does not have, or that were not measured, are left out. */
export interface Figures {
  readonly clients: number;
  readonly connected: number;
  readonly refused: number;
  /** Connections that ended before their time. */
  readonly disconnected: number;
  readonly sent?: number;
  readonly acknowledged?: number;
  readonly unsent?: number;
  /** Messages that the broker refused. */
  readonly rejected?: number;
  readonly received?: number;
  readonly lost?: number;
  readonly twice?: number;
  readonly disordered?: number;
  readonly foreign?: number;
  /** A second: connections of conn, messages sent of pub, messages received of sub and e2e. */
  readonly rate?: number;
  readonly connect?: Latency;
  readonly acknowledge?: Latency;
  readonly message?: Latency;
}

function latencyOf(data: HistogramData): Latency | undefined {
  const histogram = Histogram.from(data);
  if (histogram.count === 0) return undefined;
  const at = (percent: number) => rounded(histogram.percentile(percent)!);
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    'p99.9': at(99.9),
    max: rounded(histogram.maximum),
    mean: rounded(histogram.mean!),
  };
}

/** To a microsecond. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** A second, over a time of at least a millisecond. */
export function perSecond(count: number, seconds: number): number {
  return Math.round((count / Math.max(seconds, 0.001)) * 10) / 10;
}

/** The figures of a report. */
export function figuresOf({kind, measurement}: Report): Figures {
  const {clients, connected, refused, lost, latency, ...counts} = measurement;
  const rates = {
    conn: () => perSecond(connected, counts.connectSeconds),
    pub: () => perSecond(counts.sent, counts.sendSeconds),
    sub: () => perSecond(counts.received, counts.receiveSeconds),
    e2e: () => perSecond(counts.received, counts.receiveSeconds),
  };
  const publishes = kind === 'pub' || kind === 'e2e';
  const receives = kind === 'sub' || kind === 'e2e';
  const connect = latencyOf(latency.connect);
  const acknowledge = latencyOf(latency.acknowledge);
  const message = latencyOf(latency.message);
  return {
    clients,
    connected,
    refused: total(refused),
    disconnected: total(lost),
    ...(publishes && {
      sent: counts.sent,
      acknowledged: counts.acknowledged,
      unsent: counts.unsent,
      rejected: total(counts.refusedMessages),
    }),
    ...(receives && {
      received: counts.received,
      lost: lostMessages(measurement),
      twice: counts.twice,
      disordered: counts.disordered,
      foreign: counts.foreign,
    }),
    rate: rates[kind](),
    ...(connect && {connect}),
    ...(acknowledge && {acknowledge}),
    ...(message && {message}),
  };
}

/** The kind of latency that a kind of load is about. */
export const mainLatency = {conn: 'connect', pub: 'acknowledge', sub: 'message', e2e: 'message'} as const;

/** The report as one line of JSON, with its figures. */
export function toJson(report: Report): string {
  const {measurement, ...head} = report;
  return `${JSON.stringify({...head, figures: figuresOf(report), measurement})}\n`;
}

/** The report in a text. @param name the file, for errors @throws TmqError for what is none, or a newer one */
export function parseReport(text: string, name: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TmqError(`${name} is not JSON. bench merge takes what tmq bench --json prints.`, 1, {
      cause: error,
    });
  }
  const {format, version, kind, runs, scheduled, qos, measurement} = (value ?? {}) as Partial<Report>;
  if (format !== 'tmq-bench') {
    throw new TmqError(`${name} is no report of tmq bench. bench merge takes what tmq bench --json prints.`);
  }
  if (version !== 1) {
    throw new TmqError(
      `${name} is a report of format ${version}, and this tmq reads format 1. Take the same tmq for both.`,
    );
  }
  if (!kinds.includes(kind!) || !Array.isArray(runs) || !isMeasurement(measurement)) {
    throw new TmqError(`${name} is a damaged report of tmq bench: parts of it are missing or wrong.`);
  }
  return {format, version, kind: kind!, runs, scheduled: scheduled === true, qos: qos ?? 0, measurement};
}

/**
 * Several reports as one: of one kind added up, of pub and sub together an e2e.
 * @param names the files, for errors @throws TmqError where a run is in two of them, or kinds do not fit
 */
export function mergeReports(reports: readonly Report[], names: readonly string[]): Report {
  const owner = new Map<Identifier, string>();
  for (const [index, {runs}] of reports.entries()) {
    for (const run of runs) {
      const other = owner.get(run);
      if (other !== undefined)
        throw new TmqError(`${other} and ${names[index]} have the same run: it would count twice.`);
      owner.set(run, names[index]!);
    }
  }
  const found = [...new Set(reports.map(({kind}) => kind))].sort();
  const kind = found.length === 1 ? found[0]! : 'e2e';
  if (found.length > 1 && found.includes('conn')) {
    throw new TmqError(
      `Reports of ${found.join(' and ')} say different things: merge those of conn by themselves.`,
    );
  }
  return {
    format: 'tmq-bench',
    version: 1,
    kind,
    runs: [...owner.keys()],
    scheduled: reports.every(({scheduled}) => scheduled),
    qos: Math.min(...reports.map(({qos}) => qos)),
    measurement: addUp(reports.map(({measurement}) => measurement)),
  };
}
