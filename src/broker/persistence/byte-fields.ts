/** The fields of a record: numbers, times, texts and bytes, one behind the other. */

import {copyBytes} from '../../protocol/byte-copy.ts';

/** The most bytes of a number: whole, up to 2^53. */
const numberBytes = 8;

/** Bytes of a writer's memory at first, and at most while nothing is written. */
const usualBytes = 16_384;
const mostKeptBytes = 1 << 20;

/** Writes fields into memory that grows. */
export class FieldWriter {
  #bytes = Buffer.allocUnsafeSlow(usualBytes);
  /** The texts since `forgetTexts`, each with the number of those before it. */
  readonly #texts = new Map<string, number>();
  /** Bytes written. */
  length = 0;

  /** What was written from a position on: a view that is valid until the next field is written. */
  view(start: number): Buffer {
    return this.#bytes.subarray(start, this.length);
  }

  /** Starts again at 0. */
  clear(): void {
    this.length = 0;
    // A large payload must not keep its memory.
    if (this.#bytes.length > mostKeptBytes) this.#bytes = Buffer.allocUnsafeSlow(usualBytes);
  }

  /** Leaves room for so many bytes. */
  skip(bytes: number): void {
    this.#reserve(bytes);
    this.length += bytes;
  }

  /** A number from 0 to 255. */
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53: 7 bits a byte, the lowest first. */
  number(value: number): void {
    this.#reserve(numberBytes);
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.#bytes[this.length++] = (rest % 128) | 128;
    for (; rest > 127; rest >>= 7) this.#bytes[this.length++] = (rest & 127) | 128;
    this.#bytes[this.length++] = rest;
  }

  /** Milliseconds, perhaps with a fraction. */
  time(milliseconds: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(milliseconds, this.length);
    this.length += 8;
  }

  /** Written out where it is new, else as its number in the table. */
  text(value: string): void {
    const known = this.#texts.get(value);
    if (known !== undefined) {
      this.number(known + 1);
      return;
    }
    this.#texts.set(value, this.#texts.size);
    this.byte(0);
    // As many bytes as UTF-8 may take.
    this.#reserve(4 + value.length * 3);
    const written = this.#bytes.write(value, this.length + 4);
    this.#bytes.writeUInt32LE(written, this.length);
    this.length += 4 + written;
  }

  /** Begins a new table: a record must be readable without the others. */
  forgetTexts(): void {
    this.#texts.clear();
  }

  /** What stands in `value` from `start` to `end`. */
  bytes(value: Buffer, start = 0, end: number = value.length): void {
    this.number(end - start);
    this.#reserve(end - start);
    this.length = copyBytes(value, this.#bytes, this.length, start, end);
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

/** Reads the fields of a whole record, in the order in which they were written. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at: number;
  /** Those that were written out so far; undefined: each text is written out. */
  readonly #texts: string[] | undefined;

  constructor(bytes: Buffer, at: number, hasNumberedTexts: boolean) {
    this.#bytes = bytes;
    this.#at = at;
    this.#texts = hasNumberedTexts ? [] : undefined;
  }

  /** Whether another field follows. */
  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++]!;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  time(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  text(): string {
    const known = this.#texts === undefined ? 0 : this.number();
    if (known > 0) return this.#texts![known - 1]!;
    const start = this.#at + 4;
    this.#at = start + this.#bytes.readUInt32LE(this.#at);
    const text = this.#bytes.toString('utf8', start, this.#at);
    this.#texts?.push(text);
    return text;
  }

  /** A view of the record. */
  bytes(): Buffer {
    const length = this.number();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
