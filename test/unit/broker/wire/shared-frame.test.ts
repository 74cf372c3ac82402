/** Frames that several deliveries share, and the memory they are in. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {FrameSlab, payloadBytes, SharedFrame} from '../../../../src/broker/wire/shared-frame.ts';

describe('FrameSlab', () => {
  it('keeps the bytes of every frame', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({min: 7, max: 4095}), {maxLength: 60, size: 'max'}), (sizes) => {
        const slab = new FrameSlab();
        const kept = sizes.map((size, index) => {
          const from = Buffer.alloc(size + 3, index);
          const start = slab.keep(from, 2, size + 2);
          from.fill(255);
          return {bytes: slab.bytes, start, size, index};
        });
        for (const {bytes, start, size, index} of kept) {
          assert.ok(bytes.subarray(start, start + size).equals(Buffer.alloc(size, index)));
        }
      }),
    );
  });

  it('gives the payload of a shared frame', () => {
    const slab = new FrameSlab();
    slab.keep(Buffer.from('before'), 0, 6);
    const frame = Buffer.from([0x32, 8, 0, 1, 0x78, 0, 9, 0x61, 0x62, 0x63]);
    const start = slab.keep(frame, 0, frame.length);
    const at = {bytes: slab.bytes, start, end: start + 10, packetIdAt: start + 5, payloadAt: start + 7};
    const message = new SharedFrame({topic: 'x', qos: 1, levelFive: false, ...at});
    assert.equal(message.payload.toString(), 'abc');
    assert.equal(payloadBytes(message), 3);
    assert.deepEqual([message.retain, message.properties.length], [false, 0]);
  });
});
