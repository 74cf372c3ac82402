/** Descriptors that the shell opens for this process: 3>file. */

import {fstatSync, readdirSync, readFileSync, type Stats} from 'node:fs';
import {UsageError} from '../errors.ts';

/** The access mode in the flags of an open file [open(2)]. */
const accessMask = 3;
const readOnly = 0;

/** An inode and how it is open, of a descriptor of this process. Linux only. */
function opened(descriptor: string): {readonly inode: number; readonly access: number} | undefined {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'));
    return {inode: fstatSync(Number(descriptor)).ino, access: Number.parseInt(flags![1]!, 8) & accessMask};
  } catch {
    return undefined;
  }
}

/**
 * Whether the descriptor can be what the shell has opened: a descriptor that it has not opened may be one of Node's
 * own, such as a pipe of which both ends are in this process.
 */
function isForWriting(descriptor: number, status: Stats, platform: NodeJS.Platform): boolean {
  if (!(status.isFile() || status.isFIFO() || status.isSocket() || status.isCharacterDevice())) return false;
  if (platform !== 'linux') return true;
  const own = opened(String(descriptor));
  if (own === undefined || own.access === readOnly) return false;
  if (!status.isFIFO()) return true;
  const others = readdirSync('/proc/self/fd').map(opened);
  return !others.some((other) => other?.inode === own.inode && other.access === readOnly);
}

/** @throws UsageError naming the option, where the descriptor cannot be written to */
export function checkDescriptor(option: string, descriptor: number, platform: NodeJS.Platform): void {
  const remedy = `Open it in the shell, as in ${option} ${descriptor} ${descriptor}>${option.replace(/^--|-fd$/g, '')}`;
  const refused = (cause?: unknown) =>
    new UsageError(`${option}: descriptor ${descriptor} is not open for writing. ${remedy}`, {cause});
  let status: Stats;
  try {
    status = fstatSync(descriptor);
  } catch (error) {
    throw refused(error);
  }
  if (!isForWriting(descriptor, status, platform)) throw refused();
}
