/**
 * A large file on its way to be sent, read while it is written to the network: three buffers take turns,
 * so that memory does not depend on the file. The length is sent first, so a file that changes
 * meanwhile is an error. Knows nothing of messages.
 */

import {accessSync, constants, type Stats, statSync} from 'node:fs';
import {open} from 'node:fs/promises';
import {TmqError} from '../errors.ts';

/** Below this, reading a file whole costs less than it saves. */
const largeFileBytes = 1024 * 1024;

const bufferBytes = 1024 * 1024;
const bufferCount = 3;

function isSame(one: Stats, other: Stats): boolean {
  return one.size === other.size && one.mtimeMs === other.mtimeMs && one.ino === other.ino;
}

export class FilePayload {
  readonly length: number;
  readonly #path: string;
  readonly #status: Stats;

  constructor(path: string, status: Stats) {
    this.#path = path;
    this.#status = status;
    this.length = status.size;
  }

  /**
   * Hands the file's bytes to `write` in order, until it resolves with false. The last ones are withheld
   * from a file that was changed: the broker then has no complete message.
   * @throws TmqError for such a file, the system's error when it cannot be read
   */
  async send(write: (chunk: Uint8Array) => Promise<boolean>): Promise<void> {
    await using file = await open(this.#path);
    const buffers = Array.from({length: bufferCount}, () => Buffer.allocUnsafeSlow(bufferBytes));
    const taken: Promise<boolean>[] = [];
    for (let at = 0, turn = 0; at < this.length; turn = (turn + 1) % bufferCount) {
      if ((await taken[turn]) === false) return;
      const buffer = buffers[turn]!;
      const {bytesRead} = await file.read(buffer, 0, Math.min(bufferBytes, this.length - at), at);
      at += bytesRead;
      if (bytesRead === 0 || (at === this.length && !isSame(this.#status, await file.stat()))) {
        throw new TmqError(
          `File "${this.#path}" was changed while it was being sent; the broker did not get it whole.`,
        );
      }
      taken[turn] = write(buffer.subarray(0, bytesRead));
    }
    await Promise.all(taken);
  }
}

/**
 * A file that is worth sending in chunks; undefined for any other, pipes and devices included.
 * @throws the system's error when it cannot be opened
 */
export function openFilePayload(path: string, maximumBytes: number): FilePayload | undefined {
  const status = statSync(path);
  if (!status.isFile() || status.size < largeFileBytes || status.size > maximumBytes) return undefined;
  accessSync(path, constants.R_OK);
  return new FilePayload(path, status);
}
