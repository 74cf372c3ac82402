/**
 * The reason codes of MQTT 5 [2.4] that a broker gives or reads, and the return codes of MQTT 3.1.1
 * [3.2.2.3]. Which packet may have which is said there too [MQTT-3.2.2-8], [MQTT-3.9.3-2], [MQTT-3.11.3-2].
 */

/** Reason codes of MQTT 5. */
export const ReasonCode = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
} as const;

/** CONNACK of MQTT 3.1 and 3.1.1. */
export const ReturnCode = {
  accepted: 0,
  unacceptableProtocolVersion: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;

/** A packet, or what it asks for, that the specification forbids: the connection ends over it. */
export class PacketViolation extends Error {
  override readonly name = 'PacketViolation';
  /** For DISCONNECT or CONNACK of MQTT 5. */
  readonly reasonCode: number;
  /** The statement broken: 'MQTT-3.1.2-3', or a section where the specification numbers none. */
  readonly statement: string;

  constructor(reasonCode: number, statement: string, message: string) {
    super(message);
    this.reasonCode = reasonCode;
    this.statement = statement;
  }
}
