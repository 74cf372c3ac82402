/**
 * A progress line on stderr: on a terminal only, rewritten in place, erased at the end. It asks for its text when it
 * is drawn, so that counting costs the work nothing. Knows how to write numbers and rates, not what they count.
 */

import {firstCells} from './cells.ts';
import type {Io} from './process.ts';

export interface StatusLine extends Disposable {
  /** Makes room for another line; the next drawing brings it back. */
  erase(): void;
}

/** Five times a second is as much as an eye takes in. */
const intervalMilliseconds = 200;

const eraseLine = '\r\u001b[K';

/** The view where no line is shown. */
export const unwatched: StatusLine = {erase: () => undefined, [Symbol.dispose]: () => undefined};

/** Whether stderr is a terminal that can rewrite a line; one without a width, or a dumb one, cannot. */
export function canRewrite(io: Pick<Io, 'env' | 'stderr' | 'isStderrTerminal'>): boolean {
  if (io.isStderrTerminal === false || io.env.TERM === 'dumb') return false;
  const {stderr} = io;
  return stderr.isTTY === true && Number(stderr.columns) > 0;
}

/** Draws what `describe` says, if anything, until it is disposed of. Elsewhere than on a terminal it does nothing at all. */
export function statusLine(io: Pick<Io, 'env' | 'stderr'>, describe: () => string): StatusLine {
  if (!canRewrite(io)) return unwatched;
  const {stderr} = io;
  let drawn = false;
  const erase = () => {
    if (drawn) stderr.write(eraseLine);
    drawn = false;
  };
  const draw = () => {
    // In the last column some terminals go to the next line.
    const text = firstCells(describe(), Number(stderr.columns) - 1);
    if (text === '') return erase();
    stderr.write(`${eraseLine}${text}`);
    drawn = true;
  };
  const timer = setInterval(draw, intervalMilliseconds);
  timer.unref();
  return {
    erase,
    [Symbol.dispose]() {
      clearInterval(timer);
      erase();
    },
  };
}

/** 1234567 as '1,234,567'. */
export function grouped(number: number): string {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Bytes in the unit that leaves at most three digits before the point. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return power === 0
    ? `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`
    : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Seconds as '42 s', '3:05' or '1:02:03'. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** The rate covers the last seconds: the first bytes only fill the system's buffers, which looks faster. */
const rateSeconds = 5;

/**
 * Takes how much there is and when, in seconds; gives the bytes a second of late, as soon as there is something
 * to compare with. Less than before is a new beginning.
 */
export function recentRate(): (bytes: number, now: number) => number | undefined {
  let samples: {readonly bytes: number; readonly now: number}[] = [];
  return (bytes, now) => {
    if (bytes < (samples.at(-1)?.bytes ?? 0)) samples = [];
    // One that is older stays: the rate needs all of the time.
    const first = samples.findLastIndex((sample) => now - sample.now >= rateSeconds);
    samples = [...samples.slice(Math.max(0, first)), {bytes, now}];
    const begin = samples[0]!;
    return now > begin.now ? (bytes - begin.bytes) / (now - begin.now) : undefined;
  };
}
