/** The pauses before connecting again: doubling, jitter, bounds, and when they begin anew. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {ReconnectPauses} from '../../../../src/client/session/reconnect-pauses.ts';

const policy = {afterLoss: true, atStart: false, delayMilliseconds: 1000, maximumDelayMilliseconds: 30_000};

const take = (pauses: ReconnectPauses, count: number) => Array.from({length: count}, () => pauses.next());

test('they double up to the longest one', () => {
  const least = new ReconnectPauses(policy, () => 0);
  assert.deepEqual(take(least, 7), [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
  const most = new ReconnectPauses(policy, () => 1);
  assert.deepEqual(take(most, 7), [1500, 3000, 6000, 12_000, 24_000, 30_000, 30_000]);
});

test('they are all the same without a longest one', () => {
  const {maximumDelayMilliseconds: _, ...same} = policy;
  assert.deepEqual(take(new ReconnectPauses(same), 4), [1000, 1000, 1000, 1000]);
});

test('none is shorter or longer than the policy allows, whatever the random numbers', () => {
  const numbers = fc.array(fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true}), {minLength: 1});
  const bounds = fc.tuple(fc.integer({min: 100, max: 1e6}), fc.integer({min: 0, max: 1e6}));
  fc.assert(
    fc.property(bounds, numbers, ([least, more], random) => {
      const values = random.values();
      const range = {...policy, delayMilliseconds: least, maximumDelayMilliseconds: least + more};
      const pauses = new ReconnectPauses(range, () => values.next().value ?? 0);
      for (const pause of take(pauses, random.length))
        assert.ok(pause !== undefined && pause >= least && pause <= least + more, `${pause}`);
    }),
  );
});

test('they begin anew only after a connection that lasted', () => {
  const pauses = new ReconnectPauses(policy, () => 0);
  assert.deepEqual(take(pauses, 3), [1000, 2000, 4000]);
  pauses.ended(3999);
  assert.equal(pauses.next(), 8000);
  pauses.ended(8000);
  assert.equal(pauses.next(), 1000);
  pauses.ended(1999);
  assert.equal(pauses.next(), 2000);
});

test('there are no more of them than the policy allows attempts', () => {
  const pauses = new ReconnectPauses({...policy, attempts: 2}, () => 0);
  assert.deepEqual(take(pauses, 3), [1000, 2000, undefined]);
  pauses.ended(60_000);
  assert.equal(pauses.next(), 1000);
});
