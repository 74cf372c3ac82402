/**
 * From a plan to an open session: resolves the secrets, connects, and sends what there is to tell on
 * the way (packets with -d, connections lost and found) to stderr. What pub, sub and rr have in common
 * once their words are understood.
 */

import type {Io} from '../io/process.ts';
import type {ReconnectPolicy, Session} from '../mqtt/session.ts';
import {type ClientPlan, resolveConnection} from './client-options.ts';

export interface OpenOptions {
  /** Ends every wait; by default the process's own. */
  readonly signal?: AbortSignal;
  readonly reconnect?: Partial<ReconnectPolicy>;
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
  return await connect(connection, {
    signal: options.signal ?? io.signal,
    reconnect: {
      afterLoss: false,
      atStart: false,
      delayMilliseconds: reconnectDelayMilliseconds,
      ...options.reconnect,
    },
    ...(plan.debug ? {trace: (line: string) => void io.stderr.write(`${line}\n`)} : {}),
    ...(plan.quiet ? {} : {notice: (line: string) => void io.stderr.write(`${line}\n`)}),
  });
}
