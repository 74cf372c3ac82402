/** Answers requests: publishes to the response topic that each one names, until the last one or a signal. */

import {defineCommand} from '../../cli/command.ts';
import type {Session} from '../../client/types.ts';
import {type ExitCode, Interrupted, TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import {oneSafeLine} from '../../io/sanitise.ts';
import {warningLine} from '../../io/terminal.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {withEnvironment} from '../client/environment.ts';
import {openSession} from '../client/open-session.ts';
import {noConnection, timeLimit} from '../client/receive-options.ts';
import {subscriptionRefusal} from '../client/refusal.ts';
import {answersSection} from '../manual/answers.ts';
import {createAnswers} from './answers.ts';
import {options} from './options.ts';
import {type ReplyPlan, toReplyPlan} from './plan.ts';
import {Responder} from './responder.ts';
import type {Answers} from './types.ts';

export const reply = defineCommand({
  name: 'reply',
  summary: 'answer requests',
  synopsis: [
    '[options] -t <filter> … (--echo | -m <text> | -f <file> | -n)',
    '[options] -t <filter> … --exec -- command [argument ...]',
  ],
  description: [
    'Connects to an MQTT broker with MQTT 5, subscribes, and answers each request with a message to the response topic that the request names, with the correlation data of the request. tmq rr sends such requests.',
    'Standard output stays empty; everything else goes to standard error.',
    'When the connection is lost, tmq reply connects again and subscribes anew (see tmq help reconnecting). It ends after -C requests, and at SIGINT and SIGTERM.',
  ],
  options,
  mostUsed: ['topics', 'exec', 'echo', 'message', 'count', 'host'],
  optionsFile: 'reply',
  commandSwitches: ['exec'],
  examples: {
    'tmq reply -t clock -N --exec -- date': 'Tell the time.',
    'tmq reply -t ping --echo': 'Send each request back.',
    'tmq reply -t version -m 1.4.2': 'Always the same answer.',
    "tmq reply -t '$share/calc/sum' -N --exec --jobs 4 -- ./sum.sh":
      'One of several responders that share the requests, with four commands at a time.',
  },
  sections: [answersSection],
  differences: ['mosquitto has no such program.'],
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan: toReplyPlan,
  async run(plan, io): Promise<ExitCode> {
    const answers = await createAnswers(plan, io);
    const progress: Progress = {};
    using limit = timeLimit(plan.timeoutSeconds, () => missing(plan, progress));
    const signal = AbortSignal.any([io.signal, limit.signal]);
    return await serve({plan, io, answers, progress, signal});
  },
});

interface Progress {
  /** There once a connection is accepted. */
  responder?: Responder;
}

interface Run {
  readonly plan: ReplyPlan;
  readonly io: Io;
  readonly answers: Answers;
  readonly progress: Progress;
  /** A signal of the system, or the time limit: ends the work in order. */
  readonly signal: AbortSignal;
}

/** Answers until the last request; a signal lets the answers that are being made go out. */
async function serve({plan, io, answers, progress, signal}: Run): Promise<ExitCode> {
  const ending = new AbortController();
  const stopListening = io.onFurtherSignal?.(() => {
    if (progress.responder !== undefined) progress.responder.isCut = true;
    answers.kill();
    ending.abort(signal.reason);
  });
  const onAbort = () =>
    void (progress.responder?.drain() ?? Promise.resolve()).then(() => ending.abort(signal.reason));
  signal.addEventListener('abort', onAbort, {once: true});
  if (signal.aborted) onAbort();
  try {
    const options = {signal: ending.signal, reconnects: true};
    await using session = await openSession(plan.client, io, options);
    const tell = (sentence: string) => {
      if (!plan.client.quiet) io.stderr.write(`${oneSafeLine(sentence)}\n`);
    };
    const responder = new Responder({plan, answers, session, tell});
    progress.responder = responder;
    try {
      await answerAll(plan, session, responder, io);
      // Otherwise the signal has ended it.
      signal.throwIfAborted();
    } catch (error) {
      await responder.drain();
      if (!signal.aborted || error !== signal.reason) throw error;
      await session.end(ReasonCode.disconnectWithWill);
      if (responder.isCut || !isAskedToEnd(io.signal.reason)) throw error;
      return responder.status;
    }
    await session.end();
    return responder.status;
  } finally {
    await answers.ended();
    signal.removeEventListener('abort', onAbort);
    stopListening?.();
  }
}

/** Resolves when the last request is answered. @throws TmqError, and what ends the session */
async function answerAll(plan: ReplyPlan, session: Session, responder: Responder, io: Io): Promise<void> {
  const {client, filters, subscribe} = plan;
  const delivering = session.deliver(responder);
  delivering.catch(() => undefined);
  const codes = await session.subscribe(filters, subscribe);
  const refused = subscriptionRefusal(filters, codes, client.connection.protocolVersion);
  if (refused instanceof TmqError) throw refused;
  if (refused !== undefined && !client.quiet) io.stderr.write(await warningLine(io, refused, client.color));
  await Promise.race([responder.finished, delivering]);
}

/** What did not come in time, for the error of -W. */
function missing({client, count}: ReplyPlan, {responder}: Progress): string {
  if (responder === undefined) return noConnection(client.connection);
  const {taken} = responder;
  if (taken === 0) return 'No request';
  return count === undefined
    ? `Only ${taken} request${taken === 1 ? '' : 's'}`
    : `Only ${taken} of ${count} requests`;
}

/** SIGINT and SIGTERM: the ordinary end of a responder. */
function isAskedToEnd(reason: unknown): boolean {
  return reason instanceof Interrupted && ['SIGINT', 'SIGTERM'].includes(reason.signalName);
}
