/**
 * The store: a file that the broker's changes are appended to, so that they survive a restart and a kill. All changes
 * of one turn of the event loop are one write, before anything about them leaves. Measured against a write for each
 * change, eight publishers: 0.5 of the time at QoS 1, 0.75 at QoS 2; 0.8 of the processor time.
 */

import {copyFileSync, linkSync, readlinkSync, realpathSync} from 'node:fs';
import {platform as thisPlatform} from 'node:os';
import {basename, dirname, join, resolve} from 'node:path';
import {fileError, fileReason, TmqError} from '../../errors.ts';
import {longestTimeout} from '../../timers.ts';
import type {ChangeLog} from '../wire/connection-output.ts';
import {ChangeWriter} from './changes.ts';
import {type Compaction, startCompaction} from './compaction.ts';
import type {Journal, RestoredState, SavedState} from './journal.ts';
import {type ReadStore, readStore} from './read-store.ts';
import {StoreFile} from './store-file.ts';

/** Bytes; a smaller file is not compacted because of its growth. To read so many takes a tenth of a second. */
const compactFrom = 1 << 22;
/** Milliseconds until a write or a compaction that failed is tried again. */
const retryWrite = 100;
const retryCompaction = 10_000;
/** Bytes of changes that wait for room; beyond, messages at QoS 0 are no longer kept. */
const mostWaiting = 64 << 20;

export interface StoreOptions {
  readonly path: string;
  /** 0: never because of the time. */
  readonly autosaveSeconds: number;
  /** Whether each commit waits until the disk has it, so that a power cut loses nothing either; default false. */
  readonly sync?: boolean;
  /** Milliseconds from the broker's clock to the wall clock; default: there is no difference. */
  readonly wallOffset?: () => number;
  readonly platform?: NodeJS.Platform;
}

/** Logs a line. */
export type StoreLog = (type: 'warning' | 'notice', line: string) => void;

/** Where the file of a store is or will be: links are followed. @throws the system's error */
export function realStorePath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const directory = realpathSync(dirname(resolve(path)));
  let target: string;
  try {
    target = readlinkSync(path);
  } catch {
    return join(directory, basename(path));
  }
  return realStorePath(resolve(directory, target));
}

/**
 * Opens a store, or creates one. What is torn at its end is cut off; damaged records are skipped, and a copy of the
 * file is kept. `path` must be a real path.
 * @throws TmqError when it cannot be read or written, or is not a store
 */
export async function openStore(options: StoreOptions, log: StoreLog): Promise<Store> {
  const {path, wallOffset = () => 0, platform = thisPlatform(), sync = false} = options;
  try {
    const file = StoreFile.open(path);
    try {
      const found = await readStore(file, wallOffset());
      const store = new Store({...options, wallOffset, platform, sync, file, found, log});
      await mend(store, file, {path, found, log});
      return store;
    } catch (error) {
      file.close();
      throw error;
    }
  } catch (error) {
    throw error instanceof TmqError ? error : fileError('store', path, error, 'open');
  }
}

interface Found {
  readonly path: string;
  readonly found: ReadStore;
  readonly log: StoreLog;
}

/** Cuts off a torn end; rewrites a file that is damaged or has the first format, if there is room. */
async function mend(store: Store, file: StoreFile, {path, found, log}: Found): Promise<void> {
  const {torn, damaged} = found;
  // Not one record is whole: the header may be damaged, which all records are read by.
  const isUnreadable = torn?.at === file.framing.headerLength;
  const isDamaged = damaged.records > 0 || isUnreadable;
  if (torn !== undefined && !isDamaged) {
    log(
      'warning',
      `Warning: ${path} ends in an incomplete record: its last ${torn.bytes} bytes are left out.`,
    );
    file.size = torn.at;
    file.cut();
  }
  if (isDamaged) {
    const loss = isUnreadable ? `cannot be read: all of its ${file.size} bytes are left out` : lossOf(found);
    const copy = keepCopy(path);
    const kept =
      typeof copy === 'string' ? `The file is kept as ${copy}.` : `It cannot be copied: ${fileReason(copy)}.`;
    log('warning', `Warning: ${path} ${loss}. ${kept}`);
    if (torn !== undefined && !isUnreadable) file.size = torn.at;
    if (typeof copy !== 'string') return;
  }
  const isFirstFormat = file.size > 0 && file.framing.mark.length === 0;
  if (isDamaged || isFirstFormat) await store.compact(found.restored, true);
}

function lossOf({torn, damaged: {records, bytes}}: ReadStore): string {
  const end = torn === undefined ? '' : `, and an incomplete one of ${torn.bytes} bytes at its end`;
  return `has lost ${records === 1 ? '1 damaged record' : `${records} damaged records`} of ${bytes} bytes${end}`;
}

/** Gives the file a second name, or copies it; the name, or the error. */
function keepCopy(path: string): string | Error {
  for (let number = 1; ; number++) {
    const copy = number === 1 ? `${path}.damaged` : `${path}.damaged.${number}`;
    try {
      linkSync(path, copy);
      return copy;
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      try {
        copyFileSync(path, copy, 1);
        return copy;
      } catch (reason) {
        if ((reason as NodeJS.ErrnoException).code !== 'EEXIST') return reason as Error;
      }
    }
  }
}

interface OpenStore extends Required<StoreOptions> {
  readonly file: StoreFile;
  readonly found: ReadStore;
  readonly log: StoreLog;
}

/**
 * An open store is
 * - writing: each commit appends what has changed;
 * - failing, after a write that failed: changes wait in memory, and each commit tries again.
 */
export class Store implements ChangeLog {
  readonly journal: Journal;
  /** The state in the file when it was opened. */
  readonly restored: RestoredState;
  readonly #options: OpenStore;
  readonly #writer: ChangeWriter;
  readonly #timer: NodeJS.Timeout | undefined;
  #file: StoreFile;
  /** Bytes: its size when it was compacted. */
  #neededBytes: number;
  #committing: NodeJS.Immediate | undefined;
  /** Milliseconds of performance.now() of the last attempt. */
  #failedAt: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #listeners: (() => void)[] = [];
  #source: (() => SavedState) | undefined;
  #compaction: Compaction | undefined;
  #nextCompaction = 0;

  constructor(options: OpenStore) {
    const {file, found, wallOffset, autosaveSeconds} = options;
    this.#options = options;
    this.#file = file;
    this.#neededBytes = found.neededBytes;
    this.restored = found.restored;
    let lastNumber = found.lastNumber;
    this.#nextNumber = () => ++lastNumber;
    this.#writer = new ChangeWriter({
      // Changes that no client caused, such as the expiry of a session, are committed as well.
      onChange: () => {
        this.#committing ??= setImmediate(() => this.commit());
      },
      framing: () => this.#file.framing,
      nextNumber: this.#nextNumber,
      wallOffset,
    });
    for (const [number, message] of found.messages) this.#writer.know(message, number);
    this.journal = this.#writer;
    if (autosaveSeconds === 0) return;
    const interval = Math.min(autosaveSeconds * 1000, longestTimeout);
    this.#timer = setInterval(() => this.#compactGrown(0), interval).unref();
  }

  readonly #nextNumber: () => number;

  /** `source` gives the broker's state, from which the file is compacted. */
  follow(source: () => SavedState): void {
    this.#source = source;
    this.#compactGrown(compactFrom);
  }

  begin(): void {
    this.#writer.begin();
  }

  get isFailing(): boolean {
    return this.#failedAt !== undefined;
  }

  accepts(qos: number): boolean {
    return this.#failedAt === undefined || this.commit() || (qos === 0 && this.#writer.length < mostWaiting);
  }

  get hasChanges(): boolean {
    return this.#writer.length > 0;
  }

  commit(): boolean {
    clearImmediate(this.#committing);
    this.#committing = undefined;
    if (!this.hasChanges) return true;
    if (this.#failedAt !== undefined && performance.now() - this.#failedAt < retryWrite) return false;
    try {
      this.#append(this.#writer.records());
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#writer.clear();
    this.#succeeded();
    this.#compactGrown(Math.max(compactFrom, this.#neededBytes));
    return true;
  }

  #append(records: Buffer): void {
    const {sync} = this.#options;
    try {
      this.#file.append(records, sync);
    } catch (error) {
      if (this.#compaction === undefined) throw error;
      this.#compaction.abandon();
      this.#file.append(records, sync);
    }
  }

  afterCommit(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #failed(error: unknown): void {
    if (this.#failedAt === undefined) {
      const {path, log} = this.#options;
      const reason = fileReason(error);
      log('warning', `Warning: ${path} cannot be written to, and new messages are refused: ${reason}.`);
      this.#retry = setInterval(() => this.commit(), 10 * retryWrite).unref();
    }
    this.#failedAt = performance.now();
  }

  #succeeded(): void {
    if (this.#failedAt === undefined) return;
    this.#failedAt = undefined;
    clearInterval(this.#retry);
    const {path, log} = this.#options;
    log('notice', `${path} can be written to again.`);
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }

  /** Starts a compaction when the file has grown by more than so many bytes since the last. */
  #compactGrown(bytes: number): void {
    // Changes that wait name messages by their numbers in the present file: the next commit asks again.
    if (this.#source === undefined || this.#compaction !== undefined || this.hasChanges) return;
    if (this.#file.size - this.#neededBytes <= bytes || performance.now() < this.#nextCompaction) return;
    void this.compact(this.#source());
  }

  /**
   * Rewrites the file from the state; where that fails, the old file stays in use. `isNew`: in a new form, which is
   * possible as long as nothing changes.
   */
  async compact(state: SavedState, isNew = false): Promise<void> {
    const {path, wallOffset, platform, sync, log} = this.#options;
    this.#writer.forgetMessages();
    try {
      this.#compaction = startCompaction({
        path,
        state,
        old: this.#file,
        ...(isNew ? {} : {framing: this.#file.framing}),
        nextNumber: this.#nextNumber,
        wallOffset,
        platform,
        sync,
        use: (file) => {
          this.#file.close();
          this.#file = file;
          this.#neededBytes = file.size;
        },
      });
      await this.#compaction.done;
    } catch (error) {
      this.#nextCompaction = performance.now() + retryCompaction;
      log('warning', `Warning: ${path} cannot be compacted, and goes on growing: ${fileReason(error)}.`);
    }
    this.#compaction = undefined;
    this.#compactGrown(Math.max(compactFrom, this.#neededBytes));
  }

  /** Writes what is left, compacts the file and closes it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const source = this.#source;
    this.#source = undefined;
    await this.#compaction?.done.catch(() => undefined);
    const {path, log} = this.#options;
    this.#failedAt = undefined;
    if (!this.commit()) log('warning', `Warning: The last changes are not in ${path}.`);
    if (source !== undefined && this.#file.size > this.#neededBytes) await this.compact(source());
    clearInterval(this.#retry);
    try {
      await this.#file.sync();
    } catch (error) {
      log('warning', `Warning: ${path} cannot be written to the disk: ${fileReason(error)}.`);
    }
    this.#file.close();
  }
}
