/**
 * SHA-512 of crypt(3) by sha512-crypt-ts. A file of its own so that it is loaded only when such a secret is
 * met: a static import of a CommonJS package means the same in node and in the bundle, `await import` of
 * one does not.
 */

import {createRequire} from 'node:module';
import * as library from 'sha512-crypt-ts';
import type {HashThread} from './hash-thread.ts';

/**
 * What crypt(3) gives for `salt`, which is '$6$[rounds=<n>$]<salt>' or a whole secret. The library takes
 * characters below 256 for bytes, so that is how the bytes of the password reach it.
 */
export async function sha512Crypt(password: Uint8Array, salt: string, thread?: HashThread): Promise<string> {
  const text = Buffer.from(password).toString('latin1');
  if (thread === undefined) return library.sha512.crypt(text, salt);
  // The build puts the name of the bundle's file into it.
  const file = 'file' in library ? library.file : createRequire(import.meta.url).resolve('sha512-crypt-ts');
  return String(await thread.call({file: String(file), names: ['sha512', 'crypt']}, [text, salt]));
}
