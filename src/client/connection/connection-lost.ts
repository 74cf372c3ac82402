/**
 * Why a connection that was made is of no use any more, in one sentence. Turns the errors of MQTT.js, of
 * the codec and of streams into TmqErrors; knows no link.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {reasonSentence} from '../../protocol/reason-codes.ts';
import type {ConnectionOptions, Endpoint} from '../connection-options.ts';
import {describe, explain} from '../transport/transport.ts';
import type {Packet} from './packet.ts';

/** The broker answered CONNECT with a refusal: trying again would be refused again. */
export class ConnectionRefused extends TmqError {}

/** The connection ended over a message that was half written to the output, where nothing can follow it. */
export class MessageBroken extends TmqError {}

/** The connection ended, and nobody said why. */
export function lost(endpoint: Endpoint): TmqError {
  return new TmqError(`The connection to ${describe(endpoint)} was lost.`, ExitCode.connectionLost);
}

/** The server ended it, and said why [MQTT 5, 3.14]. */
export function dismissed(endpoint: Endpoint, {reasonCode, properties}: Packet): TmqError {
  const reason = reasonSentence(reasonCode ?? 0, properties?.reasonString);
  return new TmqError(`${describe(endpoint)} ended the connection: ${reason}.`, ExitCode.noConnection);
}

/** What may be behind a connection that was closed instead of being accepted, which a broker does without a word. */
function suspicion({endpoint, protocolVersion}: ConnectionOptions): string {
  if (protocolVersion === 5) return ' Does it know MQTT 5? If not, -V 311 helps.';
  if (endpoint.transport === 'tcp' && endpoint.tls === undefined)
    return ' Is that port for TLS (--cafile) or WebSockets (--ws)?';
  return '';
}

/** The connection ended before CONNACK. */
export function notAccepted(options: ConnectionOptions, cause?: unknown): TmqError {
  return new TmqError(
    `${describe(options.endpoint)} closed the connection without accepting it.${suspicion(options)}`,
    ExitCode.connectionLost,
    {cause},
  );
}

/** An error of the system; of a connection that was there it can only mean that it is lost. */
function systemError(error: unknown, code: string, {options, connected}: Occasion): TmqError {
  const explained = explain(error, options.endpoint);
  if (!connected)
    return explained.exitCode === ExitCode.connectionLost ? notAccepted(options, error) : explained;
  if (explained.exitCode !== ExitCode.failure) return explained;
  const sentence = `The connection to ${describe(options.endpoint)} was lost (${code}).`;
  return new TmqError(sentence, ExitCode.connectionLost, {cause: error});
}

interface Occasion {
  readonly options: ConnectionOptions;
  readonly connected: boolean;
}

/**
 * What ended a link, as a TmqError; one of those passes through. An error without a system's code is the
 * codec's, about bytes that are not MQTT.
 * @param connected whether CONNACK had come
 */
export function linkError(error: unknown, options: ConnectionOptions, connected: boolean): TmqError {
  if (error instanceof TmqError) return error;
  const code = (error as {code?: unknown} | null)?.code;
  if (typeof code === 'string') return systemError(error, code, {options, connected});
  const detail = error instanceof Error ? error.message : String(error);
  // What ws says of a write into a connection that the peer is closing.
  if (detail.startsWith('WebSocket is not open')) {
    return connected ? lost(options.endpoint) : notAccepted(options, error);
  }
  const place = describe(options.endpoint);
  const sentence = connected
    ? `${place} sent what is not allowed in MQTT (${detail}).`
    : `${place} does not answer as an MQTT broker does (${detail}).`;
  return new TmqError(sentence, ExitCode.protocol, {cause: error});
}
