/** What a bench is: a name, a sentence, and a run that gives figures. */

import {rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Invocation} from './measure.ts';
import type {Figure} from './statistics.ts';

export interface BenchContext {
  /** A directory of this run's own, gone afterwards. */
  readonly directory: string;
  /** Repetitions: --rounds, or the bench's own number. */
  rounds(usual: number): number;
  /** Prints progress to stderr. */
  progress(line: string): void;
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

const root = join(import.meta.dirname, '..', '..');

/** Where the clone is. */
export const projectDirectory = root;

/** The words that start this clone's tmq, as installed: its loader, and the bundles it loads. */
export function tmq(...args: readonly string[]): Pick<Invocation, 'command' | 'args'> {
  return {command: process.execPath, args: [join(root, 'bin', 'tmq.js'), ...args]};
}

/** A script that does nothing: what Node itself takes. Written anew each time; gives its path. */
export async function emptyScript(directory: string): Promise<string> {
  const path = join(directory, 'empty.cjs');
  await writeFile(path, '');
  return path;
}

/** A line of 24 bytes with its number: all lines differ, and all have one length. */
export function numberedLine(index: number): string {
  return `line ${String(index).padStart(19, '0')}`;
}

/** How many bytes a numbered line has, without its newline. */
export const lineBytes = 24;

/** Writes `count` numbered lines to a new file of this name and gives its path. */
export async function linesFile(directory: string, name: string, count: number): Promise<string> {
  const path = join(directory, name);
  await rm(path, {force: true});
  const block = 50_000;
  for (let first = 0; first < count; first += block) {
    const size = Math.min(block, count - first);
    const text = Array.from({length: size}, (_, offset) => `${numberedLine(first + offset)}\n`).join('');
    await writeFile(path, text, {flag: 'a'});
  }
  return path;
}

/** How many bytes an object of JSON has. */
export const objectBytes = 200;

/** An object of JSON with 200 bytes, as a sensor sends it; every tenth, beginning with the tenth, is above 30 degrees. */
export function numberedObject(index: number): string {
  const temperature = index % 10 === 9 ? 30.5 : 20 + (index % 10);
  const time = new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString();
  const text = `{"id":${index},"time":"${time}","sensor":{"model":"THS-2","firmware":"1.4.2"},"temperature":${temperature.toFixed(1)},"humidity":41.5,"battery":{"volts":2.97,"low":false},"note":""}`;
  return text.replace('"note":""', `"note":"${'x'.repeat(objectBytes - text.length)}"`);
}
