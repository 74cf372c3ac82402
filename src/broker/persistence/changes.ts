/**
 * The journal's calls as bytes that a file can hold, and back. A message that many queues share is written once,
 * under a number, and stands as that number in the calls. Knows no file. Written field by field: with v8.serialize,
 * a message at QoS 1 to a session that is away took twice the broker's processor time.
 */

import {deserialize} from 'node:v8';
import {defined} from '../../defined.ts';
import type {QoS} from '../../protocol/message.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import {payloadBytes, SharedFrame} from '../wire/shared-frame.ts';
import {FieldReader, FieldWriter} from './byte-fields.ts';
import type {Journal, SavedDelivery, SavedSession, SavedState, SavedSubscription} from './journal.ts';
import {type Framing, frameRecord, headBytes} from './store-file.ts';
import type {StoredState} from './stored-state.ts';

/** A method of the journal and its arguments; or 'message', number, message. Times are in wall clock time. */
export type Change = readonly [method: string, ...values: unknown[]];

/** The number that a change defines a message under. */
export function definedMessage(
  change: Change,
): readonly [number: number, message: StoredMessage] | undefined {
  const [method, number, message] = change;
  return method === 'message' ? [number as number, message as StoredMessage] : undefined;
}

/**
 * The first byte of a content: fields, with texts by number or, before that, all written out; or what v8.serialize
 * wrote in the first stores of version 2.
 */
const Mark = {writtenOut: 1, numbered: 2, serialized: 0xff} as const;

/** Bytes from which on a record is closed before the next message: what one damaged place of a disk may cost. */
const fullRecord = 4096;

/** A payload from this size on is written once; a smaller one again, unless the message before was the same. */
const largePayload = 256;

/** The byte that begins a change, by method; in their order, from 0. */
const Code = {
  message: 0,
  retained: 1,
  queued: 2,
  session: 3,
  sessionEnded: 4,
  subscribed: 5,
  unsubscribed: 6,
  sent: 7,
  released: 8,
  settled: 9,
  completed: 10,
  received: 11,
  forgotten: 12,
} as const;

/** The bits beside QoS, which has the lowest two: which fields follow, and what is true. */
const Bit = {retain: 4, optional: 8, noLocal: 16, retainAsPublished: 32, username: 64} as const;

export interface ChangeWriterOptions {
  /** Called at the first change, and at the first one after each `clear`. */
  readonly onChange?: () => void;
  /** Of the file that the records are for. */
  readonly framing: () => Framing;
  /** A number that no other message of the file has. */
  readonly nextNumber: () => number;
  /** Milliseconds from the broker's clock to the wall clock. */
  readonly wallOffset: () => number;
}

/**
 * A journal that writes each call as the fields of a change, into records that stand ready in one memory. Measured
 * against a record in a buffer of its own for each message, and a WeakMap of all messages: 0.6 of the broker's
 * processor time at QoS 1.
 */
export class ChangeWriter implements Journal {
  readonly #options: ChangeWriterOptions;
  readonly #fields = new FieldWriter();
  /** Where the open record begins; undefined: none is open. */
  #open: number | undefined;
  /** Of the large messages that are in the file. */
  #numbers = new WeakMap<StoredMessage, number>();
  #lastMessage: StoredMessage | undefined;
  #lastNumber = 0;

  constructor(options: ChangeWriterOptions) {
    this.#options = options;
  }

  /** Bytes of the records since the last `clear`. */
  get length(): number {
    return this.#fields.length;
  }

  /** The changes up to the next call stand in one record. */
  begin(): void {
    if (this.#open !== undefined && this.#fields.length - this.#open >= fullRecord) this.#close(this.#open);
  }

  /** The whole records since the last `clear`: a view that is valid until the next change. */
  records(): Buffer {
    if (this.#open !== undefined) this.#close(this.#open);
    return this.#fields.view(0);
  }

  /** Forgets the records, which are all whole. */
  clear(): void {
    this.#fields.clear();
  }

  /** The message is in the file under this number. A small one is written again all the same. */
  know(message: StoredMessage, number: number): void {
    if (payloadBytes(message) >= largePayload) this.#numbers.set(message, number);
  }

  /** From now on each message is written again before it is referred to. */
  forgetMessages(): void {
    this.#numbers = new WeakMap();
    this.#lastMessage = undefined;
  }

  #begin(code: number): FieldWriter {
    const fields = this.#fields;
    if (this.#open === undefined) {
      if (fields.length === 0) this.#options.onChange?.();
      this.#open = fields.length;
      fields.skip(headBytes(this.#options.framing()));
      fields.byte(Mark.numbered);
      fields.forgetTexts();
    }
    fields.byte(code);
    return fields;
  }

  #close(open: number): void {
    frameRecord(this.#fields.view(open), this.#options.framing());
    this.#open = undefined;
  }

  /** A change with a client and at most two numbers. */
  #short(code: number, clientId: string, first?: number, second?: number): void {
    const fields = this.#begin(code);
    fields.text(clientId);
    if (first !== undefined) fields.number(first);
    if (second !== undefined) fields.number(second);
  }

  #time(time: number): void {
    this.#fields.time(time + this.#options.wallOffset());
  }

  #numberOf(message: StoredMessage): number {
    if (message === this.#lastMessage) return this.#lastNumber;
    if (payloadBytes(message) < largePayload) {
      this.#lastNumber = this.#define(message);
      this.#lastMessage = message;
      return this.#lastNumber;
    }
    const known = this.#numbers.get(message);
    if (known !== undefined) return known;
    const number = this.#define(message);
    this.#numbers.set(message, number);
    return number;
  }

  #define(message: StoredMessage): number {
    const number = this.#options.nextNumber();
    const {topic, qos, retain, properties, expiresAt} = message;
    const fields = this.#begin(Code.message);
    fields.number(number);
    fields.byte(qos | (retain ? Bit.retain : 0) | (expiresAt === undefined ? 0 : Bit.optional));
    fields.text(topic);
    if (message instanceof SharedFrame) fields.bytes(message.bytes, message.payloadAt, message.end);
    else fields.bytes(message.payload);
    fields.bytes(properties);
    if (expiresAt !== undefined) this.#time(expiresAt);
    return number;
  }

  retained(topic: string, message: StoredMessage | undefined): void {
    // No message has the number 0.
    const number = message === undefined ? 0 : this.#numberOf(message);
    const fields = this.#begin(Code.retained);
    fields.text(topic);
    fields.number(number);
  }

  queued(clientId: string, delivery: SavedDelivery): void {
    const {message, sequence, qos, retain, subscriptionIdentifiers, shareFilter} = delivery;
    const number = this.#numberOf(message);
    const fields = this.#begin(Code.queued);
    fields.text(clientId);
    fields.number(sequence);
    fields.number(number);
    fields.byte(qos | (retain ? Bit.retain : 0) | (shareFilter === undefined ? 0 : Bit.optional));
    fields.number(subscriptionIdentifiers.length);
    for (const identifier of subscriptionIdentifiers) fields.number(identifier);
    if (shareFilter !== undefined) fields.text(shareFilter);
  }

  session({clientId, expirySeconds, username, disconnectedAt}: SavedSession): void {
    const fields = this.#begin(Code.session);
    fields.text(clientId);
    fields.number(expirySeconds);
    fields.byte(
      (username === undefined ? 0 : Bit.username) | (disconnectedAt === undefined ? 0 : Bit.optional),
    );
    if (username !== undefined) fields.text(username);
    if (disconnectedAt !== undefined) this.#time(disconnectedAt);
  }

  sessionEnded(clientId: string): void {
    this.#short(Code.sessionEnded, clientId);
  }

  subscribed(clientId: string, subscription: SavedSubscription): void {
    const {filter, qos, noLocal, retainAsPublished, identifier} = subscription;
    const fields = this.#begin(Code.subscribed);
    fields.text(clientId);
    fields.text(filter);
    fields.byte(
      qos |
        (noLocal ? Bit.noLocal : 0) |
        (retainAsPublished ? Bit.retainAsPublished : 0) |
        (identifier === undefined ? 0 : Bit.optional),
    );
    if (identifier !== undefined) fields.number(identifier);
  }

  unsubscribed(clientId: string, filter: string): void {
    const fields = this.#begin(Code.unsubscribed);
    fields.text(clientId);
    fields.text(filter);
  }

  sent(clientId: string, sequence: number, packetId: number): void {
    this.#short(Code.sent, clientId, sequence, packetId);
  }

  released(clientId: string, sequence: number, packetId: number): void {
    this.#short(Code.released, clientId, sequence, packetId);
  }

  settled(clientId: string, sequence: number): void {
    this.#short(Code.settled, clientId, sequence);
  }

  completed(clientId: string, packetId: number): void {
    this.#short(Code.completed, clientId, packetId);
  }

  received(clientId: string, packetId: number): void {
    this.#short(Code.received, clientId, packetId);
  }

  forgotten(clientId: string, packetId: number): void {
    this.#short(Code.forgotten, clientId, packetId);
  }
}

/** The changes in the content of a record, in order; payloads are views of it. @throws Error for those of later versions */
export function changesOf(content: Buffer): readonly Change[] {
  const [mark] = content;
  if (mark === Mark.serialized) {
    const value = deserialize(content) as Change | readonly Change[];
    // The first format has one change in each record.
    return typeof value[0] === 'string' ? [value as Change] : (value as readonly Change[]);
  }
  if (mark !== Mark.numbered && mark !== Mark.writtenOut)
    throw new Error('a later version of tmq has written it');
  const changes: Change[] = [];
  const fields = new FieldReader(content, 1, mark === Mark.numbered);
  while (fields.hasMore) changes.push(readChange(fields));
  return changes;
}

const methods = Object.keys(Code) as readonly (keyof typeof Code)[];

function readChange(fields: FieldReader): Change {
  const code = fields.byte();
  const method = methods[code];
  if (method === undefined) throw new Error(`No change begins with ${code}.`);
  return [method, ...readers[method](fields)];
}

type Reader = (fields: FieldReader) => readonly unknown[];

const text: Reader = (fields) => [fields.text()];
const textAndNumber: Reader = (fields) => [fields.text(), fields.number()];
const textAndNumbers: Reader = (fields) => [fields.text(), fields.number(), fields.number()];

/** How the values of each method are read. */
const readers: Readonly<Record<keyof typeof Code, Reader>> = {
  message: readMessage,
  retained: (fields) => [fields.text(), fields.number() || undefined],
  queued: readQueued,
  session: readSession,
  sessionEnded: text,
  subscribed: readSubscribed,
  unsubscribed: (fields) => [fields.text(), fields.text()],
  sent: textAndNumbers,
  released: textAndNumbers,
  settled: textAndNumber,
  completed: textAndNumber,
  received: textAndNumber,
  forgotten: textAndNumber,
};

const qosOf = (bits: number) => (bits & 3) as QoS;

function readMessage(fields: FieldReader): readonly [number, StoredMessage] {
  const number = fields.number();
  const bits = fields.byte();
  const message = {
    topic: fields.text(),
    payload: fields.bytes(),
    qos: qosOf(bits),
    retain: (bits & Bit.retain) !== 0,
    properties: fields.bytes(),
  };
  return [number, (bits & Bit.optional) === 0 ? message : {...message, expiresAt: fields.time()}];
}

function readQueued(fields: FieldReader): readonly [string, Omit<SavedDelivery, 'message'>, number] {
  const clientId = fields.text();
  const sequence = fields.number();
  const number = fields.number();
  const bits = fields.byte();
  const subscriptionIdentifiers: number[] = [];
  for (let left = fields.number(); left > 0; left--) subscriptionIdentifiers.push(fields.number());
  const rest = {sequence, qos: qosOf(bits), retain: (bits & Bit.retain) !== 0, subscriptionIdentifiers};
  return [clientId, (bits & Bit.optional) === 0 ? rest : {...rest, shareFilter: fields.text()}, number];
}

function readSession(fields: FieldReader): readonly [SavedSession] {
  const clientId = fields.text();
  const expirySeconds = fields.number();
  const bits = fields.byte();
  const username = (bits & Bit.username) === 0 ? undefined : fields.text();
  const disconnectedAt = (bits & Bit.optional) === 0 ? undefined : fields.time();
  return [{clientId, expirySeconds, ...defined({username, disconnectedAt})}];
}

function readSubscribed(fields: FieldReader): readonly [string, SavedSubscription] {
  const clientId = fields.text();
  const filter = fields.text();
  const bits = fields.byte();
  const noLocal = (bits & Bit.noLocal) !== 0;
  const retainAsPublished = (bits & Bit.retainAsPublished) !== 0;
  const identifier = (bits & Bit.optional) === 0 ? undefined : fields.number();
  return [clientId, {filter, qos: qosOf(bits), noLocal, retainAsPublished, ...defined({identifier})}];
}

/**
 * Makes the call that a change stands for, with numbers in place of messages. A call about a message that the file
 * does not define has no effect: its record is lost, or it was delivered before the file was compacted.
 */
export function applyChange(
  [method, ...values]: Change,
  state: StoredState<number>,
  isDefined: (number: number) => boolean,
): void {
  if (method === 'retained') {
    const [topic, number] = values as [string, number | undefined];
    if (number === undefined || isDefined(number)) state.retained(topic, number);
  } else if (method === 'queued') {
    const [clientId, delivery, number] = values as [string, Omit<SavedDelivery, 'message'>, number];
    // A spread would take a third of the time of opening a store.
    if (isDefined(number)) state.queued(clientId, Object.assign(delivery, {message: number}));
  } else {
    const call = state[method as keyof Journal] as (...parameters: unknown[]) => void;
    call.apply(state, values);
  }
}

/** Makes the calls that give a journal this state, one in each step. */
export function* replay(state: SavedState, journal: Journal): Generator<void, void, undefined> {
  for (const message of state.retained) yield journal.retained(message.topic, message);
  for (const {session, subscriptions, sent, released, queued, received} of state.sessions) {
    const {clientId} = session;
    yield journal.session(session);
    for (const subscription of subscriptions) yield journal.subscribed(clientId, subscription);
    for (const {delivery, packetId} of sent) {
      journal.queued(clientId, delivery);
      yield journal.sent(clientId, delivery.sequence, packetId);
    }
    // These have no message any more; no message has sequence 0.
    for (const packetId of released) yield journal.released(clientId, 0, packetId);
    for (const delivery of queued) yield journal.queued(clientId, delivery);
    for (const packetId of received) yield journal.received(clientId, packetId);
  }
}
