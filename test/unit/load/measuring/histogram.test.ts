import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {Histogram} from '../../../../src/load/measuring/histogram.ts';

const times = fc.array(fc.double({min: 0, max: 4_000_000, noNaN: true}), {minLength: 1, maxLength: 300});

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test('a percentile is off by 0.4 % at most, or by a microsecond', () => {
  fc.assert(
    fc.property(times, fc.double({min: 0.01, max: 100, noNaN: true}), (values, percent) => {
      const sorted = [...values].sort((one, other) => one - other);
      const exact = sorted[Math.max(1, Math.ceil((percent / 100) * values.length)) - 1]!;
      const given = filled(values).percentile(percent)!;
      assert.ok(Math.abs(given - exact) <= Math.max(0.001, exact * 0.004), `${given} for ${exact}`);
    }),
  );
});

test('count, maximum and mean are exact', () => {
  fc.assert(
    fc.property(times, (values) => {
      const histogram = filled(values);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      assert.deepEqual([histogram.count, histogram.maximum], [values.length, Math.max(...values)]);
      assert.ok(Math.abs(histogram.mean! - mean) <= Math.max(1e-9, mean * 1e-9));
    }),
  );
});

test('parts, also those that went through JSON, add up to the whole', () => {
  fc.assert(
    fc.property(times, times, (some, others) => {
      const whole = filled([...some, ...others]).toJSON();
      const merged = Histogram.from(JSON.parse(JSON.stringify(filled(some))));
      merged.add(filled(others).toJSON());
      const {sum, ...rest} = merged.toJSON();
      const {sum: expected, ...wholeRest} = whole;
      assert.deepEqual(rest, wholeRest);
      assert.ok(Math.abs(sum - expected) <= expected * 1e-9);
    }),
  );
});

test('times below 0 and above an hour are counted at the ends', () => {
  const histogram = filled([-5, 10_000_000]);
  assert.deepEqual([histogram.count, histogram.maximum], [2, 10_000_000]);
  assert.ok(histogram.percentile(50)! <= 0.001);
  assert.ok(histogram.percentile(100)! > 4_000_000);
});

test('an empty one has neither percentiles nor a mean', () => {
  const histogram = new Histogram();
  assert.deepEqual([histogram.percentile(50), histogram.mean], [undefined, undefined]);
  assert.deepEqual(Histogram.from(histogram.toJSON()).toJSON(), histogram.toJSON());
});
