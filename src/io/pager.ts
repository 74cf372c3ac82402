/** Long text for people: page by page on a terminal, through a program of the user's choice. Knows no help. */

import {type ChildProcess, spawn} from 'node:child_process';
import {print} from './output.ts';
import type {Io} from './process.ts';

/** Where nothing is chosen: a short text is printed and stays; colours are kept. */
const usualPager = 'less -FRX';

/** Rows of a terminal that does not say how many it has. */
const usualRows = 24;

/** The columns for text: as wide as the terminal, from 60 to 120; 80 elsewhere. */
export function textWidth({columns, isTTY}: Io['stdout']): number {
  if (isTTY !== true || !Number(columns)) return 80;
  return Math.min(120, Math.max(60, Number(columns)));
}

/** The shell command that pages; undefined where there shall be none. */
function pagerOf({env, stdout}: Io, names: readonly string[]): string | undefined {
  if (stdout.isTTY !== true || env.TERM === undefined || env.TERM === 'dumb') return undefined;
  const chosen = names.map((name) => env[name]).find((value) => value !== undefined) ?? usualPager;
  return /^\s*(cat)?\s*$/.test(chosen) ? undefined : chosen;
}

/**
 * Prints text, through a pager where it is longer than the terminal. `names` are the environment variables that may
 * name the pager, the first before the others.
 */
export async function page(io: Io, text: string, names: readonly string[] = ['PAGER']): Promise<void> {
  const pager = pagerOf(io, names);
  const fits = text.split('\n').length <= (io.stdout.rows || usualRows);
  if (pager === undefined || fits || !(await pageThrough(pager, text, io))) await print(io, text);
}

/** Whether the pager was there. Ctrl-C is the pager's while it runs. */
async function pageThrough(pager: string, text: string, io: Io): Promise<boolean> {
  const env = {LESS: 'FRX', LV: '-c', ...io.env};
  const release = io.ignoreInterrupts?.();
  try {
    const child = spawn(pager, {shell: true, env, stdio: ['pipe', 'inherit', 'inherit']});
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined).end(text);
    return await endOf(child);
  } finally {
    release?.();
  }
}

/** What a shell ends with when there is no such command: 126, 127; 9009 on Windows. */
const notFound = [126, 127, 9009];

function endOf(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (status) => resolve(!notFound.includes(status ?? 0)));
  });
}

/** The formatters of manual pages, the first that works. */
const formatters = (columns: number) =>
  [
    ['man', ['-P', 'cat', '-l', '-'], {MANWIDTH: String(columns), MAN_KEEP_FORMATTING: '1'}],
    ['mandoc', ['-T', 'utf8', '-O', `width=${columns - 2}`], {}],
  ] as const;

/** A manual page as man or mandoc formats it; undefined where neither can. */
export async function formatManual(
  source: string,
  columns: number,
  env: Io['env'],
): Promise<string | undefined> {
  for (const [command, words, more] of formatters(columns)) {
    const text = await outputOf(command, words, {...env, ...more}, source);
    // Small images have a `man` that only says that there are no manuals.
    if (/^NAME$/m.test(text.replace(/.\u0008/g, ''))) return text;
  }
  return undefined;
}

/** What a command prints; '' where it fails. */
function outputOf(command: string, words: readonly string[], env: Io['env'], input: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, words, {env: {...env}, stdio: ['pipe', 'pipe', 'ignore']});
    const chunks: Buffer[] = [];
    child.once('error', () => resolve(''));
    child.stdin.on('error', () => undefined).end(input);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('close', (status) => resolve(status === 0 ? Buffer.concat(chunks).toString() : ''));
  });
}
