/**
 * What one connection sends in one turn: small frames are collected in a buffer of the broker's pool, large ones
 * are kept as they are. Knows no packets but acknowledgements, and no stream. Measured at QoS 1, one client to
 * one: with a Buffer for every frame and acknowledgement a third of the broker's time goes into collecting them.
 */

import {acknowledgementBytes, writeAcknowledgement} from '../../protocol/acknowledgement.ts';
import {copyBytes} from '../../protocol/byte-copy.ts';
import {PublishFlag} from '../../protocol/flags.ts';
import {type Frame, keptBytes} from './publish-packet.ts';

const pooledBytes = 16_384;
/** Buffers kept for the next turn; each connection that sends in a turn has one. */
const mostSpare = 64;

/** Buffers that the connections of one broker lend each other. */
export class BufferPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
  }

  give(buffer: Buffer): void {
    if (this.#spare.length < mostSpare) this.#spare.push(buffer);
  }
}

/** A packet identifier to be put into a copy of a frame. */
export interface PacketIdentity {
  readonly packetId: number;
  /** Where it stands, counted from the beginning of the frame. */
  readonly at: number;
  readonly dup: boolean;
}

/** Bytes in the order they are to leave. */
export class WriteBuffer {
  readonly #pool: BufferPool;
  #pieces: Buffer[] = [];
  #pooled: Buffer | undefined;
  #pooledLength = 0;
  #length = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  /** Adds a whole frame; an identity goes into its first piece. */
  frame(frame: Frame, identity?: PacketIdentity): void {
    for (let index = 0; index < frame.length; index++) {
      const piece = frame[index]!;
      this.add(piece, 0, piece.length, index === 0 ? identity : undefined);
    }
  }

  /**
   * Adds what stands in `bytes` from `start` to `end`: a frame, its first piece, or several frames. From `keptBytes`
   * on it is kept and must not change; with an identity it is always a copy, which carries it.
   */
  add(bytes: Buffer, start: number, end: number, identity?: PacketIdentity): void {
    const size = end - start;
    this.#length += size;
    let target: Buffer;
    let at = 0;
    if (size >= keptBytes) {
      this.#seal();
      const piece = bytes.subarray(start, end);
      target = identity === undefined ? piece : Buffer.from(piece);
      this.#pieces.push(target);
    } else {
      target = this.#room(size);
      at = this.#pooledLength;
      this.#pooledLength = copyBytes(bytes, target, at, start, end);
    }
    if (identity === undefined) return;
    const identifierAt = at + identity.at;
    target[identifierAt] = identity.packetId >> 8;
    target[identifierAt + 1] = identity.packetId & 0xff;
    if (identity.dup) target[at]! |= PublishFlag.duplicate;
  }

  /** Adds PUBACK, PUBREC, PUBREL or PUBCOMP that reports success [MQTT 5, 3.4.2.1]. */
  acknowledgement(type: number, packetId: number): void {
    const target = this.#room(acknowledgementBytes);
    this.#pooledLength = writeAcknowledgement(target, this.#pooledLength, type, packetId);
    this.#length += acknowledgementBytes;
  }

  /** The pooled buffer, with room for so many bytes, fewer than `keptBytes`. */
  #room(bytes: number): Buffer {
    if (this.#pooledLength + bytes > pooledBytes) this.#seal();
    this.#pooled ??= this.#pool.take();
    return this.#pooled;
  }

  /** Makes a piece of what the pooled buffer holds. */
  #seal(): void {
    if (this.#pooled === undefined || this.#pooledLength === 0) return;
    this.#pieces.push(Buffer.from(this.#pooled.subarray(0, this.#pooledLength)));
    this.#pooledLength = 0;
  }

  /** Everything that was added, in order; nothing is left. */
  take(): Buffer[] {
    this.#seal();
    if (this.#pooled !== undefined) this.#pool.give(this.#pooled);
    this.#pooled = undefined;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    return pieces;
  }
}
