/**
 * The messages at QoS 1 and 2 that are in flight: which may be sent now, what an acknowledgement means, and what is
 * sent again on a new connection. Pure state. Keeps the order: first in, first sent, first sent again
 * [MQTT-4.6.0-1].
 *
 * A message is unsent, then sent ('published'), at QoS 2 then 'released', then done. A new connection makes all
 * unsent again.
 */

import {isFailure, ReasonCode} from '../../protocol/reason-codes.ts';

/** The next packet to send for a message. */
export type SendStep<Value> =
  | {readonly kind: 'publish'; readonly messageId: number; readonly value: Value; readonly duplicate: boolean}
  | {readonly kind: 'release'; readonly messageId: number};

/** What an acknowledgement means for the window. */
export type AcknowledgementEffect<Value> =
  | {readonly kind: 'done'; readonly value: Value; readonly reasonCode: number}
  | {readonly kind: 'release'; readonly messageId: number; readonly known: boolean}
  /** The acknowledgement is one of the other QoS; the message was sent with this one. */
  | {readonly kind: 'mismatched'; readonly qos: 1 | 2}
  | {readonly kind: 'ignored'};

export interface AcknowledgementPacket {
  readonly cmd: string;
  readonly messageId: number;
  readonly reasonCode: number;
}

interface Entry<Value> {
  readonly messageId: number;
  readonly qos: 1 | 2;
  readonly value: Value;
  /** 'released': PUBREC came, so that the server has the message and only PUBCOMP is missing. */
  stage: 'published' | 'released';
  duplicate: boolean;
  /** On the present connection. */
  sent: boolean;
}

export class InFlightWindow<Value> {
  readonly #maximum: number;
  #limit: number;
  /** In the order of sending. */
  readonly #entries = new Map<number, Entry<Value>>();
  /** Those to be sent, from `#unsentAt` on; some may be done meanwhile. `shift` would move all that follow. */
  #unsent: Entry<Value>[] = [];
  #unsentAt = 0;
  #unsentCount = 0;

  /** @param maximum the most messages unacknowledged at a time, at least 1 */
  constructor(maximum: number) {
    this.#maximum = Math.max(1, maximum);
    this.#limit = this.#maximum;
  }

  /** Messages that were added and are not done. */
  get size(): number {
    return this.#entries.size;
  }

  /** The first message that is not done. */
  get oldest(): Value | undefined {
    return this.#entries.values().next().value?.value;
  }

  /** How many messages added now would be sent at once, if none waits. */
  room(): number {
    return Math.max(0, this.#limit - this.#entries.size);
  }

  /** Whether a message waits to be sent, which comes before those added now. */
  get isHolding(): boolean {
    return this.#unsentCount > 0;
  }

  /** @param messageId one that is not in use */
  add(messageId: number, qos: 1 | 2, value: Value): void {
    this.#unsent.push(this.#enter(messageId, qos, value));
    this.#unsentCount++;
  }

  /** Adds a message that is sent now, while there is room and none waits. */
  addSent(messageId: number, qos: 1 | 2, value: Value): void {
    this.#enter(messageId, qos, value).sent = true;
  }

  #enter(messageId: number, qos: 1 | 2, value: Value): Entry<Value> {
    const entry: Entry<Value> = {messageId, qos, value, stage: 'published', duplicate: false, sent: false};
    this.#entries.set(messageId, entry);
    return entry;
  }

  /** The next packet to send, counted as sent from now on; undefined while the window is full or nothing waits. */
  next(): SendStep<Value> | undefined {
    const inFlight = this.#entries.size - this.#unsentCount;
    if (this.#unsentCount === 0 || inFlight >= this.#limit) return undefined;
    const entry = this.#nextUnsent();
    entry.sent = true;
    const {messageId, value, stage, duplicate} = entry;
    if (stage === 'released') return {kind: 'release', messageId};
    return {kind: 'publish', messageId, value, duplicate};
  }

  /** Takes the first that is not done; there is one. */
  #nextUnsent(): Entry<Value> {
    let entry = this.#unsent[this.#unsentAt++]!;
    while (this.#entries.get(entry.messageId) !== entry) entry = this.#unsent[this.#unsentAt++]!;
    this.#unsentCount--;
    if (this.#unsentCount === 0) this.#setUnsent([]);
    else if (this.#unsentAt * 2 > this.#unsent.length + 64)
      this.#setUnsent(this.#unsent.slice(this.#unsentAt));
    return entry;
  }

  #setUnsent(entries: Entry<Value>[]): void {
    this.#unsent = entries;
    this.#unsentAt = 0;
  }

  #finish(entry: Entry<Value>, reasonCode: number): AcknowledgementEffect<Value> {
    this.#entries.delete(entry.messageId);
    if (!entry.sent && --this.#unsentCount === 0) this.#setUnsent([]);
    return {kind: 'done', value: entry.value, reasonCode};
  }

  #received(
    entry: Entry<Value> | undefined,
    {messageId, reasonCode}: AcknowledgementPacket,
  ): AcknowledgementEffect<Value> {
    if (entry === undefined) return {kind: 'release', messageId, known: false};
    if (entry.qos !== 2) return {kind: 'mismatched', qos: 1};
    if (isFailure(reasonCode)) return this.#finish(entry, reasonCode);
    entry.stage = 'released';
    return {kind: 'release', messageId, known: true};
  }

  /** What a PUBACK, PUBREC or PUBCOMP means [MQTT 5, 4.3]. 'release' asks for a PUBREL. */
  acknowledge(acknowledgement: AcknowledgementPacket): AcknowledgementEffect<Value> {
    const {cmd, reasonCode} = acknowledgement;
    const entry = this.#entries.get(acknowledgement.messageId);
    if (cmd === 'pubrec') return this.#received(entry, acknowledgement);
    if (entry === undefined) return {kind: 'ignored'};
    if (cmd === 'puback') {
      return entry.qos === 1 ? this.#finish(entry, reasonCode) : {kind: 'mismatched', qos: 2};
    }
    if (cmd === 'pubcomp' && entry.qos === 2 && entry.stage === 'released') {
      // The server had completed the message before [MQTT 5, 3.7.2.1].
      return this.#finish(entry, reasonCode === ReasonCode.packetIdentifierNotFound ? 0 : reasonCode);
    }
    return {kind: 'ignored'};
  }

  /**
   * A new connection: everything unacknowledged waits to be sent again, in order. A server that kept the session
   * gets duplicates and releases [MQTT-4.4.0-1]; one that did not gets all messages as new ones, because it may
   * have dropped those it had not yet delivered. Returns how many are published a further time.
   */
  restart({sessionKept, receiveMaximum}: {sessionKept: boolean; receiveMaximum: number}): number {
    this.#limit = Math.min(this.#maximum, receiveMaximum);
    let repeated = 0;
    for (const entry of this.#entries.values()) {
      if (!sessionKept) entry.stage = 'published';
      if (entry.sent && entry.stage === 'published') repeated++;
      entry.duplicate = sessionKept && (entry.duplicate || entry.sent);
      entry.sent = false;
    }
    this.#setUnsent([...this.#entries.values()]);
    this.#unsentCount = this.#unsent.length;
    return repeated;
  }

  /** Removes a message that cannot be sent. */
  remove(messageId: number): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) this.#finish(entry, 0);
  }

  /** Empties the window; returns what was in it, in order. */
  clear(): readonly Value[] {
    const values = [...this.#entries.values()].map(({value}) => value);
    this.#entries.clear();
    this.#setUnsent([]);
    this.#unsentCount = 0;
    return values;
  }
}
