/** Runs of messages: together no larger than they may be, and each one's payload can be found again. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {encodeRun, runLength} from '../../../../src/client/session/publish-batch.ts';
import {publishEncoder} from '../../../../src/protocol/publish-writer.ts';

const publication = {topic: 'a/b', qos: 1, retain: false} as const;
const encoder = publishEncoder(publication, 4);

test('a run is the packets one by one, and gives each payload back', () => {
  const payload = fc.uint8Array({maxLength: 200});
  fc.assert(
    fc.property(fc.array(payload, {maxLength: 30}), (payloads) => {
      const line = {publication, settle: () => undefined};
      const messageIds = payloads.map((_, index) => index + 1);
      const {bytes, messages} = encodeRun(encoder, {payloads, messageIds, line});
      const single = payloads.map((each, index) =>
        Buffer.concat([encoder.header(each.length, index + 1, false), each]),
      );
      assert.deepEqual(bytes, Buffer.concat(single));
      assert.deepEqual(
        messages.map((each) => Buffer.from(each.payload as Uint8Array)),
        payloads.map((each) => Buffer.from(each)),
      );
      for (const message of messages) assert.equal(message.settle, line.settle);
    }),
  );
});

test('a run ends where there is no room, where it is long enough, and before a packet that is too large', () => {
  const batch = [10, 10, 10, 500, 10].map((size) => Buffer.alloc(size));
  const length = (start: number, end: number, mostBytes: number) =>
    runLength(encoder, {batch, start, end, mostBytes});
  assert.equal(length(0, 5, 1000), 5);
  assert.equal(length(1, 3, 1000), 2);
  assert.equal(length(0, 5, 300), 3);
  assert.equal(length(3, 5, 300), 0);
  assert.equal(length(2, 2, 1000), 0);
  const large = Array.from({length: 9}, () => Buffer.alloc(6000));
  assert.equal(runLength(encoder, {batch: large, start: 0, end: 9, mostBytes: 65_536}), 3);
});
