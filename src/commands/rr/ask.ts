/** Asks once: subscribes, publishes the request, and prints the responses until there are enough, or no more come. */

import {randomBytes} from 'node:crypto';
import type {Payload, Session} from '../../client/types.ts';
import {monotonicMilliseconds} from '../../client/waiting.ts';
import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import type {Message} from '../../protocol/message.ts';
import {createIdleTime} from '../client/receiving/idle-option.ts';
import type {RrPlan} from './plan.ts';
import {responsePrinter} from './response-printer.ts';
import {requestTo, subscribeToResponses} from './response-topic.ts';

/** The size of correlation data made up here. */
const correlationBytes = 16;

/** For the error of -W. */
export interface Progress {
  isConnected: boolean;
  /** Once it is known. */
  topic: string | undefined;
  received: number;
}

/**
 * Resolves when the last response is printed, or the reader of the output has gone.
 * @throws TmqError when the subscription or the request is refused, and what ends the session
 */
export async function ask(
  plan: RrPlan,
  {payload, session, progress}: {payload: Payload; session: Session; progress: Progress},
  io: Io,
): Promise<void> {
  const output = new Output(io.stdout);
  const print = await responsePrinter(plan, io);
  const given = plan.request.properties?.correlationData;
  const wanted = given ?? (plan.responseTopic === undefined ? randomBytes(correlationBytes) : undefined);
  using idle = await createIdleTime(plan.idleSeconds, session);
  let began: () => void = () => undefined;
  const firstResponse = new Promise<void>((resolve) => {
    began = resolve;
  });
  // The wall clock may be set meanwhile.
  let sentAt: number | undefined;
  const receiving = session.receive({
    message(message) {
      if (sentAt === undefined || !isResponse(message, plan, wanted)) return 'more';
      print(message, output, sentAt);
      progress.received++;
      idle?.news();
      began();
      return progress.received < plan.count ? 'more' : 'last';
    },
    flush: () => idle?.flushing(output.flush()) ?? output.flush(),
  });
  receiving.catch(() => undefined);
  const asking = (async () => {
    const topic = await subscribeToResponses(plan, session);
    progress.topic = topic;
    sentAt = monotonicMilliseconds();
    await session.publish(payload, requestTo(plan, topic, wanted));
  })();
  using _reader = output.watchReader();
  const quiet = idle === undefined ? [] : [Promise.all([asking, idle.over(firstResponse)])];
  await Promise.race([Promise.all([asking, receiving]), output.closed, ...quiet]);
  await output.flush();
}

/** Not a stale retained message, and the answer to this request where the request can be identified. */
function isResponse(
  message: Message,
  {takesRetained}: RrPlan,
  correlationData: Uint8Array | undefined,
): boolean {
  if (message.retain && !takesRetained) return false;
  if (correlationData === undefined) return true;
  const got = message.properties?.correlationData;
  return got !== undefined && Buffer.compare(got, correlationData) === 0;
}
