/**
 * Messages at QoS 1 and 2 in flight, and batches of them: lines encoded into one buffer, which is kept until they
 * are acknowledged, instead of a copy of each. Pure; knows no window and no stream.
 *
 * Measured with 300,000 lines against a buffer for each: a fifth of the time and a third of the memory less.
 */

import type {Publication} from '../../protocol/message.ts';
import {type PublishEncoder, publishFrames} from '../../protocol/publish-writer.ts';
import type {Payload, PublishBatch} from '../types.ts';

/** A payload of at least this many bytes is written as it is instead of being copied behind its header. */
export const largePayloadBytes = 65_536;

/** The result of a message at QoS 1 or 2. */
export type PublishOutcome =
  | {readonly reasonCode: number; readonly reasonString?: unknown}
  | {readonly error: unknown};

/** A message in flight, and what its result is passed to. */
export interface OutgoingMessage {
  readonly payload: Payload;
  readonly publication: Publication;
  /** Which message of `publishAll` it is, from 0. */
  readonly index?: number;
  resolve(outcome: PublishOutcome): void;
}

/** Payloads, and the publication of all or of each. */
export interface Messages {
  readonly payloads: readonly Uint8Array[];
  readonly publications: Publication | readonly Publication[];
}

export function publicationAt({publications}: Messages, index: number): Publication {
  return isEach(publications) ? publications[index]! : publications;
}

function isEach<Each>(value: Each | readonly Each[]): value is readonly Each[] {
  return Array.isArray(value);
}

/** The messages from `start` up to `end`. */
function slice({payloads, publications}: Messages, start: number, end: number): Messages {
  if (start === 0 && end === payloads.length) return {payloads, publications};
  return {
    payloads: payloads.slice(start, end),
    publications: isEach(publications) ? publications.slice(start, end) : publications,
  };
}

/** Messages that leave in one write. */
export interface EncodedMessages extends Messages {
  /** One for all payloads, or one for each. */
  readonly encoders: PublishEncoder | readonly PublishEncoder[];
  /** Of all packets. */
  readonly bytes: number;
}

/** The batch cut where a message of QoS 0 meets one of another QoS: each part is sent in its own way. */
export function* partsOf(batch: PublishBatch, publication: Publication): Generator<Messages> {
  if (!('payloads' in batch)) {
    yield {payloads: batch, publications: publication};
    return;
  }
  const {payloads, publications} = batch;
  for (let start = 0, end = 0; start < payloads.length; start = end) {
    const isQos0 = publications[start]!.qos === 0;
    while (end < payloads.length && (publications[end]!.qos === 0) === isQos0) end++;
    yield start === 0 && end === payloads.length ? batch : slice(batch, start, end);
  }
}

/** What limits how many messages leave together. */
export interface BatchLimits {
  /** Absent where a message has to go alone. */
  readonly encoderOf: (publication: Publication) => PublishEncoder | undefined;
  /** The index of the first message. */
  readonly start: number;
  /** The index behind the last one that there is room for. */
  readonly end: number;
  /** Of one packet. */
  readonly mostBytes: number;
  /** A batch ends with the packet that reaches this size. */
  readonly enoughBytes: number;
}

/** The messages that leave together from `start` on; undefined where the first one goes alone. */
export function together(
  messages: Messages,
  {encoderOf, start, end, mostBytes, enoughBytes}: BatchLimits,
): EncodedMessages | undefined {
  const {payloads, publications} = messages;
  const found: PublishEncoder[] = [];
  let at = start;
  let bytes = 0;
  let encoder = isEach(publications) ? undefined : encoderOf(publications);
  for (; at < end && bytes < enoughBytes; at++) {
    if (isEach(publications)) encoder = encoderOf(publications[at]!);
    const packetBytes = encoder?.packetBytes(payloads[at]!.length);
    if (packetBytes === undefined || packetBytes > mostBytes) break;
    if (isEach(publications)) found.push(encoder!);
    bytes += packetBytes;
  }
  if (at === start) return undefined;
  return {...slice(messages, start, at), encoders: isEach(publications) ? found : encoder!, bytes};
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
  readonly index: number;
  readonly #range: PayloadRange;

  constructor(
    range: PayloadRange,
    {publication, index, resolve}: Required<Omit<OutgoingMessage, 'payload'>>,
  ) {
    this.publication = publication;
    this.index = index;
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
  batch: EncodedMessages,
  messageIds: readonly number[],
  {firstIndex, resolve}: {readonly firstIndex: number; readonly resolve: OutgoingMessage['resolve']},
): {readonly bytes: Buffer; readonly messages: readonly OutgoingMessage[]} {
  const {payloads, encoders} = batch;
  const bytes = publishFrames(encoders, payloads, {messageIds, bytes: batch.bytes});
  let end = 0;
  const messages = payloads.map(({length}, index) => {
    end += (isEach(encoders) ? encoders[index]! : encoders).packetBytes(length);
    const publication = publicationAt(batch, index);
    return new Line({bytes, start: end - length, end}, {publication, index: firstIndex + index, resolve});
  });
  return {bytes, messages};
}
