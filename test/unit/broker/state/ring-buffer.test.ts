/** The queue of what waits for a client, against an array. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {RingBuffer} from '../../../../src/broker/state/ring-buffer.ts';

describe('RingBuffer', () => {
  it('behaves like an array', () => {
    const step = fc.oneof(
      {weight: 3, arbitrary: fc.record({push: fc.integer({min: 1, max: 40})})},
      {weight: 3, arbitrary: fc.record({shift: fc.integer({min: 1, max: 40})})},
      fc.record({pop: fc.constant(1)}),
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 100, size: 'max'}), (steps) => {
        const queue = new RingBuffer<number>();
        const model: number[] = [];
        let next = 0;
        for (const one of steps) {
          for (let count = 0; count < ('push' in one ? one.push : 0); count++) {
            queue.push(next);
            model.push(next++);
          }
          for (let count = 0; count < ('shift' in one ? one.shift : 0); count++) {
            assert.equal(queue.shift(), model.shift());
          }
          if ('pop' in one) assert.equal(queue.pop(), model.pop());
          assert.equal(queue.length, model.length);
          assert.equal(queue.first, model[0]);
          assert.deepEqual(queue.toArray(), model);
        }
      }),
      {numRuns: 500},
    );
  });

  it('keeps the order of many, while it grows and shrinks', () => {
    const queue = new RingBuffer<number>();
    let next = 0;
    let gone = 0;
    for (const [comes, goes] of [
      [20_000, 5000],
      [5, 14_990],
      [100, 115],
    ] as const) {
      for (let count = 0; count < comes; count++) queue.push(next++);
      for (let count = 0; count < goes; count++) assert.equal(queue.shift(), gone++);
    }
    assert.equal(queue.length, 0);
    assert.equal(queue.shift(), undefined);
    assert.equal(next, gone);
  });

  it('does not keep values that have left', async () => {
    const queue = new RingBuffer<object>();
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const fill = () => {
      for (let count = 0; count < 100; count++) {
        const value = {count};
        registry.register(value, undefined);
        queue.push(value);
      }
      for (let count = 0; count < 60; count++) queue.shift();
      for (let count = 0; count < 40; count++) queue.pop();
    };
    fill();
    const {setFlagsFromString} = await import('node:v8');
    const {runInNewContext} = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let round = 0; collected < 100 && round < 50; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(collected, 100);
    assert.equal(queue.length, 0);
  });
});
