/**
 * Reads a stream in chunks, only on demand: the bytes that one prompt does not read stay for the next one.
 * Knows nothing of what the bytes are.
 */

import {once} from 'node:events';
import {fstatSync, read} from 'node:fs';
import type {Readable} from 'node:stream';
import {promisify} from 'node:util';
import {ExitCode, fileReason, TmqError} from '../../errors.ts';
import type {Terminal} from '../process.ts';

export interface ChunkReader {
  /** The next bytes; undefined at the end. @throws the signal's reason when it aborts */
  next(): Promise<Buffer | undefined>;
  /** Stops reading, and puts `rest` back into the stream. */
  giveBack(rest: Uint8Array): void;
}

/** A reader of the stream, until the signal aborts. */
export function chunkReader(stream: Readable, signal: AbortSignal): ChunkReader {
  // It stays in `errored`.
  stream.on('error', () => undefined);
  return {
    async next() {
      for (;;) {
        signal.throwIfAborted();
        const chunk: Buffer | string | null = stream.read();
        if (chunk !== null) return Buffer.from(chunk);
        if (stream.errored) throw readFailure(stream.errored);
        if (stream.readableEnded || stream.destroyed) return undefined;
        await change(stream, signal);
      }
    },
    giveBack(rest) {
      stream.pause();
      if (rest.length > 0 && !stream.readableEnded && !stream.destroyed) stream.unshift(rest);
    },
  };
}

/** Waits until the stream has something to read, ends or breaks, or the signal aborts. */
async function change(stream: Readable, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const options = {signal: AbortSignal.any([signal, done.signal])};
  try {
    await Promise.race(['readable', 'end', 'close'].map((name) => once(stream, name, options)));
  } catch (error) {
    signal.throwIfAborted();
    throw readFailure(error);
  } finally {
    done.abort();
  }
}

/** An error of reading: not the end of the input, so the command must not end with 0. */
function readFailure(error: unknown): unknown {
  if (error instanceof TmqError) return error;
  const {code} = error as NodeJS.ErrnoException;
  const reason = code === 'ECONNRESET' ? 'its other end reset the connection' : fileReason(error);
  return new TmqError(`Cannot read standard input: ${reason}.`, ExitCode.errno, {cause: error});
}

/** The chunks of standard input to its end. @throws TmqError 14 when the system cannot read it */
export async function* inputChunks(stdin: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stdin) yield chunk as Uint8Array;
  } catch (error) {
    throw readFailure(error);
  }
}

/** Of a file, read at once: more cost no less, and fewer more. */
const fileBytes = 256 * 1024;

/**
 * The same, of a file in larger chunks that share their memory: each is valid until the next one is requested. Measured
 * with a file of 77 MB: a fifth of the time of `pub --json`, which went into new memory for each chunk.
 */
export async function* sharedChunks(stdin: Terminal<Readable>): AsyncGenerator<Uint8Array, void, undefined> {
  const {fd} = stdin;
  if (fd === undefined || !isFile(fd)) {
    yield* inputChunks(stdin);
    return;
  }
  const readLater = promisify(read);
  const memory = Buffer.allocUnsafeSlow(fileBytes);
  for (;;) {
    let count: number;
    try {
      ({bytesRead: count} = await readLater(fd, memory, 0, fileBytes, null));
    } catch (error) {
      throw readFailure(error);
    }
    if (count === 0 || stdin.destroyed) return;
    yield memory.subarray(0, count);
  }
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

/** All chunks of a stream to its end. @throws the signal's reason when it aborts */
export async function* allChunks(
  stream: Readable,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const source = chunkReader(stream, signal);
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
}
