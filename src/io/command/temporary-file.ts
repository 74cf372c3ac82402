/** A file without a name: what a command reads from, or writes to. It is gone with its last descriptor. */

import {randomUUID} from 'node:crypto';
import {closeSync, fstatSync, openSync, readSync, unlinkSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {fileError} from '../../errors.ts';

/** Bytes that are read at a time. */
const chunkBytes = 65_536;

/** Makes one in the directory; returns its descriptor, which the caller closes. @throws TmqError */
export function temporaryFile(directory: string): number {
  const path = join(directory, `tmq-${randomUUID()}`);
  try {
    const descriptor = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return descriptor;
  } catch (error) {
    throw fileError('', `a temporary file in ${directory}`, error, 'make');
  }
}

/**
 * A temporary file with these bytes. A pipe would cost more, and a command cannot open one of Node's, which are sockets,
 * by the name /dev/stdin. @throws TmqError
 */
export function fileOf(bytes: Uint8Array, directory: string): number {
  const descriptor = temporaryFile(directory);
  try {
    // With a position: the command reads from where the descriptor stands, the beginning.
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, at);
  } catch (error) {
    closeSync(descriptor);
    throw fileError('', `a temporary file in ${directory}`, error, 'write');
  }
  return descriptor;
}

/** What is in the file, in chunks; each is overwritten by the next one. */
export function* chunksOf(descriptor: number): Generator<Uint8Array> {
  // Many commands print nothing.
  if (fstatSync(descriptor).size === 0) return;
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; ; ) {
    const count = readSync(descriptor, chunk, 0, chunkBytes, at);
    if (count === 0) return;
    yield chunk.subarray(0, count);
    at += count;
  }
}
