/**
 * The messages at QoS 1 and 2 that are on their way: which may be sent now, what an acknowledgement
 * means, and what must be said again on a new connection. Pure state; knows neither streams nor packets'
 * bytes. Order is kept: first in, first sent, and first sent again [MQTT-4.6.0-1].
 */

import {isFailure, ReasonCode} from '../../protocol/reason-codes.ts';

/** What is to be sent next for a message. */
export type Step<Value> =
  | {readonly kind: 'publish'; readonly messageId: number; readonly value: Value; readonly duplicate: boolean}
  | {readonly kind: 'release'; readonly messageId: number};

/** What an acknowledgement came to. */
export type Outcome<Value> =
  | {readonly kind: 'done'; readonly value: Value; readonly reasonCode: number}
  | {readonly kind: 'release'; readonly messageId: number; readonly known: boolean}
  /** The server answers as to another QoS than this one, which the message was sent with. */
  | {readonly kind: 'mismatched'; readonly qos: 1 | 2}
  | {readonly kind: 'ignored'};

export interface Acknowledgement {
  readonly cmd: string;
  readonly messageId: number;
  readonly reasonCode: number;
}

interface Entry<Value> {
  readonly messageId: number;
  readonly qos: 1 | 2;
  readonly value: Value;
  /** 'released': PUBREC came, so the message is the server's and only PUBCOMP is missing. */
  stage: 'published' | 'released';
  duplicate: boolean;
  /** On the present connection. */
  sent: boolean;
}

export class Window<Value> {
  readonly #maximum: number;
  #limit: number;
  /** In the order of sending. */
  readonly #entries = new Map<number, Entry<Value>>();
  #unsent: Entry<Value>[] = [];

  /** @param maximum the most messages unacknowledged at a time, at least 1 */
  constructor(maximum: number) {
    this.#maximum = Math.max(1, maximum);
    this.#limit = this.#maximum;
  }

  /** All that were added and are not done. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many messages added now would be sent at once, where none waits, and no more than `most` are to be on their way. */
  room(most = this.#limit): number {
    return Math.max(0, Math.min(most, this.#limit) - this.#entries.size);
  }

  /** Whether something waits to be sent, which comes before what is added now. */
  get isHolding(): boolean {
    return this.#unsent.length > 0;
  }

  has(messageId: number): boolean {
    return this.#entries.has(messageId);
  }

  /** @param messageId one that is not in use */
  add(messageId: number, qos: 1 | 2, value: Value): void {
    this.#unsent.push(this.#enter(messageId, qos, value));
  }

  /** For one that is sent now, while there is room and nothing waits. */
  addSent(messageId: number, qos: 1 | 2, value: Value): void {
    this.#enter(messageId, qos, value).sent = true;
  }

  #enter(messageId: number, qos: 1 | 2, value: Value): Entry<Value> {
    const entry: Entry<Value> = {messageId, qos, value, stage: 'published', duplicate: false, sent: false};
    this.#entries.set(messageId, entry);
    return entry;
  }

  /** The next thing to send, counted as sent from now on; undefined while the window is full or nothing waits. */
  next(): Step<Value> | undefined {
    const inFlight = this.#entries.size - this.#unsent.length;
    if (this.#unsent.length === 0 || inFlight >= this.#limit) return undefined;
    const entry = this.#unsent.shift()!;
    entry.sent = true;
    const {messageId, value, stage, duplicate} = entry;
    if (stage === 'released') return {kind: 'release', messageId};
    return {kind: 'publish', messageId, value, duplicate};
  }

  #finish(entry: Entry<Value>, reasonCode: number): Outcome<Value> {
    this.#entries.delete(entry.messageId);
    if (!entry.sent) this.#unsent = this.#unsent.filter((each) => each !== entry);
    return {kind: 'done', value: entry.value, reasonCode};
  }

  #received(entry: Entry<Value> | undefined, {messageId, reasonCode}: Acknowledgement): Outcome<Value> {
    if (entry === undefined) return {kind: 'release', messageId, known: false};
    if (entry.qos !== 2) return {kind: 'mismatched', qos: 1};
    if (isFailure(reasonCode)) return this.#finish(entry, reasonCode);
    entry.stage = 'released';
    return {kind: 'release', messageId, known: true};
  }

  /** What a PUBACK, PUBREC or PUBCOMP means [MQTT 5, 4.3]. 'release' asks for a PUBREL. */
  acknowledge(acknowledgement: Acknowledgement): Outcome<Value> {
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
   * Begins anew on another connection: everything unacknowledged waits to be sent again, in order. A
   * server that kept the session gets duplicates and releases [MQTT-4.4.0-1]; one that did not gets all
   * messages as new ones, for it may have dropped what it had not yet passed on.
   */
  restart({sessionKept, receiveMaximum}: {sessionKept: boolean; receiveMaximum: number}): void {
    this.#limit = Math.min(this.#maximum, receiveMaximum);
    for (const entry of this.#entries.values()) {
      if (!sessionKept) entry.stage = 'published';
      entry.duplicate = sessionKept && (entry.duplicate || entry.sent);
      entry.sent = false;
    }
    this.#unsent = [...this.#entries.values()];
  }

  /** Takes one out that cannot be sent after all. */
  remove(messageId: number): void {
    const entry = this.#entries.get(messageId);
    if (entry !== undefined) this.#finish(entry, 0);
  }

  /** Empties the window; what was in it, in order. */
  clear(): readonly Value[] {
    const values = [...this.#entries.values()].map(({value}) => value);
    this.#entries.clear();
    this.#unsent = [];
    return values;
  }
}
