/** What was written to a stream that has no other reader. */

import type {PassThrough} from 'node:stream';

/** Reads all that is buffered; from Node 26 on, one `read` returns only a part of it. */
export function takeWritten(stream: PassThrough): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = stream.read(); piece !== null; piece = stream.read()) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
