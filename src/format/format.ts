/**
 * From a message to the bytes that are printed for it: -F, compiled once into steps and walked for every
 * message, and the forms without -F. It writes to a sink and knows no stream; its clock is handed in.
 */

import {UsageError} from '../errors.ts';
import type {Message} from '../protocol/message.ts';
import {type Context, fieldTable, type Step} from './fields.ts';
import {parseFormat, showCharacter} from './grammar.ts';
import {jsonWriter} from './json.ts';
import type {Sink} from './sink.ts';
import {localTime, nanosecondsText, strftime} from './strftime.ts';

export type {Sink} from './sink.ts';

/** Writes one message. `now` gives nanoseconds since the epoch. */
export type Formatter = (message: Message, out: Sink, now: () => bigint) => void;

export interface FormatOptions {
  /** End each message with a newline. */
  readonly eol: boolean;
  /** Indent JSON. */
  readonly pretty: boolean;
  /** Takes the lines for standard error about payloads that are not what the format asks for. */
  readonly warn?: (line: string) => void;
  /** Stands between what a message brings and the output, as for a terminal; the format's own text passes by. */
  readonly guard?: (out: Sink) => Sink;
}

export interface PlainOptions {
  readonly eol: boolean;
  /** Print the topic first, and also messages without payload. */
  readonly verbose: boolean;
  /** Something else tells where a message ends. */
  readonly isFramed?: boolean;
  readonly guard?: (out: Sink) => Sink;
  /** Terminal sequences before and after the topic. */
  readonly topicPaint?: {readonly open: string; readonly close: string};
}

const unguarded = (out: Sink) => out;

/** The guard of the sink that was last asked for: there is hardly ever another. */
function remember(guard: (out: Sink) => Sink): (out: Sink) => Sink {
  let known: {readonly out: Sink; readonly guarded: Sink} | undefined;
  return (out) => {
    if (known?.out !== out) known = {out, guarded: guard(out)};
    return known.guarded;
  };
}

function timeStep(letter: string): Step {
  if (letter === 'N') return (_message, out, {time}) => out.text(nanosecondsText(time));
  return (_message, out, {time}) => out.text(strftime(letter, time));
}

interface Program {
  /** A string is text of the format itself. */
  readonly steps: readonly (Step | string)[];
  readonly timed: boolean;
}

function assemble(format: string, options: FormatOptions): Program {
  const steps: (Step | string)[] = [];
  const fieldOptions = {pretty: options.pretty, warn: options.warn ?? (() => undefined)};
  let timed = false;
  const literal = (text: string) => {
    const previous = steps.at(-1);
    if (typeof previous === 'string') steps[steps.length - 1] = previous + text;
    else steps.push(text);
  };
  for (const part of parseFormat(format)) {
    if (part.kind === 'literal') literal(part.text);
    else if (part.kind === 'time') {
      steps.push(timeStep(part.letter));
      timed = true;
    } else {
      const {letter} = part.field;
      const row = Object.hasOwn(fieldTable, letter) ? fieldTable[letter] : undefined;
      if (row === undefined) {
        throw new UsageError(
          `Invalid format specifier '${showCharacter(letter)}'. tmq help formats lists them.`,
        );
      }
      steps.push(row(part.field, fieldOptions));
    }
  }
  if (options.eol) literal('\n');
  return {steps, timed};
}

/**
 * Compiles the language of -F.
 * @throws UsageError for the first mistake in the format
 */
export function compileFormat(format: string, options: FormatOptions): Formatter {
  const {steps, timed} = assemble(format, options);
  const guarded = options.guard === undefined ? unguarded : remember(options.guard);
  const context: Context = {now: () => 0n, time: localTime(0n)};
  return (message, out, now) => {
    const inner = guarded(out);
    context.now = now;
    if (timed) context.time = localTime(now());
    for (const step of steps) {
      if (typeof step === 'string') out.text(step);
      else step(message, inner, context);
    }
  };
}

/** The form without -F: the payload as it is, and nothing at all for one that is empty unless `verbose`. */
export function plainFormat({eol, verbose, isFramed, guard, topicPaint}: PlainOptions): Formatter {
  const guarded = guard === undefined ? unguarded : remember(guard);
  return ({topic, payload}, out) => {
    if (payload.length === 0 && !(verbose && (eol || isFramed === true))) return;
    const inner = guarded(out);
    if (verbose) {
      if (topicPaint !== undefined) out.text(topicPaint.open);
      inner.text(topic);
      if (topicPaint !== undefined) out.text(topicPaint.close);
      out.text(payload.length === 0 ? ' (null)' : ' ');
    }
    if (payload.length > 0) inner.bytes(payload);
    if (eol) out.text('\n');
  };
}

/** --json: one object a line, which envelope.ts reads back. */
export function jsonFormat(eol: boolean): Formatter {
  const write = jsonWriter({payload: 'mark', pretty: false, warn: () => undefined});
  return (message, out, now) => {
    write(message, out, now);
    if (eol) out.text('\n');
  };
}

/** Each message ends with NUL, also one of which nothing is printed. */
export function nulFormat(inner: Formatter): Formatter {
  return (message, out, now) => {
    inner(message, out, now);
    out.text('\0');
  };
}

/** Each message follows its length: four bytes, the highest first. */
export function lengthFormat(inner: Formatter): Formatter {
  let parts: Uint8Array[] = [];
  const collector: Sink = {
    text: (value) => void parts.push(Buffer.from(value)),
    bytes: (value) => void parts.push(value),
  };
  return (message, out, now) => {
    inner(message, collector, now);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(parts.reduce((sum, {length}) => sum + length, 0));
    out.bytes(head);
    for (const part of parts) out.bytes(part);
    parts = [];
  };
}
