/**
 * One MQTT conversation that may outlive several network connections: what a command sees of the
 * protocol. Reconnecting, the in-flight window, acknowledgement after output, and an end that sends
 * what it promised are decided here.
 */

import type {ConnectionOptions} from './connection-options.ts';
import {ClientSession} from './session/client-session.ts';
import type {Session, SessionContext} from './types.ts';

/**
 * Connects and waits for CONNACK, unless what follows is pipelined: then whatever is asked for first says
 * what went wrong.
 * @throws TmqError naming host, port and cause, with mosquitto's exit status; the CONNACK code when refused
 */
export async function connect(options: ConnectionOptions, context: SessionContext): Promise<Session> {
  const session = new ClientSession(options, context);
  await session.open();
  return session;
}
