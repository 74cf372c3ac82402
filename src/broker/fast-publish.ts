/**
 * The hot way of PUBLISH without retain and properties, to topics already known. At QoS 0 consecutive
 * frames that go to the same clients, and may go unchanged, leave as one slice; at QoS 1 and 2 a frame
 * is at least read without judging its topic again. What needs a decision is left to the general way,
 * which alone is used with TMQ_NO_FASTPATH=1.
 *
 * Measured against the general way in one run, messages a second: at QoS 0 one to one 7 times, one to
 * fifty and 1000 topics in turn 4.5 times; at QoS 1 1.4 times, at QoS 2 1.2 times.
 */

import type {BrokerParts} from './parts.ts';
import type {Passages, Route} from './passage.ts';
import {type DecodedPublish, keptBytes, noBytes} from './publish-packet.ts';
import type {Session} from './session.ts';

/** The first bytes of PUBLISH without DUP and RETAIN. */
const atMostOnce = 0x30;
const atLeastOnce = 0x32;
const exactlyOnce = 0x34;
/** Of a run: a publisher that has to wait is not found out about later than this. */
const mostBytes = 65_536;
/** Slices kept that are a smaller share of their chunk are copied, so that they do not keep all of it. */
const keptShare = 1 / 2;
/** Up to here a loop copies faster than a call. */
const shortBytes = 64;

/** Frames that belong together. */
interface Found {
  readonly end: number;
  readonly frames: number;
  readonly payloadBytes: number;
  readonly targets: Route['targets'];
}

/** A PUBLISH, and the bytes of its frame. */
export type SizedPublish = DecodedPublish & {readonly size: number};

/** Whether a broker, and one client's mount point, leave messages at QoS 0 as they are. */
export function mayPassFast({context, limits}: BrokerParts, mountPoint: string): boolean {
  return (
    context.fastPath !== false &&
    context.observe === undefined &&
    !limits.queueQos0Messages &&
    !limits.upgradeOutgoingQos &&
    mountPoint === ''
  );
}

/** The fast way of one publisher's messages. */
export class FastPublish {
  readonly #session: Session;
  readonly #parts: BrokerParts;
  readonly #hasProperties: boolean;
  readonly #passages: Passages;
  readonly #largestPayload: number;
  #missed = true;
  // The frame last looked at: where its topic, what follows its topic, and the next frame begin.
  #topic = 0;
  #afterTopic = 0;
  #end = 0;

  constructor(session: Session, parts: BrokerParts, passages: Passages) {
    this.#session = session;
    this.#parts = parts;
    this.#hasProperties = passages.protocolVersion === 5;
    this.#passages = passages;
    this.#largestPayload = parts.limits.messageSizeLimit || Number.POSITIVE_INFINITY;
  }

  /**
   * Forwards the frames that begin at `start`, as far as they go to the same clients and are there as a
   * whole; gives their bytes. 0: the first one does not go this way.
   */
  forward(bytes: Buffer, start: number, largestPacket: number): number {
    if (bytes[start] !== atMostOnce) return 0;
    this.#passages.refresh();
    const found = this.#find(bytes, start, largestPacket);
    const {targets, end} = found;
    if (targets === undefined) return 0;
    for (const {passage} of targets) if (passage.lagging) return 0;
    this.#count(found);
    if (targets.length > 0) this.#send(bytes, start, found);
    return end - start;
  }

  /** The message at QoS 1 or 2 that begins at `start`; undefined: the general way must read it. */
  decode(bytes: Buffer, start: number, largestPacket: number): SizedPublish | undefined {
    const first = bytes[start];
    if ((first !== atLeastOnce && first !== exactlyOnce) || !this.#read(bytes, start, largestPacket))
      return undefined;
    const route = this.#passages.find(bytes, this.#topic, this.#afterTopic);
    if (route === undefined) {
      this.#missed = true;
      return undefined;
    }
    const payload = this.#payload(bytes, this.#afterTopic + 2);
    const packetId = (bytes[this.#afterTopic]! << 8) | bytes[this.#afterTopic + 1]!;
    if (payload === 0 || packetId === 0) return undefined;
    return {
      topic: route.topic,
      qos: first === atLeastOnce ? 1 : 2,
      dup: false,
      retain: false,
      packetId,
      utf8Payload: false,
      copied: true,
      properties: noBytes,
      payload: copied(bytes, payload, this.#end),
      size: this.#end - start,
    };
  }

  /** Told of a topic that the general way has taken: whether the next one may go this way. */
  learn(topic: string): void {
    if (!this.#missed) return;
    this.#missed = false;
    // Where an alias says it, the topic is somebody else's to know.
    if (topic !== '') this.#passages.learn(topic);
  }

  /** Reads the frame at `at` up to the end of its topic; whether it is there as a whole. */
  #read(bytes: Buffer, at: number, largestPacket: number): boolean {
    let body = at + 2;
    let remaining = bytes[at + 1]!;
    if (remaining >= 0x80) {
      const high = bytes[body++]!;
      // Larger frames gain nothing, and a length may not end with 0.
      if (high >= 0x80 || high === 0) return false;
      remaining = (remaining & 0x7f) | (high << 7);
    }
    this.#end = body + remaining;
    if (remaining < 2 || this.#end > bytes.length || this.#end - at > largestPacket) return false;
    this.#topic = body + 2;
    this.#afterTopic = this.#topic + ((bytes[body]! << 8) | bytes[body + 1]!);
    return this.#afterTopic <= this.#end;
  }

  /** Where the payload begins, behind an empty property list, or none in MQTT 3; 0: it is not so. */
  #payload(bytes: Buffer, at: number): number {
    if (!this.#hasProperties) return at > this.#end ? 0 : at;
    return at >= this.#end || bytes[at] !== 0 ? 0 : at + 1;
  }

  #find(bytes: Buffer, start: number, largestPacket: number): Found {
    const limit = Math.min(bytes.length, start + mostBytes);
    let targets: Route['targets'];
    let frames = 0;
    let payloadBytes = 0;
    let at = start;
    while (at + 4 <= limit && bytes[at] === atMostOnce && this.#read(bytes, at, largestPacket)) {
      const route = this.#passages.find(bytes, this.#topic, this.#afterTopic);
      if (route === undefined) this.#missed ||= frames === 0;
      if (route?.targets === undefined || this.#end - at > route.largest) break;
      if (frames > 0 && route.targets !== targets) break;
      const payload = this.#payload(bytes, this.#afterTopic);
      if (payload === 0 || this.#end - payload > this.#largestPayload) break;
      ({targets} = route);
      payloadBytes += this.#end - payload;
      frames++;
      at = this.#end;
    }
    return {end: at, frames, payloadBytes, targets};
  }

  #count({frames, payloadBytes, targets}: Found): void {
    const {counters} = this.#parts;
    counters.messagesReceived += frames;
    counters.publishReceived += frames;
    counters.publishBytesReceived += payloadBytes;
    const receivers = targets?.length ?? 0;
    counters.publishSent += frames * receivers;
    counters.publishBytesSent += payloadBytes * receivers;
  }

  #send(bytes: Buffer, start: number, {end, frames, targets = []}: Found): void {
    const slice = bytes.subarray(start, end);
    const copy = slice.length >= keptBytes && slice.length < bytes.length * keptShare;
    const kept = copy ? Buffer.from(slice) : slice;
    for (const {session, link, passage} of targets) {
      passage.send(kept, frames);
      session.dropping = false;
      link.slow(this.#session.link);
    }
  }
}

function copied(bytes: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  if (length === 0) return noBytes;
  const copy = Buffer.allocUnsafe(length);
  if (length > shortBytes) bytes.copy(copy, 0, start, end);
  else for (let index = 0; index < length; index++) copy[index] = bytes[start + index]!;
  return copy;
}
