/**
 * Packets of 64 KiB and more that come in several reads: collected in a buffer of their own size instead of being
 * joined again with each read, or, for one message at QoS 0, passed on as they come.
 */

import type {Readable} from 'node:stream';
import {packetBytes} from '../../protocol/fixed-header.ts';
import {Violation} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import type {PayloadStream} from './events.ts';

/** From this size on a packet is large. */
export const largePacketBytes = 64 * 1024;

/** Chunks of a payload that may be on their way to the output; usually one is written before the next comes. */
const maximumPending = 2;

/** As packetBytes. @throws Violation for more than the client's Maximum Packet Size [MQTT-3.1.2-24] */
export function allowedBytes(
  bytes: Buffer,
  at: number,
  {properties}: Pick<ConnectionOptions, 'properties'>,
): number {
  const size = packetBytes(bytes, at);
  const largest = properties?.maximumPacketSize;
  if (largest === undefined || size <= largest) return size;
  throw new Violation(`a packet of ${size} bytes, where ${largest} are allowed`, ReasonCode.packetTooLarge);
}

/** A large packet that is collected. */
export class CollectedPacket {
  readonly bytes: Buffer;
  #filled: number;

  /** @param start what has come of it */
  constructor(packetBytes: number, start: Uint8Array) {
    this.bytes = Buffer.allocUnsafeSlow(packetBytes);
    this.bytes.set(start);
    this.#filled = start.length;
  }

  get isWhole(): boolean {
    return this.#filled === this.bytes.length;
  }

  /** Takes what belongs to the packet; returns the rest of the chunk. */
  take(chunk: Buffer): Buffer {
    const count = Math.min(chunk.length, this.bytes.length - this.#filled);
    this.bytes.set(chunk.subarray(0, count), this.#filled);
    this.#filled += count;
    return chunk.subarray(count);
  }
}

/** A payload that is passed on as it comes. */
export class StreamedPacket {
  readonly #payload: PayloadStream;
  readonly #source: Pick<Readable, 'pause' | 'resume'>;
  /** Bytes still to come. */
  #left: number;
  /** Chunks that are being written. */
  #pending = 0;

  /** @param source paused while too much waits to be written */
  constructor(payload: PayloadStream, payloadBytes: number, source: Pick<Readable, 'pause' | 'resume'>) {
    this.#payload = payload;
    this.#left = payloadBytes;
    this.#source = source;
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /** Passes on what belongs to the payload; returns the rest of the chunk. */
  take(chunk: Buffer): Buffer {
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    this.#pending++;
    void this.#payload.write(part).then(() => {
      this.#pending--;
      if (this.#pending === 0 && !this.isWhole) this.#source.resume();
    });
    if (this.isWhole) this.#payload.end();
    else if (this.#pending > maximumPending) this.#source.pause();
    return chunk.subarray(part.length);
  }

  /** See PayloadStream.broken. */
  broken(): ReturnType<PayloadStream['broken']> {
    return this.#payload.broken();
  }
}
