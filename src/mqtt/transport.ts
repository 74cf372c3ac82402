/**
 * From an endpoint to a connected stream: the layers (socket, proxy, TLS, WebSocket) are put on each
 * other here, in the order the endpoint asks for. Knows nothing of MQTT but the WebSocket sub-protocol's
 * dependence on its version.
 */

import type {Duplex} from 'node:stream';
import type {TmqError} from '../errors.ts';
import {explainAt, placeOf} from './connection-error.ts';
import type {Endpoint} from './connection-options.ts';
import type {ProtocolVersion} from './message.ts';
import {connectTcp, connectUnix} from './tcp.ts';

export {describe} from './connection-error.ts';

export interface DialContext {
  /** Aborting it destroys whatever is in progress; a TmqError as its reason is what `dial` then throws. */
  readonly signal: AbortSignal;
  readonly protocolVersion: ProtocolVersion;
  /** One line for each thing worth telling on the way. */
  readonly notice?: (line: string) => void;
}

/**
 * The error of a stream that `dial` gave, as a TmqError with the exit status that fits: a connection
 * reset, or a TLS alert that came after the handshake.
 */
export function explain(error: unknown, endpoint: Endpoint): TmqError {
  return explainAt(placeOf(endpoint), error);
}

/**
 * Connects, through every layer. The stream is ready to be written to; errors on it are the caller's from now on.
 * @throws TmqError in one sentence: 1 no connection, 8 TLS, 13 WebSocket, 4, 11 or 16 a proxy, 27 a deadline
 */
export async function dial(endpoint: Endpoint, context: DialContext): Promise<Duplex> {
  try {
    if (endpoint.transport === 'unix') return await connectUnix(endpoint.path, context.signal);
    return await connectTcp(endpoint, context.signal);
  } catch (error) {
    throw explain(error, endpoint);
  }
}
