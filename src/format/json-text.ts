/**
 * JSON texts without their white space, and indented. Everything stays as the sender wrote it: numbers of any size,
 * keys that occur twice, escapes.
 */

import {isUtf8} from 'node:buffer';
import {
  afterSpace,
  afterString,
  afterValue,
  closeArray,
  closeObject,
  colon,
  comma,
  openArray,
  openObject,
  quote,
} from './json-scan.ts';
import type {Sink} from './sink.ts';

/** A copy without the gaps, made only when there is one. */
class Compaction {
  readonly #text: Uint8Array;
  #copy: Uint8Array | undefined;
  #length = 0;
  #kept = 0;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  /** Leaves out `start` to `end`. */
  gap(start: number, end: number): void {
    this.#copy ??= new Uint8Array(this.#text.length);
    this.#copy.set(this.#text.subarray(this.#kept, start), this.#length);
    this.#length += start - this.#kept;
    this.#kept = end;
  }

  result(): Uint8Array {
    if (this.#copy === undefined) return this.#text;
    this.gap(this.#text.length, this.#text.length);
    return this.#copy.subarray(0, this.#length);
  }
}

/**
 * The JSON text without the white space between its tokens, and without a byte order mark; the very same
 * bytes where there is none. Undefined when it is not one JSON value, or is nested more than 1000 deep.
 */
export function compactJson(text: Uint8Array): Uint8Array | undefined {
  if (!isUtf8(text)) return undefined;
  const compaction = new Compaction(text);
  const onGap = (start: number, end: number) => compaction.gap(start, end);
  const hasMark = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf;
  if (hasMark) onGap(0, 3);
  const start = afterSpace(text, hasMark ? 3 : 0, onGap);
  const end = afterValue(text, start, onGap);
  if (end === -1 || afterSpace(text, end, onGap) < text.length) return undefined;
  return compaction.result();
}

/** Whether the bytes are one JSON value that can stand in a line as they are: no line break, nothing around it. */
export function isInlineJson(text: Uint8Array): boolean {
  if (!mayBeginValue(text[0])) return false;
  let hasBreak = false;
  const end = afterValue(text, 0, (from, to) => {
    for (let at = from; at < to; at++) hasBreak ||= text[at] === 0x0a || text[at] === 0x0d;
  });
  return end === text.length && !hasBreak && isUtf8(text);
}

/** Most payloads that are no JSON are known by their first byte. */
function mayBeginValue(first: number | undefined): boolean {
  return first !== undefined && '{["-0123456789tfn'.includes(String.fromCharCode(first));
}

/**
 * Writes compact JSON as cJSON prints it: an entry of an object on each line, indented by tabs; arrays on
 * one line, though they count as a level. `text` must come from `compactJson` or be as good.
 */
export function indentJson(text: Uint8Array, out: Sink): void {
  const open: number[] = [];
  let kept = 0;
  const replace = (start: number, end: number, by: string) => {
    if (start > kept) out.bytes(text.subarray(kept, start));
    out.text(by);
    kept = end;
  };
  const tabs = () => '\t'.repeat(open.length);
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === quote) at = afterString(text, at) - 1;
    else if (byte === openArray) open.push(byte);
    else if (byte === closeArray) open.pop();
    else if (byte === colon) replace(at, at + 1, ':\t');
    else if (byte === comma) replace(at, at + 1, open.at(-1) === openArray ? ', ' : `,\n${tabs()}`);
    else if (byte === openObject && text[at + 1] === closeObject) {
      replace(at, at + 2, `{\n${tabs()}}`);
      at++;
    } else if (byte === openObject) {
      open.push(byte);
      replace(at, at + 1, `{\n${tabs()}`);
    } else if (byte === closeObject) {
      open.pop();
      replace(at, at + 1, `\n${tabs()}}`);
    }
  }
  if (text.length > kept) out.bytes(text.subarray(kept));
}
