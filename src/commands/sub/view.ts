/** The three ways in which `sub` shows what comes: message by message, one line a topic, or a rate. */

import type {Formatter} from '../../format/format.ts';
import type {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import type {ColourChoice} from '../../io/terminal.ts';
import type {Message} from '../../protocol/message.ts';
import {createWatch} from './watch.ts';

export interface View extends Disposable {
  /** Every message that came, before any choice. */
  count(message: Message): void;
  /** A message that was chosen. */
  print(message: Message): void;
  /** What came at once has been printed, and is about to be written. */
  batchEnds(): void;
  /** The last words, before the output is flushed for the last time. */
  end(): void;
}

const nothing = () => undefined;

/**
 * Each message in its format. Messages that came at once have the same time: to ask the clock for each
 * of them costs more than all the rest of -F %t.
 */
export function formatView(format: Formatter, output: Output, io: Pick<Io, 'now'>): View {
  let time: bigint | undefined;
  const now = () => {
    time ??= io.now();
    return time;
  };
  return {
    count: nothing,
    print: (message) => format(message, output, now),
    batchEnds: () => {
      time = undefined;
    },
    end: nothing,
    [Symbol.dispose]: nothing,
  };
}

const millisecondsPerSecond = 1000;

/** Once a second how many messages came since the last time. */
export function rateView(output: Output): View {
  let messages = 0;
  const timer = setInterval(() => {
    output.text(`${messages} msgs/s\n`);
    messages = 0;
    // A failure shows itself in output.closed, which ends the command.
    output.flush().catch(nothing);
  }, millisecondsPerSecond);
  return {
    count: () => void messages++,
    print: nothing,
    batchEnds: nothing,
    end: nothing,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Where no terminal says otherwise; some say 0. */
export const usualRows = 24;

export interface WatchOptions {
  readonly format: Formatter;
  readonly output: Output;
  readonly io: Pick<Io, 'now' | 'stdout' | 'stderr' | 'env'>;
  readonly title: string;
  readonly color: ColourChoice;
}

/** One line for each topic, rewritten in place; drawn again when the terminal changes its size. */
export function watchView({format, output, io, title}: Omit<WatchOptions, 'color'>): View {
  const watch = createWatch(title, () => io.stdout.rows || usualRows);
  const draw = () => {
    output.text(watch.start());
    output.flush().catch(nothing);
  };
  draw();
  io.stdout.on('resize', draw);
  let ended = false;
  const end = () => {
    if (!ended) output.text(watch.end());
    ended = true;
  };
  return {
    count: nothing,
    print(message) {
      const line = new OneLine();
      format(message, line, io.now);
      output.text(watch.show(message.topic, line.toString()));
    },
    batchEnds: nothing,
    end,
    [Symbol.dispose]() {
      io.stdout.off('resize', draw);
      // An interrupted run also leaves the terminal as it was; this write is not awaited.
      end();
      output.flush().catch(nothing);
    },
  };
}

/** Takes formatted pieces and keeps them on one line: control characters would leave it. */
export class OneLine {
  #text = '';

  text(value: string): void {
    this.#text += value;
  }

  bytes(value: Uint8Array): void {
    this.#text += new TextDecoder().decode(value);
  }

  toString(): string {
    return this.#text.replace(/\n$/, '').replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
  }
}
