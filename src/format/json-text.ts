/**
 * JSON as bytes [RFC 8259]: checks that a text is JSON, removes its white space, indents it. Nothing is
 * parsed into values, so everything stays as the sender wrote it: numbers of any size, keys that occur twice,
 * escapes.
 */

import {isUtf8} from 'node:buffer';
import type {Sink} from './sink.ts';

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const colon = 0x3a;
const openArray = 0x5b;
const backslash = 0x5c;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** As deep as cJSON goes; it bounds the indentation that a hostile payload can ask for. */
const deepest = 1000;

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHexDigit = (byte: number | undefined) =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The index after the digits from `at` on; `at` itself when there are none. */
function afterDigits(text: Uint8Array, at: number): number {
  while (isDigit(text[at])) at++;
  return at;
}

/** The index after the number that begins at `at`, or -1. */
function afterNumber(text: Uint8Array, at: number): number {
  if (text[at] === minus) at++;
  if (!isDigit(text[at])) return -1;
  at = text[at] === 0x30 ? at + 1 : afterDigits(text, at);
  if (text[at] === 0x2e) {
    const end = afterDigits(text, at + 1);
    if (end === at + 1) return -1;
    at = end;
  }
  if (text[at] === 0x65 || text[at] === 0x45) {
    at++;
    if (text[at] === 0x2b || text[at] === minus) at++;
    const end = afterDigits(text, at);
    if (end === at) return -1;
    at = end;
  }
  return at;
}

/** The index after the string whose opening quote is at `at`, or -1. */
function afterString(text: Uint8Array, at: number): number {
  for (at++; at < text.length; at++) {
    const byte = text[at] as number;
    if (byte === quote) return at + 1;
    if (byte < 0x20) return -1;
    if (byte !== backslash) continue;
    const escaped = text[++at];
    if (escaped === 0x75) {
      for (let digit = 0; digit < 4; digit++) if (!isHexDigit(text[++at])) return -1;
    } else if (escaped === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(escaped))) return -1;
  }
  return -1;
}

const words = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** The index after the value without parts that begins at `at`, or -1. */
function afterScalar(text: Uint8Array, at: number): number {
  const first = text[at];
  if (first === quote) return afterString(text, at);
  if (isDigit(first) || first === minus) return afterNumber(text, at);
  const word = words.find((each) => each.every((byte, index) => text[at + index] === byte));
  return word === undefined ? -1 : at + word.length;
}

/** What may come next. */
type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'separator';

/** Follows the grammar token by token; white space is skipped by the caller. */
class Grammar {
  expected: Expected = 'value';
  readonly #open: number[] = [];

  get complete(): boolean {
    return this.expected === 'separator' && this.#open.length === 0;
  }

  /** The index after the token that begins at `at`, or -1 where the grammar does not allow it. */
  token(text: Uint8Array, at: number): number {
    const byte = text[at];
    switch (this.expected) {
      case 'colon':
        this.expected = 'value';
        return byte === colon ? at + 1 : -1;
      case 'separator':
        if (byte !== comma) return this.#leave(byte, at);
        this.expected = this.#open.at(-1) === openObject ? 'key' : 'value';
        return this.#open.length > 0 ? at + 1 : -1;
      case 'key':
      case 'key or end':
        if (byte === closeObject && this.expected === 'key or end') return this.#leave(byte, at);
        this.expected = 'colon';
        return byte === quote ? afterString(text, at) : -1;
      default:
        if (byte === openObject || byte === openArray) return this.#enter(byte, at);
        if (byte === closeArray && this.expected === 'value or end') return this.#leave(byte, at);
        this.expected = 'separator';
        return afterScalar(text, at);
    }
  }

  #enter(byte: number, at: number): number {
    this.expected = byte === openObject ? 'key or end' : 'value or end';
    return this.#open.push(byte) > deepest ? -1 : at + 1;
  }

  #leave(byte: number | undefined, at: number): number {
    const open = this.#open.pop();
    this.expected = 'separator';
    const matches = open === openObject ? byte === closeObject : open === openArray && byte === closeArray;
    return matches ? at + 1 : -1;
  }
}

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
  const grammar = new Grammar();
  const compaction = new Compaction(text);
  let at = 0;
  if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) {
    at = 3;
    compaction.gap(0, at);
  }
  for (;;) {
    const start = at;
    while (isSpace(text[at])) at++;
    if (at > start) compaction.gap(start, at);
    if (at === text.length) return grammar.complete ? compaction.result() : undefined;
    at = grammar.token(text, at);
    if (at === -1) return undefined;
  }
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
