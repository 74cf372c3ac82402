/**
 * Why a connection that was made is of no use any more, in one sentence. Turns the errors of MQTT.js, of
 * the codec and of streams into TmqErrors; knows no link.
 */

import {ExitCode, TmqError} from '../errors.ts';
import type {Endpoint} from './connection-options.ts';
import {describe, explain} from './transport.ts';

/** The broker answered CONNECT with a refusal: trying again would be refused again. */
export class ConnectionRefused extends TmqError {}

/** The connection ended over a message that was half written to the output, where nothing can follow it. */
export class MessageBroken extends TmqError {}

/** The connection ended, and nobody said why. */
export function lost(endpoint: Endpoint): TmqError {
  return new TmqError(`The connection to ${describe(endpoint)} was lost.`, ExitCode.connectionLost);
}

/** An error of the system; of a connection that was there it can only mean that it is lost. */
function systemError(error: unknown, code: string, {endpoint, connected}: Occasion): TmqError {
  const explained = explain(error, endpoint);
  if (!connected || explained.exitCode !== ExitCode.failure) return explained;
  const sentence = `The connection to ${describe(endpoint)} was lost (${code}).`;
  return new TmqError(sentence, ExitCode.connectionLost, {cause: error});
}

interface Occasion {
  readonly endpoint: Endpoint;
  readonly connected: boolean;
}

/**
 * What ended a link, as a TmqError; one of those passes through. An error without a system's code is the
 * codec's, about bytes that are not MQTT.
 * @param connected whether CONNACK had come
 */
export function linkError(error: unknown, endpoint: Endpoint, connected: boolean): TmqError {
  if (error instanceof TmqError) return error;
  const code = (error as {code?: unknown} | null)?.code;
  if (typeof code === 'string') return systemError(error, code, {endpoint, connected});
  const detail = error instanceof Error ? error.message : String(error);
  const sentence = connected
    ? `${describe(endpoint)} sent what is not allowed in MQTT (${detail}).`
    : `${describe(endpoint)} does not answer as an MQTT broker does (${detail}).`;
  return new TmqError(sentence, ExitCode.protocol, {cause: error});
}
