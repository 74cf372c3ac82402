/** What the rooms of one broker share, and how they are put together. Knows no stream and no packet. */

import type {BrokerLimits} from '../config/settings.ts';
import {Counters} from '../wire/counters.ts';
import {PublishEncoder} from '../wire/publish-packet.ts';
import {Backpressure} from './backpressure.ts';
import type {BrokerContext} from './broker-context.ts';
import {RetainedMessages} from './retained.ts';
import {Router} from './router.ts';
import {Schedule} from './schedule.ts';
import type {Session} from './session.ts';
import {SessionRegistry} from './session-registry.ts';
import {Subscriptions} from './subscriptions.ts';

export interface BrokerState {
  readonly limits: BrokerLimits;
  readonly context: BrokerContext;
  readonly schedule: Schedule;
  readonly router: Router;
  readonly registry: SessionRegistry;
  readonly retained: RetainedMessages;
  readonly subscriptions: Subscriptions<Session>;
  readonly counters: Counters;
  readonly backpressure: Backpressure;
  readonly encoder: PublishEncoder;
  /** The next number of a delivery. */
  readonly sequence: () => number;
  /** Lines about clients coming and going. */
  readonly notice: (line: string) => void;
}

/** Puts a broker's rooms together, with what survived in them. */
export function createBrokerState(limits: BrokerLimits, given: BrokerContext): BrokerState {
  const context: BrokerContext = {
    ...given,
    // A stack has lines of its own; nothing else does.
    log: (type, line) => given.log(type, type === 'error' ? line : oneLine(line)),
  };
  const {journal, restored} = context;
  const schedule = new Schedule(() => Number(context.now() / 1_000_000n));
  const subscriptions = new Subscriptions<Session>();
  const retained = new RetainedMessages(schedule, (topic, message) => {
    if (!isOwnTopic(topic)) journal?.retained(topic, message);
  });
  const counters = new Counters();
  const encoder = new PublishEncoder();
  const notice = (line: string) => {
    if (context.connectionMessages !== false) context.log('notice', line);
  };
  let last = 0;
  const sequence = () => ++last;
  const router = new Router({subscriptions, retained, counters, limits, notice, sequence});
  const registry = new SessionRegistry({schedule, subscriptions, router, counters, limits, notice, journal});
  if (restored !== undefined) {
    retained.restore(restored.retained);
    last = registry.restore(restored.sessions);
  }
  const backpressure = new Backpressure();
  const stores = {registry, retained, subscriptions, counters, backpressure};
  return {limits, context, schedule, router, ...stores, encoder, sequence, notice};
}

/** Whether a topic is the broker's own: $SYS is made anew at each start. */
export function isOwnTopic(topic: string): boolean {
  return topic.startsWith('$SYS/');
}

/** What clients call themselves does not get to write lines of its own. */
function oneLine(text: string): string {
  return text.replace(/[\0-\x1f\x7f]/g, '?');
}
