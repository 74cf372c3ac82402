/**
 * A readable stream taken chunk by chunk and only on demand, which leaves the rest to others: to the next
 * prompt, or to nobody. Knows nothing of what the bytes are.
 */

import {once} from 'node:events';
import type {Readable} from 'node:stream';

export interface Chunks {
  /** The next bytes; undefined at the end. @throws the signal's reason when it aborts */
  next(): Promise<Buffer | undefined>;
  /** Stops reading, and gives back what was read too much. */
  giveBack(rest: Uint8Array): void;
}

/** The chunks of a stream, until the signal aborts. */
export function chunks(stream: Readable, signal: AbortSignal): Chunks {
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
  const source = chunks(stream, signal);
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
}
