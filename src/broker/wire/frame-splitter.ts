/**
 * Cuts a stream of bytes into MQTT frames: fixed header, remaining length, body [MQTT 5, 2.1]. Holds at
 * most one unfinished frame, and refuses a frame over the limit before its body is there.
 */

import {bodyStart, incomplete, malformedInteger, packetBytes} from '../../protocol/fixed-header.ts';
import {malformed, PacketViolation} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';

/** Of all streams of which nothing waits: it is never written to. */
const noParts: never[] = [];
/** Smaller chunks are gathered: each Buffer takes some hundred bytes beside its own. */
const smallChunk = 512;
/** Bytes of the smallest and the largest buffer in which chunks are gathered. */
const leastGathered = 256;
const mostGathered = 16_384;

/** The bytes of one stream, until they are whole frames. */
export class FrameSplitter {
  /** Bytes of a whole frame; may change between frames. */
  limit: number;
  #parts: Buffer[] = noParts;
  /** The memory of the last part if chunks are gathered there; what follows the part is free. */
  #gathered: Buffer | undefined;
  /** Where the next frame begins in the first part. */
  #position = 0;
  #length = 0;
  /** Bytes that must be there before the next frame can be complete. */
  #needed = 2;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Adds bytes, which must not change; small ones are copied if others wait for the rest of a frame. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (chunk.length < smallChunk && this.#parts.length > 0) {
      this.append(chunk);
      return;
    }
    this.#add(chunk);
    this.#gathered = undefined;
    this.#length += chunk.length;
  }

  /** Adds a copy of the bytes: nothing that they are part of is kept in memory. */
  append(bytes: Buffer): void {
    const used = this.#gathered === undefined ? 0 : this.#parts.at(-1)!.length;
    const end = used + bytes.length;
    if (this.#gathered !== undefined && end <= this.#gathered.length)
      this.#gather(bytes, used, this.#gathered);
    else if (this.#gathered !== undefined && end <= mostGathered) {
      const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(end, used * 2), mostGathered));
      this.#gathered.copy(larger, 0, 0, used);
      this.#gather(bytes, used, larger);
    } else {
      this.#add(noBytes);
      this.#gather(bytes, 0, Buffer.allocUnsafeSlow(Math.max(bytes.length, leastGathered)));
    }
    this.#length += bytes.length;
  }

  /** An empty list of parts is none: it would keep memory for seventeen. */
  #add(part: Buffer): void {
    if (this.#parts.length === 0) this.#parts = [part];
    else this.#parts.push(part);
  }

  #gather(bytes: Buffer, at: number, memory: Buffer): void {
    bytes.copy(memory, at);
    this.#gathered = memory;
    this.#parts[this.#parts.length - 1] = memory.subarray(0, at + bytes.length);
  }

  /** Bytes pushed that were not taken out as frames yet. */
  get length(): number {
    return this.#length;
  }

  /** The first piece of the bytes; the next frame begins in it at `position`. */
  get piece(): Buffer {
    return this.#parts[0] ?? noBytes;
  }

  get position(): number {
    return this.#position;
  }

  /** Passes over whole frames that were read in `piece`. */
  skip(bytes: number): void {
    this.#position += bytes;
    this.#length -= bytes;
    this.#needed = 2;
    if (this.#position < this.piece.length) return;
    this.#position = 0;
    if (this.#parts.length > 1) this.#parts.shift();
    else {
      this.#parts = noParts;
      this.#gathered = undefined;
    }
  }

  /**
   * The next whole frame, a view into what was pushed; undefined when more bytes are needed.
   * @throws PacketViolation for a remaining length that is malformed or over the limit
   */
  next(): Buffer | undefined {
    if (this.#length < this.#needed) return undefined;
    const size = this.#size();
    if (size === undefined) {
      this.#needed = this.#length + 1;
      return undefined;
    }
    if (size > this.limit) {
      throw new PacketViolation(
        ReasonCode.packetTooLarge,
        'MQTT-3.2.2-15',
        `A packet of ${size} bytes is over the limit of ${this.limit}.`,
      );
    }
    if (this.#length < size) {
      this.#needed = size;
      return undefined;
    }
    return this.#take(size);
  }

  /** The size of the next frame; undefined while its header is incomplete. */
  #size(): number | undefined {
    const piece = this.piece;
    if (this.#parts.length === 1 || piece.length - this.#position >= longestHeader) {
      return frameSize(piece, this.#position);
    }
    const head = [piece.subarray(this.#position), ...this.#parts.slice(1, longestHeader)];
    return frameSize(Buffer.concat(head.map((part) => part.subarray(0, longestHeader))), 0);
  }

  /** Takes out a complete frame; only one that came in several parts is copied. */
  #take(size: number): Buffer {
    const piece = this.piece;
    const end = this.#position + size;
    if (end <= piece.length) {
      const frame = piece.subarray(this.#position, end);
      this.skip(size);
      return frame;
    }
    const frame = Buffer.allocUnsafe(size);
    for (let filled = 0; filled < size; ) {
      const from = this.#position;
      const copied = this.piece.copy(frame, filled, from, from + size - filled);
      filled += copied;
      this.skip(copied);
    }
    return frame;
  }
}

/** Bytes of the first byte and the longest remaining length. */
const longestHeader = 5;
const noBytes = Buffer.alloc(0);

/**
 * The size of the frame that begins at `start`, header included; undefined when its header is not all there.
 * @throws PacketViolation for a remaining length of more than four bytes, or more than it needs
 */
function frameSize(bytes: Buffer, start: number): number | undefined {
  const size = packetBytes(bytes, start);
  if (size === incomplete) return undefined;
  if (size === malformedInteger) throw malformed('2.1.4', 'The remaining length takes more than four bytes.');
  const body = bodyStart(bytes, start);
  if (body > start + 2 && bytes[body - 1] === 0) {
    throw malformed('MQTT-1.5.5-1', 'The remaining length takes more bytes than it needs.');
  }
  return size;
}

/** The other protocol that a stream speaks which begins like this: a client may have the wrong port. */
export function otherProtocol(chunk: Buffer): string | undefined {
  if (chunk[0] === 0x16 && chunk[1] === 3) return 'TLS';
  return /^(GET|POST|HEAD|PUT|OPTIONS) \//.test(chunk.toString('latin1', 0, 16)) ? 'HTTP' : undefined;
}
