/**
 * A file's content on its way, a piece at a time, so that no file is too large. Knows nothing of where it comes
 * from and where it goes.
 */

import {createHash} from 'node:crypto';
import type {FileHandle} from 'node:fs/promises';

/** Bytes in order; a piece is good until the next one is asked for. */
export type Pieces = AsyncIterable<Uint8Array>;

const pieceBytes = 64 * 1024;

/** What an open file holds from where it stands. */
export async function* piecesOf(file: Pick<FileHandle, 'read'>): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  for (;;) {
    const {bytesRead} = await file.read(buffer, 0, pieceBytes, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Passes pieces on, and knows afterwards whether others were the same. */
export class Tally {
  #complete = false;
  readonly #hash = createHash('sha256');

  async *over(pieces: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      this.#hash.update(piece);
      yield piece;
    }
    this.#complete = true;
  }

  /** Whether the same bytes passed in both, to their ends. To be asked once. */
  equals(other: Tally): boolean {
    return this.#complete && other.#complete && this.#hash.digest().equals(other.#hash.digest());
  }
}
