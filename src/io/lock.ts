/**
 * A lock between processes that change one file: a symbolic link whose target names the holder, so that it is
 * never half written; on Windows, where links need a privilege, a file. The lock of a dead process is taken over, see
 * `succeed`. Knows nothing of what is locked.
 */

import {randomBytes, randomInt} from 'node:crypto';
import type * as promises from 'node:fs/promises';
import {hostname} from 'node:os';
import {kill} from 'node:process';
import {codeOf, TmqError} from '../errors.ts';
import {sleep} from '../timers.ts';
import {platform as thisPlatform} from './process.ts';

export type LockFileSystem = Pick<
  typeof promises,
  'symlink' | 'readlink' | 'link' | 'writeFile' | 'rename' | 'unlink' | 'readFile'
>;

export interface LockContext {
  readonly fs: LockFileSystem;
  readonly pid: number;
  readonly signal: AbortSignal;
  /** How long to wait for a living holder; the default is 30 s. */
  readonly timeoutMilliseconds?: number;
  readonly platform?: NodeJS.Platform;
}

export interface Lock {
  /** This lock's own random number, fit for the names of its holder's files. */
  readonly id: string;
  release(): Promise<void>;
}

interface LockHolder {
  readonly id: string;
  readonly pid: number;
  /** In clock ticks since boot; '' where /proc does not tell. A process number alone may be reused. */
  readonly startTime: string;
  /** Host and process namespace: where the process number means something. */
  readonly machine: string;
}

/** The holder of a link or file that tmq did not make. */
const stranger = 'stranger';

const format = ({id, pid, startTime, machine}: LockHolder) => `tmq:${id}:${pid}:${startTime}:${machine}`;

function parse(target: string): LockHolder | typeof stranger {
  const match = /^tmq:([\da-f]{16}):(\d+):(\d*):(.+)$/.exec(target);
  if (match === null) return stranger;
  return {id: match[1]!, pid: Number(match[2]), startTime: match[3]!, machine: match[4]!};
}

/** State and start time of a process from /proc (proc(5), fields 3 and 22); undefined where it does not tell. */
async function processStat(fs: LockFileSystem, pid: number) {
  const text = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && {state: fields[0] ?? '', startTime: fields[19] ?? ''};
}

async function self({fs, pid}: LockContext): Promise<LockHolder> {
  const namespace = await fs.readlink('/proc/self/ns/pid').catch(() => '');
  const stat = await processStat(fs, pid);
  return {
    id: randomBytes(8).toString('hex'),
    pid,
    startTime: stat?.startTime ?? '',
    machine: `${hostname()}/${namespace.replace(/\D/g, '')}`,
  };
}

/** Whether the holder is certainly gone; on another machine, that is unknown. */
async function isDead(fs: LockFileSystem, holder: LockHolder, machine: string): Promise<boolean> {
  if (holder.machine !== machine) return false;
  try {
    kill(holder.pid, 0);
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
  const stat = await processStat(fs, holder.pid);
  if (stat === undefined) return false;
  if (stat.state === 'Z' || stat.state === 'X') return true;
  return holder.startTime !== '' && stat.startTime !== holder.startTime;
}

/** How a holder's name is kept at a path. */
interface Carrier {
  /** Makes it in one step. Rejects with EEXIST where there is one already. */
  make(path: string, holder: string): Promise<void>;
  /** Rejects with ENOENT where there is none, with one of `foreign` where it is something else. */
  read(path: string): Promise<string>;
  readonly foreign: readonly string[];
}

const symbolicLinks = (fs: LockFileSystem): Carrier => ({
  make: (path, holder) => fs.symlink(holder, path),
  read: (path) => fs.readlink(path),
  foreign: ['EINVAL'],
});

/** A file gets its name by `link` when it is complete. Windows refuses to read one that is being removed. */
const plainFiles = (fs: LockFileSystem): Carrier => ({
  async make(path, holder) {
    const temporary = `${path}.${randomBytes(8).toString('hex')}`;
    await fs.writeFile(temporary, holder, {flag: 'wx', mode: 0o600});
    try {
      await fs.link(temporary, path);
    } finally {
      await fs.unlink(temporary).catch(() => undefined);
    }
  },
  read: (path) => fs.readFile(path, 'utf8'),
  foreign: ['EISDIR', 'EPERM', 'EACCES', 'EBUSY'],
});

const carrierOf = ({fs, platform = thisPlatform}: Pick<LockContext, 'fs' | 'platform'>): Carrier =>
  platform === 'win32' ? plainFiles(fs) : symbolicLinks(fs);

/** Makes the lock; false where there is one. */
async function place(carrier: Carrier, path: string, holder: LockHolder): Promise<boolean> {
  try {
    await carrier.make(path, format(holder));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A holder of the lock has swept the file away that was to get its name.
    if (codeOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'link') return false;
    throw error;
  }
}

async function read(carrier: Carrier, path: string): Promise<LockHolder | typeof stranger | undefined> {
  try {
    return parse(await carrier.read(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (carrier.foreign.includes(codeOf(error))) return stranger;
    throw error;
  }
}

/** Removes what may be gone already. */
async function remove(fs: LockFileSystem, path: string): Promise<void> {
  await fs.unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/**
 * Takes over the lock of a dead holder; false when another process was faster. The lock is not removed, since
 * two processes may find it at once: the successor makes a link named after the dead lock's random number,
 * which only one process can, and renames it to the lock. A process that comes too late finds another number
 * in the lock. A successor may have died as well, and is succeeded in the same way; the link it may leave
 * behind, `<lock>.<number>`, can be removed by any holder of the lock.
 */
async function succeed(
  context: LockContext,
  path: string,
  {dead, mine}: {readonly dead: LockHolder; readonly mine: LockHolder},
): Promise<boolean> {
  const {fs} = context;
  const carrier = carrierOf(context);
  let last = dead;
  while (!(await place(carrier, `${path}.${last.id}`, mine))) {
    const next = await read(carrier, `${path}.${last.id}`);
    if (typeof next !== 'object' || !(await isDead(fs, next, mine.machine))) return false;
    last = next;
  }
  const step = `${path}.${last.id}`;
  const current = await read(carrier, path);
  // The lock still carries the first dead number, so no process has finished this chain.
  if (typeof current === 'object' && current.id === dead.id) {
    await fs.rename(step, path);
    return true;
  }
  await remove(fs, step);
  return false;
}

/**
 * Waits for the lock at `path` and takes it.
 * @throws TmqError when a living holder keeps it for too long; the signal's reason when it aborts; the
 *   system's error when no link can be made there
 */
export async function acquireLock(path: string, context: LockContext): Promise<Lock> {
  const {fs, signal} = context;
  const mine = await self(context);
  const carrier = carrierOf(context);
  const lock: Lock = {id: mine.id, release: () => remove(fs, path)};
  const deadline = performance.now() + (context.timeoutMilliseconds ?? 30_000);
  for (let longest = 8; ; longest = Math.min(longest * 2, 128)) {
    signal.throwIfAborted();
    if (await place(carrier, path, mine)) return lock;
    const holder = await read(carrier, path);
    if (holder === undefined) continue;
    if (typeof holder === 'object' && (await isDead(fs, holder, mine.machine))) {
      if (await succeed(context, path, {dead: holder, mine})) return lock;
    }
    if (performance.now() > deadline) throw held(path, holder);
    // Random waits keep processes from colliding again and again.
    await sleep(randomInt(1, longest), signal);
  }
}

function held(path: string, holder: LockHolder | typeof stranger): TmqError {
  const who =
    holder === stranger ? 'something else' : `process ${holder.pid} on ${holder.machine.split('/', 1)[0]}`;
  return new TmqError(`${path} is held by ${who}; remove it if no process is changing the file.`);
}
