import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {Judge} from '../../../../src/commands/sub/conditions/types.ts';
import {leftOut, type SelectionPlan, selection} from '../../../../src/commands/sub/selection.ts';
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
    assert.deepEqual(select(message('a')), {decision: 'more', print: true, remove: false, counts: true});
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
  assert.deepEqual(select(message('a')), {decision: 'more', print: false, remove: false, counts: false});
  assert.deepEqual(select(message('b/status')), {
    decision: 'more',
    print: false,
    remove: false,
    counts: false,
  });
  assert.deepEqual(select(message('b/other')), {decision: 'last', print: true, remove: false, counts: true});
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
  assert.deepEqual(select(message('b', false)), {
    decision: 'stop',
    print: false,
    remove: false,
    counts: false,
  });
});

test('--remove-retained clears retained messages only, and obeys -T', () => {
  const select = selection({...plan, removeRetained: true, filterOut: ['keep']}, never);
  assert.deepEqual(select(message('a', true)), {decision: 'more', print: true, remove: true, counts: true});
  assert.equal(select(message('a', false)).remove, false);
  assert.equal(select(message('keep', true)).remove, false);
  assert.equal(select(message('a', true, '')).remove, false);
});

test('Q12: -R hides a retained message and --remove-retained still clears it', () => {
  const select = selection({...plan, removeRetained: true, hideRetained: true}, never);
  assert.deepEqual(select(message('a', true)), {decision: 'more', print: false, remove: true, counts: false});
});

test('Q4: --random-filter is a percentage; what it hides still counts', () => {
  const dice = [0.0, 0.099, 0.1, 0.5, 0.999];
  const select = selection({...plan, printPercent: 10, limit: 5}, () => dice.shift()!);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => select(message('a')).print),
    [true, true, false, false, false],
  );
});

/** Conditions that decide by the payload: 'leftOut', 'last' or 'more'. */
const byPayload: Judge = {
  verdict: ({payload}) => String(payload) as ReturnType<Judge['verdict']>,
  failure: undefined,
};

test('what --where leaves out is as if it had not come, and is not cleared', () => {
  const select = selection({...plan, limit: 1, removeRetained: true}, never, byPayload);
  assert.equal(select(message('a', false, 'leftOut')), leftOut);
  assert.equal(select(message('a', true, 'leftOut')), leftOut);
  assert.deepEqual([leftOut.print, leftOut.remove, leftOut.counts], [false, false, false]);
  assert.deepEqual(select(message('a', true, 'more')), {
    decision: 'last',
    print: true,
    remove: true,
    counts: true,
  });
});

test('--until ends with its message, which is printed whatever --random-filter says', () => {
  const select = selection({...plan, printPercent: 1, limit: 9}, () => 0.5, byPayload);
  assert.equal(select(message('a', false, 'more')).print, false);
  assert.deepEqual(select(message('a', false, 'last')), {
    decision: 'last',
    print: true,
    remove: false,
    counts: true,
  });
});

test('--until looks at no message that -T or -R hides, and --retained-only comes before all', () => {
  const hiding = selection({...plan, hideRetained: true, filterOut: ['b']}, never, byPayload);
  assert.equal(hiding(message('a', true, 'last')).decision, 'more');
  assert.equal(hiding(message('b', false, 'last')).decision, 'more');
  assert.equal(hiding(message('a', false, 'last')).decision, 'last');
  const retained = selection({...plan, retainedOnly: true}, never, byPayload);
  assert.equal(retained(message('a', false, 'leftOut')).decision, 'stop');
});
