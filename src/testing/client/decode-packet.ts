/** Packets of a broker as names and fields [MQTT 5, 3]. Refuses what is malformed or not a broker's to send. */

import {bodyStart, PacketType, packetNames} from '../../protocol/fixed-header.ts';
import {PublishFlag} from '../../protocol/flags.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {malformed, protocolError} from '../../protocol/packet-violation.ts';
import type {PropertyPacket} from '../../protocol/properties.ts';
import {readProperties} from './read-properties.ts';
import type {ReceivedName, ReceivedPacket} from './types.ts';

/** One whole packet. @throws PacketViolation */
export function decodePacket(frame: Buffer, version: ProtocolVersion): ReceivedPacket {
  const type = frame[0]! >> 4;
  const name = Object.entries(PacketType).find(([, number]) => number === type)?.[0] ?? 'reserved';
  const decode = (decoders as Partial<Record<string, Decoder>>)[name];
  if (decode === undefined) {
    throw protocolError('2.1.2', `A broker does not send ${packetNames[type]}.`);
  }
  const reader = new PacketReader(frame, bodyStart(frame), frame.length, 'server');
  const fields = decode(reader, version, frame[0]! & 0xf);
  if (!reader.done) throw malformed('4.13', `${packetNames[type]} is longer than its fields.`);
  return {name, ...fields} as ReceivedPacket;
}

type Decoder = (reader: PacketReader, version: ProtocolVersion, flags: number) => object;

/** The properties as a member, if there are any; before MQTT 5 there are none. */
function properties(reader: PacketReader, packet: PropertyPacket, version: ProtocolVersion): object {
  const found = version === 5 ? readProperties(reader, packet) : undefined;
  return found === undefined ? {} : {properties: found};
}

/** A reason code and properties that may be left out [MQTT 5, 3.4.2.1]. */
function reason(reader: PacketReader, packet: PropertyPacket, version: ProtocolVersion): object {
  const reasonCode = reader.done ? 0 : reader.byte('the reason code');
  return {reasonCode, ...(reader.done ? {} : properties(reader, packet, version))};
}

const acknowledgement =
  (packet: PropertyPacket): Decoder =>
  (reader, version) => ({packetId: reader.packetIdentifier(), ...reason(reader, packet, version)});

const codes =
  (packet: PropertyPacket): Decoder =>
  (reader, version) => {
    const packetId = reader.packetIdentifier();
    const rest = properties(reader, packet, version);
    return {packetId, reasonCodes: [...bytesLeft(reader)], ...rest};
  };

function bytesLeft(reader: PacketReader): Buffer {
  const left = reader.frame.subarray(reader.position, reader.end);
  reader.position = reader.end;
  return left;
}

const decoders: {readonly [Name in ReceivedName]: Decoder} = {
  connack(reader, version) {
    const sessionPresent = (reader.byte('the flags') & 1) === 1;
    const reasonCode = reader.byte('the code');
    // A broker that does not know MQTT 5 answers in the short form.
    return {sessionPresent, reasonCode, ...(reader.done ? {} : properties(reader, 'connack', version))};
  },
  publish(reader, version, flags) {
    const qos = (flags >> 1) & 3;
    if (qos === 3) throw malformed('MQTT-3.3.1-4', 'PUBLISH has both QoS bits set.');
    const topic = reader.string('the topic');
    const packetId = qos === 0 ? 0 : reader.packetIdentifier();
    const rest = properties(reader, 'publish', version);
    const retain = (flags & PublishFlag.retain) !== 0;
    const duplicate = (flags & PublishFlag.duplicate) !== 0;
    return {
      topic,
      payload: Buffer.from(bytesLeft(reader)),
      qos: qos as QoS,
      retain,
      duplicate,
      packetId,
      ...rest,
    };
  },
  puback: acknowledgement('puback'),
  pubrec: acknowledgement('pubrec'),
  pubrel: acknowledgement('pubrel'),
  pubcomp: acknowledgement('pubcomp'),
  suback: codes('suback'),
  unsuback: codes('unsuback'),
  pingresp: () => ({}),
  disconnect: (reader, version) => reason(reader, 'disconnect', version),
  auth: (reader, version) => reason(reader, 'auth', version),
};
