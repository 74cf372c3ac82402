/** Opens a session: one MQTT conversation that may outlive several network connections. */

import type {ConnectionOptions} from './connection-options.ts';
import {ClientSession} from './session/client-session.ts';
import type {Session, SessionContext} from './types.ts';

/**
 * Connects and waits for CONNACK. When pipelined it does not wait; the first call on the session then fails with
 * the error.
 * @throws TmqError naming host, port and cause, with mosquitto's exit status; the CONNACK code when refused
 */
export async function connect(options: ConnectionOptions, context: SessionContext): Promise<Session> {
  const session = new ClientSession(options, context);
  await session.open();
  return session;
}
