/** Batches of messages: no larger than allowed, and each payload can be read back. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {batchLength, encodeBatch} from '../../../../src/client/session/publish-batch.ts';
import {publishEncoder} from '../../../../src/protocol/publish-writer.ts';

const publication = {topic: 'a/b', qos: 1, retain: false} as const;
const encoder = publishEncoder(publication, 4);

test('a batch is the concatenated packets, and each payload can be read back', () => {
  const payload = fc.uint8Array({maxLength: 200});
  fc.assert(
    fc.property(fc.array(payload, {maxLength: 30}), (payloads) => {
      const line = {publication, resolve: () => undefined};
      const messageIds = payloads.map((_, index) => index + 1);
      const {bytes, messages} = encodeBatch(encoder, {payloads, messageIds, line});
      const single = payloads.map((each, index) =>
        Buffer.concat([encoder.header(each.length, index + 1, false), each]),
      );
      assert.deepEqual(bytes, Buffer.concat(single));
      assert.deepEqual(
        messages.map((each) => Buffer.from(each.payload as Uint8Array)),
        payloads.map((each) => Buffer.from(each)),
      );
      for (const message of messages) assert.equal(message.resolve, line.resolve);
    }),
  );
});

test('a batch ends where there is no room, where it is large enough, and before a packet that is too large', () => {
  const batch = [10, 10, 10, 500, 10].map((size) => Buffer.alloc(size));
  const length = (start: number, end: number, mostBytes: number) =>
    batchLength(encoder, {payloads: batch, start, end, mostBytes});
  assert.equal(length(0, 5, 1000), 5);
  assert.equal(length(1, 3, 1000), 2);
  assert.equal(length(0, 5, 300), 3);
  assert.equal(length(3, 5, 300), 0);
  assert.equal(length(2, 2, 1000), 0);
  const large = Array.from({length: 9}, () => Buffer.alloc(6000));
  assert.equal(batchLength(encoder, {payloads: large, start: 0, end: 9, mostBytes: 65_536}), 3);
});
