/**
 * The head of a payload: which run and which of its clients sent it, its number, and the time at which it was to be
 * sent, by which clock. What follows it fills the payload up to its size. Pure.
 */

import type {Identifier} from '../plan.ts';

/** 'tmq' and the version of the head. */
const magic = 0x746d7101;

/** Offsets in the head, in bytes. */
const place = {run: 4, clock: 12, sender: 20, counter: 24, time: 28} as const;

/** Bytes of the head, and so of the smallest payload. */
export const headBytes = 36;

export interface Origin {
  readonly run: Identifier;
  /** Equal where two processes read the same clock. */
  readonly clock: Identifier;
  /** The number of the client. */
  readonly sender: number;
}

/** A payload of so many bytes, at least those of the head; number and time are still to be written. */
export function payloadOf({run, clock, sender}: Origin, size: number): Buffer {
  const payload = Buffer.alloc(size, '.');
  payload.writeUInt32BE(magic, 0);
  payload.write(run, place.run, 'hex');
  payload.write(clock, place.clock, 'hex');
  payload.writeUInt32BE(sender, place.sender);
  stamp(payload, 0, 0, 0);
  return payload;
}

/** Writes the number and the time, in milliseconds of the clock, into the payload that begins at `at`. */
export function stamp(bytes: Buffer, at: number, counter: number, time: number): void {
  bytes.writeUInt32BE(counter, at + place.counter);
  bytes.writeDoubleBE(time, at + place.time);
}

/** Reads heads. A reader is used again and again: what it read stays until the next one. */
export class HeadReader {
  readonly #clock: readonly [number, number];
  #bytes: Buffer = Buffer.alloc(headBytes);
  #at = 0;
  #run: Identifier = '';
  #runHigh = -1;
  #runLow = -1;

  /** @param clock the clock of this process */
  constructor(clock: Identifier) {
    const bytes = Buffer.from(clock, 'hex');
    this.#clock = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  }

  /** Takes the payload from `at` to `end`; false where it has no such head. */
  read(bytes: Buffer, at: number, end: number): boolean {
    if (end - at < headBytes || bytes.readUInt32BE(at) !== magic) return false;
    this.#bytes = bytes;
    this.#at = at;
    return true;
  }

  get run(): Identifier {
    const at = this.#at + place.run;
    const high = this.#bytes.readUInt32BE(at);
    const low = this.#bytes.readUInt32BE(at + 4);
    // Most messages are of the run of the one before.
    if (high !== this.#runHigh || low !== this.#runLow) {
      this.#runHigh = high;
      this.#runLow = low;
      this.#run = this.#bytes.toString('hex', at, at + 8);
    }
    return this.#run;
  }

  get sender(): number {
    return this.#bytes.readUInt32BE(this.#at + place.sender);
  }

  get counter(): number {
    return this.#bytes.readUInt32BE(this.#at + place.counter);
  }

  /** When it was to be sent, in milliseconds of the clock of this process; undefined where it is another clock's. */
  get time(): number | undefined {
    const at = this.#at + place.clock;
    const [high, low] = this.#clock;
    const isOurs = this.#bytes.readUInt32BE(at) === high && this.#bytes.readUInt32BE(at + 4) === low;
    return isOurs ? this.#bytes.readDoubleBE(this.#at + place.time) : undefined;
  }
}
