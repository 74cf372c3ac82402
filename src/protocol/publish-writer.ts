/**
 * The hot path of sending: PUBLISH packets as bytes, many of them in one buffer, because one write of 64 kB costs
 * as much as one of 60 bytes. What is equal in all messages is encoded once. Pure; knows no stream, no window and
 * no limit of a server.
 */

import {ExitCode, TmqError} from '../errors.ts';
import {copyBytes} from './byte-copy.ts';
import {
  largestTwoByteInteger,
  publishFirstByte,
  variableInteger,
  variableIntegerBytes,
  writeVariableInteger,
} from './fixed-header.ts';
import {PublishFlag} from './flags.ts';
import type {ProtocolVersion, Publication} from './message.ts';
import {type Properties, type PropertyType, propertyTable, type UserProperties} from './properties.ts';

export interface PublishEncoder {
  /** The bytes of the whole packet. */
  packetBytes(payloadBytes: number): number;
  /** All packets in one buffer, without DUP; with an identifier for each unless at QoS 0. */
  frames(payloads: readonly Uint8Array[], messageIds?: readonly number[]): Buffer;
  /** The packet up to its payload, which may be sent behind it. The identifier is left out at QoS 0. */
  header(payloadBytes: number, messageId: number, duplicate: boolean): Buffer;
}

/** An integer of so many bytes, big-endian [MQTT 5, 1.5.2]. */
export function integer(value: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

/** Binary Data [MQTT 5, 1.5.6]. @throws TmqError 3 beyond 65535 bytes */
export function binary(value: Uint8Array): Buffer {
  if (value.length > largestTwoByteInteger) {
    throw new TmqError('A topic or a property is longer than the 65535 bytes MQTT allows.', ExitCode.invalid);
  }
  return Buffer.concat([integer(value.length, 2), value]);
}

/** A UTF-8 Encoded String [MQTT 5, 1.5.4]. @throws TmqError 3 beyond 65535 bytes */
export function string(value: string): Buffer {
  return binary(Buffer.from(value));
}

const writers: Readonly<Record<Exclude<PropertyType, 'pair'>, (value: never) => Buffer>> = {
  byte: (value: number) => integer(value, 1),
  u16: (value: number) => integer(value, 2),
  u32: (value: number) => integer(value, 4),
  varint: variableInteger,
  utf8: string,
  binary,
};

const definitions = new Map(propertyTable.map((definition) => [definition.key, definition]));

function property(key: string, value: unknown): readonly Buffer[] {
  const definition = definitions.get(key);
  if (definition === undefined || value === undefined) return [];
  const identifier = Buffer.of(definition.identifier);
  if (definition.type === 'pair') {
    return (value as UserProperties).flatMap(([name, text]) => [identifier, string(name), string(text)]);
  }
  return [identifier, writers[definition.type](value as never)];
}

/** The property block of a PUBLISH with its length [MQTT 5, 2.2.2], in the order of the keys. */
function propertyBlock(properties: Properties | undefined): Buffer {
  const block = Buffer.concat(
    Object.entries(properties ?? {}).flatMap(([key, value]) => property(key, value)),
  );
  return Buffer.concat([variableInteger(block.length), block]);
}

/**
 * Encodes PUBLISH packets that differ only in payload, identifier and DUP [MQTT 5, 3.3]. An empty topic
 * is left empty: its alias is among the properties. Before MQTT 5 there are no properties.
 * @throws TmqError 3 for a string too long to encode
 */
export function publishEncoder(publication: Publication, protocolVersion: ProtocolVersion): PublishEncoder {
  const {qos, retain} = publication;
  const first = publishFirstByte(qos, retain);
  const topic = string(publication.topic);
  const properties = protocolVersion === 5 ? propertyBlock(publication.properties) : Buffer.alloc(0);
  const variableBytes = topic.length + (qos > 0 ? 2 : 0) + properties.length;

  const packetBytes = (payloadBytes: number) =>
    1 + variableIntegerBytes(variableBytes + payloadBytes) + variableBytes + payloadBytes;

  return {
    packetBytes,
    header(payloadBytes, messageId, duplicate) {
      const header = Buffer.allocUnsafe(packetBytes(payloadBytes) - payloadBytes);
      header[0] = duplicate ? first | PublishFlag.duplicate : first;
      let at = writeVariableInteger(header, 1, variableBytes + payloadBytes);
      at = copyBytes(topic, header, at);
      if (qos > 0) at = header.writeUInt16BE(messageId, at);
      copyBytes(properties, header, at);
      return header;
    },
    frames(payloads, messageIds = []) {
      let length = 0;
      for (const payload of payloads) length += packetBytes(payload.length);
      const buffer = Buffer.allocUnsafe(length);
      let at = 0;
      let index = 0;
      for (const payload of payloads) {
        buffer[at] = first;
        at = writeVariableInteger(buffer, at + 1, variableBytes + payload.length);
        at = copyBytes(topic, buffer, at);
        if (qos > 0) {
          const messageId = messageIds[index++]!;
          buffer[at++] = messageId >> 8;
          buffer[at++] = messageId & 0xff;
        }
        at = copyBytes(properties, buffer, at);
        at = copyBytes(payload, buffer, at);
      }
      return buffer;
    },
  };
}
