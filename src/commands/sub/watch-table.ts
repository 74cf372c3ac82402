/**
 * The screen of `sub --watch` on a terminal: a row for each topic, in order of first arrival, with how many messages
 * came, how long ago the last one did, and what it was. Fits the window. Knows nothing of MQTT.
 */

import {cellCount, firstCells} from '../../io/cells.ts';
import {oneSafeLine} from '../../io/sanitise.ts';

const clearScreen = '\u001b[2J';
const home = '\u001b[1;1H';
const eraseToEndOfLine = '\u001b[K';
const eraseBelow = '\u001b[J';
const wrapOff = '\u001b[?7l';
const wrapOn = '\u001b[?7h';

/** How topics, and what is less important, look. */
export interface TableLooks {
  readonly topic: (text: string) => string;
  readonly dim: (text: string) => string;
}

export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

interface Row {
  readonly topic: string;
  count: number;
  /** Of the last message, in milliseconds. */
  time: number;
  text: string;
}

const units = [
  [24 * 3600, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** '3 s', '12 min', '5 h', '2 d', or 'now' within a second. */
export function ageText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const unit = units.find(([size]) => seconds >= size);
  return unit === undefined ? 'now' : `${Math.floor(seconds / unit[0])} ${unit[1]}`;
}

/** 'a', or 'many…' where it has to be cut; it takes as many cells of the terminal as there are columns. */
function fitted(text: string, columns: number): string {
  const isWhole = cellCount(text) <= columns;
  const shown = isWhole ? text : `${firstCells(text, columns - 1)}…`;
  return shown + ' '.repeat(columns - cellCount(shown));
}

const countColumns = 9;
const ageColumns = 7;
/** Title and heading above the rows, the cursor below them. */
const otherLines = 3;

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export class WatchTable {
  readonly #title: string;
  readonly #looks: TableLooks;
  readonly #rows = new Map<string, Row>();
  #messages = 0;
  #longestTopic = 'topic'.length;

  constructor(title: string, looks: TableLooks) {
    this.#title = title;
    this.#looks = looks;
  }

  /** Takes a message: what to show of it, and when it came. */
  add(topic: string, text: string, time: number): void {
    this.#messages++;
    const row = this.#rows.get(topic);
    if (row !== undefined) {
      row.count++;
      row.time = time;
      row.text = text;
      return;
    }
    const shown = oneSafeLine(topic);
    this.#rows.set(topic, {topic: shown, count: 1, time, text});
    this.#longestTopic = Math.max(this.#longestTopic, cellCount(shown));
  }

  /** What to write first, and again after the window has changed its size. */
  start(size: WindowSize, now: number): string {
    return `${clearScreen}${wrapOff}${this.draw(size, now)}`;
  }

  /** The whole screen anew, in place. */
  draw({rows, columns}: WindowSize, now: number): string {
    const {dim} = this.#looks;
    const summary = `${plural(this.#rows.size, 'topic')}, ${plural(this.#messages, 'message')}`;
    const topicColumns = Math.min(this.#longestTopic, Math.max(12, Math.floor(columns * 0.4)));
    const heading = `${'count'.padStart(countColumns)}${'age'.padStart(ageColumns)}  ${fitted('topic', topicColumns)}  message`;
    const all = [...this.#rows.values()];
    const room = Math.max(1, rows - otherLines);
    // The line about those that do not fit takes a row, too.
    const fitting = all.length <= room ? all : all.slice(0, room - 1);
    const hidden = all.length - fitting.length;
    const lines = [
      `Broker: ${this.#title}  ${dim(summary)}`,
      dim(heading.slice(0, columns)),
      ...fitting.map((row) => this.#line(row, topicColumns, now)),
      ...(hidden > 0
        ? [dim(`${plural(hidden, 'more topic')} ${hidden === 1 ? 'does' : 'do'} not fit.`)]
        : []),
    ];
    return `${home}${lines.map((line) => `${line}${eraseToEndOfLine}\r\n`).join('')}${eraseBelow}`;
  }

  /** What to write at the end: the terminal as it was. */
  end(): string {
    return wrapOn;
  }

  #line({topic, count, time, text}: Row, topicColumns: number, now: number): string {
    const {topic: paint, dim} = this.#looks;
    const age = ageText(now - time).padStart(ageColumns);
    return `${String(count).padStart(countColumns)}${dim(age)}  ${paint(fitted(topic, topicColumns))}  ${text}`;
  }
}
