/**
 * Which failures of a connection may pass, so that connecting again makes sense. Decides; does nothing.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {ConnectionRefused, MessageBroken} from '../connection/connection-lost.ts';
import type {Endpoint} from '../connection-options.ts';

/** What the system says of a host, a network or a broker that may be back in a moment. */
const passingCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
]);

const passingStatuses: ReadonlySet<number> = new Set([
  ExitCode.connectionLost,
  ExitCode.noConnection,
  ExitCode.keepalive,
  ExitCode.malformed,
  ExitCode.proxy,
]);

/** The system's codes of an error, of its causes, and of its parts where several addresses were tried. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const {code} = error as {code?: unknown};
  const parts = error instanceof AggregateError ? error.errors : [];
  return [...(typeof code === 'string' ? [code] : []), ...[error.cause, ...parts].flatMap(codesOf)];
}

/** Whether the failure may be gone at the next attempt; a refusal by the broker, or wrong options, will not. */
export function mayPass(error: unknown, endpoint: Endpoint): boolean {
  if (error instanceof ConnectionRefused || error instanceof MessageBroken) return false;
  if (!(error instanceof TmqError)) return false;
  if (passingStatuses.has(error.exitCode)) return true;
  // The socket of a broker that restarts is not there for a moment.
  return codesOf(error).some(
    (code) => passingCodes.has(code) || (code === 'ENOENT' && endpoint.transport === 'unix'),
  );
}

/** Neither a connection nor CONNACK within the time allowed. */
export function noAnswer(place: string, seconds: number): TmqError {
  return new TmqError(`No answer from ${place} within ${seconds} seconds.`, ExitCode.keepalive);
}
