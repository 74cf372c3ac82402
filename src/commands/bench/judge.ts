/** --fail-if of bench: a condition about the figures of the report. */

import {parseCondition, type Vocabulary} from '../../condition/parse.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {type Figures, type Kind, mainLatency} from './report.ts';

/** Milliseconds of each unit. */
const units = {us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000};

const everywhere = ['clients', 'connected', 'refused', 'disconnected', 'rate'] as const;
const ofPublishers = ['sent', 'acknowledged', 'unsent', 'rejected'] as const;
const ofSubscribers = ['received', 'lost', 'twice', 'disordered', 'foreign'] as const;
const ofLatencies = ['p50', 'p90', 'p99', 'p99.9', 'max', 'mean'] as const;

/** The names of each kind's figures. */
const names = {
  conn: everywhere,
  pub: [...everywhere, ...ofPublishers],
  sub: [...everywhere, ...ofSubscribers],
  e2e: [...everywhere, ...ofPublishers, ...ofSubscribers],
} as const;

interface Subject {
  readonly figures: Figures;
  /** A latency was asked for, and there is none. */
  misses: boolean;
}

/**
 * Reads the condition; what it gives returns the error of a report for which it is true.
 * @throws UsageError with the column
 */
export function failureTest(text: string, kind: Kind): (figures: Figures) => TmqError | undefined {
  const figure = (name: keyof Figures) => [name, ({figures}: Subject) => figures[name]] as const;
  const latency = (name: (typeof ofLatencies)[number]) =>
    [
      name,
      (subject: Subject) => {
        const value = subject.figures[mainLatency[kind]]?.[name];
        if (value === undefined) subject.misses = true;
        return value;
      },
    ] as const;
  const vocabulary: Vocabulary<Subject> = {
    names: Object.fromEntries([...names[kind].map(figure), ...ofLatencies.map(latency)]),
    units,
  };
  const isTrue = parseCondition(text, vocabulary, '--fail-if');
  return (figures) => {
    const subject = {figures, misses: false};
    if (isTrue(subject)) return new TmqError(`The report fulfils --fail-if '${text}'.`, ExitCode.unexpected);
    if (!subject.misses) return undefined;
    return new TmqError(
      `--fail-if '${text}' asks for a latency, and none was measured: see the report.`,
      ExitCode.unexpected,
    );
  };
}
