/** The set of packet identifiers, against a Set [MQTT 5, 2.2.1]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {PacketIdSet} from '../../../../src/broker/state/packet-id-set.ts';

/** Some that lie close together, some that differ by powers of 2, some at the edges. */
const packetId = fc.oneof(
  fc.integer({min: 1, max: 60}),
  fc.constantFrom(7, 7 + 32, 7 + 64, 7 + 1024, 7 + 32_768, 1, 65_535, 65_504, 32),
  fc.integer({min: 1, max: 65_535}),
);

describe('PacketIdSet', () => {
  it('has the members of a Set', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({packetId, add: fc.boolean()}), {maxLength: 200, size: 'max'}),
        (steps) => {
          const ids = new PacketIdSet();
          const model = new Set<number>();
          for (const {packetId: one, add} of steps) {
            if (add) {
              ids.add(one);
              model.add(one);
            } else assert.equal(ids.delete(one), model.delete(one));
            assert.equal(ids.has(one), add);
            assert.equal(ids.size, model.size);
          }
          for (const {packetId: one} of steps) assert.equal(ids.has(one), model.has(one));
          const inOrder = (all: Iterable<number>) => [...all].sort((one, other) => one - other);
          assert.deepEqual(inOrder(ids), inOrder(model));
        },
      ),
      {numRuns: 500},
    );
  });

  it('holds all identifiers, and never 0', () => {
    const ids = new PacketIdSet();
    assert.equal(ids.has(0), false);
    for (let one = 65_535; one > 0; one--) ids.add(one);
    assert.equal(ids.size, 65_535);
    assert.equal(new Set(ids).size, 65_535);
    assert.equal(ids.has(0), false);
    assert.equal(ids.delete(0), false);
  });
});
