/** Reads the files that a configuration names, and says in a sentence what is wrong with one. */

import {readdirSync, readFileSync} from 'node:fs';
import {ExitCode, TmqError} from '../../errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'there is no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function cannotRead(path: string, error: unknown): TmqError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new TmqError(`Cannot read ${path}: ${reason}.`, ExitCode.failure, {cause: error});
}

/** @throws TmqError */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** The names in a directory. @throws TmqError */
export function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw cannotRead(directory, error);
  }
}
