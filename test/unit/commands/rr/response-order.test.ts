/** The order of responses: that of the requests, whatever the order in which they come. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {ResponseOrder} from '../../../../src/commands/rr/response-order.ts';

const texts = (responses: readonly Uint8Array[]) => responses.map((each) => Buffer.from(each).toString());

test('responses are passed on in the order of the requests, each once', () => {
  const permutation = fc.integer({min: 0, max: 30}).chain((count) =>
    fc.shuffledSubarray(
      Array.from({length: count}, (_, index) => index),
      {minLength: count},
    ),
  );
  fc.assert(
    fc.property(permutation, (arrivals) => {
      const order = new ResponseOrder();
      for (const index of arrivals.keys()) order.add(`key ${index}`, index);
      const printed = arrivals.flatMap((index) => {
        assert.ok(order.awaited(`key ${index}`));
        const due = texts(order.answer(`key ${index}`, Buffer.from(`${index}`)));
        assert.equal(order.awaited(`key ${index}`), undefined);
        return due;
      });
      const expected = arrivals.map((_, index) => `${index}`);
      assert.deepEqual([printed, order.size, order.answered], [expected, 0, arrivals.length]);
    }),
  );
});

test('the oldest request is the first one without a response', () => {
  const order = new ResponseOrder();
  for (const [index, key] of ['a', 'b', 'c'].entries()) order.add(key, 10 * index);
  assert.deepEqual(order.oldest, {number: 1, sentAt: 0});
  assert.deepEqual(order.answer('b', Buffer.from('B')), []);
  assert.deepEqual([order.sent, order.answered, order.size], [3, 1, 3]);
  assert.deepEqual(texts(order.answer('a', Buffer.from('A'))), ['A', 'B']);
  assert.deepEqual(order.oldest, {number: 3, sentAt: 20});
  assert.equal(order.awaited('of another run'), undefined);
});
