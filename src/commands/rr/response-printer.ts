/** How a response is printed, and how long it took. */

import {monotonicMilliseconds} from '../../client/waiting.ts';
import type {Sink} from '../../format/sink.ts';
import type {Io} from '../../io/process.ts';
import type {Message} from '../../protocol/message.ts';
import {toFormatter} from '../client/receive-options.ts';
import type {RrPlan} from './plan.ts';

/** Writes a response to the request that was sent then, by `monotonicMilliseconds`. */
export type ResponsePrinter = (message: Message, out: Sink, sentAt: number) => void;

/** @throws UsageError */
export async function responsePrinter({output, client, latency}: RrPlan, io: Io): Promise<ResponsePrinter> {
  const format = await toFormatter(output, io, client);
  return (message, out, sentAt) => {
    const milliseconds = monotonicMilliseconds() - sentAt;
    format(message, out, io.now);
    if (latency) out.text(`Latency: ${duration(BigInt(Math.round(milliseconds * 1e6)))}\n`);
  };
}

/** As mosquitto_rr writes it: 1.234567890, 3.200000ms, 12.000000µs or 800ns. */
function duration(nanoseconds: bigint): string {
  const second = 1_000_000_000n;
  if (nanoseconds >= second) {
    return `${nanoseconds / second}.${String(nanoseconds % second).padStart(9, '0')}`;
  }
  if (nanoseconds >= 1_000_000n) return `${(Number(nanoseconds) / 1e6).toFixed(6)}ms`;
  return nanoseconds >= 1000n ? `${(Number(nanoseconds) / 1e3).toFixed(6)}µs` : `${nanoseconds}ns`;
}
