/** Which failures of a connection may be temporary, so that connecting again makes sense. Pure. */

import {CredentialsUnavailable, ExitCode, TmqError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {
  ClosedUnaccepted,
  ConnectionRefused,
  DisconnectedByServer,
  MessageBroken,
} from '../connection/connection-lost.ts';
import type {Endpoint} from '../connection-options.ts';
import {afterDisconnect, afterRefusal, type Consequence} from './consequences.ts';

/** Error codes of the system for a host, a network or a broker that may return. */
const temporaryCodes: ReadonlySet<string> = new Set(
  `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN
  ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME`.split(/\s+/),
);

const temporaryStatuses: ReadonlySet<number> = new Set([
  ExitCode.connectionLost,
  ExitCode.noConnection,
  ExitCode.keepalive,
  ExitCode.malformed,
  ExitCode.proxy,
]);

/** The system's codes of an error, of its causes, and of each address that was tried. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const {code} = error as {code?: unknown};
  const parts = error instanceof AggregateError ? error.errors : [];
  return [...(typeof code === 'string' ? [code] : []), ...[error.cause, ...parts].flatMap(codesOf)];
}

/** Whether the next attempt may succeed; not with wrong options. */
function isTemporary(error: unknown, endpoint: Endpoint): boolean {
  if (error instanceof MessageBroken || !(error instanceof TmqError)) return false;
  if (error instanceof CredentialsUnavailable) return true;
  if (error instanceof ClosedUnaccepted || temporaryStatuses.has(error.exitCode)) return true;
  // While a broker restarts, its socket does not exist.
  return codesOf(error).some(
    (code) => temporaryCodes.has(code) || (code === 'ENOENT' && endpoint.transport === 'unix'),
  );
}

/** What a session does about a connection to the endpoint that failed or was lost. */
export function consequenceOf(
  error: unknown,
  {endpoint, protocolVersion}: {readonly endpoint: Endpoint; readonly protocolVersion: ProtocolVersion},
): Consequence {
  if (error instanceof ConnectionRefused) return afterRefusal(error.reason.reasonCode, protocolVersion);
  if (error instanceof DisconnectedByServer) return afterDisconnect(error.reason.reasonCode);
  return isTemporary(error, endpoint) ? 'retry' : 'end';
}
