/**
 * How a connection ends: the line in the log, in mosquitto's words, and the last packet, where the
 * protocol has one for it [MQTT 5, 4.13]. Decides nothing.
 */

import {ReasonCode, ReturnCode} from '../../protocol/reason-codes.ts';
import type {Connection} from '../wire/connection.ts';
import type {Ending} from '../wire/connection-handler.ts';
import type {PacketViolation} from '../wire/packet-violation.ts';
import {UnsupportedProtocol} from '../wire/validate.ts';

const kinds: Readonly<Record<number, string>> = {
  [ReasonCode.malformedPacket]: 'due to malformed packet',
  [ReasonCode.packetTooLarge]: 'due to oversize packet',
  [ReasonCode.qosNotSupported]: 'due to using not allowed feature',
  [ReasonCode.retainNotSupported]: 'due to using not allowed feature',
};

/** What the log says of an ending; undefined where whoever ended it says it himself. */
export function endLine(clientId: string, ending: Ending, saidGoodbye: boolean): string | undefined {
  const client = `Client ${clientId}`;
  switch (ending.cause) {
    case 'closed':
      return `${client} closed its connection.`;
    case 'error':
      return `${client} disconnected: ${ending.error.message}.`;
    case 'violation': {
      const {reasonCode, statement, message} = ending.violation;
      return `${client} disconnected ${kinds[reasonCode] ?? 'due to protocol error'}. ${message} [${statement}]`;
    }
    case 'ours':
      return saidGoodbye ? `${client} disconnected.` : undefined;
  }
}

/** Sends DISCONNECT with the reason of a violation, and no session expiry [MQTT-3.14.2-2], to a client that was accepted. */
export function sendDisconnect(
  connection: Connection,
  {reasonCode, message, statement}: PacketViolation,
  maximumPacketSize: number,
): void {
  if (connection.protocolVersion < 5) return;
  const plain = {cmd: 'disconnect', reasonCode} as const;
  const bytes = connection.bytes({...plain, properties: {reasonString: `${message} [${statement}]`}});
  // [MQTT-3.14.2-3]
  if (bytes.length <= maximumPacketSize) connection.write([bytes]);
  else connection.send(plain);
}

/** Sends CONNACK with the reason why a CONNECT cannot even be read, in a form its sender can read. */
export function sendConnack(connection: Connection, violation: PacketViolation): void {
  if (violation instanceof UnsupportedProtocol) {
    if (violation.level === undefined) return;
    // A level below 5 understands only the short CONNACK [MQTT 3.1.1, MQTT-3.1.2-2]. So does a bridge of
    // mosquitto, which adds 0x80 to the level, and does without it when it is refused like this.
    if (violation.level < 5 || violation.level >= 0x80) {
      connection.protocolVersion = 4;
      const returnCode = ReturnCode.unacceptableProtocolVersion;
      connection.send({cmd: 'connack', sessionPresent: false, returnCode});
      return;
    }
    connection.protocolVersion = 5;
  }
  if (connection.protocolVersion < 5) return;
  const {reasonCode, message, statement} = violation;
  const properties = {reasonString: `${message} [${statement}]`};
  connection.send({cmd: 'connack', sessionPresent: false, reasonCode, properties});
}
