/**
 * SHA-512 of crypt(3) by sha512-crypt-ts. A file of its own so that it is loaded only when such a secret is
 * met: a static import of a CommonJS package means the same in node and in the bundle, `await import` of
 * one does not.
 */

import {sha512} from 'sha512-crypt-ts';

/**
 * What crypt(3) gives for `salt`, which is '$6$[rounds=<n>$]<salt>' or a whole secret. The library takes
 * characters below 256 for bytes, so that is how the bytes of the password reach it.
 */
export function sha512Crypt(password: Uint8Array, salt: string): string {
  return sha512.crypt(Buffer.from(password).toString('latin1'), salt);
}
