/**
 * A file that is there as soon as something is ready, and complete then: it is written beside its place, and renamed.
 * What is ready, and what the file says of it, is not known here.
 */

import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {codeOf, fileError, UsageError} from '../errors.ts';

export interface ReadyFile extends Disposable {
  /** Makes the file, with this content. @throws FileError */
  write(text: string): void;
  /** Removes the file, unless another process has put its own there since. */
  remove(): void;
}

/** Removes what an earlier run has left. @throws UsageError for what is no regular file */
function removeOld(path: string): void {
  const status = lstatSync(path, {throwIfNoEntry: false});
  if (status === undefined) return;
  // A device would be gone for all.
  if (!status.isFile()) throw new UsageError(`--ready-file: ${path} exists, and is not a regular file.`);
  rmSync(path, {force: true});
}

/**
 * Removes the file of an earlier run, and checks that one can be written. Its disposal leaves a file that was written.
 * @param pid part of the name that the file has until it is complete
 * @param mode its permissions, before the umask
 * @throws FileError, UsageError
 */
export function openReadyFile(path: string, pid: number, mode = 0o666): ReadyFile {
  const beside = `${path}.${pid}.tmp`;
  let inode: number | undefined;
  const attempt = (action: () => void) => {
    try {
      action();
    } catch (error) {
      if (codeOf(error) === '') throw error;
      throw fileError('ready file', path, error, 'write');
    }
  };
  attempt(() => {
    removeOld(path);
    writeFileSync(beside, '', {flag: 'wx', mode});
  });
  return {
    write: (text) =>
      attempt(() => {
        const descriptor = openSync(beside, 'w');
        try {
          writeSync(descriptor, text);
          inode = fstatSync(descriptor).ino;
        } finally {
          closeSync(descriptor);
        }
        renameSync(beside, path);
      }),
    remove() {
      const found = lstatSync(path, {throwIfNoEntry: false});
      if (found !== undefined && found.ino === inode) rmSync(path, {force: true});
    },
    [Symbol.dispose]: () => rmSync(beside, {force: true}),
  };
}
