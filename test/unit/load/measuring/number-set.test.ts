import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {type Novelty, NumberSet} from '../../../../src/load/measuring/number-set.ts';

/** Mostly ascending, with gaps, repetitions and late ones. */
const numbers = fc.array(fc.nat(60), {maxLength: 80});

const setOf = (values: readonly number[]) => {
  const set = new NumberSet();
  for (const value of values) set.add(value);
  return set;
};

/** The members, from the ranges. */
const members = (set: NumberSet) => {
  const bounds = set.toJSON();
  const all: number[] = [];
  for (let at = 0; at < bounds.length; at += 2) {
    for (let value = bounds[at]!; value < bounds[at + 1]!; value++) all.push(value);
  }
  return all;
};

const sorted = (values: Iterable<number>) => [...values].sort((one, other) => one - other);

test('has what was added, and tells what is new, late and there already', () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const set = new NumberSet();
      const known = new Set<number>();
      for (const value of values) {
        const expected: Novelty = known.has(value)
          ? 'twice'
          : value < Math.max(-1, ...known)
            ? 'late'
            : 'next';
        assert.equal(set.add(value), expected);
        known.add(value);
      }
      assert.deepEqual(members(set), sorted(known));
      assert.equal(set.size, known.size);
      const span = known.size === 0 ? 0 : Math.max(...known) - Math.min(...known) + 1;
      assert.equal(set.missing, span - known.size);
    }),
  );
});

test('union and difference are those of sets, also through JSON', () => {
  fc.assert(
    fc.property(numbers, numbers, (some, others) => {
      const one = setOf(some);
      const other = new NumberSet(JSON.parse(JSON.stringify(setOf(others))));
      assert.deepEqual(members(one.union(other)), sorted(new Set([...some, ...others])));
      assert.deepEqual(
        members(one.without(other)),
        sorted(new Set(some.filter((value) => !others.includes(value)))),
      );
      assert.equal(one.union(other).size, new Set([...some, ...others]).size);
    }),
  );
});

test('a million numbers in order are one range', () => {
  const set = new NumberSet();
  for (let number = 0; number < 1_000_000; number++) set.add(number);
  assert.deepEqual(set.toJSON(), [0, 1_000_000]);
});
