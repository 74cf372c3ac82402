/** `tmq/testing`: a real broker inside a test, on a free port of this machine, and a scripted client for any broker. */

import {InProcessBroker} from './broker/test-broker.ts';
import type {StartOptions, TestBroker} from './broker/types.ts';

export type * from './broker/types.ts';
export {UnexpectedMessageError} from './broker/unexpected-message.ts';
export {scriptedClient} from './client/scripted-client.ts';
export type * from './client/types.ts';

/**
 * Starts a broker in this process.
 *
 *     import {startBroker} from 'tmq/testing';
 *
 *     await using broker = await startBroker();
 *     const device = startDevice(broker.url);
 *     const state = await broker.waitFor('device/+/state');
 *     assert.equal(state.payload.toString(), 'on');
 *
 * @throws TmqError when the configuration is wrong or an address cannot be bound; TypeError for an invalid option
 */
export async function startBroker(options: StartOptions = {}): Promise<TestBroker> {
  const broker = createBroker(options);
  await broker.restart();
  return broker;
}

/**
 * A broker that does not run yet: `restart` starts it. For test runners that start fixtures in hooks:
 *
 *     const broker = createBroker();
 *     beforeAll(() => broker.restart());
 *     beforeEach(() => broker.reset());
 *     afterAll(() => broker.close());
 *
 * @throws TmqError when the configuration is wrong; TypeError for an invalid option
 */
export function createBroker(options: StartOptions = {}): TestBroker {
  return new InProcessBroker(options);
}
