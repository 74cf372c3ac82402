/**
 * A lock between processes that change one file: a symbolic link whose target names the holder, so that it is
 * never half written. The lock of a dead process is taken over, see `succeed`. Knows nothing of what is locked.
 */

import {randomBytes, randomInt} from 'node:crypto';
import type * as promises from 'node:fs/promises';
import {hostname} from 'node:os';
import {kill} from 'node:process';
import {codeOf, TmqError} from '../errors.ts';
import {sleep} from '../timers.ts';

export type LockFileSystem = Pick<typeof promises, 'symlink' | 'readlink' | 'rename' | 'unlink' | 'readFile'>;

export interface LockContext {
  readonly fs: LockFileSystem;
  readonly pid: number;
  readonly signal: AbortSignal;
  /** How long to wait for a living holder; the default is 30 s. */
  readonly timeoutMilliseconds?: number;
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

/** Makes the lock's link; false where there is one. */
async function place(fs: LockFileSystem, path: string, holder: LockHolder): Promise<boolean> {
  try {
    await fs.symlink(format(holder), path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function read(fs: LockFileSystem, path: string): Promise<LockHolder | typeof stranger | undefined> {
  try {
    return parse(await fs.readlink(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'EINVAL') return stranger;
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
  fs: LockFileSystem,
  path: string,
  {dead, mine}: {readonly dead: LockHolder; readonly mine: LockHolder},
): Promise<boolean> {
  let last = dead;
  while (!(await place(fs, `${path}.${last.id}`, mine))) {
    const next = await read(fs, `${path}.${last.id}`);
    if (typeof next !== 'object' || !(await isDead(fs, next, mine.machine))) return false;
    last = next;
  }
  const step = `${path}.${last.id}`;
  const current = await read(fs, path);
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
  const lock: Lock = {id: mine.id, release: () => remove(fs, path)};
  const deadline = performance.now() + (context.timeoutMilliseconds ?? 30_000);
  for (let longest = 8; ; longest = Math.min(longest * 2, 128)) {
    signal.throwIfAborted();
    if (await place(fs, path, mine)) return lock;
    const holder = await read(fs, path);
    if (holder === undefined) continue;
    if (typeof holder === 'object' && (await isDead(fs, holder, mine.machine))) {
      if (await succeed(fs, path, {dead: holder, mine})) return lock;
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
