/** Batches of messages: no larger than allowed, and each payload can be read back. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {encodeBatch, partsOf, publicationAt, together} from '../../../../src/client/session/publish-batch.ts';
import type {Publication} from '../../../../src/protocol/message.ts';
import {publishEncoder} from '../../../../src/protocol/publish-writer.ts';

const publication: Publication = {topic: 'a/b', qos: 1, retain: false};
const others: readonly Publication[] = [
  publication,
  {topic: 'ä', qos: 2, retain: true},
  {topic: 'a/b/c', qos: 0, retain: false},
];
const encoders = new Map(others.map((each) => [each, publishEncoder(each, 4)]));
const encoderOf = (each: Publication) => encoders.get(each)!;

const message = fc.tuple(fc.uint8Array({maxLength: 200}), fc.constantFrom(...others));

test('a batch is the concatenated packets, and each payload can be read back', () => {
  const check = (payloads: readonly Uint8Array[], publications: Publication | readonly Publication[]) => {
    const resolve = () => undefined;
    if (payloads.length === 0) return;
    const all = {start: 0, end: payloads.length, mostBytes: 10_000, enoughBytes: 100_000};
    const batch = together({payloads, publications}, {...all, encoderOf})!;
    const messageIds = payloads.map((_, index) => index + 1);
    const {bytes, messages} = encodeBatch(batch, messageIds, {firstIndex: 7, resolve});
    const single = payloads.map((each, index) => {
      const encoder = encoderOf(publicationAt(batch, index));
      return Buffer.concat([encoder.header(each.length, index + 1, false), each]);
    });
    assert.deepEqual(bytes, Buffer.concat(single));
    assert.deepEqual(
      messages.map((each) => Buffer.from(each.payload as Uint8Array)),
      payloads.map((each) => Buffer.from(each)),
    );
    for (const [index, each] of messages.entries()) {
      assert.deepEqual(
        [each.resolve, each.publication, each.index],
        [resolve, publicationAt(batch, index), 7 + index],
      );
    }
  };
  fc.assert(
    fc.property(fc.array(message, {maxLength: 30}), (given) => {
      const payloads = given.map(([payload]) => payload);
      check(payloads, publication);
      check(
        payloads,
        given.map(([, each]) => each),
      );
    }),
  );
});

test('a batch ends where there is no room, where it is large enough, and before a packet that is too large', () => {
  const batch = [10, 10, 10, 500, 10].map((size) => Buffer.alloc(size));
  const limits = {encoderOf, enoughBytes: 16_384};
  const end = (start: number, most: number, mostBytes: number) => {
    const found = together(
      {payloads: batch, publications: publication},
      {...limits, start, end: most, mostBytes},
    );
    return start + (found?.payloads.length ?? 0);
  };
  assert.equal(end(0, 5, 1000), 5);
  assert.equal(end(1, 3, 1000), 3);
  assert.equal(end(0, 5, 300), 3);
  assert.equal(end(3, 5, 300), 3);
  assert.equal(end(2, 2, 1000), 2);
  const large = Array.from({length: 9}, () => Buffer.alloc(6000));
  const all = {payloads: large, publications: publication};
  assert.equal(together(all, {...limits, start: 0, end: 9, mostBytes: 65_536})?.payloads.length, 3);
});

test('a batch ends before a message that has to go alone', () => {
  const payloads = others.map(() => Buffer.alloc(1));
  const alone = others[1];
  const limits = {start: 0, end: 3, mostBytes: 100, enoughBytes: 100};
  const some = (each: Publication) => (each === alone ? undefined : encoderOf(each));
  const mixed = {payloads, publications: others};
  assert.deepEqual(together(mixed, {...limits, encoderOf: some})?.publications, others.slice(0, 1));
  assert.equal(together(mixed, {...limits, start: 1, encoderOf: some}), undefined);
  assert.equal(
    together({payloads, publications: publication}, {...limits, encoderOf: () => undefined}),
    undefined,
  );
});

test('a batch is cut where QoS 0 begins or ends, and every message is in one part', () => {
  fc.assert(
    fc.property(fc.array(message, {maxLength: 30}), (given) => {
      const payloads = given.map(([payload]) => payload);
      const publications = given.map(([, each]) => each);
      const parts = [...partsOf({payloads, publications}, publication)];
      const levels = parts.map((part) =>
        part.payloads.map((_, index) => publicationAt(part, index).qos === 0),
      );
      for (const level of levels) assert.equal(new Set(level).size, 1);
      for (const [index, level] of levels.slice(1).entries()) assert.notEqual(level[0], levels[index]![0]);
      assert.deepEqual(
        parts.flatMap((part) => part.payloads),
        payloads,
      );
      assert.deepEqual(
        parts.flatMap((part) => part.payloads.map((_, index) => publicationAt(part, index))),
        publications,
      );
    }),
  );
  const alone = [Buffer.alloc(1)];
  assert.deepEqual([...partsOf(alone, publication)], [{payloads: alone, publications: publication}]);
});
