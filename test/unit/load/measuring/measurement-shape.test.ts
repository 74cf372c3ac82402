/** What bench merge takes for a measurement. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {addUp} from '../../../../src/load/measuring/measurement.ts';
import {isMeasurement} from '../../../../src/load/measuring/measurement-shape.ts';

const histogram = {count: 1, minimum: 2, maximum: 2, sum: 2, buckets: [900, 1]};
const whole = {
  ...addUp([]),
  refused: {'Not authorized': 2},
  latency: {connect: histogram, acknowledge: histogram, message: histogram},
  publishers: [{run: 'a', template: 'b/{i}', first: 0, clients: 2}],
  acknowledgedNumbers: {'a/0': [0, 5]},
  receivedNumbers: {'a/0/b': {'a/0': [0, 5, 7, 9]}},
};

test('takes what a load has measured', () => {
  assert.ok(isMeasurement(addUp([])));
  assert.ok(isMeasurement(JSON.parse(JSON.stringify(whole))));
});

test('refuses what lacks a part', () => {
  for (const name of Object.keys(whole)) assert.ok(!isMeasurement({...whole, [name]: undefined}), name);
  assert.ok(!isMeasurement(undefined));
  assert.ok(!isMeasurement(null));
  assert.ok(!isMeasurement([]));
});

test('refuses what has a part of another form', () => {
  const wrong: readonly object[] = [
    {sent: '12'},
    {clients: -5},
    {refused: null},
    {refused: {reason: 'often'}},
    {latency: {...whole.latency, message: {...histogram, buckets: [900]}}},
    {latency: {...whole.latency, connect: {...histogram, sum: null}}},
    {publishers: [{}]},
    {publishers: {}},
    {publishers: [{...whole.publishers[0], clients: 1e12}]},
    {acknowledgedNumbers: {'a/0': 'x'}},
    {acknowledgedNumbers: {'a/0': [0]}},
    {receivedNumbers: {'a/0/b': [0, 5]}},
  ];
  for (const part of wrong) assert.ok(!isMeasurement({...whole, ...part}), JSON.stringify(part));
});
