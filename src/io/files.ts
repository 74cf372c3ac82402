/**
 * Reads files in chunks, and replaces them atomically: the new content is written to a temporary file, synced,
 * and renamed. Links are followed; mode and owner stay. A lock admits one process at a time. Knows nothing of
 * the content.
 */

import {createHash, randomBytes} from 'node:crypto';
import type {Stats} from 'node:fs';
import * as promises from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import {codeOf, fileError, TmqError} from '../errors.ts';
import {sleep} from '../timers.ts';
import {acquireLock, type Lock, type LockFileSystem} from './lock.ts';
import {platform as thisPlatform} from './process.ts';

/** What is asked of the system; tests hand in one that fails. */
export type FileSystem = LockFileSystem & Pick<typeof promises, 'open' | 'readdir' | 'realpath' | 'stat'>;

export interface UpdateContext {
  readonly pid: number;
  readonly signal: AbortSignal;
  readonly fs?: FileSystem;
  /** How long to wait for others who are changing the file; the default is 30 s. */
  readonly timeoutMilliseconds?: number;
  readonly platform?: NodeJS.Platform;
}

/** Bytes in order. A chunk is valid until the next one is requested: its memory is used again. */
export type Chunks = AsyncIterable<Uint8Array>;

const chunkBytes = 64 * 1024;

/** The content of an open file from its current position on. */
async function* chunksOf(
  file: Pick<promises.FileHandle, 'read'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (;;) {
    const {bytesRead} = await file.read(buffer, 0, chunkBytes, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A digest of the chunks that pass through it, to compare two contents. */
class ContentDigest {
  #complete = false;
  readonly #hash = createHash('sha256');

  async *over(chunks: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      yield chunk;
    }
    this.#complete = true;
  }

  /** Whether both contents were read to their ends and are the same. Can be called once. */
  equals(other: ContentDigest): boolean {
    return this.#complete && other.#complete && this.#hash.digest().equals(other.#hash.digest());
  }
}

/** A system error as `fileError` says it; anything else unchanged. */
function explained(error: unknown, ...[role, path, verb]: readonly [string, string, string?]): unknown {
  return error instanceof Error && 'errno' in error ? fileError(role, path, error, verb) : error;
}

/**
 * The content of a file or a pipe. `noun` is what it is called when it cannot be read: 'password file'.
 * @throws TmqError
 */
export async function* readChunks(
  path: string,
  noun: string,
  fs: FileSystem = promises,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const handle = await fs.open(path, 'r');
    try {
      if ((await handle.stat()).isDirectory()) throw notRegular(path, true);
      yield* chunksOf(handle);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw explained(error, noun, path);
  }
}

/** Makes sure that a file is there and can be read. @throws TmqError as readChunks does */
export async function checkReadable(path: string, noun: string): Promise<void> {
  for await (const _ of readChunks(path, noun)) return;
}

function notRegular(path: string, isDirectory: boolean): TmqError {
  return new TmqError(isDirectory ? `${path} is a directory, not a file.` : `${path} is not a regular file.`);
}

/** Before a file is changed: a pipe or a device cannot be replaced. @throws TmqError; not for a file that is not there */
export async function checkRegular(path: string): Promise<void> {
  const status = await promises.stat(path).catch(() => undefined);
  if (status === undefined || status.isFile()) return;
  throw notRegular(path, status.isDirectory());
}

/** Size and permissions of a file; undefined when there is none. @throws TmqError */
export async function fileStatus(
  path: string,
  fs: FileSystem = promises,
): Promise<{readonly size: number; readonly mode: number} | undefined> {
  try {
    const {size, mode} = await fs.stat(path);
    return {size, mode};
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw explained(error, 'file', path);
  }
}

/** Where the file is or will be, links followed, also a last one that leads nowhere yet. */
async function realPath(fs: FileSystem, path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const directory = await fs.realpath(dirname(path));
  const target = await fs.readlink(path).catch(() => undefined);
  return target === undefined
    ? join(directory, basename(path))
    : await realPath(fs, resolve(directory, target));
}

/** Gives the new file the owner, the group and then the mode of the old one; 0600 where there is none. */
async function adoptStatus(handle: promises.FileHandle, old: Stats | undefined): Promise<void> {
  if (old !== undefined) {
    const own = await handle.stat();
    if (own.uid !== old.uid || own.gid !== old.gid) await handle.chown(old.uid, old.gid);
  }
  await handle.chmod(old === undefined ? 0o600 : old.mode & 0o7777);
}

/** Makes a rename in this directory survive a power cut, where the file system can be asked to. */
async function syncDirectory(fs: FileSystem, directory: string): Promise<void> {
  let handle: promises.FileHandle | undefined;
  try {
    handle = await fs.open(directory, 'r');
    await handle.sync();
  } catch (error) {
    const cannot = ['EACCES', 'EPERM', 'EINVAL', 'EISDIR', 'ENOTSUP', 'ENOSYS'];
    if (!cannot.includes(codeOf(error))) throw error;
  } finally {
    await handle?.close();
  }
}

interface Replacement {
  /** The name the user gave, for messages. */
  readonly name: string;
  readonly path: string;
  readonly temporary: string;
  readonly old: OldFile | undefined;
  readonly content: Chunks;
  readonly signal: AbortSignal;
  readonly platform: NodeJS.Platform;
}

/** Writes the new content beside the old, down to the disk; false, and not so far, when it is the same. */
async function writeBeside(fs: FileSystem, replacement: Replacement): Promise<boolean> {
  const {name, temporary, old, content, signal} = replacement;
  const handle = await fs.open(temporary, 'wx', 0o600);
  try {
    const digest = new ContentDigest();
    for await (const chunk of digest.over(content)) {
      signal.throwIfAborted();
      await handle.writeFile(chunk);
    }
    if (old?.digest.equals(digest)) return false;
    await adoptStatus(handle, old?.status).catch((error: unknown) => {
      throw explained(error, '', name, 'keep the owner and mode of');
    });
    await handle.sync();
    return true;
  } finally {
    await handle.close();
  }
}

/** Renames the new file over the old one. On Windows it waits up to a second for programs that have that one open. */
async function rename(fs: FileSystem, replacement: Replacement): Promise<void> {
  const {name, path, temporary, signal, platform} = replacement;
  for (let wait = 4; ; wait *= 2) {
    try {
      return await fs.rename(temporary, path);
    } catch (error) {
      if (platform !== 'win32' || !['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error))) throw error;
      if (wait > 512) throw new TmqError(`${name} cannot be replaced: another program has it open.`);
    }
    await sleep(wait, signal);
  }
}

/**
 * Writes beside and renames over; on failure nothing is left but the old file. A file that is mounted by
 * itself cannot be renamed over, and is not overwritten either: a process that dies in the middle would leave
 * less than the old file.
 */
async function replace(fs: FileSystem, replacement: Replacement): Promise<void> {
  const {name, path, temporary, signal} = replacement;
  const discard = () => fs.unlink(temporary).catch(() => undefined);
  try {
    if (!(await writeBeside(fs, replacement))) return await discard();
    signal.throwIfAborted();
    // Windows replaces no file that is open.
    await replacement.old?.handle.close();
    await rename(fs, replacement);
  } catch (error) {
    await discard();
    if (replacement.platform === 'win32' || codeOf(error) !== 'EBUSY') throw error;
    throw new TmqError(
      `${name} cannot be replaced in one step, for it is mounted by itself, as into a container; mount its directory instead.`,
      undefined,
      {cause: error},
    );
  }
  await syncDirectory(fs, dirname(path));
}

/** Without links (FAT; EISDIR on Windows) there is no lock; the replacement itself is as safe as ever. */
async function lock(path: string, context: UpdateContext, fs: FileSystem): Promise<Lock | undefined> {
  try {
    return await acquireLock(path, {...context, fs});
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EISDIR'].includes(codeOf(error))) throw error;
    return undefined;
  }
}

/** Removes what processes that were killed left beside the file; only the lock's holder may. */
async function sweep(fs: FileSystem, hidden: string): Promise<void> {
  const prefix = basename(hidden);
  // A directory that cannot be listed is left as it is.
  const names = await fs.readdir(dirname(hidden)).catch(() => []);
  const left = names.filter(
    (name) => name.startsWith(prefix) && /^-(lock|new)\.[\da-f]{16}$/.test(name.slice(prefix.length)),
  );
  for (const name of left) await fs.unlink(join(dirname(hidden), name)).catch(() => undefined);
}

/** A file that is about to be replaced. */
interface OldFile {
  readonly status: Stats;
  readonly handle: promises.FileHandle;
  /** Of what was read of it. */
  readonly digest: ContentDigest;
}

/** The regular file at `path`; undefined when there is none. */
async function openOld(fs: FileSystem, path: string, name: string): Promise<OldFile | undefined> {
  try {
    const status = await fs.stat(path);
    if (!status.isFile()) throw notRegular(name, status.isDirectory());
    return {status, handle: await fs.open(path, 'r'), digest: new ContentDigest()};
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a file is to hold, made from what it holds; undefined when there is no file yet. */
export type FileChange = (old: Chunks | undefined) => Chunks;

/**
 * Replaces a file by what `change` makes of its content, under a lock. Nothing is replaced when
 * nothing changes or `change` throws. A new file has mode 0600.
 * @throws TmqError when the system refuses, the signal's reason when it aborts before the replacement
 */
export async function updateFile(name: string, change: FileChange, context: UpdateContext): Promise<void> {
  const {signal, fs = promises, platform = thisPlatform} = context;
  try {
    const path = await realPath(fs, name);
    const hidden = join(dirname(path), `.${basename(path)}.tmq`);
    const held = await lock(`${hidden}-lock`, context, fs);
    let old: OldFile | undefined;
    try {
      if (held !== undefined) await sweep(fs, hidden);
      old = await openOld(fs, path, name);
      const content = change(old?.digest.over(chunksOf(old.handle)));
      const temporary = `${hidden}-new.${held?.id ?? randomBytes(8).toString('hex')}`;
      await replace(fs, {name, path, temporary, old, content, signal, platform});
    } finally {
      await old?.handle.close().catch(() => undefined);
      // A lock that stays behind is a dead process's lock soon.
      await held?.release().catch(() => undefined);
    }
  } catch (error) {
    const refused = codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS';
    const beside = refused && (error as NodeJS.ErrnoException).syscall === 'symlink';
    if (beside) throw explained(error, '', name, 'write into the directory of');
    throw explained(error, 'file', name, 'write');
  }
}
