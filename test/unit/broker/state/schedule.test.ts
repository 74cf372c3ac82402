/** Appointments on a clock that the test turns. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {Schedule} from '../../../../src/broker/state/schedule.ts';

describe('Schedule', () => {
  it('runs every task once, in order and not too early, except those cancelled', () => {
    const appointments = fc.array(
      fc.record({delay: fc.integer({min: 1, max: 100}), cancelled: fc.boolean()}),
      {maxLength: 300},
    );
    fc.assert(
      fc.property(appointments, fc.array(fc.nat(40), {maxLength: 10}), (wanted, turns) => {
        let now = 0;
        const schedule = new Schedule(() => now);
        const kept: number[] = [];
        const made = wanted.map(({delay}) => {
          const due = now + delay * 1000;
          return schedule.after(delay, () => {
            assert.ok(due <= now);
            kept.push(delay);
          });
        });
        for (const [index, {cancelled}] of wanted.entries()) if (cancelled) made[index]!.cancel();
        for (const seconds of turns) {
          now += seconds * 1000;
          schedule.runDue();
        }
        const expected = wanted
          .filter(({delay, cancelled}) => !cancelled && delay * 1000 <= now)
          .map(({delay}) => delay)
          .sort((a, b) => a - b);
        assert.deepEqual(kept, expected);
        schedule.close();
      }),
      {numRuns: 300},
    );
  });

  it('lets a task schedule and cancel others', () => {
    let now = 0;
    const schedule = new Schedule(() => now);
    const kept: string[] = [];
    const never = schedule.after(2, () => kept.push('never'));
    schedule.after(1, () => {
      kept.push('first');
      never.cancel();
      schedule.after(1, () => kept.push('second'));
    });
    now = 1000;
    schedule.runDue();
    now = 3000;
    schedule.runDue();
    assert.deepEqual(kept, ['first', 'second']);
    schedule.close();
  });

  it('runs by itself on a real clock', async () => {
    const schedule = new Schedule(() => performance.now());
    const stay = setInterval(() => undefined, 1000);
    await new Promise<void>((resolve) => schedule.after(0.01, resolve));
    clearInterval(stay);
    schedule.close();
  });
});
