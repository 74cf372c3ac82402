/**
 * Validates one whole frame of a client, before any parser sees it, and names the statement of the specification
 * that it breaks. Statements are numbered as in MQTT 5; those that only MQTT 3.1.1 has are marked 'MQTT 3.1.1, …'.
 * Pure; knows the protocol version of the connection, and nothing of its session.
 */

import {isAcknowledgement} from '../../protocol/acknowledgement.ts';
import {bodyStart, PacketType, packetFlags, packetNames} from '../../protocol/fixed-header.ts';
import {ConnectFlag, SubscriptionOption, willQosShift} from '../../protocol/flags.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {malformed, PacketViolation, protocolError} from '../../protocol/packet-violation.ts';
import {PropertyIdentifier, type PropertyPacket} from '../../protocol/properties.ts';
import {hasWildcard} from '../../protocol/publish-reader.ts';
import {ReasonCode, sendableCodes} from '../../protocol/reason-codes.ts';
import {isTopicFilter, parseSubscription} from '../../protocol/topic.ts';
import {decodePublish, type MessageProperties, readMessageProperties} from './publish-packet.ts';

/** The packets that a client sends, and the statement broken where their flags are not as they must be. */
const flagStatements: ReadonlyMap<number, string> = new Map([
  [PacketType.connect, 'MQTT-2.1.3-1'],
  [PacketType.puback, 'MQTT-2.1.3-1'],
  [PacketType.pubrec, 'MQTT-2.1.3-1'],
  [PacketType.pubrel, 'MQTT-3.6.1-1'],
  [PacketType.pubcomp, 'MQTT-2.1.3-1'],
  [PacketType.subscribe, 'MQTT-3.8.1-1'],
  [PacketType.unsubscribe, 'MQTT-3.10.1-1'],
  [PacketType.pingreq, 'MQTT-2.1.3-1'],
  [PacketType.disconnect, 'MQTT-3.14.1-1'],
  [PacketType.auth, 'MQTT-3.15.1-1'],
]);

/** The reason codes that a client may send in each packet [2.4]. */
const reasonCodes: Readonly<Record<number, readonly [codes: ReadonlySet<number>, statement: string]>> = {
  [PacketType.puback]: [sendableCodes('puback'), 'MQTT-3.4.2-1'],
  [PacketType.pubrec]: [sendableCodes('puback'), 'MQTT-3.5.2-1'],
  [PacketType.pubrel]: [sendableCodes('pubrel'), 'MQTT-3.6.2-1'],
  [PacketType.pubcomp]: [sendableCodes('pubrel'), 'MQTT-3.7.2-1'],
  [PacketType.disconnect]: [sendableCodes('disconnect'), 'MQTT-3.14.2-1'],
  [PacketType.auth]: [sendableCodes('auth'), 'MQTT-3.15.2-1'],
};

/**
 * Validates a whole frame of a connected client, or a CONNECT.
 * @throws PacketViolation with the reason code to close with and the statement broken
 */
export function validateFrame(frame: Buffer, protocolVersion: ProtocolVersion): void {
  const type = frame[0]! >> 4;
  if (type === PacketType.publish) {
    decodePublish(frame, protocolVersion);
    return;
  }
  if (isAcknowledgement(type)) {
    decodeAcknowledgement(frame, protocolVersion);
    return;
  }
  const reader = bodyOf(frame);
  validateBody(type, reader, protocolVersion);
  checkEnd(reader, type);
}

/** The body of a frame whose first byte is right. */
function bodyOf(frame: Buffer): PacketReader {
  const type = frame[0]! >> 4;
  const statement = flagStatements.get(type);
  // Packets that only a server sends, and type 0 [2.1.2].
  if (statement === undefined) throw protocolError('2.1.2', `A client does not send ${packetNames[type]}.`);
  if ((frame[0]! & 0x0f) !== packetFlags(type)) {
    throw malformed(statement, `${packetNames[type]} has wrong flags.`);
  }
  return new PacketReader(frame, bodyStart(frame));
}

function checkEnd(reader: PacketReader, type: number): void {
  if (!reader.done) throw malformed('4.13', `${packetNames[type]} is longer than its fields.`);
}

/** The fields of PUBACK, PUBREC, PUBREL or PUBCOMP that the broker uses. */
export interface DecodedAcknowledgement {
  readonly type: number;
  readonly packetId: number;
  /** 0 in MQTT 3. */
  readonly reasonCode: number;
}

/** Validates and decodes a whole frame that is an acknowledgement. @throws PacketViolation */
export function decodeAcknowledgement(
  frame: Buffer,
  protocolVersion: ProtocolVersion,
): DecodedAcknowledgement {
  const type = frame[0]! >> 4;
  const reader = bodyOf(frame);
  const packetId = reader.packetIdentifier();
  const reasonCode = readReason(type, reader, protocolVersion === 5 ? 'puback' : undefined);
  checkEnd(reader, type);
  return {type, packetId, reasonCode};
}

function validateBody(type: number, reader: PacketReader, protocolVersion: ProtocolVersion): void {
  switch (type) {
    case PacketType.connect:
      readConnect(reader);
      return;
    case PacketType.subscribe:
      validateSubscribe(reader, protocolVersion);
      return;
    case PacketType.unsubscribe:
      validateUnsubscribe(reader, protocolVersion);
      return;
    case PacketType.disconnect:
      readReason(type, reader, protocolVersion === 5 ? 'disconnect' : undefined);
      return;
    case PacketType.auth:
      if (protocolVersion !== 5) throw protocolError('2.1.2', 'AUTH belongs to MQTT 5.');
      validateAuth(reader);
      return;
    default:
    // PINGREQ has nothing but its first byte.
  }
}

/** Reason code and properties, which may both be left out [3.4.2.1]. */
function readReason(type: number, reader: PacketReader, packet: PropertyPacket | undefined): number {
  if (packet === undefined || reader.done) return 0;
  const [codes, statement] = reasonCodes[type]!;
  const code = reader.byte('the reason code');
  if (!codes.has(code))
    throw protocolError(statement, `${packetNames[type]} cannot have reason code ${code}.`);
  if (!reader.done) reader.properties(packet);
  return code;
}

function validateAuth(reader: PacketReader): void {
  let method = false;
  if (!reader.done) {
    const [codes, statement] = reasonCodes[PacketType.auth]!;
    const code = reader.byte('the reason code');
    if (!codes.has(code)) throw protocolError(statement, `AUTH cannot have reason code ${code}.`);
    if (!reader.done) {
      reader.properties('auth', ({definition: {identifier}}) => {
        method ||= identifier === PropertyIdentifier.authenticationMethod;
      });
    }
  }
  if (!method) throw protocolError('3.15.2.2.2', 'AUTH has no authentication method.');
}

/** Will properties that the CONNECT of a client carries, and its protocol version. */
export interface ConnectDetails {
  readonly protocolVersion: ProtocolVersion;
  readonly will?: MessageProperties;
}

/** A protocol that the server does not support; the answer depends on the level [MQTT-3.1.2-1], [MQTT-3.1.2-2]. */
export class UnsupportedProtocol extends PacketViolation {
  /** The level in CONNECT; undefined where the protocol name is wrong. */
  readonly level: number | undefined;

  constructor(statement: string, message: string, level: number | undefined) {
    super(ReasonCode.unsupportedProtocolVersion, statement, message);
    this.level = level;
  }
}

function readProtocolVersion(reader: PacketReader): ProtocolVersion {
  const name = reader.binary('the protocol name').toString('latin1');
  if (name !== 'MQTT' && name !== 'MQIsdp') {
    throw new UnsupportedProtocol('MQTT-3.1.2-1', 'The protocol name is neither MQTT nor MQIsdp.', undefined);
  }
  const level = reader.byte('the protocol version');
  if (name === 'MQIsdp' ? level !== 3 : level !== 4 && level !== 5) {
    throw new UnsupportedProtocol('MQTT-3.1.2-2', `${name} has no protocol version ${level} here.`, level);
  }
  return level as ProtocolVersion;
}

/**
 * Reads a CONNECT from its protocol name on, where the reader stands. Its fields are present as the flags say
 * [MQTT-3.1.2-9], [MQTT-3.1.2-16] to [MQTT-3.1.2-19], in their order [MQTT-3.1.3-1], [MQTT-3.1.3-3], and are
 * strings [MQTT-3.1.3-4], [MQTT-3.1.3-11], [MQTT-3.1.3-12].
 * @throws PacketViolation
 */
export function readConnect(reader: PacketReader): ConnectDetails {
  const protocolVersion = readProtocolVersion(reader);
  const flags = reader.byte('the connect flags');
  const hasWill = (flags & ConnectFlag.will) !== 0;
  const willQos = (flags >> willQosShift) & 3;
  if ((flags & ConnectFlag.reserved) !== 0)
    throw malformed('MQTT-3.1.2-3', 'The reserved connect flag is set.');
  if (willQos === 3) throw malformed('MQTT-3.1.2-12', 'The will has both QoS bits set.');
  if (!hasWill && willQos !== 0) throw malformed('MQTT-3.1.2-11', 'There is a will QoS without a will.');
  if (!hasWill && (flags & ConnectFlag.willRetain) !== 0)
    throw malformed('MQTT-3.1.2-13', 'There is a will retain flag without a will.');
  const hasUserName = (flags & ConnectFlag.userName) !== 0;
  const hasPassword = (flags & ConnectFlag.password) !== 0;
  if (protocolVersion < 5 && hasPassword && !hasUserName) {
    throw malformed('MQTT 3.1.1, MQTT-3.1.2-22', 'There is a password without a user name.');
  }
  reader.u16('the keep alive');
  if (protocolVersion === 5) validateConnectProperties(reader);
  reader.stringBytes('the client identifier');
  const will = hasWill ? readWill(reader, protocolVersion) : undefined;
  if (hasUserName) reader.stringBytes('the user name');
  if (hasPassword) reader.binary('the password');
  return {protocolVersion, ...(will === undefined ? {} : {will})};
}

function validateConnectProperties(reader: PacketReader): void {
  let method = false;
  let data = false;
  reader.properties('connect', ({definition: {identifier, type, positive}, number}) => {
    method ||= identifier === PropertyIdentifier.authenticationMethod;
    data ||= identifier === PropertyIdentifier.authenticationData;
    if (type === 'byte' && number > 1) {
      throw protocolError(
        identifier === PropertyIdentifier.requestProblemInformation ? '3.1.2.11.7' : '3.1.2.11.6',
        'A flag is neither 0 nor 1.',
      );
    }
    if (positive && number === 0) {
      throw protocolError(
        identifier === PropertyIdentifier.receiveMaximum ? '3.1.2.11.3' : '3.1.2.11.4',
        'A maximum is 0.',
      );
    }
  });
  if (data && !method) throw protocolError('3.1.2.11.10', 'There is authentication data without a method.');
}

function readWill(reader: PacketReader, protocolVersion: ProtocolVersion): MessageProperties {
  const properties = readMessageProperties(reader, 'will', protocolVersion);
  const topic = reader.stringBytes('the will topic');
  if (topic.length === 0) throw protocolError('MQTT-4.7.3-1', 'The will topic is empty.');
  if (hasWildcard(topic)) throw malformed('MQTT-4.7.0-1', 'The will topic has a wildcard.');
  reader.binary('the will payload');
  return properties;
}

/** One filter of SUBSCRIBE or UNSUBSCRIBE [MQTT-3.8.3-1], [MQTT-3.10.3-1]. @throws PacketViolation */
function readFilter(reader: PacketReader, statement: string): string {
  const filter = reader.string('the topic filter');
  if (filter === '') throw protocolError('MQTT-4.7.3-1', 'A topic filter is empty.');
  const levels = filter.split('/');
  if (levels.some((level, index) => level.includes('#') && (level !== '#' || index < levels.length - 1))) {
    throw malformed('MQTT-4.7.1-1', '# stands elsewhere than alone at the end of a topic filter.');
  }
  if (levels.some((level) => level.includes('+') && level !== '+')) {
    throw malformed('MQTT-4.7.1-2', '+ does not stand alone in its level of a topic filter.');
  }
  if (isTopicFilter(filter) && parseSubscription(filter) === undefined) {
    throw protocolError(
      levels[1] === '' || levels.length < 3 ? 'MQTT-4.8.2-1' : 'MQTT-4.8.2-2',
      'A shared subscription needs a name without wildcards and a topic filter.',
    );
  }
  if (reader.done && statement === 'MQTT-3.8.3-1') {
    throw malformed(statement, 'A topic filter has no subscription options.');
  }
  return filter;
}

function validateSubscribe(reader: PacketReader, protocolVersion: ProtocolVersion): void {
  reader.packetIdentifier();
  if (protocolVersion === 5) {
    reader.properties('subscribe', ({definition, number}) => {
      if (definition.positive && number === 0) {
        throw protocolError('3.8.2.1.2', 'The subscription identifier is 0.');
      }
    });
  }
  if (reader.done) throw protocolError('MQTT-3.8.3-2', 'SUBSCRIBE has no topic filter.');
  while (!reader.done) {
    const filter = readFilter(reader, 'MQTT-3.8.3-1');
    const options = reader.byte('the subscription options');
    if ((options & SubscriptionOption.qos) === SubscriptionOption.qos) {
      throw protocolVersion === 5
        ? protocolError('3.8.3.1', 'A maximum QoS is 3.')
        : malformed('MQTT 3.1.1, MQTT-3.8.3-4', 'A requested QoS is 3.');
    }
    if (protocolVersion < 5) {
      if ((options & ~SubscriptionOption.qos) !== 0) {
        throw malformed('MQTT 3.1.1, MQTT-3.8.3-4', 'Reserved bits of a requested QoS are set.');
      }
      continue;
    }
    if ((options & SubscriptionOption.reserved) !== 0)
      throw malformed('MQTT-3.8.3-5', 'Reserved bits of the subscription options are set.');
    if ((options & SubscriptionOption.retainHandling) === SubscriptionOption.retainHandling)
      throw protocolError('3.8.3.1', 'The retain handling is 3.');
    if ((options & SubscriptionOption.noLocal) !== 0 && filter.startsWith('$share/')) {
      throw protocolError('MQTT-3.8.3-4', 'No Local is set for a shared subscription.');
    }
  }
}

function validateUnsubscribe(reader: PacketReader, protocolVersion: ProtocolVersion): void {
  reader.packetIdentifier();
  if (protocolVersion === 5) reader.properties('unsubscribe');
  if (reader.done) throw protocolError('MQTT-3.10.3-2', 'UNSUBSCRIBE has no topic filter.');
  while (!reader.done) readFilter(reader, 'MQTT-3.10.3-1');
}
