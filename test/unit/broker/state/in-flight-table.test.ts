/** The table of packet identifiers, against a Map [MQTT 5, 2.2.1]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {InFlightTable} from '../../../../src/broker/state/in-flight-table.ts';

const sorted = <Value>(entries: [number, Value][]) => entries.sort(([one], [other]) => one - other);
const next = (packetId: number) => (packetId % 65_535) + 1;

describe('InFlightTable', () => {
  it('has the entries of a Map, if identifiers are assigned in turn', () => {
    const step = fc.oneof(
      {weight: 3, arbitrary: fc.record({add: fc.integer({min: 1, max: 40})})},
      fc.record({take: fc.nat(200)}),
      fc.record({keepOnly: fc.nat(3)}),
    );
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 65_535}),
        fc.array(step, {maxLength: 60, size: 'max'}),
        (begin, steps) => {
          const table = new InFlightTable<string>();
          const model = new Map<number, string>();
          let last = begin;
          for (const one of steps) {
            if ('add' in one) {
              for (let count = 0; count < one.add; count++) {
                do last = next(last);
                while (model.has(last));
                model.set(last, `${last}`);
                table.set(last, `${last}`);
              }
            } else {
              const some = [...model.keys()];
              const gone = 'take' in one ? some.slice(one.take, one.take + 1) : some.slice(one.keepOnly);
              for (const packetId of gone) {
                model.delete(packetId);
                assert.equal(table.delete(packetId), true);
                assert.equal(table.delete(packetId), false);
              }
            }
            assert.equal(table.size, model.size);
            assert.deepEqual(sorted(table.entries()), sorted([...model]));
          }
          for (let packetId = 0; packetId <= 65_535; packetId += 13) {
            assert.equal(table.get(packetId), model.get(packetId));
          }
        },
      ),
      {numRuns: 200},
    );
  });

  it('keeps one entry while all others come and go, and holds all identifiers at once', () => {
    const table = new InFlightTable<number>();
    table.set(7, 7);
    for (let packetId = 8; packetId <= 65_535; packetId++) {
      table.set(packetId, packetId);
      table.delete(packetId - 20 > 7 ? packetId - 20 : 0);
    }
    assert.equal(table.get(7), 7);
    assert.equal(table.size, 21);
    for (let packetId = 1; packetId <= 65_535; packetId++) table.set(packetId, packetId);
    assert.equal(table.size, 65_535);
    assert.deepEqual(
      sorted(table.entries()).map(([packetId]) => packetId),
      Array.from({length: 65_535}, (_, index) => index + 1),
    );
  });

  it('replaces the value of an identifier', () => {
    const table = new InFlightTable<string>();
    table.set(1, 'a');
    table.set(1, 'b');
    assert.deepEqual([table.get(1), table.size], ['b', 1]);
  });
});
