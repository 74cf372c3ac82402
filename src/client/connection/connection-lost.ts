/**
 * Why a connection ended, in one sentence: turns the errors of the protocol client and of streams into TmqErrors.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {reasonSentence, refusalText} from '../../protocol/reason-codes.ts';
import type {ConnectionOptions, Endpoint} from '../connection-options.ts';
import {describe, explain} from '../transport/transport.ts';
import type {Packet} from './protocol-client.ts';

/** What a server that refuses or ends a connection says. */
interface ServerReason {
  /** The return code or reason code. */
  readonly reasonCode: number;
  /** The server to use instead [MQTT 5, 4.13]. */
  readonly serverReference?: string;
}

function reasonOf({reasonCode, returnCode, properties}: Packet): ServerReason {
  const {serverReference} = properties ?? {};
  return {
    reasonCode: reasonCode ?? returnCode ?? 0,
    ...(typeof serverReference === 'string' ? {serverReference} : {}),
  };
}

/** The broker refused CONNECT: the exit status is its code, 2 where its CONNACK contradicts itself. */
export class ConnectionRefused extends TmqError {
  readonly reason: ServerReason;

  constructor(message: string, exitCode: ExitCode, reason: ServerReason) {
    super(message, exitCode);
    this.reason = reason;
  }
}

/** The server sent DISCONNECT [MQTT 5, 3.14]. */
export class DisconnectedByServer extends TmqError {
  readonly reason: ServerReason;

  constructor(message: string, reason: ServerReason) {
    super(message, ExitCode.noConnection);
    this.reason = reason;
  }
}

/** The connection was closed in place of a CONNACK. */
export class ClosedUnaccepted extends TmqError {}

/** The connection ended while a message was half written to the output, where nothing can follow it. */
export class MessageBroken extends TmqError {}

/** The connection ended without an error. */
export function lost(endpoint: Endpoint): TmqError {
  return new TmqError(`The connection to ${describe(endpoint)} was lost.`, ExitCode.connectionLost);
}

/** What a DISCONNECT of the server means. */
export function disconnectedByServer(endpoint: Endpoint, packet: Packet): DisconnectedByServer {
  const reason = reasonOf(packet);
  const sentence = reasonSentence(reason.reasonCode, packet.properties?.reasonString);
  return new DisconnectedByServer(`${describe(endpoint)} ended the connection: ${sentence}.`, reason);
}

/** A likely cause, where the broker closed the connection without CONNACK. */
function likelyCause({endpoint, protocolVersion}: ConnectionOptions): string {
  if (endpoint.tls !== undefined && protocolVersion < 5)
    return ' Does it want a client certificate (--cert, --key), or another version of MQTT (-V)?';
  if (protocolVersion === 5) return ' Does it know MQTT 5? If not, -V 311 helps.';
  if (endpoint.transport === 'tcp' && endpoint.tls === undefined)
    return ' Is that port for TLS (--cafile) or WebSockets (--ws)?';
  return '';
}

/** Why the connection cannot be used after this CONNACK; undefined when it accepts the connection. */
export function connackError(packet: Packet, options: ConnectionOptions): ConnectionRefused | undefined {
  const reason = reasonOf(packet);
  const code = reason.reasonCode;
  if (code !== 0) {
    const text = refusalText(code, options.protocolVersion, packet.properties?.reasonString);
    return new ConnectionRefused(`Connection error: ${text}`, code, reason);
  }
  if (packet.sessionPresent !== true || !options.clean) return undefined;
  // [MQTT-3.2.2-4]
  return new ConnectionRefused(
    `${describe(options.endpoint)} says that it kept a session although a clean one was asked for.`,
    ExitCode.protocol,
    reason,
  );
}

/** The broker has not answered PINGREQ. */
export function keepaliveExceeded(endpoint: Endpoint): TmqError {
  return new TmqError(
    `${describe(endpoint)} does not answer any more (keepalive exceeded).`,
    ExitCode.keepalive,
  );
}

/**
 * With TLS 1.3 the server judges the client's certificate when the handshake is over for the client. Its alert is
 * lost where CONNECT met a closed socket.
 */
function certificateRefused({endpoint}: ConnectionOptions, cause: unknown): ClosedUnaccepted | undefined {
  const {tls} = endpoint;
  if (tls === undefined) return undefined;
  const {code} = (cause ?? {}) as {code?: unknown};
  const file = tls.certificateFile ?? tls.keyFile;
  if (file === undefined && code !== 'ECONNRESET' && code !== 'EPIPE') return undefined;
  const hint =
    file === undefined
      ? 'Does it want a client certificate? Give one with --cert and --key.'
      : `Does it trust the client certificate ${file} (--cert)?`;
  return new ClosedUnaccepted(
    `${describe(endpoint)} closed the connection right after the TLS handshake. ${hint}`,
    ExitCode.tls,
    {cause},
  );
}

/** The connection ended before CONNACK. */
export function notAccepted(options: ConnectionOptions, cause?: unknown): ClosedUnaccepted {
  const refused = certificateRefused(options, cause);
  if (refused !== undefined) return refused;
  return new ClosedUnaccepted(
    `${describe(options.endpoint)} closed the connection without accepting it.${likelyCause(options)}`,
    ExitCode.connectionLost,
    {cause},
  );
}

/** An error of the system. On an accepted connection it means that the connection is lost. */
function systemError(error: unknown, code: string, {options, isAccepted}: ConnectionPhase): TmqError {
  const explained = explain(error, options.endpoint);
  if (!isAccepted)
    return explained.exitCode === ExitCode.connectionLost ? notAccepted(options, error) : explained;
  if (explained.exitCode !== ExitCode.failure) return explained;
  const sentence = `The connection to ${describe(options.endpoint)} was lost (${code}).`;
  return new TmqError(sentence, ExitCode.connectionLost, {cause: error});
}

interface ConnectionPhase {
  readonly options: ConnectionOptions;
  /** CONNACK has come. */
  readonly isAccepted: boolean;
}

/** What the codecs say of 'H', the first byte of an answer in HTTP, which is a PUBACK with wrong flags. */
const beginsLikeHttp = /begins with 0x48|must be 0x0 for puback/;

/**
 * What ended a connection, as a TmqError; a TmqError is returned as it is. An error without an error code of the
 * system comes from the codec, about bytes that are not MQTT.
 * @param isAccepted whether CONNACK had come
 */
export function connectionError(error: unknown, options: ConnectionOptions, isAccepted: boolean): TmqError {
  if (error instanceof TmqError) return error;
  const code = (error as {code?: unknown} | null)?.code;
  if (typeof code === 'string') return systemError(error, code, {options, isAccepted});
  const detail = error instanceof Error ? error.message : String(error);
  // The error of ws for a write while the peer closes the connection.
  if (detail.startsWith('WebSocket is not open')) {
    return isAccepted ? lost(options.endpoint) : notAccepted(options, error);
  }
  const place = describe(options.endpoint);
  if (!isAccepted && beginsLikeHttp.test(detail)) {
    const hint = options.endpoint.transport === 'tcp' ? ' To reach it by WebSockets, add --ws.' : '';
    return new TmqError(`${place} speaks HTTP, not MQTT.${hint}`, ExitCode.protocol, {cause: error});
  }
  const sentence = isAccepted
    ? `${place} sent what is not allowed in MQTT (${detail}).`
    : `${place} does not answer as an MQTT broker does (${detail}). Is that its port for MQTT?`;
  return new TmqError(sentence, ExitCode.protocol, {cause: error});
}
