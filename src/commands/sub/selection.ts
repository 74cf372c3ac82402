/**
 * Which received messages are printed, which are counted, and which is the last: the tests of
 * mosquitto_sub in its order, and conditions. Pure but for the dice, which are handed in.
 */

import type {ReceiveDecision} from '../../client/types.ts';
import type {Message} from '../../protocol/message.ts';
import {matches} from '../../protocol/topic.ts';
import type {ConditionTexts, Judge} from './conditions/types.ts';

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
  /** --where, --until and --fail-if. */
  readonly conditions?: ConditionTexts;
}

export interface Selected {
  readonly decision: ReceiveDecision;
  readonly print: boolean;
  /** The retained message is to be cleared on the broker. */
  readonly remove: boolean;
  /** Counts for -C. */
  readonly counts: boolean;
}

const dropped: Selected = {decision: 'more', print: false, remove: false, counts: false};
const removed: Selected = {decision: 'more', print: false, remove: true, counts: false};
const printed: Selected = {decision: 'more', print: true, remove: false, counts: true};
const live: Selected = {decision: 'stop', print: false, remove: false, counts: false};

/** Not what --where wants: as if it had not come. */
export const leftOut: Selected = {...dropped};

/**
 * A function to call once for each message, in order. `random` gives numbers from 0 up to 1.
 *
 * Unlike mosquitto_sub, -R hides a retained message without keeping --remove-retained from clearing
 * it, and --random-filter means the percentage that its manual page documents. The message that ends
 * the run by a condition is printed whatever the dice say.
 */
export function selection(
  plan: SelectionPlan,
  random: () => number,
  judge?: Judge,
): (message: Message) => Selected {
  const {filterOut, hideRetained, retainedOnly, removeRetained, printPercent} = plan;
  let remaining = plan.limit ?? Number.POSITIVE_INFINITY;
  const plain =
    filterOut.length === 0 && !hideRetained && !removeRetained && printPercent >= 100 && judge === undefined;
  return (message) => {
    if (retainedOnly && !message.retain) return live;
    if (!plain) {
      if (filterOut.length > 0 && filterOut.some((filter) => matches(filter, message.topic))) return dropped;
      const verdict = judge?.verdict(message) ?? 'more';
      if (verdict === 'leftOut') return leftOut;
      // An empty retained message is nothing to clear: it is the trace of a clearing.
      const remove = removeRetained && message.retain && message.payload.length > 0;
      if (hideRetained && message.retain) return remove ? removed : dropped;
      remaining--;
      const isEnd = verdict === 'last';
      const print = isEnd || printPercent >= 100 || random() * 100 < printPercent;
      if (print && !remove && !isEnd && remaining > 0) return printed;
      return {decision: isEnd || remaining === 0 ? 'last' : 'more', print, remove, counts: true};
    }
    remaining--;
    return remaining === 0 ? {decision: 'last', print: true, remove: false, counts: true} : printed;
  };
}
