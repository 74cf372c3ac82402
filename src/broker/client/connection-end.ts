/**
 * How a connection ends: the line in the log, in mosquitto's words, and the last packet, where the
 * protocol has one for it [MQTT 5, 4.13]. Decides nothing.
 */

import type {PacketViolation} from '../../protocol/packet-violation.ts';
import {ReasonCode, ReturnCode} from '../../protocol/reason-codes.ts';
import type {Connection} from '../wire/connection.ts';
import type {Ending} from '../wire/connection-handler.ts';
import {UnsupportedProtocol} from '../wire/validate.ts';

const kinds: Readonly<Record<number, string>> = {
  [ReasonCode.malformedPacket]: 'due to malformed packet',
  [ReasonCode.packetTooLarge]: 'due to oversize packet',
  [ReasonCode.qosNotSupported]: 'due to using not allowed feature',
  [ReasonCode.retainNotSupported]: 'due to using not allowed feature',
};

/** The line in the log; undefined: the broker closed the connection and has logged the reason. */
export function endLine(clientId: string, ending: Ending, disconnected: boolean): string | undefined {
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
      return disconnected ? `${client} disconnected.` : undefined;
  }
}

/** Closes with DISCONNECT and this reason; before MQTT 5 without. */
export function closeWithReason(connection: Connection, reasonCode: number): void {
  connection.close(connection.protocolVersion === 5 ? {cmd: 'disconnect', reasonCode} : undefined);
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
  sendWithin(maximumPacketSize, connection, [bytes, connection.bytes(plain)]);
}

/** Sends the first packet that is not too large for the client, if there is one [MQTT-3.1.2-24], [MQTT-3.14.2-3]. */
function sendWithin(maximumPacketSize: number, connection: Connection, packets: readonly Buffer[]): void {
  const fitting = packets.find(({length}) => length <= maximumPacketSize);
  if (fitting !== undefined) connection.write([fitting]);
}

/** Sends CONNACK with the reason of a violation to a client that was not accepted, in a form that it can read. */
export function sendConnack(
  connection: Connection,
  violation: PacketViolation,
  maximumPacketSize: number,
): void {
  if (violation instanceof UnsupportedProtocol) {
    if (violation.level === undefined) return;
    // A level below 5 understands only the short CONNACK [MQTT 3.1.1, MQTT-3.1.2-2]. So does a bridge of
    // mosquitto: it adds 0x80 to the level, and tries again without when it is refused like this.
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
  const plain = {cmd: 'connack', sessionPresent: false, reasonCode} as const;
  const packets = [{...plain, properties}, plain].map((packet) => connection.bytes(packet));
  sendWithin(maximumPacketSize, connection, packets);
}
