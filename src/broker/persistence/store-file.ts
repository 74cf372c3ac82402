/**
 * A store as a file: a header, then records that are appended, each with its length and checksum. Knows the bytes
 * of records, and nothing of what they mean.
 */

import {randomBytes} from 'node:crypto';
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs';
import {promisify} from 'node:util';
import {crc32} from 'node:zlib';
import {ExitCode, TmqError} from '../../errors.ts';

const magic = Buffer.from('tmq broker store 2\n');
/** Records without a mark, one change in each. */
const firstMagic = Buffer.from('tmq broker store 1\n');
const mosquittoMagic = Buffer.from('\0\u00b5\0mosquitto db', 'latin1');

const fsyncLater = promisify(fsync);

/** Bytes that a reader takes from the file at once. */
const windowBytes = 1 << 20;

/**
 * How the records of one file are framed: mark, length of the content (4 bytes, little endian), checksum (4), content.
 * Mark and seed are random, so that no payload of a client is ever taken for a record.
 */
export interface Framing {
  /** 4 bytes; empty in the first format. */
  readonly mark: Buffer;
  /** Of the checksum; 0 in the first format. */
  readonly seed: number;
  /** Bytes. */
  readonly headerLength: number;
}

/** A framing for a new file. */
function newFraming(): Framing {
  const mark = randomBytes(4);
  return {mark, seed: randomBytes(4).readUInt32LE(), headerLength: magic.length + 8};
}

function header({mark, seed}: Framing): Buffer {
  if (mark.length === 0) return firstMagic;
  const bytes = Buffer.concat([magic, mark, Buffer.alloc(4)]);
  bytes.writeUInt32LE(seed, magic.length + 4);
  return bytes;
}

/** The framing that a file's header states; undefined: the header is incomplete. @throws TmqError for another file */
function framingOf(path: string, bytes: Buffer): Framing | undefined {
  if (bytes.subarray(0, magic.length).equals(magic)) {
    const headerLength = magic.length + 8;
    if (bytes.length < headerLength) return undefined;
    const mark = Buffer.from(bytes.subarray(magic.length, magic.length + 4));
    return {mark, seed: bytes.readUInt32LE(magic.length + 4), headerLength};
  }
  if (bytes.subarray(0, firstMagic.length).equals(firstMagic)) {
    return {mark: Buffer.alloc(0), seed: 0, headerLength: firstMagic.length};
  }
  if (bytes.equals(magic.subarray(0, bytes.length))) return undefined;
  const kind = bytes.subarray(0, mosquittoMagic.length).equals(mosquittoMagic)
    ? 'a database of mosquitto'
    : 'not a store of tmq broker';
  throw new TmqError(`${path} is ${kind}: give another persistence_file.`, ExitCode.failure);
}

/** Bytes of a record before its content. */
export function headBytes({mark}: Framing): number {
  return mark.length + 8;
}

/** Completes a record, in which only the content stands. */
export function frameRecord(record: Buffer, framing: Framing): void {
  const {mark, seed} = framing;
  const content = record.subarray(headBytes(framing));
  record.set(mark);
  record.writeUInt32LE(content.length, mark.length);
  record.writeUInt32LE(crc32(content, seed), mark.length + 4);
}

/** A file that is open for reading and appending. */
export class StoreFile {
  readonly descriptor: number;
  readonly framing: Framing;
  /** Bytes, up to the end of the last whole record. */
  size: number;
  #isOpen = true;

  private constructor(descriptor: number, framing: Framing, size: number) {
    this.descriptor = descriptor;
    this.framing = framing;
    this.size = size;
  }

  /** Opens a store, or creates an empty file. @throws TmqError when it is another file; the system's error */
  static open(path: string): StoreFile {
    // Windows has neither flag.
    const {O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0} = constants;
    const descriptor = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      const status = fstatSync(descriptor);
      if (!status.isFile()) throw new TmqError(`The store ${path} is not a regular file.`, ExitCode.failure);
      const start = Buffer.alloc(Math.min(status.size, magic.length + 8));
      readSync(descriptor, start, 0, start.length, 0);
      const framing = framingOf(path, start);
      return new StoreFile(descriptor, framing ?? newFraming(), framing === undefined ? 0 : status.size);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /**
   * Creates a file. What a process that was killed left there is removed first; a link is never followed.
   * @throws the system's error
   */
  static create(path: string, framing: Framing = newFraming()): StoreFile {
    rmSync(path, {force: true});
    const {O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0} = constants;
    return new StoreFile(openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), framing, 0);
  }

  /** Appends whole records: all of them, or none; `sync`: and waits until the disk has them. @throws the system's error */
  append(records: Buffer, sync = false): void {
    const bytes = this.size === 0 ? Buffer.concat([header(this.framing), records]) : records;
    try {
      for (let at = 0; at < bytes.length; ) {
        at += writeSync(this.descriptor, bytes, at, bytes.length - at, this.size + at);
      }
      if (sync) fdatasyncSync(this.descriptor);
    } catch (error) {
      // A record in part would be reported as torn at the next start. The next append writes over it in any case.
      this.cut();
      throw error;
    }
    this.size += bytes.length;
  }

  /** As `append`, without blocking the process. */
  async appendLater(records: Buffer): Promise<void> {
    const bytes = this.size === 0 ? Buffer.concat([header(this.framing), records]) : records;
    for (let at = 0; at < bytes.length; ) {
      at += await writeLater(this.descriptor, bytes.subarray(at), this.size + at);
    }
    this.size += bytes.length;
  }

  /** Waits until the disk has all that was appended. @throws the system's error */
  async sync(): Promise<void> {
    await fsyncLater(this.descriptor);
  }

  /** Closes it, if it is open. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.descriptor);
  }

  /** Cuts off what is behind the last whole record. */
  cut(): void {
    try {
      ftruncateSync(this.descriptor, this.size);
    } catch {
      // It stays until it is written over.
    }
  }
}

/** Writes bytes at a position; gives how many were written. @throws the system's error */
function writeLater(descriptor: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

/** Reads a file in pieces of `windowBytes`, or as long as a record is. */
export class FileWindow {
  readonly #descriptor: number;
  readonly #size: number;
  /** Filled again and again, except where a record is longer. */
  readonly #memory: Buffer;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  /** `ahead`: bytes to read beyond what is asked for. */
  constructor({descriptor, size}: StoreFile, ahead = windowBytes) {
    this.#descriptor = descriptor;
    this.#size = size;
    this.#memory = Buffer.allocUnsafe(ahead);
  }

  /** The bytes at a position, fewer at the end of the file. They are valid until the next call. */
  at(position: number, length: number): Buffer {
    const from = position - this.#start;
    const wanted = Math.min(length, this.#size - position);
    if (from >= 0 && from + wanted <= this.#bytes.length) return this.#bytes.subarray(from, from + wanted);
    const taken = Math.min(Math.max(wanted, this.#memory.length), this.#size - position);
    const bytes = taken <= this.#memory.length ? this.#memory.subarray(0, taken) : Buffer.allocUnsafe(taken);
    let filled = 0;
    while (filled < bytes.length) {
      const read = readSync(this.#descriptor, bytes, filled, bytes.length - filled, position + filled);
      if (read === 0) break;
      filled += read;
    }
    this.#start = position;
    this.#bytes = bytes.subarray(0, filled);
    return this.#bytes.subarray(0, wanted);
  }

  /** Whether the file is at least so long. */
  has(bytes: number): boolean {
    return bytes <= this.#size;
  }

  /** Where `mark` stands next; -1: nowhere. */
  find(mark: Buffer, position: number): number {
    for (let from = position; from < this.#size; ) {
      const bytes = this.at(from, windowBytes);
      const index = bytes.indexOf(mark);
      if (index >= 0) return from + index;
      if (bytes.length < windowBytes) return -1;
      from += bytes.length - mark.length + 1;
    }
    return -1;
  }
}

/** A part of a file: a whole record, damaged records with whole ones behind them, or an end that is torn. */
export type StorePart =
  | {readonly kind: 'record'; readonly at: number; readonly content: Buffer}
  | {readonly kind: 'damaged'; readonly records: number; readonly bytes: number}
  | {readonly kind: 'torn'; readonly at: number; readonly bytes: number};

/** All parts of a store, in order. A record's content is valid until the next one is asked for. */
export function* storeParts(file: StoreFile): Generator<StorePart, void, undefined> {
  const window = new FileWindow(file);
  const {framing, size} = file;
  for (let at = framing.headerLength; at < size; ) {
    const content = recordAt(window, at, framing);
    if (content !== undefined) {
      yield {kind: 'record', at, content};
      at += headBytes(framing) + content.length;
      continue;
    }
    const next = nextWhole(window, at, framing);
    if (next === undefined) {
      yield {kind: 'torn', at, bytes: size - at};
      return;
    }
    yield {kind: 'damaged', records: next.skipped, bytes: next.at - at};
    at = next.at;
  }
}

/** The content of the record at a position; undefined when it is incomplete, damaged or of length 0. */
export function recordAt(window: FileWindow, at: number, framing: Framing): Buffer | undefined {
  const {mark, seed} = framing;
  const head = headBytes(framing);
  const start = window.at(at, head);
  if (start.length < head || !start.subarray(0, mark.length).equals(mark)) return undefined;
  const length = start.readUInt32LE(mark.length);
  const checksum = start.readUInt32LE(mark.length + 4);
  if (length === 0 || !window.has(at + head + length)) return undefined;
  const content = window.at(at + head, length);
  return content.length === length && crc32(content, seed) === checksum ? content : undefined;
}

/** The first whole record behind a damaged one, and how many were skipped. */
function nextWhole(
  window: FileWindow,
  damaged: number,
  framing: Framing,
): {readonly at: number; readonly skipped: number} | undefined {
  const {mark} = framing;
  if (mark.length === 0) {
    // Without a mark only the length of the damaged record leads to the next one.
    const head = window.at(damaged, 8);
    const at = head.length < 8 ? damaged : damaged + 8 + head.readUInt32LE(0);
    return at > damaged + 8 && recordAt(window, at, framing) !== undefined ? {at, skipped: 1} : undefined;
  }
  let skipped = 1;
  for (let at = window.find(mark, damaged + 1); at >= 0; at = window.find(mark, at + 1)) {
    if (recordAt(window, at, framing) !== undefined) return {at, skipped};
    skipped++;
  }
  return undefined;
}
