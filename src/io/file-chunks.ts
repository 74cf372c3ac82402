/** A file's content in chunks, so that a file of any size fits into memory; and a digest to compare contents. */

import {createHash} from 'node:crypto';
import type {FileHandle} from 'node:fs/promises';

/** Bytes in order. A chunk is valid until the next one is requested: its memory is used again. */
export type Chunks = AsyncIterable<Uint8Array>;

const chunkBytes = 64 * 1024;

/** The content of an open file from its current position on. */
export async function* chunksOf(file: Pick<FileHandle, 'read'>): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (;;) {
    const {bytesRead} = await file.read(buffer, 0, chunkBytes, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A digest of the chunks that pass through it, to compare two contents. */
export class ContentDigest {
  #complete = false;
  readonly #hash = createHash('sha256');

  async *over(chunks: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      yield chunk;
    }
    this.#complete = true;
  }

  /** Whether both contents were read to their ends and are the same. Can be called once. */
  equals(other: ContentDigest): boolean {
    return this.#complete && other.#complete && this.#hash.digest().equals(other.#hash.digest());
  }
}
