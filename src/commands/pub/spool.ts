/**
 * The file of --on-outage spool: every message is written there as soon as it is read, so that a run that is killed
 * loses at most what it was just reading. Text, a line each: the CRC-32 of the rest in hexadecimal, a space, and JSON: first the
 * header, then messages as `sub --json` prints them, and between them {"settled":n}, how many messages from the first
 * on need not be sent again. Not synchronised with the disk: it outlives the process, not a loss of power.
 *
 * Messages have numbers, from 0 in the order of the file. settled ≤ taken ≤ written: those up to `taken` were handed
 * to the session. Of each unsettled message the file's offset is known.
 */

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import * as promises from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {crc32} from 'node:zlib';
import type {MessageBatch} from '../../client/types.ts';
import {Signal} from '../../client/waiting.ts';
import {ExitCode, fileError, TmqError} from '../../errors.ts';
import {EnvelopeReader} from '../../format/envelope.ts';
import {jsonFormat} from '../../format/format.ts';
import {acquireLock, type Lock} from '../../io/lock.ts';
import type {Io} from '../../io/process.ts';
import {asBuffer} from '../../protocol/byte-copy.ts';
import type {Publication} from '../../protocol/message.ts';

/** The version of the format. */
const version = 1;
const lineFeed = 0x0a;
/** The checksum and the space behind it. */
const prefixBytes = 9;
/** Messages are read back in pieces of so many bytes, at least one message. */
const pieceBytes = 256 * 1024;
/** A file with so many bytes of settled messages is written anew. */
const mostSettledBytes = 32 * 1024 * 1024;

/** A line with its checksum and its end. */
function sealed(body: Uint8Array): Buffer {
  const sum = crc32(body).toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(`${sum} `), body, Buffer.from('\n')]);
}

/** What stands behind the checksum; undefined where it does not agree. */
function unsealed(line: Uint8Array): Buffer | undefined {
  const bytes = asBuffer(line);
  const body = bytes.subarray(prefixBytes);
  const sum = bytes.toString('latin1', 0, prefixBytes);
  return sum === `${crc32(body).toString(16).padStart(8, '0')} ` ? body : undefined;
}

/** The number of a line {"settled":n}; undefined where it is a message. */
function settledIn(body: Buffer): number | undefined {
  const match = body.length < 40 ? /^\{"settled":(\d+)\}$/.exec(body.toString('latin1')) : null;
  return match === null ? undefined : Number(match[1]);
}

export interface SpoolPlace {
  readonly path: string;
  /** The broker that the messages are for, as the header names it. */
  readonly broker: string;
}

export class Spool {
  readonly path: string;
  /** How many messages an earlier run has left. */
  readonly found: number;
  /** Notified when messages come, are taken or settled. */
  readonly changed = new Signal();
  readonly #broker: string;
  readonly #lock: Lock;
  readonly #write = jsonFormat(false);
  #file: number;
  #length: number;
  /** Offsets of the messages from `#settled` on. */
  #starts: number[];
  /** `#settled` at the beginning of this run. */
  readonly #first: number;
  #settled: number;
  #taken: number;
  #isEnded = false;

  private constructor(place: SpoolPlace, lock: Lock, file: number, state: SpoolState) {
    this.path = place.path;
    this.#broker = place.broker;
    this.#lock = lock;
    this.#file = file;
    this.#length = state.length;
    this.#starts = state.starts;
    this.#first = state.settled;
    this.#settled = state.settled;
    this.#taken = state.settled;
    this.found = state.starts.length;
  }

  /**
   * Opens the file, or makes it; a line that was not written whole is cut off at its end.
   * @throws TmqError where another process has it, it is for another broker or damaged, or cannot be used
   */
  static async open(place: SpoolPlace, {signal, pid}: Pick<Io, 'signal' | 'pid'>): Promise<Spool> {
    const {path} = place;
    const lockPath = join(dirname(path), `.${basename(path)}.tmq-lock`);
    let lock: Lock;
    try {
      lock = await acquireLock(lockPath, {fs: promises, pid, signal, timeoutMilliseconds: 0});
    } catch (error) {
      if (signal.aborted) throw error;
      if (!(error instanceof TmqError)) throw fileError('spool', path, error, 'write');
      throw new TmqError(`The spool ${path} is in use: give each run a file of its own. ${error.message}`);
    }
    let file: number | undefined;
    try {
      file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      if (!fstatSync(file).isFile()) throw new TmqError(`The spool ${path} is not a regular file.`);
      return new Spool(place, lock, file, load(file, place));
    } catch (error) {
      if (file !== undefined) closeSync(file);
      await lock.release();
      throw error instanceof TmqError ? error : fileError('spool', path, error, 'write');
    }
  }

  /** Messages that are there and not taken. */
  get waiting(): number {
    return this.#settled + this.#starts.length - this.#taken;
  }

  /** Messages that are not settled. */
  get unsettled(): number {
    return this.#starts.length;
  }

  /** Appends messages. @throws TmqError when the disk takes no more: none of these messages is in the file then */
  append({payloads, publications}: MessageBatch, now: () => bigint): void {
    const lines = payloads.map((payload, index) => {
      const parts: Uint8Array[] = [];
      const sink = {
        text: (text: string) => void parts.push(Buffer.from(text)),
        bytes: (bytes: Uint8Array) => void parts.push(bytes),
      };
      this.#write({...publications[index]!, payload}, sink, now);
      return sealed(Buffer.concat(parts));
    });
    let start = this.#length;
    const starts = lines.map((line) => {
      start += line.length;
      return start - line.length;
    });
    this.#extend(Buffer.concat(lines));
    for (const each of starts) this.#starts.push(each);
    this.changed.notify();
  }

  /** No message comes any more. */
  end(): void {
    this.#isEnded = true;
    this.changed.notify();
  }

  /** The messages from the first unsettled one on, as they come, until the end. @throws TmqError where the file cannot be read */
  async *batches(): AsyncGenerator<MessageBatch, void, undefined> {
    const reader = new EnvelopeReader(
      ({topic = '', qos = 0, retain = false, properties}): Publication => ({
        topic,
        qos,
        retain,
        ...(properties === undefined ? {} : {properties}),
      }),
    );
    for (;;) {
      while (this.waiting === 0) {
        if (this.#isEnded) return;
        await this.changed.wait();
      }
      yield this.#next(reader);
      this.changed.notify();
    }
  }

  #next(reader: EnvelopeReader<Publication>): MessageBatch {
    const first = this.#taken - this.#settled;
    const start = this.#starts[first]!;
    let last = first + 1;
    while (last < this.#starts.length && this.#starts[last]! - start < pieceBytes) last++;
    const bytes = Buffer.allocUnsafe((this.#starts[last] ?? this.#length) - start);
    readFully(this.#file, bytes, start);
    const messages = {payloads: [] as Uint8Array[], publications: [] as Publication[]};
    for (const line of linesOf(bytes)) {
      const body = unsealed(line);
      if (body === undefined) throw new TmqError(`The spool ${this.path} was changed by another program.`);
      if (settledIn(body) !== undefined) continue;
      reader.read(body, 0, body.length);
      messages.payloads.push(reader.payload);
      messages.publications.push(reader.made!);
    }
    this.#taken += messages.payloads.length;
    return messages;
  }

  /** The first messages of those that were taken in this run are acknowledged, or refused. */
  settle(count: number): void {
    const settled = Math.min(this.#first + count, this.#taken) - this.#settled;
    if (settled <= 0) return;
    this.#starts = this.#starts.slice(settled);
    this.#settled += settled;
    if ((this.#starts[0] ?? this.#length) > mostSettledBytes) this.#rewrite();
    else this.#extend(sealed(Buffer.from(JSON.stringify({settled: this.#settled}))));
    this.changed.notify();
  }

  /** Removes the file where all that was written is settled, else leaves it for the next run. */
  async close(): Promise<void> {
    closeSync(this.#file);
    if (this.unsettled === 0) rmSync(this.path, {force: true});
    await this.#lock.release().catch(() => undefined);
  }

  /** @throws TmqError when the system does not take all of it, and then the file is as before */
  #extend(bytes: Uint8Array): void {
    try {
      writeFully(this.#file, bytes, this.#length);
    } catch (error) {
      ftruncateSync(this.#file, this.#length);
      throw new TmqError(fileError('spool', this.path, error, 'write').message, ExitCode.errno, {
        cause: error,
      });
    }
    this.#length += bytes.length;
  }

  /** Writes a new file with the unsettled messages alone, in place of the old one. */
  #rewrite(): void {
    const beside = `${this.path}.new`;
    const file = openSync(beside, 'w+', 0o600);
    const header = headerLine(this.#broker, this.#settled);
    writeFully(file, header, 0);
    let length = header.length;
    const starts: number[] = [];
    for (const [index, start] of this.#starts.entries()) {
      const bytes = Buffer.allocUnsafe((this.#starts[index + 1] ?? this.#length) - start);
      readFully(this.#file, bytes, start);
      // A mark may stand behind the message.
      const line = bytes.subarray(0, bytes.indexOf(lineFeed) + 1);
      writeFully(file, line, length);
      starts.push(length);
      length += line.length;
    }
    renameSync(beside, this.path);
    closeSync(this.#file);
    this.#file = file;
    this.#length = length;
    this.#starts = starts;
  }
}

interface SpoolState {
  readonly length: number;
  readonly starts: number[];
  readonly settled: number;
}

/** @param first the number of the first message in the file */
function headerLine(broker: string, first: number): Buffer {
  return sealed(Buffer.from(JSON.stringify({'tmq-spool': version, broker, first})));
}

function readFully(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, bytes.length - at, offset + at);
    if (count === 0)
      throw new TmqError('The spool was changed by another program: it is shorter than before.');
    at += count;
  }
}

function writeFully(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
}

function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let start = 0, end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

/** The lines of a file with their offsets, read in pieces. */
function* fileLines(file: number): Generator<{readonly line: Buffer; readonly offset: number}> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const count = readSync(file, piece, 0, pieceBytes, at);
    if (count === 0) return;
    at += count;
    const bytes = Buffer.concat([rest, piece.subarray(0, count)]);
    let end = 0;
    for (const line of linesOf(bytes)) {
      yield {line, offset: offset + end};
      end += line.length + 1;
    }
    rest = bytes.subarray(end);
    offset += end;
  }
}

/** Reads what is there; writes the header of a new file. @throws TmqError */
function load(file: number, {path, broker}: SpoolPlace): SpoolState {
  let length = 0;
  let damaged: number | undefined;
  let settled = 0;
  let starts: number[] = [];
  let number = 0;
  for (const {line, offset} of fileLines(file)) {
    number++;
    const body = unsealed(line);
    if (body === undefined) {
      damaged ??= number;
      continue;
    }
    if (damaged !== undefined) {
      throw new TmqError(
        `Line ${damaged} of the spool ${path} is damaged, and lines behind it are not. Move the file away to go on without it.`,
      );
    }
    length = offset + line.length + 1;
    const count = settledIn(body);
    if (number === 1) settled = firstOf(body, {path, broker});
    else if (count === undefined) starts.push(offset);
    else {
      starts = starts.slice(Math.max(0, count - settled));
      settled = Math.max(settled, count);
    }
  }
  if (length === 0 && fstatSync(file).size > 0) throw notSpool(path);
  ftruncateSync(file, length);
  if (length === 0) {
    const header = headerLine(broker, 0);
    writeFully(file, header, 0);
    length = header.length;
  }
  return {length, starts, settled};
}

function notSpool(path: string): TmqError {
  return new TmqError(`The file ${path} is no spool of tmq: name another one.`);
}

/** The number of the first message, from the header. @throws TmqError */
function firstOf(body: Buffer, {path, broker}: SpoolPlace): number {
  const header = JSON.parse(body.toString()) as Readonly<Record<string, unknown>>;
  if (typeof header['tmq-spool'] !== 'number') throw notSpool(path);
  if (header['tmq-spool'] !== version)
    throw new TmqError(`The spool ${path} is of a later version of tmq: use that, or name another file.`);
  if (header.broker !== broker) {
    throw new TmqError(
      `The spool ${path} has messages for ${header.broker}, not for ${broker}: connect there first, or name another file.`,
    );
  }
  return Number(header.first ?? 0);
}
