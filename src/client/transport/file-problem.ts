/** Why a file that an option names cannot be used, in the words of the user's system. Knows no TLS. */

import {ExitCode, TmqError} from '../../errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'not a directory',
  ELOOP: 'too many symbolic links',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
};

/** "Cannot read the CA file x: no such file or directory.", status 1. */
export function fileProblem(role: string, path: string, error: unknown, verb = 'read'): TmqError {
  const code = String((error as {code?: unknown} | null)?.code);
  return new TmqError(`Cannot ${verb} the ${role} ${path}: ${reasons[code] ?? code}.`, ExitCode.failure, {
    cause: error,
  });
}
