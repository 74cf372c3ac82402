/** `tmq/testing/node`: a broker as a fixture of node:test. */

import {after, afterEach, before, beforeEach} from 'node:test';
import type {StartOptions, TestBroker} from './broker/types.ts';
import {createBroker} from './testing.ts';

/**
 * A broker for all tests of this file, or of the suite (`describe`) that calls it: it starts before the first test, and
 * is closed after the last one. Before each test, but not before a subtest, it is reset, as `TestBroker.reset` tells. Use
 * it inside tests and hooks: before them it has no address yet.
 *
 *     import {useBroker} from 'tmq/testing/node';
 *
 *     const broker = useBroker();
 *
 *     test('the lamp is on', async () => {
 *       switchOn(broker.url);
 *       await broker.waitFor('home/lamp');
 *     });
 *
 * Tests that run at the same time (`concurrency`) share what is published: let each call `startBroker` instead.
 * @throws TmqError, TypeError for an invalid option
 */
export function useBroker(options: StartOptions = {}): TestBroker {
  const broker = createBroker(options);
  before(() => broker.restart());
  let running = 0;
  beforeEach(() => {
    // A subtest goes on where its test is, and tests at the same time would disturb each other.
    if (running++ === 0) broker.reset();
  });
  afterEach(() => {
    running--;
  });
  after(() => broker.close());
  return broker;
}
