/** Reads the files that a configuration names. */

import {readdirSync, readFileSync} from 'node:fs';
import {fileError} from '../../errors.ts';

/** @throws TmqError */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError('', path, error);
  }
}

/** A file of UTF-8. @throws TmqError */
export function readText(path: string): string {
  return Buffer.from(readBytes(path)).toString();
}

/** The names in a directory. @throws TmqError */
export function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw fileError('', directory, error);
  }
}
