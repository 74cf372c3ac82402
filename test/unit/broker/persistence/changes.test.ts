/** Changes as fields: whatever the journal is called with is read back as it was, however records are cut. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {isDeepStrictEqual} from 'node:util';
import fc from 'fast-check';
import {type Change, ChangeWriter, changesOf} from '../../../../src/broker/persistence/changes.ts';
import type {
  Journal,
  SavedDelivery,
  SavedSession,
  SavedSubscription,
} from '../../../../src/broker/persistence/journal.ts';
import {type Framing, headBytes} from '../../../../src/broker/persistence/store-file.ts';
import type {StoredMessage} from '../../../../src/broker/wire/publish-packet.ts';

const text = fc.string({unit: 'grapheme', maxLength: 40});
/** Packet identifiers, and numbers around the limits of each byte. */
const number = fc.oneof(
  fc.integer({min: 1, max: 65_535}),
  fc.integer({min: 0, max: 53}).map((bits) => 2 ** bits - 1),
);
const qos = fc.constantFrom(0, 1, 2);
const bytes = fc
  .oneof(
    fc.uint8Array({maxLength: 300}),
    fc.nat(40_000).map((size) => new Uint8Array(size).fill(7)),
  )
  .map((array) => Buffer.from(array));
/** Milliseconds that a sum with the offset keeps exactly. */
const time = fc.nat(2 ** 31).map((milliseconds) => milliseconds / 4);

const message: fc.Arbitrary<StoredMessage> = fc.record(
  {topic: text, payload: bytes, qos, retain: fc.boolean(), properties: bytes, expiresAt: time},
  {requiredKeys: ['topic', 'payload', 'qos', 'retain', 'properties'], noNullPrototype: true},
) as fc.Arbitrary<StoredMessage>;

const delivery = fc.record(
  {
    sequence: number,
    qos,
    retain: fc.boolean(),
    subscriptionIdentifiers: fc.array(number, {maxLength: 3}),
    shareFilter: text,
  },
  {requiredKeys: ['sequence', 'qos', 'retain', 'subscriptionIdentifiers'], noNullPrototype: true},
) as fc.Arbitrary<Omit<SavedDelivery, 'message'>>;

const session = fc.record(
  {clientId: text, expirySeconds: fc.nat(0xffffffff), username: text, disconnectedAt: time},
  {requiredKeys: ['clientId', 'expirySeconds'], noNullPrototype: true},
) as fc.Arbitrary<SavedSession>;

const subscription = fc.record(
  {filter: text, qos, noLocal: fc.boolean(), retainAsPublished: fc.boolean(), identifier: number},
  {requiredKeys: ['filter', 'qos', 'noLocal', 'retainAsPublished'], noNullPrototype: true},
) as fc.Arbitrary<SavedSubscription>;

type Call = readonly [method: keyof Journal, ...values: readonly unknown[]];

/** A call whose message, if it has one, is the index of one of the messages. */
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(fc.constant('retained' as const), text, fc.option(fc.nat(4), {nil: undefined})),
  fc.tuple(fc.constant('queued' as const), text, delivery, fc.nat(4)),
  fc.tuple(fc.constant('session' as const), session),
  fc.tuple(fc.constant('sessionEnded' as const), text),
  fc.tuple(fc.constant('subscribed' as const), text, subscription),
  fc.tuple(fc.constant('unsubscribed' as const), text, text),
  fc.tuple(fc.constantFrom('sent' as const, 'released' as const), text, number, number),
  fc.tuple(
    fc.constantFrom('settled' as const, 'completed' as const, 'received' as const, 'forgotten' as const),
    text,
    number,
  ),
);

const offset = 1_700_000_000_000;

/** Makes the call. */
function make(journal: Journal, [method, ...values]: Call, messages: readonly StoredMessage[]): void {
  if (method === 'retained') {
    const [topic, index] = values as [string, number | undefined];
    journal.retained(topic, index === undefined ? undefined : messages[index]);
  } else if (method === 'queued') {
    const [clientId, rest, index] = values as [string, Omit<SavedDelivery, 'message'>, number];
    journal.queued(clientId, {...rest, message: messages[index]!});
  } else (journal[method] as (...parameters: readonly unknown[]) => void).apply(journal, values);
}

/** The call again, from the change that it became. */
function callOf([method, ...values]: Change, indexOf: ReadonlyMap<number, number>): Call {
  const index = (at: number) => indexOf.get(values[at] as number);
  if (method === 'retained') return ['retained', values[0], index(1)];
  if (method === 'queued') return ['queued', values[0], values[1], index(2)];
  if (method !== 'session') return [method as keyof Journal, ...values];
  return ['session', onBrokerClock(values[0] as SavedSession, 'disconnectedAt')];
}

/** A time of the file is that of the wall clock. */
function onBrokerClock<Value extends object>(value: Value, key: keyof Value): Value {
  return key in value ? {...value, [key]: (value[key] as number) - offset} : value;
}

const framing: Framing = {mark: Buffer.from('mark'), seed: 7, headerLength: 0};

/** The contents of records that follow each other. */
function* contentsOf(records: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < records.length; ) {
    const start = at + headBytes(framing);
    at = start + records.readUInt32LE(at + framing.mark.length);
    yield records.subarray(start, at);
  }
}

test('every call is read back as it was made, and each large message stands in the file once', () => {
  const messages = fc.array(message, {minLength: 5, maxLength: 5});
  const calls = fc.array(fc.tuple(call, fc.boolean()), {maxLength: 60});
  fc.assert(
    fc.property(messages, calls, (all, made) => {
      let last = 0;
      const writer = new ChangeWriter({
        framing: () => framing,
        nextNumber: () => ++last,
        wallOffset: () => offset,
      });
      const records: Buffer[] = [];
      const take = () => {
        records.push(...contentsOf(Buffer.from(writer.records())));
        writer.clear();
      };
      for (const [each, ends] of made) {
        writer.begin();
        make(writer, each, all);
        if (ends) take();
      }
      take();
      const changes = records.flatMap(changesOf);
      const defined = changes.filter(([method]) => method === 'message');
      const indexOf = new Map<number, number>();
      for (const [, defines, content] of defined) {
        const stored = onBrokerClock(content as StoredMessage, 'expiresAt');
        const candidates = all.flatMap((one, index) => (isDeepStrictEqual(one, stored) ? [index] : []));
        const isSmall = stored.payload.length < 256;
        const index = candidates.find((one) => isSmall || ![...indexOf.values()].includes(one));
        assert.notEqual(index, undefined, 'a message that was not there, or a large one twice');
        indexOf.set(defines as number, index!);
      }
      const read = changes.filter(([method]) => method !== 'message').map((one) => callOf(one, indexOf));
      assert.deepEqual(
        read.map((one) => withMessages(one, all)),
        made.map(([one]) => withMessages(one, all)),
      );
    }),
  );
});

/** Equal messages stand for each other: those that are drawn may be equal. */
function withMessages([method, ...values]: Call, all: readonly StoredMessage[]): readonly unknown[] {
  const at = method === 'retained' ? 1 : method === 'queued' ? 2 : -1;
  return [method, ...values.map((value, index) => (index === at ? all[value as number] : value))];
}
