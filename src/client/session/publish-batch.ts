/**
 * Messages at QoS 1 and 2 on their way, and runs of them: lines that leave as one piece of memory, which
 * is kept, until they are acknowledged, in place of a copy of each. Pure; knows no window and no stream.
 *
 * Measured with 300,000 lines against a piece of memory for each: a fifth of the time and a third of the memory less.
 */

import type {Publication} from '../../protocol/message.ts';
import type {PublishEncoder} from '../../protocol/publish-writer.ts';
import type {Payload} from '../types.ts';

/** A payload of at least this many bytes is written as it is instead of being copied behind its header. */
export const largePayloadBytes = 65_536;

/** A payload of no more bytes than this is a short one, of which more may be on their way: 100 of them are no burden. */
export const shortPayloadBytes = 4096;

/** A run ends with the packet that reaches this size. */
const enoughBytes = 16_384;

/** What became of a message at QoS 1 or 2. */
export type Fate = {readonly reasonCode: number; readonly reasonString?: unknown} | {readonly error: unknown};

/** A message and who wants to know of it. */
export interface Outgoing {
  readonly payload: Payload;
  readonly publication: Publication;
  settle(fate: Fate): void;
}

/** How many of a batch's payloads from `start` on leave together: 0 where the first one is too large for that. */
export function runLength(
  encoder: PublishEncoder,
  {
    batch,
    start,
    end,
    mostBytes,
  }: {
    readonly batch: readonly Uint8Array[];
    readonly start: number;
    /** Behind the last one that there is room for. */
    readonly end: number;
    /** Of one packet. */
    readonly mostBytes: number;
  },
): number {
  let at = start;
  for (let bytes = 0; at < end && bytes < enoughBytes; at++) {
    const packetBytes = encoder.packetBytes(batch[at]!.length);
    if (packetBytes > mostBytes) break;
    bytes += packetBytes;
  }
  return at - start;
}

/** Where a payload is in the memory of a run. */
interface Place {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** One message of a run; its payload is looked for only when it has to be sent again. */
class Line implements Outgoing {
  readonly publication: Publication;
  readonly settle: (fate: Fate) => void;
  readonly #place: Place;

  constructor(place: Place, {publication, settle}: Pick<Outgoing, 'publication' | 'settle'>) {
    this.publication = publication;
    this.settle = settle;
    this.#place = place;
  }

  get payload(): Uint8Array {
    const {bytes, start, end} = this.#place;
    return bytes.subarray(start, end);
  }
}

/** The packets of a run as one, and its messages. */
export function encodeRun(
  encoder: PublishEncoder,
  {
    payloads,
    messageIds,
    line,
  }: {
    readonly payloads: readonly Uint8Array[];
    readonly messageIds: readonly number[];
    readonly line: Pick<Outgoing, 'publication' | 'settle'>;
  },
): {readonly bytes: Buffer; readonly messages: readonly Outgoing[]} {
  const bytes = encoder.frames(payloads, messageIds);
  let end = 0;
  const messages = payloads.map(({length}) => {
    end += encoder.packetBytes(length);
    return new Line({bytes, start: end - length, end}, line);
  });
  return {bytes, messages};
}
