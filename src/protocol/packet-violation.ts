/** The errors for what the other side sent and is not allowed. */

import {ReasonCode} from './reason-codes.ts';

/** The other side sent what is not allowed; the reason code is that of DISCONNECT in MQTT 5 [MQTT 5, 4.13]. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly reasonCode: number;

  constructor(message: string, reasonCode: number) {
    super(message);
    this.reasonCode = reasonCode;
  }
}

/** A packet, or a request in it, that the specification forbids: the connection is closed with its reason code. */
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

/** A Malformed Packet: it cannot be parsed [MQTT 5, 4.13]. */
export function malformed(statement: string, message: string): PacketViolation {
  return new PacketViolation(ReasonCode.malformedPacket, statement, message);
}

/** A Protocol Error: it can be parsed, but must not be sent like this [MQTT 5, 4.13]. */
export function protocolError(statement: string, message: string): PacketViolation {
  return new PacketViolation(ReasonCode.protocolError, statement, message);
}

/** A topic alias that cannot be used [MQTT 5, 3.3.2.3.4]. */
export function aliasInvalid(statement: string, message: string): PacketViolation {
  return new PacketViolation(ReasonCode.topicAliasInvalid, statement, message);
}
