/** --summary: the counts of a run, for a person or a program. */

/** Of messages, but `seconds`. */
export interface RunCounts {
  readonly read: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Sent once more on another connection: they may have arrived twice. */
  readonly repeated: number;
  /** Lines that are no messages. */
  readonly invalid: number;
  readonly dropped: number;
  /** Left in the spool. */
  readonly spooled: number;
  readonly seconds: number;
}

const words: Readonly<Record<keyof RunCounts, string>> = {
  read: 'read',
  acknowledged: 'acknowledged',
  refused: 'refused',
  repeated: 'sent again',
  invalid: 'invalid',
  dropped: 'dropped',
  spooled: 'left in the spool',
  seconds: 's',
};

/** '1000 read, 1000 acknowledged, 12 sent again, 3.214 s'; what is 0 is left out but for the first two. */
export function summaryText(counts: RunCounts): string {
  const always: ReadonlySet<string> = new Set(['read', 'acknowledged', 'seconds']);
  return Object.entries(words)
    .map(([key, word]) => ({key, word, count: counts[key as keyof RunCounts]}))
    .filter(({key, count}) => always.has(key) || count > 0)
    .map(({word, count}) => `${count} ${word}`)
    .join(', ');
}
