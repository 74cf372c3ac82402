/**
 * argon2id by hash-wasm. A file of its own so that it is loaded only when such a secret is met: a static
 * import of a CommonJS package means the same in node and in the bundle, `await import` of one does not.
 */

import {argon2id} from 'hash-wasm';

export interface Argon2Parameters {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Uint8Array;
  /** Bytes. */
  readonly hashLength: number;
}

/** RFC 9106, version 1.3. The password must not be empty: hash-wasm takes none. */
export async function computeArgon2id(
  password: Uint8Array,
  {memory, passes, lanes, salt, hashLength}: Argon2Parameters,
): Promise<Uint8Array> {
  return await argon2id({
    password,
    salt,
    memorySize: memory,
    iterations: passes,
    parallelism: lanes,
    hashLength,
    outputType: 'binary',
  });
}
