/**
 * Asks a person for secrets and for a yes: on the terminal, with no echo from the first prompt to the last,
 * questions on stderr or the terminal itself, never on stdout. Where standard input is no terminal, a secret
 * is its next line, without a question. Knows nothing of what the secrets are for.
 */

import {closeSync, openSync, writeSync} from 'node:fs';
import type {Readable} from 'node:stream';
import {setImmediate, setTimeout} from 'node:timers/promises';
import {isatty, ReadStream} from 'node:tty';
import {Interrupted, TmqError} from '../errors.ts';
import {chunkReader} from './input/chunk-reader.ts';
import {type LineEditor, lineEditor, type Stroke} from './line-editor.ts';
import type {Io} from './process.ts';

export interface Prompter extends AsyncDisposable {
  /** Whether there is a person to ask. */
  readonly interactive: boolean;
  /** A line without its end; empty at the end of the input. @throws Interrupted on ^C and on a signal */
  secret(prompt: string): Promise<Buffer>;
  /** A further line that a program has written already, or writes at once; undefined where there is none. */
  next(): Promise<Buffer | undefined>;
  /** Whether the answer begins with 'y'. Only where `interactive`. */
  confirm(question: string): Promise<boolean>;
}

/** Longer lines are cut; they are still longer than any check allows. */
const maximumLength = 65_536;

/** A terminal to read keys from and to write prompts to. */
interface Console {
  readonly input: Readable & {setRawMode?: (raw: boolean) => unknown};
  write(text: string | Uint8Array): void;
  close(): void;
}

/** How long a program may take between two lines that belong together. */
const pauseMilliseconds = 250;

/** Secrets as lines of a pipe or file. */
function linePrompter(io: Io): Prompter {
  const done = new AbortController();
  const source = chunkReader(io.stdin, AbortSignal.any([io.signal, done.signal]));
  let rest: Buffer = Buffer.alloc(0);
  const line = async (): Promise<Buffer> => {
    for (;;) {
      const end = rest.indexOf('\n');
      if (end !== -1 || rest.length > maximumLength) {
        const found = rest.subarray(0, end === -1 ? rest.length : end);
        rest = rest.subarray(found.length + 1);
        return withoutReturn(found);
      }
      const chunk = await source.next();
      if (chunk === undefined) {
        const found = rest;
        rest = Buffer.alloc(0);
        return withoutReturn(found);
      }
      rest = Buffer.concat([rest, chunk]);
    }
  };
  return {
    interactive: false,
    secret: line,
    async next() {
      // A program may keep the pipe open for good: its end is not waited for.
      const more = rest.length > 0 ? Promise.resolve(rest) : source.next();
      more.catch(() => undefined);
      const chunk = await Promise.race([more, setTimeout(pauseMilliseconds, undefined)]);
      if (chunk === undefined) return undefined;
      rest = chunk;
      return await line();
    },
    confirm: () => Promise.resolve(false),
    async [Symbol.asyncDispose]() {
      done.abort();
      // Node's stream pauses only once its listener has been gone for a turn; read from, it keeps the process alive.
      await setImmediate();
      source.giveBack(rest);
    },
  };
}

const withoutReturn = (line: Buffer) => (line.at(-1) === 0x0d ? line.subarray(0, -1) : line);

/** The process's terminal, when standard input is none. */
function openTerminal(): Console | undefined {
  let descriptor: number;
  try {
    descriptor = openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
  if (!isatty(descriptor)) {
    closeSync(descriptor);
    return undefined;
  }
  const input = new ReadStream(descriptor);
  return {
    input,
    write: (text) => void writeSync(descriptor, Buffer.from(text)),
    close: () => input.destroy(),
  };
}

/** Standard input as a terminal; prompts go to stderr, or past a redirected stderr to the terminal. */
function standardConsole(io: Io): Console {
  if (io.stderr.isTTY === true) {
    return {input: io.stdin, write: (text) => void io.stderr.write(text), close: () => undefined};
  }
  let descriptor: number | undefined;
  try {
    descriptor = openSync('/dev/tty', 'w');
  } catch {
    // Then the prompt is not seen, which is better than seen in a log.
  }
  return {
    input: io.stdin,
    write: (text) => void (descriptor === undefined || writeSync(descriptor, Buffer.from(text))),
    close: () => void (descriptor === undefined || closeSync(descriptor)),
  };
}

/** What a key shows where it is shown at all. */
function echo(stroke: Stroke): Uint8Array {
  if (stroke.kind === 'inserted') return Buffer.of(stroke.byte);
  return Buffer.from(stroke.kind === 'erased' ? '\b \b'.repeat(stroke.count) : '');
}

/** Secrets typed by a person. Raw mode stays on between the prompts: what is pasted at once never shows. */
function consolePrompter(terminal: Console, signal: AbortSignal): Prompter {
  const source = chunkReader(terminal.input, signal);
  const editor: LineEditor = lineEditor();
  let rest: Buffer = Buffer.alloc(0);
  terminal.input.setRawMode?.(true);

  const readLine = async (prompt: string, visible: boolean): Promise<Buffer> => {
    terminal.write(prompt);
    for (;;) {
      const chunk = rest.length > 0 ? rest : await source.next();
      if (chunk === undefined) return editor.take();
      for (const [index, byte] of chunk.entries()) {
        const stroke = editor.type(byte);
        if (visible) terminal.write(echo(stroke));
        if (stroke.kind === 'interrupt') throw new Interrupted('SIGINT');
        if (stroke.kind !== 'line' && stroke.kind !== 'end') continue;
        rest = chunk.subarray(index + 1);
        return editor.take();
      }
      rest = Buffer.alloc(0);
    }
  };
  const ask = async (prompt: string, visible: boolean) => {
    try {
      return await readLine(prompt, visible);
    } finally {
      terminal.write('\n');
    }
  };
  return {
    interactive: true,
    secret: (prompt) => ask(prompt, false),
    next: () => Promise.resolve(undefined),
    confirm: async (question) => /^\s*y/i.test((await ask(question, true)).toString()),
    async [Symbol.asyncDispose]() {
      source.giveBack(rest);
      terminal.input.setRawMode?.(false);
      terminal.close();
    },
  };
}

/** Asks on standard input: a person when it is a terminal, otherwise line by line. */
export function openPrompter(io: Io): Prompter {
  return io.stdin.isTTY === true ? consolePrompter(standardConsole(io), io.signal) : linePrompter(io);
}

/**
 * Asks the person at the terminal for one secret, also where standard input is something else.
 * @throws TmqError when there is no terminal or the answer is empty, Interrupted on ^C
 */
export async function promptPassword(
  io: Io,
  prompt: string,
  noTerminal = 'There is no terminal to ask for the password.',
): Promise<string> {
  const terminal = io.stdin.isTTY === true ? standardConsole(io) : openTerminal();
  if (terminal === undefined) throw new TmqError(noTerminal);
  await using prompter = consolePrompter(terminal, io.signal);
  const secret = await prompter.secret(prompt);
  if (secret.length === 0) throw new TmqError('Empty password. It needs a character at least.');
  return secret.toString();
}
