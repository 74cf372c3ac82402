/**
 * The writer of PUBLISH [MQTT 5, 3.3] for client and broker: many packets in one buffer, because one write of 64 kB
 * costs as much as one of 60 bytes. What is equal in all messages is encoded once. Pure; knows no stream, no window
 * and no limit of the receiver.
 */

import {ExitCode, TmqError} from '../errors.ts';
import {copyBytes} from './byte-copy.ts';
import {
  largestTwoByteInteger,
  publishFirstByte,
  variableIntegerBytes,
  writeVariableInteger,
} from './fixed-header.ts';
import {PublishFlag} from './flags.ts';
import type {ProtocolVersion, Publication, QoS} from './message.ts';
import {type PropertyType, propertyTable} from './properties.ts';

const noBytes = new Uint8Array(0);

/** Bytes of a UTF-8 Encoded String or Binary Data [MQTT 5, 1.5.4, 1.5.6]. @throws TmqError 3 beyond 65535 bytes */
function dataBytes(value: string | Uint8Array): number {
  const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  if (length > largestTwoByteInteger) {
    throw new TmqError('A topic or a property is longer than the 65535 bytes MQTT allows.', ExitCode.invalid);
  }
  return 2 + length;
}

/** Writes a string or binary data; returns the index behind it. */
function writeData(target: Buffer, at: number, value: string | Uint8Array): number {
  const start = at + 2;
  const end =
    typeof value === 'string' ? start + target.write(value, start) : copyBytes(value, target, start);
  target.writeUInt16BE(end - start, at);
  return end;
}

/** A UTF-8 Encoded String or Binary Data. @throws TmqError 3 beyond 65535 bytes */
export function data(value: string | Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(dataBytes(value));
  writeData(bytes, 0, value);
  return bytes;
}

const definitions = new Map(propertyTable.map((definition) => [definition.key, definition]));
const integerBytes: Partial<Record<PropertyType, number>> = {byte: 1, u16: 2, u32: 4};

/** One property by its key in the table: a number, or a string or binary data, of which a user property has two. */
export type PropertyValue = readonly [key: string, value: number | readonly (string | Uint8Array)[]];

/** Bytes of a property's value. @throws TmqError 3 for a string too long to encode */
function valueBytes(type: PropertyType, value: PropertyValue[1]): number {
  if (typeof value === 'number') return integerBytes[type] ?? variableIntegerBytes(value);
  return value.reduce((sum, each) => sum + dataBytes(each), 0);
}

function writeValue(target: Buffer, at: number, type: PropertyType, value: PropertyValue[1]): number {
  if (typeof value !== 'number') return value.reduce((end, each) => writeData(target, end, each), at);
  const bytes = integerBytes[type];
  return bytes === undefined ? writeVariableInteger(target, at, value) : target.writeUIntBE(value, at, bytes);
}

/**
 * A property list with its length [MQTT 5, 2.2.2]: properties in their order, and behind them `encoded` ones.
 * @throws TmqError 3 for a string too long to encode
 */
export function propertyList(values: readonly PropertyValue[], encoded: Uint8Array = noBytes): Buffer {
  let length = encoded.length;
  for (const [key, value] of values) length += 1 + valueBytes(definitions.get(key)!.type, value);
  const list = Buffer.allocUnsafe(variableIntegerBytes(length) + length);
  let at = writeVariableInteger(list, 0, length);
  for (const [key, value] of values) {
    const {identifier, type} = definitions.get(key)!;
    list[at] = identifier;
    at = writeValue(list, at + 1, type, value);
  }
  copyBytes(encoded, list, at);
  return list;
}

/** What is equal in PUBLISH packets that differ only in payload, identifier and DUP, as bytes. */
export interface PublishParts {
  readonly qos: QoS;
  readonly retain: boolean;
  /** As `data` encodes it, which pays where it is used again; empty where an alias among the properties names it. */
  readonly topic: string | Uint8Array;
  /** A property list; empty before MQTT 5, where there is none. */
  readonly properties: Uint8Array;
}

/** Encodes PUBLISH packets that differ only in payload, identifier and DUP [MQTT 5, 3.3]. */
export class PublishEncoder {
  readonly #parts: PublishParts;
  readonly #first: number;
  readonly #topicBytes: number;
  /** Of what stands between fixed header and payload. */
  readonly #variableBytes: number;

  constructor(parts: PublishParts) {
    const {qos, retain, topic, properties} = parts;
    this.#parts = parts;
    this.#first = publishFirstByte(qos, retain);
    this.#topicBytes = typeof topic === 'string' ? dataBytes(topic) : topic.length;
    this.#variableBytes = this.#topicBytes + (qos > 0 ? 2 : 0) + properties.length;
  }

  /** The bytes of the whole packet. */
  packetBytes(payloadBytes: number): number {
    const remaining = this.#variableBytes + payloadBytes;
    return 1 + variableIntegerBytes(remaining) + remaining;
  }

  /** Where the identifier of a packet stands in it; at QoS 0, which has none, 0. */
  packetIdAt(payloadBytes: number): number {
    if (this.#parts.qos === 0) return 0;
    return 1 + variableIntegerBytes(this.#variableBytes + payloadBytes) + this.#topicBytes;
  }

  /** The packet up to its payload, which may be sent behind it. The identifier is left out at QoS 0. */
  header(payloadBytes: number, messageId: number, duplicate: boolean): Buffer {
    const header = Buffer.allocUnsafe(this.packetBytes(payloadBytes) - payloadBytes);
    this.writeHeader(header, 0, payloadBytes, messageId);
    if (duplicate) header[0]! |= PublishFlag.duplicate;
    return header;
  }

  /** Writes a packet up to its payload, without DUP; returns the index behind it. */
  writeHeader(target: Buffer, start: number, payloadBytes: number, messageId: number): number {
    const {qos, topic, properties} = this.#parts;
    target[start] = this.#first;
    let at = writeVariableInteger(target, start + 1, this.#variableBytes + payloadBytes);
    at = typeof topic === 'string' ? writeData(target, at, topic) : copyBytes(topic, target, at);
    if (qos > 0) {
      target[at++] = messageId >> 8;
      target[at++] = messageId & 0xff;
    }
    return copyBytes(properties, target, at);
  }
}

/** UTF-16 units of a topic up to which a loop writes it about as fast as a call out of JavaScript. */
const longestPlainTopic = 128;
/** The length of a property list without properties. */
const propertyLengthBytes = 1;

/** A message at QoS 0 with nothing but a topic and a payload, or in MQTT 5 an empty property list. */
export interface PlainPublish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly levelFive: boolean;
}

function remainingBytes({topic, payload, levelFive}: PlainPublish): number {
  return 2 + topic.length + (levelFive ? propertyLengthBytes : 0) + payload.length;
}

/** Bytes of the packet if `writePlainPublish` can write it. */
export function plainPublishBytes(publish: PlainPublish): number {
  const remaining = remainingBytes(publish);
  return 1 + variableIntegerBytes(remaining) + remaining;
}

/** Writes the packet; returns the index behind it, or -1 if the topic is too long or not in ASCII. */
export function writePlainPublish(target: Uint8Array, start: number, publish: PlainPublish): number {
  const {topic, payload, retain, levelFive} = publish;
  const {length} = topic;
  if (length > longestPlainTopic) return -1;
  target[start] = publishFirstByte(0, retain);
  let at = writeVariableInteger(target, start + 1, remainingBytes(publish));
  target[at++] = 0;
  target[at++] = length;
  for (let index = 0; index < length; index++) {
    const unit = topic.charCodeAt(index);
    if (unit > 0x7f) return -1;
    target[at++] = unit;
  }
  if (levelFive) target[at++] = 0;
  return copyBytes(payload, target, at);
}

/** The properties of a packet, by their keys in the table, as `propertyList` takes them. */
export function propertyValues(properties: object): PropertyValue[] {
  return Object.entries(properties).flatMap(([key, value]): PropertyValue[] => {
    if (key === 'userProperties') return value.map((pair: PropertyValue[1]) => [key, pair]);
    return [[key, typeof value === 'number' ? value : [value]]];
  });
}

/**
 * The encoder of a publication. Before MQTT 5 its properties are left out.
 * @throws TmqError 3 for a string too long to encode
 */
export function publishEncoder(
  {qos, retain, topic, properties = {}}: Publication,
  protocolVersion: ProtocolVersion,
): PublishEncoder {
  const list = protocolVersion === 5 ? propertyList(propertyValues(properties)) : noBytes;
  return new PublishEncoder({qos, retain, topic: data(topic), properties: list});
}

/**
 * PUBLISH packets in one buffer, without DUP, with an identifier for each unless at QoS 0.
 * @param encoders one for all payloads, or one for each
 * @param known the identifiers, and the bytes of all packets where they were counted before
 */
export function publishFrames(
  encoders: PublishEncoder | readonly PublishEncoder[],
  payloads: readonly Uint8Array[],
  {messageIds = [], bytes}: {readonly messageIds?: readonly number[]; readonly bytes?: number} = {},
): Buffer {
  const encoderOf = (index: number) => (encoders instanceof PublishEncoder ? encoders : encoders[index]!);
  let index = 0;
  let length = bytes ?? 0;
  if (bytes === undefined) {
    for (const payload of payloads) length += encoderOf(index++).packetBytes(payload.length);
  }
  const buffer = Buffer.allocUnsafe(length);
  let at = 0;
  index = 0;
  for (const payload of payloads) {
    at = encoderOf(index).writeHeader(buffer, at, payload.length, messageIds[index++] ?? 0);
    at = copyBytes(payload, buffer, at);
  }
  return buffer;
}
