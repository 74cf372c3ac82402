/**
 * Decides when `sub` writes a payload while it still arrives: a large one at QoS 0, the last one wanted, in the
 * plain form. Written bytes cannot be taken back, so a lost connection is then an error. Measured with 256 MB
 * against mosquitto_sub: a tenth of its memory, half of its time. TMQ_NO_FASTPATH=1 switches it off.
 */

import type {PayloadSink, Receiver} from '../../client/types.ts';
import type {Output} from '../../io/output.ts';
import type {Terminal} from '../../io/process.ts';
import type {OutputValues} from '../client/receive-options.ts';
import type {SelectionPlan} from './selection.ts';

export interface LastPayloadPlan {
  readonly selection: SelectionPlan;
  readonly output: OutputValues;
  readonly view: 'messages' | 'watch' | 'rate';
}

/** Below this, a message is held until it is whole: memory for it is cheaper than a loss in its midst. */
const streamedBytes = 4 * 1024 * 1024;

function isPlain({selection, output, view}: LastPayloadPlan, stdout: Terminal<object>): boolean {
  const {filterOut, hideRetained, retainedOnly, removeRetained, printPercent, conditions} = selection;
  const isFiltered = filterOut.length > 0 || hideRetained || conditions !== undefined;
  const all = !isFiltered && !retainedOnly && !removeRetained;
  const isText = output.format === undefined && output.json !== true && output.framing === undefined;
  return all && printPercent >= 100 && view === 'messages' && isText && !stdout.isTTY;
}

/**
 * The receiver's `stream`; undefined where messages have to be looked at whole.
 * @param received how many messages came before this one
 */
export function streamLast(
  plan: LastPayloadPlan,
  {output, stdout}: {readonly output: Output; readonly stdout: Terminal<object>},
  received: () => number,
): Receiver['stream'] {
  const {limit} = plan.selection;
  if (limit === undefined || !isPlain(plan, stdout)) return undefined;
  return ({topic, qos}, payloadBytes): PayloadSink | undefined => {
    if (qos > 0 || payloadBytes < streamedBytes || received() + 1 < limit) return undefined;
    if (plan.output.verbose === true) output.text(`${topic} `);
    return {
      write(piece) {
        output.bytes(piece);
        return output.flush();
      },
      end() {
        if (plan.output.nullData === true) output.text('\0');
        else if (plan.output.noNewline !== true) output.text('\n');
      },
    };
  };
}
