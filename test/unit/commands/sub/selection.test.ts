import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type SelectionPlan, selection} from '../../../../src/commands/sub/selection.ts';
import type {Message} from '../../../../src/protocol/message.ts';

const plan: SelectionPlan = {
  filterOut: [],
  hideRetained: false,
  retainedOnly: false,
  removeRetained: false,
  printPercent: 100,
};

function message(topic: string, retain = false, payload = 'x'): Message {
  return {topic, payload: Buffer.from(payload), qos: 0, retain};
}

const never = () => assert.fail('no dice are needed');

test('without a limit everything is printed, for ever', () => {
  const select = selection(plan, never);
  for (let count = 0; count < 1000; count++) {
    assert.deepEqual(select(message('a')), {decision: 'more', print: true, remove: false});
  }
});

test('-C: the n-th message is the last', () => {
  const select = selection({...plan, limit: 3}, never);
  assert.deepEqual(
    [1, 2, 3].map(() => select(message('a')).decision),
    ['more', 'more', 'last'],
  );
});

test('-T drops matching messages, which then do not count for -C', () => {
  const select = selection({...plan, limit: 1, filterOut: ['a/#', '+/status']}, never);
  assert.deepEqual(select(message('a')), {decision: 'more', print: false, remove: false});
  assert.deepEqual(select(message('b/status')), {decision: 'more', print: false, remove: false});
  assert.deepEqual(select(message('b/other')), {decision: 'last', print: true, remove: false});
});

test('-T with a wildcard in the first level leaves $SYS alone', () => {
  const select = selection({...plan, filterOut: ['#']}, never);
  assert.equal(select(message('$SYS/broker/version')).print, true);
  assert.equal(select(message('a')).print, false);
});

test('-R drops retained messages', () => {
  const select = selection({...plan, hideRetained: true}, never);
  assert.equal(select(message('a', true)).print, false);
  assert.equal(select(message('a', false)).print, true);
});

test('--retained-only stops at the first live message, without taking it', () => {
  const select = selection({...plan, retainedOnly: true, filterOut: ['b']}, never);
  assert.equal(select(message('a', true)).decision, 'more');
  // Checked before -T: a live message ends it even where -T would have dropped it.
  assert.deepEqual(select(message('b', false)), {decision: 'stop', print: false, remove: false});
});

test('--remove-retained clears retained messages only, and obeys -T', () => {
  const select = selection({...plan, removeRetained: true, filterOut: ['keep']}, never);
  assert.deepEqual(select(message('a', true)), {decision: 'more', print: true, remove: true});
  assert.equal(select(message('a', false)).remove, false);
  assert.equal(select(message('keep', true)).remove, false);
  assert.equal(select(message('a', true, '')).remove, false);
});

test('Q12: -R hides a retained message and --remove-retained still clears it', () => {
  const select = selection({...plan, removeRetained: true, hideRetained: true}, never);
  assert.deepEqual(select(message('a', true)), {decision: 'more', print: false, remove: true});
});

test('Q4: --random-filter is a percentage; what it hides still counts', () => {
  const dice = [0.0, 0.099, 0.1, 0.5, 0.999];
  const select = selection({...plan, printPercent: 10, limit: 5}, () => dice.shift()!);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => select(message('a')).print),
    [true, true, false, false, false],
  );
});
