/**
 * What a session that is running does about each code with which a server refuses or ends its connection. Pure. The
 * table is also the manual's.
 */

import type {ProtocolVersion} from '../../protocol/message.ts';
import {ReasonCode, ReturnCode} from '../../protocol/reason-codes.ts';

/**
 * 'retry': connect again, by the reconnect policy. 'end': the session ends with the code. 'redirect': connect to the
 * server that is named [MQTT 5, 4.13]; where none is named, 'end', or with several hosts the next one. 'repeat': as
 * 'retry', but the same packet may be the cause each time, and then ends the session.
 */
export type Consequence = 'retry' | 'end' | 'redirect' | 'repeat';

/** Codes of CONNACK; one that is not here ends the session. */
export const refusalConsequences: ReadonlyMap<number, Consequence> = new Map<number, Consequence>([
  [ReturnCode.serverUnavailable, 'retry'],
  [ReasonCode.serverUnavailable, 'retry'],
  [ReasonCode.serverBusy, 'retry'],
  [ReasonCode.quotaExceeded, 'retry'],
  [ReasonCode.useAnotherServer, 'redirect'],
  [ReasonCode.serverMoved, 'redirect'],
  [ReasonCode.connectionRateExceeded, 'retry'],
]);

/** Codes of DISCONNECT [MQTT 5, 3.14.2.1]; one that is not here has the consequence of a connection that is lost. */
export const disconnectConsequences: ReadonlyMap<number, Consequence> = new Map<number, Consequence>([
  [ReasonCode.unspecifiedError, 'repeat'],
  [ReasonCode.malformedPacket, 'repeat'],
  [ReasonCode.protocolError, 'repeat'],
  [ReasonCode.implementationSpecificError, 'repeat'],
  [ReasonCode.notAuthorized, 'end'],
  [ReasonCode.serverBusy, 'retry'],
  [ReasonCode.serverShuttingDown, 'retry'],
  [ReasonCode.keepAliveTimeout, 'retry'],
  [ReasonCode.sessionTakenOver, 'end'],
  [ReasonCode.topicFilterInvalid, 'repeat'],
  [ReasonCode.topicNameInvalid, 'repeat'],
  [ReasonCode.receiveMaximumExceeded, 'repeat'],
  [ReasonCode.topicAliasInvalid, 'repeat'],
  [ReasonCode.packetTooLarge, 'repeat'],
  [ReasonCode.messageRateTooHigh, 'repeat'],
  [ReasonCode.quotaExceeded, 'repeat'],
  [ReasonCode.administrativeAction, 'retry'],
  [ReasonCode.payloadFormatInvalid, 'repeat'],
  [ReasonCode.retainNotSupported, 'end'],
  [ReasonCode.qosNotSupported, 'end'],
  [ReasonCode.useAnotherServer, 'redirect'],
  [ReasonCode.serverMoved, 'redirect'],
  [ReasonCode.sharedSubscriptionsNotSupported, 'end'],
  [ReasonCode.connectionRateExceeded, 'retry'],
  [ReasonCode.maximumConnectTime, 'retry'],
  [ReasonCode.subscriptionIdentifiersNotSupported, 'end'],
  [ReasonCode.wildcardSubscriptionsNotSupported, 'end'],
]);

/** What follows a CONNACK that refuses. */
export function afterRefusal(code: number, protocolVersion: ProtocolVersion): Consequence {
  const isKnown = protocolVersion === 5 || code <= ReturnCode.notAuthorized;
  return (isKnown ? refusalConsequences.get(code) : undefined) ?? 'end';
}

/** What follows a DISCONNECT of the server. */
export function afterDisconnect(code: number): Consequence {
  return disconnectConsequences.get(code) ?? 'repeat';
}
