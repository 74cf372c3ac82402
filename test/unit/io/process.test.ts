/** What the process gives to the commands. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {processIo} from '../../../src/io/process.ts';

test('F9: the time of log lines follows the clock when it is set', (context) => {
  const {now} = processIo();
  const near = (expected: number) => {
    const difference = Number(now() / 1_000_000n) - expected;
    assert.ok(Math.abs(difference) < 1000, `${difference} ms`);
  };
  near(Date.now());
  const real = Date.now;
  context.mock.method(Date, 'now', () => real() + 86_400_000);
  near(real() + 86_400_000);
  context.mock.restoreAll();
  near(real());
  const [first, second] = [now(), now()];
  assert.ok(second > first, 'nanoseconds count');
});
