/** Waiting beyond the longest timer of Node, and its end by a signal. */

import assert from 'node:assert/strict';
import {getEventListeners} from 'node:events';
import {test} from 'node:test';
import {longestTimeout, setLongTimeout, sleep} from '../../src/timers.ts';

test('a timeout longer than one timer fires once, at its time', ({mock}) => {
  mock.timers.enable({apis: ['setTimeout']});
  let calls = 0;
  setLongTimeout(() => calls++, 2 * longestTimeout + 10);
  mock.timers.tick(longestTimeout);
  mock.timers.tick(longestTimeout);
  mock.timers.tick(9);
  assert.equal(calls, 0);
  mock.timers.tick(1);
  assert.equal(calls, 1);
  mock.timers.tick(longestTimeout);
  assert.equal(calls, 1);
});

test('a timeout can be cancelled in each of its parts', ({mock}) => {
  mock.timers.enable({apis: ['setTimeout']});
  const never = () => assert.fail('it was cancelled');
  setLongTimeout(never, 5)();
  const cancel = setLongTimeout(never, longestTimeout + 5);
  mock.timers.tick(longestTimeout);
  cancel();
  mock.timers.tick(longestTimeout);
});

test('sleep resolves after the time and leaves no listener at the signal', async ({mock}) => {
  mock.timers.enable({apis: ['setTimeout']});
  const {signal} = new AbortController();
  const slept = sleep(longestTimeout + 1, signal);
  mock.timers.tick(longestTimeout);
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  mock.timers.tick(1);
  await slept;
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test("sleep ends with the signal's reason, also when that has aborted before", async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const slept = sleep(longestTimeout, controller.signal);
  controller.abort(reason);
  await assert.rejects(slept, reason);
  await assert.rejects(sleep(0, controller.signal), reason);
});
