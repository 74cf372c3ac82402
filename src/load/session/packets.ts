/** The packets of a light session beside PUBLISH and its acknowledgements, of MQTT 3.1, 3.1.1 and 5. Pure. */

import type {Credentials} from '../../client/connection-options.ts';
import {firstByte, PacketType} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {connectBytes, framed} from '../../protocol/packet-writer.ts';
import {data, propertyList} from '../../protocol/publish-writer.ts';
import {isFailure, reasonText, returnText} from '../../protocol/reason-codes.ts';

const noBytes = new Uint8Array(0);
const noProperties = propertyList([]);

export interface ConnectPacket {
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  readonly keepaliveSeconds: number;
  readonly credentials?: Credentials | undefined;
}

/** CONNECT with a clean session. @throws TmqError 3 for a string that is too long */
export function connectPacket({
  protocolVersion,
  clientId,
  keepaliveSeconds,
  credentials,
}: ConnectPacket): Buffer {
  const properties = protocolVersion === 5 ? noProperties : noBytes;
  return connectBytes({
    version: protocolVersion,
    clientId,
    clean: true,
    keepaliveSeconds,
    credentials,
    properties,
  });
}

/** SUBSCRIBE with the packet identifier 1 and one filter. @throws TmqError 3 for a filter that is too long */
export function subscribePacket(protocolVersion: ProtocolVersion, filter: string, qos: QoS): Buffer {
  const properties = protocolVersion === 5 ? noProperties : noBytes;
  return framed(firstByte(PacketType.subscribe), Buffer.of(0, 1), properties, data(filter), Buffer.of(qos));
}

export const pingPacket = framed(firstByte(PacketType.pingreq));
/** It reports success, which is left out in MQTT 5, too [MQTT 5, 3.14.2.1]. */
export const disconnectPacket = framed(firstByte(PacketType.disconnect));

/** What CONNACK says. */
export interface Connack {
  readonly code: number;
  /** Of MQTT 5; what the server does not say has the value of the specification. */
  readonly receiveMaximum: number;
  readonly maximumQos: number;
  readonly maximumPacketSize: number;
  /** Seconds; undefined where the client's own counts. */
  readonly keepaliveSeconds: number | undefined;
}

/** Reads the CONNACK whose body is from `at` to `end`. @throws PacketViolation where it is malformed */
export function readConnack(
  bytes: Buffer,
  at: number,
  end: number,
  protocolVersion: ProtocolVersion,
): Connack {
  const reader = new PacketReader(bytes, at, end, 'server');
  reader.byte('the flags');
  const code = reader.byte('the reason code');
  const values = new Map<string, number>();
  if (protocolVersion === 5 && !reader.done) {
    reader.properties('connack', ({definition, number}) => void values.set(definition.key, number));
  }
  return {
    code,
    receiveMaximum: values.get('receiveMaximum') ?? 65_535,
    maximumQos: values.get('maximumQoS') ?? 2,
    maximumPacketSize: values.get('maximumPacketSize') ?? Number.POSITIVE_INFINITY,
    keepaliveSeconds: values.get('serverKeepAlive'),
  };
}

/** The reason code of a SUBACK for one filter, with a body from `at` to `end`. @throws PacketViolation */
export function readSuback(bytes: Buffer, at: number, end: number, protocolVersion: ProtocolVersion): number {
  const reader = new PacketReader(bytes, at, end, 'server');
  reader.packetIdentifier();
  if (protocolVersion === 5) reader.properties('suback');
  return reader.byte('the reason code');
}

/** What a code is called that refuses a connection: servers without MQTT 5 answer with codes of version 3. */
export function connectReason(code: number): string {
  return isFailure(code) ? reasonText(code) : capital(returnText(code) ?? 'unknown reason');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
