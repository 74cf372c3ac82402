/** --ready-fd and --ready-file: a script learns from them that every filter is granted. */

import {
  closeSync,
  fstatSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {codeOf, fileError, UsageError} from '../../../errors.ts';
import type {Io} from '../../../io/process.ts';

export interface ReadyPlan {
  readonly descriptor?: number;
  readonly file?: string;
}

/** A way to say it, checked before connecting. */
interface ReadySignal extends Disposable {
  announce(line: string): void;
}

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

/** @throws UsageError for a descriptor that cannot be written to */
function toDescriptor(descriptor: number, platform: NodeJS.Platform): ReadySignal {
  const remedy = `Open it in the shell, as in --ready-fd ${descriptor} ${descriptor}>ready`;
  const refused = (cause?: unknown) =>
    new UsageError(`--ready-fd: descriptor ${descriptor} is not open for writing. ${remedy}`, {cause});
  let status: Stats;
  try {
    status = fstatSync(descriptor);
  } catch (error) {
    throw refused(error);
  }
  if (!isForWriting(descriptor, status, platform)) throw refused();
  return {
    announce(line) {
      try {
        writeSync(descriptor, line);
        // A reader of everything goes on. The standard streams are needed further.
        if (descriptor > 2) closeSync(descriptor);
      } catch (error) {
        throw fileError('', `descriptor ${descriptor}`, error, 'write to');
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

/** Removes what an earlier run has left: that the file is there says that this run has subscribed. */
function removeOld(path: string): void {
  const status = lstatSync(path, {throwIfNoEntry: false});
  if (status === undefined) return;
  // A device would be gone for all.
  if (!status.isFile()) throw new UsageError(`--ready-file: ${path} exists, and is not a regular file.`);
  rmSync(path, {force: true});
}

/** Written beside its place first, so that it is complete as soon as it is there. @throws TmqError */
function toFile(path: string, pid: number): ReadySignal {
  const beside = `${path}.${pid}.tmp`;
  try {
    removeOld(path);
    writeFileSync(beside, '', {flag: 'wx'});
  } catch (error) {
    if (codeOf(error) === '') throw error;
    throw fileError('ready file', path, error, 'write');
  }
  return {
    announce(line) {
      try {
        writeFileSync(beside, line);
        renameSync(beside, path);
      } catch (error) {
        throw fileError('ready file', path, error, 'write');
      }
    },
    [Symbol.dispose]: () => rmSync(beside, {force: true}),
  };
}

export class ReadySignals implements Disposable {
  readonly #signals: readonly ReadySignal[];

  /** Checks where to write. @throws TmqError where that cannot be written to */
  constructor({descriptor, file}: ReadyPlan, {pid, platform}: Pick<Io, 'pid' | 'platform'>) {
    this.#signals = [
      ...(descriptor === undefined ? [] : [toDescriptor(descriptor, platform)]),
      ...(file === undefined ? [] : [toFile(file, pid)]),
    ];
  }

  /** All filters are granted, with these QoS. @throws TmqError */
  subscribed(filters: readonly string[], granted: readonly number[]): void {
    const pairs = filters.map((filter, index) => ({filter, qos: granted[index] ?? 0}));
    const line = `${JSON.stringify({event: 'subscribed', filters: pairs})}\n`;
    for (const signal of this.#signals) signal.announce(line);
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) signal[Symbol.dispose]();
  }
}
