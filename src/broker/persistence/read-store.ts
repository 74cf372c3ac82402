/**
 * Reads a store: first all changes, with numbers in place of messages, then the messages that are still needed.
 * So memory holds what the broker needs and a few bytes for each message of the file, whatever its size.
 */

import {setImmediate} from 'node:timers/promises';
import type {StoredMessage} from '../wire/publish-packet.ts';
import {applyChange, changesOf, definedMessage} from './changes.ts';
import type {RestoredSession, RestoredState, SavedDelivery} from './journal.ts';
import {FileWindow, recordAt, type StoreFile, storeParts} from './store-file.ts';
import {StoredState} from './stored-state.ts';

/** Bytes that are read before signals and other events get their turn. */
const sliceBytes = 64 << 20;
/** Bytes read at once where single messages are fetched. */
const fetchedBytes = 1 << 16;
/** About so many bytes of the file go with a delivery, a subscription or a session. */
const changeBytes = 100;

/** What a file holds. */
export interface ReadStore {
  readonly restored: RestoredState;
  /** The messages of `restored` by their numbers. */
  readonly messages: ReadonlyMap<number, StoredMessage>;
  readonly lastNumber: number;
  /** About the size that the file would have without what is gone. */
  readonly neededBytes: number;
  /** Damaged records that were skipped, and their bytes. */
  readonly damaged: {readonly records: number; readonly bytes: number};
  /** The incomplete record at the end. */
  readonly torn: {readonly at: number; readonly bytes: number} | undefined;
}

/** Reads a store that is not changed meanwhile. `wallOffset`: milliseconds from the broker's clock to the wall clock. */
export async function readStore(file: StoreFile, wallOffset: number): Promise<ReadStore> {
  const state = new StoredState<number>();
  const positions = new Positions();
  const damaged = {records: 0, bytes: 0};
  let torn: ReadStore['torn'];
  let pause = sliceBytes;
  for (const part of storeParts(file)) {
    if (part.kind === 'torn') torn = part;
    else if (part.kind === 'damaged') {
      damaged.records += part.records;
      damaged.bytes += part.bytes;
    } else {
      for (const change of changesOf(part.content)) {
        const defined = definedMessage(change);
        if (defined === undefined) applyChange(change, state, (number) => positions.get(number) > 0);
        else positions.set(defined[0], part.at);
      }
      if (part.at < pause) continue;
      pause = part.at + sliceBytes;
      await setImmediate();
    }
  }
  const numbered = state.restored();
  const fetched = fetchMessages(file, positions, wallOffset, numbersOf(numbered));
  const {messages, bytes} = fetched;
  return {
    restored: withMessages(numbered, messages, wallOffset),
    messages,
    lastNumber: positions.last,
    neededBytes: bytes + changeBytes * countOf(numbered),
    damaged,
    torn,
  };
}

/** Positions by message number, 8 bytes each: a file may have ten million. */
class Positions {
  readonly #chunks = new Map<number, Float64Array>();
  last = 0;

  set(number: number, position: number): void {
    const key = number >>> 12;
    let chunk = this.#chunks.get(key);
    if (chunk === undefined) {
      chunk = new Float64Array(4096);
      this.#chunks.set(key, chunk);
    }
    chunk[number & 4095] = position;
    if (number > this.last) this.last = number;
  }

  /** 0: the file does not define it. */
  get(number: number): number {
    return this.#chunks.get(number >>> 12)?.[number & 4095] ?? 0;
  }
}

function* deliveriesOf<Message>({
  sent,
  queued,
}: RestoredSession<Message>): Generator<SavedDelivery<Message>, void, undefined> {
  for (const {delivery} of sent) yield delivery;
  yield* queued;
}

function numbersOf({retained, sessions}: RestoredState<number>): Set<number> {
  const numbers = new Set(retained);
  for (const session of sessions) for (const {message} of deliveriesOf(session)) numbers.add(message);
  return numbers;
}

function countOf({retained, sessions}: RestoredState<number>): number {
  return sessions.reduce(
    (sum, {subscriptions, sent, queued}) => sum + 1 + subscriptions.length + sent.length + queued.length,
    retained.length,
  );
}

function fetchMessages(
  file: StoreFile,
  positions: Positions,
  wallOffset: number,
  numbers: ReadonlySet<number>,
): {readonly messages: Map<number, StoredMessage>; readonly bytes: number} {
  const window = new FileWindow(file, fetchedBytes);
  const messages = new Map<number, StoredMessage>();
  let bytes = 0;
  const ordered = [...numbers].sort((one, other) => positions.get(one) - positions.get(other));
  for (const number of ordered) {
    if (messages.has(number)) continue;
    const content = recordAt(window, positions.get(number), file.framing)!;
    // A record may define several.
    for (const change of changesOf(content)) {
      const [defined, message] = definedMessage(change) ?? [];
      if (defined === undefined || message === undefined || !numbers.has(defined)) continue;
      messages.set(defined, restoredMessage(message, wallOffset));
      bytes += message.payload.length + message.properties.length + message.topic.length + changeBytes;
    }
  }
  return {messages, bytes};
}

/** A copy: a view would keep the bytes of its surroundings in memory. */
function restoredMessage({expiresAt, ...message}: StoredMessage, wallOffset: number): StoredMessage {
  return {
    ...message,
    payload: Buffer.from(message.payload),
    properties: Buffer.from(message.properties),
    ...(expiresAt === undefined ? {} : {expiresAt: expiresAt - wallOffset}),
  };
}

/** The state with messages in place of numbers, on the broker's clock. */
function withMessages(
  {retained, sessions}: RestoredState<number>,
  messages: ReadonlyMap<number, StoredMessage>,
  wallOffset: number,
): RestoredState {
  const filled = (delivery: SavedDelivery<number>): SavedDelivery => ({
    ...delivery,
    message: messages.get(delivery.message)!,
  });
  return {
    retained: retained.map((number) => messages.get(number)!),
    sessions: sessions.map(({session: {disconnectedAt, ...session}, sent, queued, ...rest}) => ({
      ...rest,
      session:
        disconnectedAt === undefined ? session : {...session, disconnectedAt: disconnectedAt - wallOffset},
      sent: sent.map(({delivery, packetId}) => ({delivery: filled(delivery), packetId})),
      queued: queued.map(filled),
    })),
  };
}
