/** `tmq/testing/vitest`: vitest's `test` with a broker as a fixture. */

import {test as base} from 'vitest';
import type {StartOptions, TestBroker} from './broker/types.ts';
import {startBroker} from './testing.ts';

/** The fixtures. */
export interface BrokerFixtures {
  /** A broker for this test, which is closed after it. It is started only for a test that uses it. */
  broker: TestBroker;
  /** The options of `startBroker`: `test.extend({brokerOptions: {tls: 'auto'}})` makes a `test` with others. */
  brokerOptions: StartOptions;
}

/**
 * vitest's `test`, whose function gets a broker of its own, on a free port. Tests may run at the same time.
 *
 *     import {test} from 'tmq/testing/vitest';
 *
 *     test('the lamp is on', async ({broker}) => {
 *       switchOn(broker.url);
 *       await broker.waitFor('home/lamp');
 *     });
 */
export const test = base.extend<BrokerFixtures>({
  brokerOptions: {},
  broker: async ({brokerOptions}, use) => {
    const broker = await startBroker(brokerOptions);
    try {
      await use(broker);
    } finally {
      await broker.close();
    }
  },
});

/** The same, by its other name. */
export const it = test;
