/**
 * Reads a stream in chunks, only on demand: the bytes that one prompt does not read stay for the next one.
 * Knows nothing of what the bytes are.
 */

import {once} from 'node:events';
import type {Readable} from 'node:stream';

export interface ChunkReader {
  /** The next bytes; undefined at the end. @throws the signal's reason when it aborts */
  next(): Promise<Buffer | undefined>;
  /** Stops reading, and puts `rest` back into the stream. */
  giveBack(rest: Uint8Array): void;
}

/** A reader of the stream, until the signal aborts. */
export function chunkReader(stream: Readable, signal: AbortSignal): ChunkReader {
  return {
    async next() {
      for (;;) {
        signal.throwIfAborted();
        const chunk: Buffer | string | null = stream.read();
        if (chunk !== null) return Buffer.from(chunk);
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
    throw error;
  } finally {
    done.abort();
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
