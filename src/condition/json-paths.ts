/**
 * What a few paths name in a text of JSON [RFC 8259], read from its bytes in one pass, which checks the whole text and
 * makes nothing of what no path names. Of a list or an object only its presence is known.
 */

import {isUtf8} from 'node:buffer';

/** One step of a path: a field's name, or an index of a list from 0. */
export type Step = string | number;

/** The value of every list and object. */
export const composite: unique symbol = Symbol('a list or an object');

/** Where paths lead to, or through. */
interface Place {
  /** The index of its value; undefined where no path ends. */
  slot: number | undefined;
  readonly fields: {readonly name: string; readonly bytes: Buffer; readonly place: Place}[];
  readonly elements: {readonly index: number; readonly place: Place}[];
}

const newPlace = (): Place => ({slot: undefined, fields: [], elements: []});

const quote = 0x22;
const comma = 0x2c;
const plus = 0x2b;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** As for %J; it bounds the memory that a hostile payload can ask for. */
const deepest = 1000;

/** A number of no more digits is made by one division, which is exact to the last bit. */
const exactDigits = 15;

/** What may come next; blanks may always. */
const mayCome = {value: 0, valueOrEnd: 1, field: 2, fieldOrEnd: 3, colon: 4, separator: 5} as const;

/** Bytes that may stand in a string, and mean themselves: ASCII without quote, backslash and control characters. */
const plain = Uint8Array.from({length: 256}, (_, each) =>
  each < 0x20 || each > 0x7f || each === quote || each === backslash ? 0 : 1,
);

/** In place of an index: the text is no JSON. */
const wrong = -1;

/** The byte; 0, which stands nowhere in JSON, behind the end: to read there is slow. */
const byteAt = (bytes: Uint8Array, at: number) => (at < bytes.length ? bytes[at]! : 0);

const isDigit = (byte: number) => byte >= zero && byte <= 0x39;
const isHexDigit = (byte: number) => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

/** The index after the digits from `at` on; `wrong` when there are none. */
function afterDigits(bytes: Uint8Array, at: number): number {
  const start = at;
  while (isDigit(byteAt(bytes, at))) at++;
  return at === start ? wrong : at;
}

/** The index of the last character of the escape whose backslash is at `at`; `wrong` for none. */
function endOfEscape(bytes: Uint8Array, at: number): number {
  const letter = byteAt(bytes, at + 1);
  if (letter !== 0x75) return '"\\/bfnrt'.includes(String.fromCharCode(letter)) ? at + 1 : wrong;
  for (let digit = 2; digit < 6; digit++) if (!isHexDigit(byteAt(bytes, at + digit))) return wrong;
  return at + 5;
}

/** The index after the number at `at`. */
function afterNumber(bytes: Uint8Array, at: number): number {
  if (byteAt(bytes, at) === minus) at++;
  let end = byteAt(bytes, at) === zero ? at + 1 : afterDigits(bytes, at);
  if (end !== wrong && byteAt(bytes, end) === dot) end = afterDigits(bytes, end + 1);
  if (end === wrong || (byteAt(bytes, end) | 0x20) !== 0x65) return end;
  const sign = byteAt(bytes, end + 1);
  return afterDigits(bytes, sign === plus || sign === minus ? end + 2 : end + 1);
}

/** The number from `start` to `end`. Short ones by one division, which rounds as reading the text does; a third of the time. */
function numberOf(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === minus;
  let digits = 0;
  let divisor = 0;
  const first = isNegative ? start + 1 : start;
  if (end - first <= exactDigits) {
    for (let at = first; ; at++) {
      if (at === end) return (isNegative ? -digits : digits) / (divisor || 1);
      const byte = bytes[at]!;
      if (isDigit(byte)) {
        digits = digits * 10 + byte - zero;
        divisor *= 10;
      } else if (byte === dot) divisor = 1;
      else break;
    }
  }
  return Number(bytes.toString('latin1', start, end));
}

/** The index after the word, whose first letter is at `at`. */
function afterWord(bytes: Uint8Array, at: number, word: string): number {
  for (let index = 1; index < word.length; index++)
    if (byteAt(bytes, at + index) !== word.charCodeAt(index)) return wrong;
  return at + word.length;
}

function elementOf({elements}: Place, index: number): Place | undefined {
  for (const element of elements) if (element.index === index) return element.place;
  return undefined;
}

/** A list or an object that is open: what closes it, its place if paths lead there, and the index of the element. */
interface Container {
  close: number;
  place: Place | undefined;
  index: number;
}

/** Takes paths, then reads texts. Methods that read return the index of what follows, or `wrong`. */
export class JsonPaths {
  readonly #root = newPlace();
  /** What `read` found, by the numbers that `add` gave; undefined for what is not there. */
  readonly values: unknown[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #expected: number = mayCome.value;
  /** Those that are open; the first one is none, and no byte closes it. */
  readonly #containers: Container[] = [{close: 0, place: undefined, index: 0}];
  #depth = 0;
  #container = this.#containers[0]!;
  /** The place of the value that comes next. */
  #wanted: Place | undefined;
  /** Whether the last string has an escape. */
  #isEscaped = false;
  /** Whether all strings so far are ASCII. */
  #isAscii = true;

  /** The number of the path. */
  add(steps: readonly Step[]): number {
    let place = this.#root;
    for (const step of steps) {
      const known =
        typeof step === 'number'
          ? place.elements.find(({index}) => index === step)
          : place.fields.find(({name}) => name === step);
      const next = known?.place ?? newPlace();
      if (known === undefined) {
        if (typeof step === 'number') place.elements.push({index: step, place: next});
        else place.fields.push({name: step, bytes: Buffer.from(step), place: next});
      }
      place = next;
    }
    place.slot ??= this.values.push(undefined) - 1;
    return place.slot;
  }

  /** Reads a text; without a value where it is no JSON. A byte order mark is passed over. */
  read(text: Uint8Array): void {
    this.values.fill(undefined);
    const bytes = text instanceof Buffer ? text : Buffer.from(text.buffer, text.byteOffset, text.length);
    this.#bytes = bytes;
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    if (!this.#readFrom(hasMark ? 3 : 0)) this.values.fill(undefined);
  }

  /** Whether the text from `at` on is one value of JSON. */
  #readFrom(at: number): boolean {
    const bytes = this.#bytes;
    this.#expected = mayCome.value;
    this.#isAscii = true;
    this.#depth = 0;
    this.#container = this.#containers[0]!;
    this.#wanted = this.#root;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (byte === quote) at = this.#string(at + 1);
      else if (byte > 0x20) at = this.#token(byte, at);
      else at = byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 ? at + 1 : wrong;
      if (at === wrong) return false;
    }
    return this.#depth === 0 && this.#expected === mayCome.separator && (this.#isAscii || isUtf8(bytes));
  }

  /** What is neither string nor blank. */
  #token(byte: number, at: number): number {
    const expected = this.#expected;
    if (byte === colon) {
      this.#expected = mayCome.value;
      return expected === mayCome.colon ? at + 1 : wrong;
    }
    if (byte === comma) return expected === mayCome.separator && this.#depth > 0 ? this.#comma(at) : wrong;
    if (byte === closeObject || byte === closeList) return this.#leave(byte, at);
    if (expected !== mayCome.value && expected !== mayCome.valueOrEnd) return wrong;
    this.#expected = mayCome.separator;
    if (byte === openObject || byte === openList) return this.#enter(byte, at);
    return this.#scalar(byte, at);
  }

  #enter(byte: number, at: number): number {
    const place = this.#wanted;
    if (place !== undefined) this.#found(place, composite);
    if (++this.#depth > deepest) return wrong;
    if (this.#depth === this.#containers.length) this.#containers.push({close: 0, place, index: 0});
    const container = this.#containers[this.#depth]!;
    // Each closing bracket is the second one behind its opening one.
    container.close = byte + 2;
    container.place = place;
    container.index = 0;
    this.#container = container;
    this.#expected = byte === openObject ? mayCome.fieldOrEnd : mayCome.valueOrEnd;
    this.#wanted = place === undefined || byte === openObject ? undefined : elementOf(place, 0);
    return at + 1;
  }

  #leave(byte: number, at: number): number {
    const expected = this.#expected;
    const mayEnd = expected !== mayCome.value && expected !== mayCome.field && expected !== mayCome.colon;
    if (!mayEnd || byte !== this.#container.close) return wrong;
    this.#container = this.#containers[--this.#depth]!;
    this.#expected = mayCome.separator;
    return at + 1;
  }

  #comma(at: number): number {
    const {close, place, index} = this.#container;
    this.#expected = close === closeObject ? mayCome.field : mayCome.value;
    if (close === closeList && place !== undefined) {
      this.#container.index++;
      this.#wanted = elementOf(place, index + 1);
    }
    return at + 1;
  }

  #scalar(byte: number, start: number): number {
    const bytes = this.#bytes;
    const wanted = this.#wanted;
    const word = byte === 0x74 ? 'true' : byte === 0x66 ? 'false' : byte === 0x6e ? 'null' : '';
    const end = word === '' ? afterNumber(bytes, start) : afterWord(bytes, start, word);
    if (wanted !== undefined && end !== wrong) {
      this.#found(
        wanted,
        word === '' ? numberOf(bytes, start, end) : word === 'null' ? null : word === 'true',
      );
    }
    return end;
  }

  /** A name of a field, or a value; `start` is behind the quote. */
  #string(start: number): number {
    const end = this.#endOfString(start);
    if (end === wrong) return wrong;
    const {place} = this.#container;
    const wanted = this.#wanted;
    switch (this.#expected) {
      case mayCome.field:
      case mayCome.fieldOrEnd:
        this.#expected = mayCome.colon;
        this.#wanted = place === undefined ? undefined : this.#fieldOf(place, start, end);
        return end + 1;
      case mayCome.value:
      case mayCome.valueOrEnd:
        this.#expected = mayCome.separator;
        if (wanted !== undefined) this.#found(wanted, this.#text(start, end));
        return end + 1;
      default:
        return wrong;
    }
  }

  /** The index of the closing quote. */
  #endOfString(at: number): number {
    const bytes = this.#bytes;
    this.#isEscaped = false;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (plain[byte] === 1) continue;
      if (byte === quote) return at;
      if (byte > 0x7f) this.#isAscii = false;
      else if (byte !== backslash) return wrong;
      else {
        this.#isEscaped = true;
        at = endOfEscape(bytes, at);
        if (at === wrong) return wrong;
      }
    }
    return wrong;
  }

  /** Of a field that occurs twice the last one counts. */
  #found(place: Place, value: unknown): void {
    this.#forget(place);
    if (place.slot !== undefined) this.values[place.slot] = value;
  }

  #forget({fields, elements}: Place): void {
    for (const {place} of fields) this.#forgetAll(place);
    for (const {place} of elements) this.#forgetAll(place);
  }

  #forgetAll(place: Place): void {
    if (place.slot !== undefined) this.values[place.slot] = undefined;
    this.#forget(place);
  }

  /** The place of the field whose name stands from `start` to `end`. */
  #fieldOf({fields}: Place, start: number, end: number): Place | undefined {
    const length = end - start;
    for (const {name, bytes, place} of fields) {
      if (
        this.#isEscaped
          ? name === this.#text(start, end)
          : bytes.length === length && this.#stands(bytes, start)
      )
        return place;
    }
    return undefined;
  }

  #stands(name: Uint8Array, start: number): boolean {
    const bytes = this.#bytes;
    for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false;
    return true;
  }

  /** The text of the last string, which stands from `start` to `end`. */
  #text(start: number, end: number): string {
    const text = this.#bytes.toString('utf8', start, end);
    return this.#isEscaped ? (JSON.parse(`"${text}"`) as string) : text;
  }
}
