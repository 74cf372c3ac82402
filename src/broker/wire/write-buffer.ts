/**
 * What one connection sends in one turn: small frames are collected in a buffer that connections lend
 * each other, large ones are kept as they are. Knows no packets but acknowledgements, and no stream.
 *
 * Measured at QoS 1, one client to one: a Buffer for every frame and acknowledgement is a third of the
 * broker's time, most of it spent on collecting them.
 */

import {acknowledgementBytes, writeAcknowledgement} from '../../protocol/acknowledgement.ts';
import {copyBytes} from './byte-copy.ts';
import {type Frame, keptBytes} from './publish-packet.ts';
import type {SharedFrame} from './shared-frame.ts';

const sharedBytes = 16_384;
/** Buffers kept for the next turn; each connection that sends in a turn has one. */
const mostSpare = 64;

const spare: Buffer[] = [];

/** A packet identifier to be put into a copy of a frame. */
export interface PacketIdentity {
  readonly packetId: number;
  /** Where it stands in the first piece of the frame. */
  readonly at: number;
  readonly dup: boolean;
}

/** Bytes in the order they are to leave. */
export class Outgoing {
  #pieces: Buffer[] = [];
  #shared: Buffer | undefined;
  #sharedLength = 0;
  #length = 0;

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  /** Adds a whole frame; with an identity of its own, a copy of its first piece. */
  frame(frame: Frame, identity?: PacketIdentity): void {
    for (const piece of frame) {
      if (piece === frame[0] && identity !== undefined) this.#identified(piece, identity);
      else this.bytes(piece);
    }
  }

  /** Adds bytes, which are kept if they are as many as `keptBytes`. */
  bytes(bytes: Buffer): void {
    this.#length += bytes.length;
    if (bytes.length >= keptBytes) {
      this.#seal();
      this.#pieces.push(bytes);
      return;
    }
    const shared = this.#room(bytes.length);
    shared.set(bytes, this.#sharedLength);
    this.#sharedLength += bytes.length;
  }

  #identified(piece: Buffer, {packetId, at, dup}: PacketIdentity): void {
    this.#length += piece.length;
    let target: Buffer;
    let start = 0;
    if (piece.length >= keptBytes) {
      this.#seal();
      target = Buffer.from(piece);
      this.#pieces.push(target);
    } else {
      target = this.#room(piece.length);
      start = this.#sharedLength;
      target.set(piece, start);
      this.#sharedLength += piece.length;
    }
    target[start + at] = packetId >> 8;
    target[start + at + 1] = packetId & 255;
    if (dup) target[start]! |= 8;
  }

  /** Adds a copy of a message's frame, of fewer bytes than `keptBytes`, with an identity of its own. */
  sharedFrame(message: SharedFrame, packetId: number, dup: boolean): void {
    const {bytes, start, end, packetIdAt} = message;
    const shared = this.#room(end - start);
    const at = this.#sharedLength;
    copyBytes({from: bytes, start, end}, shared, at);
    const identifier = at + packetIdAt - start;
    shared[identifier] = packetId >> 8;
    shared[identifier + 1] = packetId & 255;
    if (dup) shared[at]! |= 8;
    this.#sharedLength = at + end - start;
    this.#length += end - start;
  }

  /** Adds PUBACK, PUBREC, PUBREL or PUBCOMP with success and nothing else [MQTT 5, 3.4.2.1]. */
  acknowledgement(type: number, packetId: number): void {
    const shared = this.#room(acknowledgementBytes);
    this.#sharedLength = writeAcknowledgement(shared, this.#sharedLength, type, packetId);
    this.#length += acknowledgementBytes;
  }

  /** The shared buffer, with room for so many bytes, fewer than `keptBytes`. */
  #room(bytes: number): Buffer {
    if (this.#sharedLength + bytes > sharedBytes) this.#seal();
    this.#shared ??= spare.pop() ?? Buffer.allocUnsafeSlow(sharedBytes);
    return this.#shared;
  }

  /** Makes a piece of what the shared buffer holds. */
  #seal(): void {
    if (this.#shared === undefined || this.#sharedLength === 0) return;
    this.#pieces.push(Buffer.from(this.#shared.subarray(0, this.#sharedLength)));
    this.#sharedLength = 0;
  }

  /** All there is, in order; nothing is left. */
  take(): Buffer[] {
    this.#seal();
    if (this.#shared !== undefined && spare.length < mostSpare) spare.push(this.#shared);
    this.#shared = undefined;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    return pieces;
  }
}
