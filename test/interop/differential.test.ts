/** The same random client actions at mosquitto and at our broker: every client receives the same, in the same order. */
// needs: mosquitto

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {type Action, play} from '../support/broker-run.ts';
import {startBroker} from '../support/brokers.ts';

/** No two filters of a client match one topic: what then happens is not the same at every broker. */
const filters = ['a/#', 'b/+', 'c', '+/d/e'] as const;
const flags = {
  'a/#': {nl: false, rap: false},
  'b/+': {nl: true, rap: false},
  c: {nl: false, rap: true},
  '+/d/e': {nl: true, rap: true},
} as const;
const topics = ['a', 'a/x', 'a/x/y', 'b/x', 'b/', 'b/x/y', 'c', 'f/d/e', '/d/e'] as const;

const who = fc.integer({min: 0, max: 3});
const qos = fc.integer({min: 0, max: 2});
const topic = fc.constantFrom(...topics);
const filter = fc.constantFrom(...filters);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      who,
      clean: fc.boolean(),
      will: fc.option(fc.record({topic, qos, retain: fc.boolean()}), {nil: undefined}),
    }),
  },
  {weight: 2, arbitrary: fc.record({do: fc.constantFrom('leave' as const, 'cut' as const), who})},
  {
    weight: 4,
    arbitrary: fc
      .record({do: fc.constant('subscribe' as const), who, filter, qos, rh: fc.integer({min: 0, max: 2})})
      // Always the same for a filter: mosquitto 2.0 does not take on others when it is subscribed to again.
      .map(({rh, ...rest}) => ({...rest, options: {rh, ...flags[rest.filter]}})),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constant('unsubscribe' as const), who, filter})},
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      who,
      topic,
      qos,
      retain: fc.boolean(),
      empty: fc.constantFrom(false, false, false, true),
    }),
  },
);
/** All four clients connect first. */
const life = fc
  .array(action, {minLength: 5, maxLength: 30})
  .map((actions): Action[] => [
    ...[0, 1, 2, 3].map((number) => ({do: 'connect' as const, who: number, clean: number < 2})),
    ...actions,
  ]);

const config =
  'listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n';

describe('random client actions', () => {
  it('have the same results at mosquitto and at our broker', async () => {
    await using theirs = await startBroker('mosquitto', config);
    await using ours = await startBroker('bundled', config);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(life, async (actions) => {
        const name = `run${++run}`;
        const [expected, found] = await Promise.all([
          play(theirs.port, name, actions),
          play(ours.port, name, actions),
        ]);
        assert.deepEqual(
          found.map((lines, index) => [actions[index], lines]),
          expected.map((lines, index) => [actions[index], lines]),
        );
      }),
      {numRuns: 100, interruptAfterTimeLimit: 15_000, includeErrorInReport: true},
    );
    // The time limit may end the runs before all hundred; far fewer would show little.
    assert.ok(run >= 5, `${run} runs in 15 seconds`);
  });
});
