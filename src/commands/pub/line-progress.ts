/**
 * What `pub -l` and `pub -s` show on a terminal while they take their time: how many lines are sent and
 * acknowledged, how fast, and how long it will go on where the input is a file. Without a terminal,
 * nothing is counted.
 */

import {fstatSync} from 'node:fs';
import type {PublishProgress} from '../../client/types.ts';
import type {LineSpans} from '../../io/input/lines.ts';
import type {Io} from '../../io/process.ts';
import {
  bytesText,
  canRewrite,
  durationText,
  grouped,
  recentRate,
  type StatusLine,
  statusLine,
  unwatched,
} from '../../io/status-line.ts';
import type {ClientPlan} from '../client/client-options.ts';

export type LineBatches = AsyncIterable<LineSpans>;

export interface LinesWatch extends StatusLine {
  /** The batches, counted as they pass if the line is shown; it appears from here on. */
  start(): LineBatches;
}

/** Whether a line about progress is wanted: the packets of -d say more. */
export function isWatched(plan: ClientPlan, io: Io): boolean {
  return !plan.debug && !plan.quiet && canRewrite(io);
}

/** The size of what stdin still has in bytes, if it is a file. */
function inputBytes({stdin}: Pick<Io, 'stdin'>): number | undefined {
  try {
    const status = fstatSync(stdin.fd ?? 0);
    return status.isFile() ? status.size : undefined;
  } catch {
    return undefined;
  }
}

/** Shows how `progress` grows, once it is started. */
export function watchLines(
  batches: LineBatches,
  progress: PublishProgress,
  {plan, io}: {readonly plan: ClientPlan; readonly io: Io},
): LinesWatch {
  // What the user types stands on the same terminal.
  if (!isWatched(plan, io) || io.stdin.isTTY === true) return {...unwatched, start: () => batches};
  let line = unwatched;
  let bytes = 0;
  const total = inputBytes(io);
  const [lineRate, byteRate] = [recentRate(), recentRate()];
  const describe = () => {
    const now = performance.now() / 1000;
    const perSecond = lineRate(progress.acknowledged + progress.refused, now);
    const bytesPerSecond = byteRate(bytes, now);
    return linesText({...progress, bytes, perSecond, bytesPerSecond, total});
  };
  return {
    async *start() {
      line = statusLine(io, describe);
      for await (const batch of batches) {
        // Before it is sent: afterwards its memory may be used again.
        const {spans} = batch;
        for (let index = 0; index < spans.length; index += 2) bytes += spans[index + 1]! - spans[index]! + 1;
        yield batch;
      }
    },
    erase: () => line.erase(),
    [Symbol.dispose]: () => line[Symbol.dispose](),
  };
}

export interface LinesState extends PublishProgress {
  readonly bytes: number;
  /** The lines of late that were acknowledged or refused, and the bytes, as soon as they are known. */
  readonly perSecond: number | undefined;
  readonly bytesPerSecond: number | undefined;
  /** The size of the input in bytes, where it has one. */
  readonly total: number | undefined;
}

/** '12,000 lines, 61,000/s, 11,980 acknowledged, 45%, 3 s left' */
export function linesText(state: LinesState): string {
  const {read, acknowledged, refused, bytes, perSecond, bytesPerSecond = 0, total} = state;
  const parts = [`${grouped(read)} lines`];
  if (perSecond !== undefined) parts.push(`${grouped(perSecond)}/s`);
  if (acknowledged < read || refused > 0) parts.push(`${grouped(acknowledged)} acknowledged`);
  if (refused > 0) parts.push(`${grouped(refused)} refused`);
  if (total !== undefined && total > 0 && bytes > 0) {
    const left = Math.max(0, total - bytes);
    parts.push(`${Math.floor((1 - left / total) * 100)}%`);
    if (left > 0 && bytesPerSecond > 0) parts.push(`${durationText(left / bytesPerSecond)} left`);
  }
  return parts.join(', ');
}

/** Shows how much of stdin was read. */
export function watchReading(
  progress: {readonly bytes: number},
  {plan, io}: {readonly plan: ClientPlan; readonly io: Io},
): StatusLine {
  if (!isWatched(plan, io) || io.stdin.isTTY === true) return unwatched;
  return statusLine(io, () => `Reading standard input, ${bytesText(progress.bytes)}`);
}
