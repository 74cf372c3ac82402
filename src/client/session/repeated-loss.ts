/**
 * Notices that one packet makes the server close each connection, which would go on for ever, and that connections end
 * soon after CONNACK, as they do where two clients use one identifier.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {isFailure} from '../../protocol/reason-codes.ts';
import {DisconnectedByServer} from '../connection/connection-lost.ts';
import {afterDisconnect} from './consequences.ts';

/** What the server had not answered when the connection ended. */
export interface Unanswered {
  /** The same object as long as it is the same packet. */
  readonly key: object;
  /** "message 17, 300000 bytes to a/b", "the subscription to a, b" */
  describe(): string;
}

export interface Loss {
  readonly error: TmqError;
  /** The packet that the server was to answer next, if any. */
  readonly unanswered: Unanswered | undefined;
  /** Milliseconds between CONNACK and the end. */
  readonly acceptedMilliseconds: number;
}

/** As often running as one packet may be in vain, or a connection end at once. */
const mostLosses = 3;

/** A connection that ends sooner after CONNACK ended at once. */
const soonMilliseconds = 2000;

/** Ends that are no answer to a packet. */
const unrelated: ReadonlySet<number> = new Set([ExitCode.keepalive, ExitCode.malformed]);

/** Whether the packet may be the cause: not where the server gives a reason of its own, such as shutting down. */
function isAnswer(error: TmqError): boolean {
  if (error instanceof DisconnectedByServer) return afterDisconnect(error.reason.reasonCode) === 'repeat';
  return !unrelated.has(error.exitCode);
}

/** A loss before the answer to a packet: before MQTT 5, closing is the only answer to what a server does not take. */
export function lossAt(
  error: TmqError,
  unanswered: Unanswered | undefined,
  version: ProtocolVersion,
): TmqError {
  const {exitCode} = error;
  if (unanswered === undefined || version === 5 || exitCode !== ExitCode.connectionLost) return error;
  return new TmqError(
    `${error.message} Not answered: ${unanswered.describe()}. Perhaps the broker allows no such size or topic: with -V 5 it could say so.`,
    exitCode,
    {cause: error},
  );
}

export class RepeatedLoss {
  #key: object | undefined;
  #inVain = 0;
  #soon = 0;

  /** Connections that ended at once, one after the other, have just become suspicious. */
  get isSuspicious(): boolean {
    return this.#soon === mostLosses;
  }

  /** Counts a loss. Returns the error that ends the session, if it does. */
  add({error, unanswered, acceptedMilliseconds}: Loss): TmqError | undefined {
    const endedAtOnce = acceptedMilliseconds < soonMilliseconds && !(error instanceof DisconnectedByServer);
    this.#soon = endedAtOnce ? this.#soon + 1 : 0;
    const key = isAnswer(error) ? unanswered?.key : undefined;
    this.#inVain = key === undefined ? 0 : key === this.#key ? this.#inVain + 1 : 1;
    this.#key = key;
    if (unanswered === undefined || this.#inVain < mostLosses) return undefined;
    const code = error instanceof DisconnectedByServer ? error.reason.reasonCode : 0;
    return new TmqError(
      `The broker ended ${mostLosses} connections running at ${unanswered.describe()}. The last time: ${error.message}`,
      isFailure(code) ? code : ExitCode.connectionLost,
      {cause: error},
    );
  }
}
