/**
 * Reads the parameters of CONNECT, and writes the properties and refusals of CONNACK [MQTT 5, 3.1, 3.2].
 * Knows no connection and no session: connect-handler.ts does.
 */

import {randomUUID} from 'node:crypto';
import {defined} from '../../defined.ts';
import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import {ReasonCode, ReturnCode, reasonText} from '../../protocol/reason-codes.ts';
import {isPublishTopic} from '../../protocol/topic.ts';
import type {Permissions} from '../access/access.ts';
import type {BrokerLimits, ListenerConfig} from '../config/settings.ts';
import {never, type StoredWill} from '../state/session.ts';
import type {IConnectPacket} from '../wire/packets.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {ConnectDetails} from '../wire/validate.ts';
import type {Authentication, Proof} from './authentication.ts';
import type {WriterSettings} from './client-writer.ts';

/** Why a CONNECT is not accepted: the code for MQTT 5, that for MQTT 3, and a sentence. */
export interface Refusal {
  readonly reasonCode: number;
  readonly returnCode: number;
  readonly reason: string;
}

/** The parameters of a valid CONNECT. */
export interface ConnectParameters {
  readonly clientId: string;
  /** The broker chose the identifier. */
  readonly assigned: boolean;
  readonly cleanStart: boolean;
  /** Seconds, as requested. */
  readonly expirySeconds: number;
  /** Seconds, as granted; 0: none. */
  readonly keepAliveSeconds: number;
  /** It is not the one requested. */
  readonly keepAliveChanged: boolean;
  readonly writer: WriterSettings;
  /** Reason strings may be sent [MQTT-3.1.2-29]. */
  readonly problemInformation: boolean;
}

function refusal(
  reason: keyof typeof ReasonCode,
  returned: keyof typeof ReturnCode,
  sentence: string,
): Refusal {
  return {reasonCode: ReasonCode[reason], returnCode: ReturnCode[returned], reason: sentence};
}

/** The reasons to refuse a CONNECT. */
export const refusals = {
  version: refusal(
    'unsupportedProtocolVersion',
    'unacceptableProtocolVersion',
    'This version of MQTT is not accepted here.',
  ),
  identifier: refusal(
    'clientIdentifierNotValid',
    'identifierRejected',
    'The client identifier is not valid here.',
  ),
  notAuthorized: refusal('notAuthorized', 'notAuthorized', 'Not authorized.'),
  authenticationMethod: refusal(
    'badAuthenticationMethod',
    'notAuthorized',
    'The authentication method is not supported here.',
  ),
  unavailable: refusal('serverUnavailable', 'serverUnavailable', 'Credentials cannot be checked now.'),
  busy: refusal('serverBusy', 'serverUnavailable', 'There are as many clients as there may be.'),
  willQos: refusal('qosNotSupported', 'notAuthorized', 'The QoS of the will is not supported.'),
  willRetain: refusal('retainNotSupported', 'notAuthorized', 'Retained messages are not supported.'),
  answerSize: refusal('packetTooLarge', 'notAuthorized', 'CONNACK would be larger than Maximum Packet Size.'),
  willSize: refusal('packetTooLarge', 'notAuthorized', 'The payload of the will is too large.'),
} as const;

/** Codes of MQTT 3 by those of MQTT 5 that mean the same. */
const returnCodes: Readonly<Record<number, number>> = {
  [ReasonCode.unsupportedProtocolVersion]: ReturnCode.unacceptableProtocolVersion,
  [ReasonCode.clientIdentifierNotValid]: ReturnCode.identifierRejected,
  [ReasonCode.badUserNameOrPassword]: ReturnCode.badUserNameOrPassword,
  [ReasonCode.serverUnavailable]: ReturnCode.serverUnavailable,
  [ReasonCode.serverBusy]: ReturnCode.serverUnavailable,
};

/** A refusal with this reason code instead of its own, if one is given; MQTT 3 has a code for each. */
export function refusalWith(reasonCode: number | undefined, usual: Refusal): Refusal {
  if (reasonCode === undefined) return usual;
  const returnCode = returnCodes[reasonCode] ?? ReturnCode.notAuthorized;
  return {reasonCode, returnCode, reason: `${reasonText(reasonCode)}.`};
}

/** A CONNECT, and the user name it comes with or its certificate gives it. */
export interface ConnectRequest {
  readonly packet: IConnectPacket;
  readonly details: ConnectDetails;
  readonly username: string | undefined;
  /** What the client's authentication method would be carried out by. */
  readonly authentication: Authentication | undefined;
}

/** Reads the fields of CONNECT; a refusal where they are not acceptable. */
export function connectParameters(
  {packet, details, username, authentication}: ConnectRequest,
  limits: BrokerLimits,
  listener: ListenerConfig,
): ConnectParameters | Refusal {
  const {protocolVersion} = details;
  const properties = packet.properties ?? {};
  if (!(listener.acceptedVersions ?? [protocolVersion]).includes(protocolVersion)) return refusals.version;
  // [MQTT-4.12.0-1]
  if (properties.authenticationMethod !== undefined && authentication === undefined)
    return refusals.authenticationMethod;
  const named =
    listener.useUsernameAsClientId === true
      ? usernameIdentifier(username)
      : clientIdentifier(packet, protocolVersion, listener);
  if (named === undefined) return refusals.identifier;
  const will = willRefusal(packet, limits, listener);
  if (will !== undefined) return will;
  const asked = packet.keepalive ?? 0;
  const longest =
    limits.maxKeepalive === 0 || limits.maxKeepalive === largestTwoByteInteger ? 0 : limits.maxKeepalive;
  const keepAliveChanged = longest > 0 && (asked === 0 || asked > longest);
  // MQTT 3 has no Server Keep Alive; mosquitto refuses with the same code.
  if (keepAliveChanged && protocolVersion < 5) return refusals.identifier;
  const cleanStart = packet.clean ?? true;
  return {
    // Without a spread: V8 would make a class of its own for each of these objects, 500 bytes.
    clientId: named.clientId,
    assigned: named.assigned,
    cleanStart,
    expirySeconds: protocolVersion === 5 ? (properties.sessionExpiryInterval ?? 0) : cleanStart ? 0 : never,
    keepAliveSeconds: keepAliveChanged ? longest : asked,
    keepAliveChanged,
    writer: {
      receiveMaximum: properties.receiveMaximum ?? largestTwoByteInteger,
      maximumPacketSize: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
      // [MQTT-3.1.2-27]
      topicAliasMaximum: Math.min(
        properties.topicAliasMaximum ?? 0,
        listener.maxTopicAliasBroker ?? largestTwoByteInteger,
      ),
      mountPoint: listener.mountPoint ?? '',
    },
    // mqtt-packet gives this flag as a boolean.
    problemInformation: properties.requestProblemInformation ?? true,
  };
}

type NamedClient = Pick<ConnectParameters, 'clientId' | 'assigned'>;

function usernameIdentifier(username: string | undefined): NamedClient | undefined {
  return username === undefined || username === '' ? undefined : {clientId: username, assigned: false};
}

function clientIdentifier(
  packet: IConnectPacket,
  protocolVersion: number,
  listener: ListenerConfig,
): NamedClient | undefined {
  // Any identifier is allowed [MQTT-3.1.3-5].
  if (packet.clientId !== '') return {clientId: packet.clientId, assigned: false};
  // MQTT 3.1 requires one; MQTT 3.1.1 allows none only for a clean session [MQTT 3.1.1, MQTT-3.1.3-8].
  if (protocolVersion === 3 || (protocolVersion === 4 && packet.clean === false)) return undefined;
  if (!listener.allowZeroLengthClientId) return undefined;
  // [MQTT-3.1.3-6], [MQTT-3.2.2-16]
  return {clientId: `${listener.autoIdPrefix}${randomUUID().toUpperCase()}`, assigned: true};
}

function willRefusal(
  {will}: IConnectPacket,
  limits: BrokerLimits,
  listener: ListenerConfig,
): Refusal | undefined {
  if (will === undefined) return undefined;
  // [MQTT-3.2.2-12]
  if ((will.qos ?? 0) > listener.maxQos) return refusals.willQos;
  // [MQTT-3.2.2-13]
  if (will.retain === true && !limits.retainAvailable) return refusals.willRetain;
  const tooLarge = limits.messageSizeLimit > 0 && will.payload.length > limits.messageSizeLimit;
  return tooLarge ? refusals.willSize : undefined;
}

/** The will of a CONNECT as it will be kept [MQTT-3.1.2-7], retained if its flag is set [MQTT-3.1.2-14], [MQTT-3.1.2-15]. */
export function storedWill(
  {will}: IConnectPacket,
  details: ConnectDetails,
  mountPoint: string,
): StoredWill | undefined {
  if (will === undefined) return undefined;
  const properties = details.will;
  const message: StoredMessage = {
    topic: mountPoint + will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    // A copy: the frame must not be kept.
    properties: Buffer.from(properties?.forwarded ?? ''),
  };
  return {
    message,
    delaySeconds: properties?.willDelaySeconds ?? 0,
    ...(properties?.expirySeconds === undefined ? {} : {expirySeconds: properties.expirySeconds}),
  };
}

/**
 * The properties of an accepting CONNACK [3.2.2.3]: only those that differ from their default. There is no
 * response information [MQTT-3.1.2-28], and an authentication method only with a proof [MQTT-4.12.0-6].
 */
export function connackProperties(
  parameters: ConnectParameters,
  limits: BrokerLimits,
  listener: ListenerConfig,
  proof: Proof | undefined,
): Record<string, unknown> {
  const {persistentClientExpiration: longestSession, maxInflightMessages, maxPacketSize} = limits;
  const isShortened = longestSession !== undefined && parameters.expirySeconds > longestSession;
  const isLimited = maxInflightMessages > 0 && maxInflightMessages < largestTwoByteInteger;
  return defined({
    sessionExpiryInterval: isShortened ? longestSession : undefined,
    topicAliasMaximum: listener.maxTopicAlias || undefined,
    receiveMaximum: isLimited ? maxInflightMessages : undefined,
    // [MQTT-3.2.2-9]
    maximumQoS: listener.maxQos < 2 ? listener.maxQos : undefined,
    retainAvailable: limits.retainAvailable ? undefined : false,
    maximumPacketSize: maxPacketSize || undefined,
    // [MQTT-3.1.3-7]
    assignedClientIdentifier: parameters.assigned ? parameters.clientId : undefined,
    // [MQTT-3.1.2-21], [MQTT-3.2.2-21]
    serverKeepAlive: parameters.keepAliveChanged ? parameters.keepAliveSeconds : undefined,
    ...proof?.properties,
  });
}

/** "New client connected from 127.0.0.1:5123 as id (p2, c1, k60, u'rajan').", in mosquitto's words. */
export function connectedLine(
  parameters: ConnectParameters,
  {
    address,
    protocolVersion,
    username,
  }: {address: string; protocolVersion: number; username: string | undefined},
): string {
  const level = protocolVersion === 5 ? 5 : protocolVersion - 2;
  const user = username === undefined ? '' : `, u'${username}'`;
  const clean = parameters.cleanStart ? 1 : 0;
  return `New client connected from ${address} as ${parameters.clientId} (p${level}, c${clean}, k${parameters.keepAliveSeconds}${user}).`;
}

/**
 * Adds the broker's own rules to a client's permissions: no client publishes to topics of too many levels,
 * or to $SYS. The session caches the result for each topic. Ten thousand clients take 10 MB less than with closures.
 */
export class GuardedPermissions implements Permissions {
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  mayPublish(topic: string): boolean {
    if (!isPublishTopic(topic) || topic === '$SYS' || topic.startsWith('$SYS/')) return false;
    return this.#permissions.mayPublish(topic);
  }

  maySubscribe(filter: string): boolean {
    return this.#permissions.maySubscribe(filter);
  }

  mayReceive(topic: string): boolean {
    return this.#permissions.mayReceive(topic);
  }

  mayStay(): boolean {
    return this.#permissions.mayStay?.() ?? true;
  }
}
