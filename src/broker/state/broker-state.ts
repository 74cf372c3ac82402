/** The state of one broker, and the one place that creates it. Knows no stream and no packet. */

import type {BrokerLimits} from '../config/settings.ts';
import {Counters} from '../wire/counters.ts';
import {PublishTemplates} from '../wire/publish-packet.ts';
import {FrameSlab} from '../wire/shared-frame.ts';
import {Backpressure, StallBudget} from './backpressure.ts';
import type {BrokerContext} from './broker-context.ts';
import {RetainedMessages} from './retained.ts';
import {Router} from './router.ts';
import {Schedule, SlicedWork} from './schedule.ts';
import type {Session} from './session.ts';
import {SessionRegistry} from './session-registry.ts';
import {Subscriptions} from './subscriptions.ts';

export interface BrokerState {
  readonly limits: BrokerLimits;
  readonly context: BrokerContext;
  readonly schedule: Schedule;
  readonly slicedWork: SlicedWork;
  readonly router: Router;
  readonly registry: SessionRegistry;
  readonly retained: RetainedMessages;
  readonly subscriptions: Subscriptions<Session>;
  readonly counters: Counters;
  readonly backpressure: Backpressure;
  readonly stallBudget: StallBudget;
  readonly encoder: PublishTemplates;
  /** Memory of the shared frames of all publishers. */
  readonly slab: FrameSlab;
  /** Memory of those that wait for a client that is away: one that waits keeps the memory of its neighbours. */
  readonly lastingSlab: FrameSlab;
  /** The next number of a delivery. */
  readonly sequence: () => number;
  /** Logs a line about a client. */
  readonly notice: (line: string) => void;
}

/** Creates a broker's state, with what the context restores. */
export function createBrokerState(limits: BrokerLimits, given: BrokerContext): BrokerState {
  const context: BrokerContext = {
    ...given,
    // Only an error may have several lines: its stack.
    log: (type, line) => given.log(type, type === 'error' ? line : oneLine(line)),
  };
  const {journal, restored} = context;
  const schedule = new Schedule(() => Number(context.now() / 1_000_000n));
  const subscriptions = new Subscriptions<Session>();
  const retained = new RetainedMessages(schedule, (topic, message) => {
    if (!isOwnTopic(topic)) journal?.retained(topic, message);
  });
  const counters = new Counters();
  const encoder = new PublishTemplates();
  const notice = (line: string) => {
    if (context.connectionMessages !== false) context.log('notice', line);
  };
  let last = 0;
  const sequence = () => ++last;
  const slicedWork = new SlicedWork();
  const router = new Router({subscriptions, retained, counters, limits, slicedWork, notice, sequence});
  const willDue = context.hooks?.will;
  const registry = new SessionRegistry({
    ...{schedule, subscriptions, router, counters, limits, notice, journal, willDue},
  });
  if (restored !== undefined) {
    retained.restore(restored.retained);
    last = registry.restore(restored.sessions);
  }
  const backpressure = new Backpressure();
  const stallBudget = new StallBudget(schedule);
  const stores = {registry, slicedWork, retained, subscriptions, counters, backpressure, stallBudget};
  const slabs = {slab: new FrameSlab(), lastingSlab: new FrameSlab()};
  return {limits, context, schedule, router, ...stores, encoder, ...slabs, sequence, notice};
}

/** Whether the broker itself publishes to the topic: $SYS is not saved. */
export function isOwnTopic(topic: string): boolean {
  return topic.startsWith('$SYS/');
}

/** Keeps a client identifier from adding lines to the log. */
function oneLine(text: string): string {
  return text.replace(/[\0-\x1f\x7f]/g, '?');
}
