/**
 * JSON as bytes [RFC 8259]: where a value ends, and what stands in an object. Nothing is parsed into values, so the
 * reader of an index has everything as the sender wrote it. An index of -1: there is no such token.
 */

import {isUtf8} from 'node:buffer';

export const quote = 0x22;
export const comma = 0x2c;
const minus = 0x2d;
export const colon = 0x3a;
export const openArray = 0x5b;
export const backslash = 0x5c;
export const closeArray = 0x5d;
export const openObject = 0x7b;
export const closeObject = 0x7d;

/** As deep as cJSON goes; it bounds the indentation that a hostile payload can ask for. */
const deepest = 1000;

export const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHexDigit = (byte: number | undefined) =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

/** The index after white space; `at` itself where there is none. `onGap` takes where it begins and ends. */
export function afterSpace(text: Uint8Array, at: number, onGap?: GapTaker): number {
  let end = at;
  for (let byte = text[end]!; byte <= 0x20; byte = text[++end]!) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  if (end > at) onGap?.(at, end);
  return end;
}

/** Takes the white space between two tokens: the index of its first byte, and the one behind it. */
export type GapTaker = (start: number, end: number) => void;

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
export function afterString(text: Uint8Array, at: number): number {
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

const words: ReadonlyMap<number | undefined, Uint8Array> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);

/** Whether the bytes stand there. */
export function isAt(text: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (text[at + index] !== bytes[index]) return false;
  return true;
}

/** The index after the value without parts that begins at `at`, or -1. */
function afterScalar(text: Uint8Array, at: number): number {
  const first = text[at];
  if (first === quote) return afterString(text, at);
  if (isDigit(first) || first === minus) return afterNumber(text, at);
  const word = words.get(first);
  return word !== undefined && isAt(text, at, word) ? at + word.length : -1;
}

/**
 * The index after the value that begins at `at`, or -1 where none does, or it is nested more than 1000 deep. White
 * space within it goes to `onGap`.
 */
export function afterValue(text: Uint8Array, at: number, onGap?: GapTaker, depth = 0): number {
  const first = text[at];
  if (first !== openObject && first !== openArray) return afterScalar(text, at);
  if (depth === deepest) return -1;
  const close = first === openObject ? closeObject : closeArray;
  at = afterSpace(text, at + 1, onGap);
  if (text[at] === close) return at + 1;
  for (;;) {
    if (first === openObject) {
      at = afterKey(text, at, onGap);
      if (at === -1) return -1;
    }
    at = afterValue(text, at, onGap, depth + 1);
    if (at === -1) return -1;
    at = afterSpace(text, at, onGap);
    if (text[at] === close) return at + 1;
    if (text[at] !== comma) return -1;
    at = afterSpace(text, at + 1, onGap);
  }
}

/** The index of the value behind the key that begins at `at`, or -1. */
function afterKey(text: Uint8Array, at: number, onGap: GapTaker | undefined): number {
  if (text[at] !== quote) return -1;
  at = afterString(text, at);
  if (at === -1) return -1;
  at = afterSpace(text, at, onGap);
  return text[at] === colon ? afterSpace(text, at + 1, onGap) : -1;
}

/**
 * Where the value at a path is, in the JSON value that begins at `at`: '.a[0]' is ['a', 0]. Of keys that occur twice the
 * last one counts, as everywhere in JavaScript. Undefined where there is none.
 */
export function placeOf(
  text: Uint8Array,
  at: number,
  path: readonly (string | number)[],
): {readonly start: number; readonly end: number} | 'malformed' | undefined {
  const end = afterValue(text, at);
  if (end === -1 || afterSpace(text, end) < text.length || !isUtf8(text)) return 'malformed';
  let start: number | undefined = at;
  for (const step of path) {
    if (start === undefined) return undefined;
    start = typeof step === 'string' ? memberOf(text, start, step) : itemOf(text, start, step);
  }
  return start === undefined ? undefined : {start, end: afterValue(text, start)};
}

/** Where the value of a key begins, in the object at `at`; the text is known to be JSON. */
function memberOf(text: Uint8Array, at: number, name: string): number | undefined {
  if (text[at] !== openObject) return undefined;
  let found: number | undefined;
  at = afterSpace(text, at + 1);
  while (text[at] !== closeObject) {
    const keyEnd = afterString(text, at);
    const key: unknown = JSON.parse(Buffer.from(text.subarray(at, keyEnd)).toString());
    const start = afterKey(text, at, undefined);
    if (key === name) found = start;
    at = afterSpace(text, afterValue(text, start));
    if (text[at] === comma) at = afterSpace(text, at + 1);
  }
  return found;
}

function itemOf(text: Uint8Array, at: number, index: number): number | undefined {
  if (text[at] !== openArray) return undefined;
  at = afterSpace(text, at + 1);
  for (let count = 0; text[at] !== closeArray; count++) {
    if (count === index) return at;
    at = afterSpace(text, afterValue(text, at));
    if (text[at] === comma) at = afterSpace(text, at + 1);
  }
  return undefined;
}
