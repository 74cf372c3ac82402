/**
 * Rewrites a store without what is gone, in slices between which clients are served; until the new file takes its
 * name, the old one is in use. The new file gets the broker's state while that changes, then the records that the old
 * one got meanwhile: a change that is in both changes nothing the second time, as the last one decides.
 */

import {renameSync, rmSync} from 'node:fs';
import {open} from 'node:fs/promises';
import {dirname} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {ChangeWriter, type ChangeWriterOptions, replay} from './changes.ts';
import type {SavedState} from './journal.ts';
import {FileWindow, type Framing, StoreFile} from './store-file.ts';

/** Bytes that are written at once. */
const sliceBytes = 1 << 18;
/** Milliseconds after which clients are served. */
const sliceMilliseconds = 5;
/** Bytes that may be copied without a pause. */
const lastBytes = 1 << 18;

export interface CompactionOptions extends Omit<ChangeWriterOptions, 'onChange' | 'framing'> {
  readonly path: string;
  readonly state: SavedState;
  /** The file in use. */
  readonly old: StoreFile;
  /** The framing of the new file; absent: one of its own. */
  readonly framing?: Framing;
  readonly platform: NodeJS.Platform;
  /** Whether the disk has every record as soon as it is appended. */
  readonly sync: boolean;
  /** Called as soon as the new file has its name: it is to be used from now on. */
  readonly use: (file: StoreFile) => void;
}

/** A compaction that goes on. */
export interface Compaction {
  /** Rejects with the system's error; the old file is as it was then, and nothing of the new one is left. */
  readonly done: Promise<void>;
  /** Gives the room of the new file back at once, unless that is the store by now. */
  abandon(): void;
}

/** Starts to rewrite a store. @throws the system's error when no file can be created beside the old one */
export function startCompaction(options: CompactionOptions): Compaction {
  const file = StoreFile.create(`${options.path}.new`, options.framing);
  const controller = new AbortController();
  let isUsed = false;
  const use = (used: StoreFile) => {
    isUsed = true;
    options.use(used);
  };
  return {
    done: compact(file, {...options, use}, controller.signal),
    abandon() {
      if (isUsed) return;
      controller.abort(new Error('its room is needed'));
      file.size = 0;
      file.cut();
    },
  };
}

async function compact(file: StoreFile, options: CompactionOptions, signal: AbortSignal): Promise<void> {
  const {path, old, use, platform, sync} = options;
  const next = `${path}.new`;
  const from = Math.max(old.size, old.framing.headerLength);
  try {
    await writeState(file, options, signal);
    const copied = await copyRecords(old, from, file);
    await file.sync();
    signal.throwIfAborted();
    // From here to `use` nothing waits, so that no record can come to the old file.
    if (old.size > copied) file.append(new FileWindow(old).at(copied, old.size - copied), sync);
    if (platform === 'win32') return replaceClosed(file, options);
    renameSync(next, path);
  } catch (error) {
    file.close();
    rmSync(next, {force: true});
    throw error;
  }
  use(file);
  await syncDirectory(dirname(path));
}

/** Windows replaces no file that is open: both are closed, and what has the name then is opened again. */
function replaceClosed(file: StoreFile, {path, old, use}: CompactionOptions): void {
  file.close();
  old.close();
  try {
    renameSync(`${path}.new`, path);
  } finally {
    use(StoreFile.open(path));
  }
}

async function writeState(file: StoreFile, options: CompactionOptions, signal: AbortSignal): Promise<void> {
  const writer = new ChangeWriter({...options, framing: () => file.framing});
  let start = performance.now();
  for (const _ of replay(options.state, writer)) {
    writer.begin();
    if (writer.length < sliceBytes && performance.now() - start < sliceMilliseconds) continue;
    await file.appendLater(writer.records());
    writer.clear();
    await setImmediate();
    signal.throwIfAborted();
    start = performance.now();
  }
  // Without records this writes the header.
  await file.appendLater(writer.records());
}

/** Copies what the old file has got since; gives the position up to which it was copied. */
async function copyRecords(old: StoreFile, from: number, file: StoreFile): Promise<number> {
  let at = from;
  while (old.size - at > lastBytes) {
    const bytes = new FileWindow(old, sliceBytes).at(at, sliceBytes);
    await file.appendLater(bytes);
    at += bytes.length;
  }
  return at;
}

/** Makes the rename survive a power cut, where the file system can be asked to. */
async function syncDirectory(path: string): Promise<void> {
  try {
    await using directory = await open(path, 'r');
    await directory.sync();
  } catch {
    // Not every file system opens directories; the rename itself is done.
  }
}
