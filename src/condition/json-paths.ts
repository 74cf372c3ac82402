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

const [letterT, letterF, letterN] = [0x74, 0x66, 0x6e];

/** The index after the number or word at `at`. */
function afterScalar(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === letterT) return afterWord(bytes, at, 'true');
  if (byte === letterF) return afterWord(bytes, at, 'false');
  return byte === letterN ? afterWord(bytes, at, 'null') : afterNumber(bytes, at);
}

function scalarOf(bytes: Buffer, start: number, end: number): unknown {
  const byte = bytes[start];
  if (byte === letterN) return null;
  return byte === letterT || byte === letterF ? byte === letterT : numberOf(bytes, start, end);
}

const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Whether a list or object may end where this may come. */
const mayEnd = (expected: number) =>
  expected === mayCome.separator || expected === mayCome.fieldOrEnd || expected === mayCome.valueOrEnd;

/** Goes on to the next element of a list; its place, if paths lead there. */
function nextElement(container: Container): Place | undefined {
  container.index++;
  if (container.place === undefined) return undefined;
  for (const {index, place} of container.place.elements) if (index === container.index) return place;
  return undefined;
}

/** A list or an object that is open: what closes it, its place if paths lead there, and the index of its element. */
interface Container {
  close: number;
  place: Place | undefined;
  index: number;
}

/** Takes paths, then reads texts. */
export class JsonPaths {
  readonly #root = newPlace();
  /** What `read` found, by the numbers that `add` gave; undefined for what is not there. */
  readonly values: unknown[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  /** Those that are open, from the second on; no byte closes the first. */
  readonly #containers: Container[] = [{close: 0, place: undefined, index: 0}];
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

  /** Whether the text from `at` on is one value of JSON. A state in locals takes a fifth less time than one in fields. */
  #readFrom(at: number): boolean {
    const bytes = this.#bytes;
    const {length} = bytes;
    let expected: number = mayCome.value;
    let wanted: Place | undefined = this.#root;
    let container = this.#containers[0]!;
    let depth = 0;
    this.#isAscii = true;
    while (at < length) {
      const byte = bytes[at]!;
      if (byte === quote) {
        const start = at + 1;
        at = this.#endOfString(start);
        if (at === wrong) return false;
        if (expected === mayCome.field || expected === mayCome.fieldOrEnd) {
          wanted = container.place && this.#fieldOf(container.place, start, at);
          expected = mayCome.colon;
        } else if (expected <= mayCome.valueOrEnd) {
          if (wanted !== undefined) this.#found(wanted, this.#text(start, at));
          expected = mayCome.separator;
        } else return false;
        at++;
      } else if (byte <= 0x20) {
        if (!isBlank(byte)) return false;
        at++;
      } else if (byte === colon) {
        if (expected !== mayCome.colon) return false;
        expected = mayCome.value;
        at++;
      } else if (byte === comma) {
        if (expected !== mayCome.separator || depth === 0) return false;
        expected = container.close === closeObject ? mayCome.field : mayCome.value;
        if (container.close === closeList) wanted = nextElement(container);
        at++;
      } else if (byte === closeObject || byte === closeList) {
        if (byte !== container.close || !mayEnd(expected)) return false;
        container = this.#containers[--depth]!;
        expected = mayCome.separator;
        at++;
      } else if (expected > mayCome.valueOrEnd) {
        return false;
      } else if (byte === openObject || byte === openList) {
        if (++depth > deepest) return false;
        if (wanted !== undefined) this.#found(wanted, composite);
        container = this.#opened(depth, byte + 2, wanted);
        expected = byte === openObject ? mayCome.fieldOrEnd : mayCome.valueOrEnd;
        if (byte === openList) wanted = nextElement(container);
        at++;
      } else {
        const end = afterScalar(bytes, at);
        if (end === wrong) return false;
        if (wanted !== undefined) this.#found(wanted, scalarOf(bytes, at, end));
        expected = mayCome.separator;
        at = end;
      }
    }
    return depth === 0 && expected === mayCome.separator && (this.#isAscii || isUtf8(bytes));
  }

  /** The container at this depth: one object for each depth serves all texts. */
  #opened(depth: number, close: number, place: Place | undefined): Container {
    const known = this.#containers[depth];
    if (known === undefined) {
      const made = {close, place, index: -1};
      this.#containers.push(made);
      return made;
    }
    known.close = close;
    known.place = place;
    known.index = -1;
    return known;
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
