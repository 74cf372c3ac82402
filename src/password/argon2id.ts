/**
 * argon2id by hash-wasm. A file of its own so that it is loaded only when such a secret is met: a static
 * import of a CommonJS package means the same in node and in the bundle, `await import` of one does not.
 */

import {createRequire} from 'node:module';
import * as library from 'hash-wasm';
import type {HashThread} from './hash-thread.ts';

export interface Argon2Parameters {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
  /** Bytes. */
  readonly hashLength: number;
}

/** RFC 9106, version 1.3; in a `thread` if there is one. The password must not be empty: hash-wasm takes none. */
export async function computeArgon2id(
  password: Uint8Array,
  {memory, passes, lanes, salt, hashLength}: Argon2Parameters,
  thread?: HashThread,
): Promise<Uint8Array> {
  const options = {
    password,
    salt,
    memorySize: memory,
    iterations: passes,
    parallelism: lanes,
    hashLength,
    outputType: 'binary',
  } as const;
  if (thread === undefined) return await library.argon2id(options);
  // The build puts the name of the bundle's file into it.
  const file = 'file' in library ? library.file : createRequire(import.meta.url).resolve('hash-wasm');
  return (await thread.call({file: String(file), names: ['argon2id']}, [options])) as Uint8Array;
}
