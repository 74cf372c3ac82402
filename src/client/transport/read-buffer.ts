/**
 * One piece of memory that a socket reads into again and again. The rest of a read is moved to its beginning,
 * and the next read follows it. A reader of its bytes must copy what it keeps before the next read. Knows no
 * packets. With 256 MB, against a buffer for each read (TMQ_NO_FASTPATH=1): half the memory, two thirds of
 * the time.
 */

import type {OnReadOpts} from 'node:net';

/** With half of it, a payload of 256 MB takes a quarter longer; with twice as much, floods at QoS 1 do. */
const bufferBytes = 512 * 1024;

/** Allocates more memory when less than this is free behind the rest. */
const leastRoomBytes = 64 * 1024;

/** Memory that a socket is given to read into. */
export interface SocketMemory {
  readonly onread: OnReadOpts;
  /** Whether a socket was given it: one without TLS or WebSocket. */
  isAttached: boolean;
}

export class ReadBuffer implements SocketMemory {
  /** As net.connect takes it. */
  readonly onread: OnReadOpts;
  #memory = Buffer.allocUnsafeSlow(bufferBytes);
  /** Where the next read begins. */
  #end = 0;
  #receive: ((chunk: Buffer) => void) | undefined;

  constructor() {
    this.onread = {
      buffer: () => (this.#end === 0 ? this.#memory : this.#memory.subarray(this.#end)),
      callback: (count, bytes) => this.#received(bytes.subarray(0, count) as Buffer),
    };
  }

  /** Whether a socket was given it. */
  isAttached = false;

  /** Takes what was read so far, and from now on. */
  open(receive: (chunk: Buffer) => void): void {
    this.#receive = receive;
    if (this.#end > 0) receive(this.#memory.subarray(0, this.#end));
  }

  /** Keeps what is left over of a read, until the next one follows it; that one's chunk begins where this ends. */
  keep(rest: Buffer): Buffer {
    const isFull = this.#memory.length - rest.length < leastRoomBytes;
    const isOversize = this.#memory.length > bufferBytes && rest.length < leastRoomBytes;
    if (isFull) this.#memory = Buffer.allocUnsafeSlow(rest.length + bufferBytes);
    else if (isOversize) this.#memory = Buffer.allocUnsafeSlow(bufferBytes);
    this.#end = rest.length;
    if (rest.length === 0) return rest;
    this.#memory.set(rest);
    return this.#memory.subarray(0, rest.length);
  }

  /** Bytes that come before there is a listener are read once; then reading stops. */
  #received(chunk: Buffer): boolean {
    if (this.#receive === undefined) {
      this.#end += chunk.length;
      return this.#memory.length - this.#end >= leastRoomBytes;
    }
    this.#receive(chunk);
    return true;
  }
}

/** The two as one; without a copy where one follows the other. */
export function join(first: Buffer, second: Buffer): Buffer {
  if (first.length === 0) return second;
  const follows = first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
  if (!follows) return Buffer.concat([first, second]);
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}
