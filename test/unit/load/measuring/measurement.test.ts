import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {Histogram} from '../../../../src/load/measuring/histogram.ts';
import {lostMessages, receiverKey, senderKey} from '../../../../src/load/measuring/loss.ts';
import {addUp, type Measurement, type Numbers} from '../../../../src/load/measuring/measurement.ts';
import {NumberSet} from '../../../../src/load/measuring/number-set.ts';

const run = '00000000000000aa';

const numbersOf = (values: readonly number[]) => {
  const set = new NumberSet();
  for (const value of values) set.add(value);
  return set.toJSON();
};

const empty = addUp([]);

/** A message, by sender and number. */
type Sent = readonly [sender: number, number: number];

const messages = (all: readonly Sent[]): Numbers =>
  Object.fromEntries(
    [...new Set(all.map(([sender]) => sender))].map((sender) => [
      senderKey(run, sender),
      numbersOf(all.filter(([each]) => each === sender).map(([, number]) => number)),
    ]),
  );

interface Case {
  readonly acknowledged: readonly Sent[];
  /** By subscriber. */
  readonly received: readonly (readonly Sent[])[];
  readonly filter?: string;
  readonly first?: number;
}

const measured = ({acknowledged, received, filter = 't/#', first = 0}: Case): Measurement => ({
  ...empty,
  acknowledged: acknowledged.length,
  received: received.flat().length,
  publishers: [{run, template: 't/{i}', first, clients: 4}],
  subscribers: [{run, template: filter, first, clients: received.length}],
  acknowledgedNumbers: messages(acknowledged),
  receivedNumbers: Object.fromEntries(
    received.map((came, number) => [receiverKey(run, number, filter), messages(came)]),
  ),
});

const message = fc.tuple(fc.nat(3), fc.nat(20));
const list = fc.uniqueArray(message, {maxLength: 60, selector: ([sender, number]) => `${sender}/${number}`});

test('lost is what was acknowledged and did not come, for each subscriber', () => {
  fc.assert(
    fc.property(list, fc.array(list, {minLength: 1, maxLength: 3}), (acknowledged, received) => {
      const expected = received.map((came) => {
        const keys = new Set(came.map(String));
        return acknowledged.filter((each) => !keys.has(String(each))).length;
      });
      const sum = expected.reduce((total, each) => total + each, 0);
      // A sender of whom nothing was acknowledged counts by its gaps.
      const known = new Set(acknowledged.map(([sender]) => sender));
      const ofKnown = received.map((came) => came.filter(([sender]) => known.has(sender)));
      assert.equal(lostMessages(measured({acknowledged, received: ofKnown})), sum);
    }),
  );
});

test('a subscriber whose filter takes one topic misses no other', () => {
  const acknowledged: Sent[] = [
    [0, 0],
    [1, 0],
    [1, 1],
  ];
  assert.equal(lostMessages(measured({acknowledged, received: [[], [[1, 1]]], filter: 't/{i}'})), 2);
});

test('of a shared subscription, each message is expected once', () => {
  const share = '$share/g/t/#';
  const parts = [
    measured({
      acknowledged: [
        [0, 0],
        [0, 1],
        [0, 2],
      ],
      received: [[[0, 0]]],
      filter: share,
    }),
    measured({
      acknowledged: [],
      received: [
        [
          [0, 1],
          [0, 0],
        ],
      ],
      filter: share,
    }),
  ];
  const whole = addUp(parts);
  assert.equal(lostMessages(whole), 1);
  assert.equal(whole.twice, 1);
});

test('of senders that are not known, the gaps are lost', () => {
  const {receivedNumbers, subscribers} = measured({
    acknowledged: [],
    received: [
      [
        [0, 5],
        [0, 7],
        [0, 9],
      ],
    ],
  });
  const publishers: Measurement['publishers'] = [];
  assert.equal(lostMessages({publishers, subscribers, acknowledgedNumbers: {}, receivedNumbers}), 2);
});

test('measurements of threads and machines add up in any order and grouping', () => {
  const part = fc.record({
    connected: fc.nat(9),
    reasons: fc.dictionary(fc.constantFrom('busy', 'banned'), fc.nat(5)),
    times: fc.array(fc.integer({min: 0, max: 1000})),
    acknowledged: list,
    received: list,
  });
  fc.assert(
    fc.property(fc.array(part, {maxLength: 4}), (parts) => {
      const all = parts.map(({connected, reasons, times, acknowledged, received}) => {
        const histogram = new Histogram();
        for (const time of times) histogram.record(time);
        return {
          ...measured({acknowledged, received: [received]}),
          connected,
          refused: reasons,
          latency: {...empty.latency, connect: histogram.toJSON()},
        };
      });
      const whole = addUp(all);
      assert.equal(
        whole.connected,
        all.reduce((sum, each) => sum + each.connected, 0),
      );
      assert.equal(whole.latency.connect.count, parts.flatMap(({times}) => times).length);
      assert.deepEqual(addUp([addUp(all.slice(0, 2)), addUp(all.slice(2))]), whole);
      const turned = addUp(all.toReversed());
      assert.deepEqual(
        [turned.latency, turned.acknowledgedNumbers, turned.receivedNumbers, turned.refused, turned.twice],
        [whole.latency, whole.acknowledgedNumbers, whole.receivedNumbers, whole.refused, whole.twice],
      );
    }),
  );
});
