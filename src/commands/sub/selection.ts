/**
 * Which received messages are printed, which are counted, and which is the last: the tests of
 * mosquitto_sub in its order. Pure but for the dice, which are handed in.
 */

import type {ReceiveDecision} from '../../client/types.ts';
import type {Message} from '../../protocol/message.ts';
import {matches} from '../../protocol/topic.ts';

export interface SelectionPlan {
  /** -C: how many messages until the end. */
  readonly limit?: number;
  /** -T: topic filters of messages to drop. */
  readonly filterOut: readonly string[];
  /** -R: drop messages with the retain flag. */
  readonly hideRetained: boolean;
  /** --retained-only: the first live message ends it all. */
  readonly retainedOnly: boolean;
  /** --remove-retained: clear what was received with the retain flag. */
  readonly removeRetained: boolean;
  /** --random-filter: per cent of the messages to print. */
  readonly printPercent: number;
}

export interface Selected {
  readonly decision: ReceiveDecision;
  readonly print: boolean;
  /** The retained message is to be cleared on the broker. */
  readonly remove: boolean;
}

const dropped: Selected = {decision: 'more', print: false, remove: false};
const removed: Selected = {decision: 'more', print: false, remove: true};
const printed: Selected = {decision: 'more', print: true, remove: false};
const live: Selected = {decision: 'stop', print: false, remove: false};

/**
 * A function to call once for each message, in order. `random` gives numbers from 0 up to 1.
 *
 * Unlike mosquitto_sub, -R hides a retained message without keeping --remove-retained from clearing
 * it, and --random-filter means the percentage that its manual page documents.
 */
export function selection(plan: SelectionPlan, random: () => number): (message: Message) => Selected {
  let remaining = plan.limit ?? Number.POSITIVE_INFINITY;
  const plain =
    plan.filterOut.length === 0 && !plan.hideRetained && !plan.removeRetained && plan.printPercent >= 100;
  return (message) => {
    if (plan.retainedOnly && !message.retain) return live;
    if (!plain) {
      if (plan.filterOut.some((filter) => matches(filter, message.topic))) return dropped;
      // An empty retained message is nothing to clear: it is the trace of a clearing.
      const remove = plan.removeRetained && message.retain && message.payload.length > 0;
      if (plan.hideRetained && message.retain) return remove ? removed : dropped;
      remaining--;
      const print = plan.printPercent >= 100 || random() * 100 < plan.printPercent;
      return {decision: remaining === 0 ? 'last' : 'more', print, remove};
    }
    remaining--;
    return remaining === 0 ? {decision: 'last', print: true, remove: false} : printed;
  };
}
