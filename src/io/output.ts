/**
 * Standard output: bytes are collected in one reused buffer and written once for each batch. Files and pipes are
 * written with write(2), several times cheaper than a stream; what a full pipe does not take, and terminals, go
 * through the stream. A closed pipe is an ordinary end. Knows nothing of messages.
 */

import {writeSync} from 'node:fs';
import type {Writable} from 'node:stream';
import {codeOf, ExitCode, fileError, TmqError} from '../errors.ts';
import type {Sink} from '../format/sink.ts';
import {copyBytes} from '../protocol/byte-copy.ts';
import type {Terminal} from './process.ts';
import {watchReader} from './reader-watch.ts';

/** The reader of the output closed it: an ordinary end, with status 0 and no message for the user. */
export class ClosedPipe extends TmqError {
  override readonly name = 'ClosedPipe';
  override readonly silent = true;

  constructor(options?: ErrorOptions) {
    super('The reader of the output closed it.', ExitCode.success, options);
  }
}

const initialBytes = 256 * 1024;
/** A buffer that a burst made larger than this is given back after the burst. */
const keptBytes = 4 * 1024 * 1024;
/** A chunk of at least this size is not worth copying. */
const directBytes = 128 * 1024;
/** Up to so many characters, a loop is faster than a call into the runtime. */
const loopCharacters = 32;

const endings = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

const noWatch: Disposable = {[Symbol.dispose]: () => undefined};

/** What a failed write means: an end, or an error with its cause. */
function toFailure(error: unknown): TmqError {
  if (error instanceof TmqError) return error;
  if (endings.has(codeOf(error))) return new ClosedPipe({cause: error});
  return fileError('', 'the output', error, 'write');
}

export class Output implements Sink {
  /** Resolves when nothing more can be written: the reader went away, or writing failed. Never rejects. */
  readonly closed: Promise<void>;
  readonly #stream: Writable;
  /** Where write(2) may be used. */
  readonly #descriptor: number | undefined;
  #buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;
  /** The buffer to go on with while the stream has the other. */
  #spare: Buffer | undefined;
  #failure: TmqError | undefined;
  #writing: Promise<void> | undefined;
  #close: () => void = () => undefined;

  constructor(stream: Terminal<Writable>) {
    this.#stream = stream;
    this.#descriptor = typeof stream.fd === 'number' && stream.isTTY !== true ? stream.fd : undefined;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#fail(new ClosedPipe()));
    if (stream.destroyed) this.#fail(new ClosedPipe());
  }

  /** Notices from now on that the reader went away, also while nothing is written: see `closed`. */
  watchReader(): Disposable {
    const gone = () => this.#fail(new ClosedPipe());
    return this.#descriptor === undefined ? noWatch : watchReader(this.#descriptor, gone);
  }

  /** Collects text, as UTF-8. */
  text(value: string): void {
    const characters = value.length;
    // A UTF-16 code unit becomes at most three bytes.
    if (this.#length + characters * 3 > this.#buffer.length) this.#grow(characters * 3);
    if (characters > loopCharacters) {
      this.#length += this.#buffer.write(value, this.#length);
      return;
    }
    const buffer = this.#buffer;
    let at = this.#length;
    for (let index = 0; index < characters; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        at += buffer.write(index === 0 ? value : value.slice(index), at);
        break;
      }
      buffer[at++] = code;
    }
    this.#length = at;
  }

  /** Collects bytes; they may change afterwards. */
  bytes(value: Uint8Array): void {
    const count = value.length;
    if (count >= directBytes) {
      this.#large(value);
      return;
    }
    if (this.#length + count > this.#buffer.length) this.#grow(count);
    this.#length = copyBytes(value, this.#buffer, this.#length);
  }

  /**
   * Writes what was collected; resolves when the system has taken it.
   * @throws ClosedPipe when the reader is gone, TmqError when writing fails, now or since the last flush
   */
  flush(): Promise<void> {
    return this.tryFlush() ?? Promise.resolve();
  }

  /** As `flush`; undefined when the system has taken everything at once. */
  tryFlush(): Promise<void> | undefined {
    if (this.#writing !== undefined) return this.#writing.then(() => this.tryFlush());
    const written = this.#writeNow(this.#buffer.subarray(0, this.#length));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (written < this.#length) {
      this.#writing = this.#writeLater(written).finally(() => {
        this.#writing = undefined;
      });
      return this.#writing;
    }
    this.#empty();
    return undefined;
  }

  #grow(count: number): void {
    // After a failure it is never written.
    if (this.#failure !== undefined) this.#length = 0;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + count, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  #empty(): void {
    this.#length = 0;
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** A large chunk is handed to the system from where it is; only what does not go through is copied. */
  #large(value: Uint8Array): void {
    const before = this.#writeNow(this.#buffer.subarray(0, this.#length));
    this.#buffer.copyWithin(0, before, this.#length);
    this.#length -= before;
    const rest = this.#length === 0 ? value.subarray(this.#writeNow(value)) : value;
    if (this.#length + rest.length > this.#buffer.length) this.#grow(rest.length);
    this.#buffer.set(rest, this.#length);
    this.#length += rest.length;
  }

  /** As much as the system takes without waiting; how many bytes that were. */
  #writeNow(data: Uint8Array): number {
    // What the stream still holds, ours or another writer's, comes first.
    if (this.#descriptor === undefined || this.#writing !== undefined || this.#stream.writableLength > 0)
      return 0;
    let written = 0;
    try {
      while (written < data.length && this.#failure === undefined) {
        written += writeSync(this.#descriptor, data, written);
      }
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') this.#fail(error);
    }
    return written;
  }

  /** The rest through the stream. The buffer is lent to it; text and bytes go on in another one. */
  async #writeLater(start: number): Promise<void> {
    const lent = this.#buffer;
    const data = lent.subarray(start, this.#length);
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(initialBytes);
    this.#spare = undefined;
    this.#length = 0;
    await new Promise<void>((resolve) => {
      void this.closed.then(resolve);
      this.#stream.write(data, (error) => {
        if (error) this.#fail(error);
        resolve();
      });
    });
    if (this.#failure !== undefined) throw this.#failure;
    if (lent.length <= keptBytes) this.#spare = lent;
  }

  #fail(error: unknown): void {
    this.#failure ??= toFailure(error);
    this.#close();
  }
}

/** Writes text to standard output; resolves when it is written. @throws ClosedPipe when its reader has closed it */
export async function print({stdout}: {readonly stdout: Terminal<Writable>}, text: string): Promise<void> {
  const output = new Output(stdout);
  output.text(text);
  await output.flush();
}
