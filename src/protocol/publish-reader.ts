/**
 * The hot path of receiving PUBLISH, for the client and for the broker's forwarding. Pure. It judges nothing: a
 * packet that it does not take goes the general way, which reports the errors. Measured: mqtt-packet needs about a
 * microsecond for a packet, `PublishReader` a tenth of that.
 */

import {isUtf8} from 'node:buffer';
import {afterVariableInteger, bodyStart, readVariableInteger} from './fixed-header.ts';
import type {Message, ProtocolVersion, QoS} from './message.ts';
import {
  type Properties,
  type PropertyDefinition,
  PropertyIdentifier,
  type PropertyType,
  propertyTable,
} from './properties.ts';

/** A Buffer, whose text decoding is much cheaper than TextDecoder's for the short strings of topics. */
type Bytes = Buffer;

/**
 * Reads PUBLISH packets of one connection. Keeps the last topic: floods have few, and
 * comparing bytes costs less than decoding them.
 */
export class PublishReader {
  readonly #protocolVersion: ProtocolVersion;
  #topic = '';
  #topicBytes: Uint8Array = new Uint8Array(0);

  constructor(protocolVersion: ProtocolVersion) {
    this.#protocolVersion = protocolVersion;
  }

  /**
   * The PUBLISH from `at` to `end`. Its payload is a view of `bytes`. Undefined for one with a topic alias, or
   * malformed: the packet library reads those.
   */
  read(bytes: Bytes, at: number, end: number): Message | undefined {
    const first = bytes[at]!;
    const qos = ((first >> 1) & 3) as QoS;
    if (qos > 2) return undefined;
    let index = bodyStart(bytes, at);
    if (index + 2 > end) return undefined;
    const topicLength = (bytes[index]! << 8) | bytes[index + 1]!;
    index += 2;
    if (topicLength === 0 || index + topicLength > end) return undefined;
    const topic = this.#readTopic(bytes, index, topicLength);
    if (topic === undefined) return undefined;
    index += topicLength;
    let messageId = 0;
    if (qos > 0) {
      if (index + 2 > end) return undefined;
      messageId = (bytes[index]! << 8) | bytes[index + 1]!;
      if (messageId === 0) return undefined;
      index += 2;
    }
    let properties: Properties | undefined;
    if (this.#protocolVersion === 5) {
      if (index < end && bytes[index] === 0) index++;
      else {
        const block = readProperties(bytes, index, end);
        if (block === undefined) return undefined;
        properties = block.properties;
        index = block.end;
      }
    }
    const payload = bytes.subarray(index, end);
    const retain = (first & 1) === 1;
    if (qos === 0 && properties === undefined) return {topic, payload, qos, retain};
    return {
      topic,
      payload,
      qos,
      retain,
      ...(qos === 0 ? {} : {messageId}),
      ...(properties === undefined ? {} : {properties}),
    };
  }

  #readTopic(bytes: Bytes, at: number, length: number): string | undefined {
    const last = this.#topicBytes;
    if (last.length === length) {
      let index = 0;
      while (index < length && bytes[at + index] === last[index]) index++;
      if (index === length) return this.#topic;
    }
    const text = bytes.toString('utf8', at, at + length);
    // Not valid UTF-8, a NUL or a wildcard: the general way reports it [MQTT-1.5.4-1], [MQTT-1.5.4-2], [MQTT-3.3.2-2].
    if (/[\0+#]/.test(text)) return undefined;
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(at, at + length))) return undefined;
    this.#topicBytes = Uint8Array.prototype.slice.call(bytes, at, at + length);
    this.#topic = text;
    return text;
  }
}

interface PropertyBlock {
  readonly properties: Properties | undefined;
  /** Where the payload begins. */
  readonly end: number;
}

/** Reads the fields of a property block; `at` becomes NaN when a field reaches over its end. */
class FieldCursor {
  at: number;
  readonly bytes: Bytes;
  readonly end: number;

  constructor(bytes: Bytes, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  integer(count: number): number {
    const at = this.at;
    this.at = at + count <= this.end ? at + count : Number.NaN;
    return Number.isNaN(this.at) ? 0 : this.bytes.readUIntBE(at, count);
  }

  variableInteger(): number {
    const value = readVariableInteger(this.bytes, this.at, this.end);
    this.at = value < 0 ? Number.NaN : afterVariableInteger(this.bytes, this.at);
    return Math.max(value, 0);
  }

  binary(): Bytes {
    const length = this.integer(2);
    const at = this.at;
    this.at = at + length <= this.end ? at + length : Number.NaN;
    return this.bytes.subarray(at, at + length);
  }

  string(): string {
    const text = this.binary().toString('utf8');
    if (text.includes('\ufffd') || text.includes('\0')) this.at = Number.NaN;
    return text;
  }
}

/** The properties of PUBLISH [MQTT 5, 3.3.2.3] in their order; undefined where the packet library must read them. */
function readProperties(bytes: Bytes, at: number, end: number): PropertyBlock | undefined {
  const head = new FieldCursor(bytes, at, end);
  const length = head.variableInteger();
  const blockEnd = head.at + length;
  if (!(blockEnd <= end)) return undefined;
  const cursor = new FieldCursor(bytes, head.at, blockEnd);
  const properties: Record<string, unknown> = {};
  while (cursor.at < blockEnd) {
    if (!readProperty(cursor, properties)) return undefined;
  }
  if (cursor.at !== blockEnd) return undefined;
  return {properties: length === 0 ? undefined : (properties as Properties), end: blockEnd};
}

const readers: Readonly<Record<PropertyType, (cursor: FieldCursor) => unknown>> = {
  byte: (cursor) => cursor.integer(1),
  u16: (cursor) => cursor.integer(2),
  u32: (cursor) => cursor.integer(4),
  varint: (cursor) => cursor.variableInteger(),
  utf8: (cursor) => cursor.string(),
  binary: (cursor) => cursor.binary(),
  pair: (cursor) => [cursor.string(), cursor.string()],
};

/** The properties read here, by identifier. */
const readable: ReadonlyMap<number, PropertyDefinition> = new Map(
  propertyTable
    .filter(({packets, key}) => packets.includes('publish') && key !== 'topicAlias')
    .map((definition) => [definition.identifier, definition]),
);

/** Reads one property into `properties`; false for one that the packet library must read. */
function readProperty(cursor: FieldCursor, properties: Record<string, unknown>): boolean {
  const definition = readable.get(cursor.integer(1));
  if (definition === undefined) return false;
  const {identifier, key, type, positive} = definition;
  const value = readers[type](cursor);
  if ((positive && value === 0) || (type === 'byte' && (value as number) > 1)) return false;
  if (identifier === PropertyIdentifier.userProperties) append(properties, key, value);
  else if (identifier === PropertyIdentifier.subscriptionIdentifier) {
    append(properties, 'subscriptionIdentifiers', value);
  } else if (Object.hasOwn(properties, key)) return false;
  else properties[key] = value;
  return true;
}

function append(properties: Record<string, unknown>, key: string, value: unknown): void {
  properties[key] ??= [];
  (properties[key] as unknown[]).push(value);
}

/**
 * Finds the parts of a PUBLISH in place, without making anything of them, for the broker's zero-copy forwarding.
 * Only for packets whose Remaining Length takes two bytes at most: larger ones gain nothing.
 */
export class PublishCursor {
  readonly #hasProperties: boolean;
  /** Indices in the frame last read: of its topic, of what follows the topic, and of the next frame. */
  topic = 0;
  afterTopic = 0;
  end = 0;

  constructor(hasProperties: boolean) {
    this.#hasProperties = hasProperties;
  }

  /** Reads the frame at `at` up to the end of its topic; false where it is incomplete, too large or malformed. */
  read(bytes: Buffer, at: number, largestPacket: number): boolean {
    let body = at + 2;
    let remaining = bytes[at + 1]!;
    if (remaining >= 0x80) {
      const high = bytes[body++]!;
      // A length may not end with 0 [MQTT-1.5.5-1].
      if (high >= 0x80 || high === 0) return false;
      remaining = (remaining & 0x7f) | (high << 7);
    }
    this.end = body + remaining;
    if (remaining < 2 || this.end > bytes.length || this.end - at > largestPacket) return false;
    this.topic = body + 2;
    this.afterTopic = this.topic + ((bytes[body]! << 8) | bytes[body + 1]!);
    return this.afterTopic <= this.end;
  }

  /** Where the payload begins, behind an empty property list at `at` or, in MQTT 3, at `at`; 0 where there are properties. */
  payload(bytes: Buffer, at: number): number {
    if (!this.#hasProperties) return at > this.end ? 0 : at;
    return at >= this.end || bytes[at] !== 0 ? 0 : at + 1;
  }
}
