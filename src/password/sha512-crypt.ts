/**
 * SHA-512 of crypt(3) by sha512-crypt-ts. A file of its own so that it is loaded only when such a secret is
 * met: a static import of a CommonJS package means the same in node and in the bundle, `await import` of
 * one does not.
 */

import * as library from 'sha512-crypt-ts';

/** The file of the package in the build, for another thread to load; undefined in the sources. */
export const bundledFile = 'file' in library ? String(library.file) : undefined;

/**
 * What crypt(3) gives for `salt`, which is '$6$[rounds=<n>$]<salt>' or a whole secret; `compute` is the library's
 * function. It takes characters below 256 for bytes, so that is how the bytes of the password reach it.
 */
export async function sha512Crypt(
  password: Uint8Array,
  salt: string,
  compute: (text: string, salt: string) => unknown = (text, setting) => library.sha512.crypt(text, setting),
): Promise<string> {
  return String(await compute(Buffer.from(password).toString('latin1'), salt));
}
