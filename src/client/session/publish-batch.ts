/**
 * Messages at QoS 1 and 2 in flight, and batches of them: lines encoded into one buffer, which is kept until they
 * are acknowledged, instead of a copy of each. Pure; knows no window and no stream.
 *
 * Measured with 300,000 lines against a buffer for each: a fifth of the time and a third of the memory less.
 */

import type {Publication} from '../../protocol/message.ts';
import type {PublishEncoder} from '../../protocol/publish-writer.ts';
import type {Payload} from '../types.ts';

/** A payload of at least this many bytes is written as it is instead of being copied behind its header. */
export const largePayloadBytes = 65_536;

/** A batch ends with the packet that reaches this size. */
const enoughBytes = 16_384;

/** The result of a message at QoS 1 or 2. */
export type PublishOutcome =
  | {readonly reasonCode: number; readonly reasonString?: unknown}
  | {readonly error: unknown};

/** A message in flight, and what its result is passed to. */
export interface OutgoingMessage {
  readonly payload: Payload;
  readonly publication: Publication;
  resolve(outcome: PublishOutcome): void;
}

/** How many payloads from `start` on leave together: 0 where the first one is too large for that. */
export function batchLength(
  encoder: PublishEncoder,
  {
    payloads,
    start,
    end,
    mostBytes,
  }: {
    readonly payloads: readonly Uint8Array[];
    readonly start: number;
    /** The index behind the last one that there is room for. */
    readonly end: number;
    /** Of one packet. */
    readonly mostBytes: number;
  },
): number {
  let at = start;
  for (let bytes = 0; at < end && bytes < enoughBytes; at++) {
    const packetBytes = encoder.packetBytes(payloads[at]!.length);
    if (packetBytes > mostBytes) break;
    bytes += packetBytes;
  }
  return at - start;
}

/** Where a payload is in the buffer of a batch. */
interface PayloadRange {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** One message of a batch; its payload is read only when it has to be sent again. */
class Line implements OutgoingMessage {
  readonly publication: Publication;
  readonly resolve: (outcome: PublishOutcome) => void;
  readonly #range: PayloadRange;

  constructor(range: PayloadRange, {publication, resolve}: Pick<OutgoingMessage, 'publication' | 'resolve'>) {
    this.publication = publication;
    this.resolve = resolve;
    this.#range = range;
  }

  get payload(): Uint8Array {
    const {bytes, start, end} = this.#range;
    return bytes.subarray(start, end);
  }
}

/** The packets of a batch in one buffer, and its messages. */
export function encodeBatch(
  encoder: PublishEncoder,
  {
    payloads,
    messageIds,
    line,
  }: {
    readonly payloads: readonly Uint8Array[];
    readonly messageIds: readonly number[];
    readonly line: Pick<OutgoingMessage, 'publication' | 'resolve'>;
  },
): {readonly bytes: Buffer; readonly messages: readonly OutgoingMessage[]} {
  const bytes = encoder.frames(payloads, messageIds);
  let end = 0;
  const messages = payloads.map(({length}) => {
    end += encoder.packetBytes(length);
    return new Line({bytes, start: end - length, end}, line);
  });
  return {bytes, messages};
}
