/**
 * From a plan to an open session: resolves the secrets, connects, and sends what there is to tell on
 * the way (packets with -d, connections lost and found) to stderr. What pub, sub and rr have in common
 * once their words are understood.
 */

import type {Io} from '../io/process.ts';
import {sanitiseText} from '../io/sanitise.ts';
import type {ReconnectPolicy, Session} from '../mqtt/session.ts';
import {type ClientPlan, resolveConnection} from './client-options.ts';

export interface OpenOptions {
  /** Ends every wait; by default the process's own. */
  readonly signal?: AbortSignal;
  readonly reconnect?: Partial<ReconnectPolicy>;
  /** With -d, also tell what each SUBACK granted. */
  readonly traceGrants?: boolean;
}

/** mosquitto's pause between attempts. */
const reconnectDelayMilliseconds = 1000;

/**
 * Connects. Dispose of the session to leave with a DISCONNECT.
 * @throws TmqError when a secret cannot be had or the broker cannot be reached or refuses
 */
export async function openSession(plan: ClientPlan, io: Io, options: OpenOptions = {}): Promise<Session> {
  const connection = await resolveConnection(plan.connection, io);
  const {connect} = await import('../mqtt/session.ts');
  // Topics and reasons come from others: on a terminal they are shown, not obeyed.
  const tell = (line: string) => {
    const safe = io.stderr.isTTY === true ? sanitiseText(line) : line;
    io.stderr.write(`${safe}\n`);
  };
  return await connect(connection, {
    signal: options.signal ?? io.signal,
    reconnect: {
      afterLoss: false,
      atStart: false,
      delayMilliseconds: reconnectDelayMilliseconds,
      ...options.reconnect,
    },
    fastPath: (io.env.TMQ_NO_FASTPATH ?? '') === '',
    traceGrants: options.traceGrants === true && !plan.quiet,
    ...(plan.debug ? {trace: tell} : {}),
    ...(plan.quiet ? {} : {notice: tell}),
  });
}
