/**
 * argon2id by hash-wasm. A file of its own so that it is loaded only when such a secret is met: a static
 * import of a CommonJS package means the same in node and in the bundle, `await import` of one does not.
 */

import * as library from 'hash-wasm';

export interface Argon2Parameters {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
  /** Bytes. */
  readonly hashLength: number;
}

/** What hash-wasm takes. */
export type Argon2Options = Parameters<typeof library.argon2id>[0];

/** The file of the package in the build, for another thread to load; undefined in the sources. */
export const bundledFile = 'file' in library ? String(library.file) : undefined;

/** RFC 9106, version 1.3; `compute` is hash-wasm's function. The password must not be empty: it takes none. */
export async function computeArgon2id(
  password: Uint8Array,
  {memory, passes, lanes, salt, hashLength}: Argon2Parameters,
  compute: (options: Argon2Options) => Promise<unknown> = library.argon2id,
): Promise<Uint8Array> {
  return (await compute({
    password,
    salt,
    memorySize: memory,
    iterations: passes,
    parallelism: lanes,
    hashLength,
    outputType: 'binary',
  })) as Uint8Array;
}
