/**
 * The reader of PUBLISH [MQTT 5, 3.3] for client and broker: the broker reports what is malformed, the client leaves
 * such a packet to its packet library. Pure. Measured: mqtt-packet needs about a microsecond for a packet,
 * `PublishReader` a tenth of that. `PublishCursor` is the broker's alone, for forwarding frames as they came.
 */

import {copyBytes} from './byte-copy.ts';
import {bodyStart} from './fixed-header.ts';
import {PublishFlag} from './flags.ts';
import type {Message, ProtocolVersion, QoS} from './message.ts';
import {PacketReader, type PropertyField} from './packet-reader.ts';
import {malformed, PacketViolation} from './packet-violation.ts';
import {type Properties, PropertyIdentifier} from './properties.ts';

/** Whether a topic holds a wildcard, as bytes: + or # never occur inside a longer UTF-8 sequence. */
export function hasWildcard(topic: Uint8Array): boolean {
  for (const byte of topic) if (byte === 0x23 || byte === 0x2b) return true;
  return false;
}

/**
 * Reads PUBLISH packets of one connection. Keeps the last topic: floods have few, and
 * comparing bytes costs less than decoding them.
 */
export class PublishReader {
  readonly #protocolVersion: ProtocolVersion;
  /** Of the packet last read; empty only in MQTT 5, with a topic alias, or where that is an error. */
  topic = '';
  /** Of the packet last read; 0 at QoS 0. */
  packetId = 0;
  /** Where the properties of the packet last read begin. */
  position = 0;
  /** Used again for the next topic that it has room for. */
  #topicBytes: Uint8Array = new Uint8Array(0);
  #topicLength = 0;

  constructor(protocolVersion: ProtocolVersion) {
    this.#protocolVersion = protocolVersion;
  }

  /**
   * A server's PUBLISH from `at` to `end`. Its payload is a view of `bytes`. Undefined for one with a topic alias, or
   * malformed: the packet library reads those.
   */
  read(bytes: Buffer, at: number, end: number): Message | undefined {
    let properties: Properties | undefined;
    try {
      this.readFields(bytes, at, end);
      if (this.topic === '') return undefined;
      if (this.#protocolVersion === 5) {
        if (this.position < end && bytes[this.position] === 0) this.position++;
        else {
          const reader = new PacketReader(bytes, this.position, end, 'server');
          properties = readProperties(reader);
          if (properties === undefined) return undefined;
          this.position = reader.position;
        }
      }
    } catch (error) {
      if (error instanceof PacketViolation) return undefined;
      throw error;
    }
    const {topic, packetId} = this;
    const payload = bytes.subarray(this.position, end);
    const first = bytes[at]!;
    const qos = ((first >> 1) & 3) as QoS;
    const retain = (first & PublishFlag.retain) !== 0;
    if (properties === undefined) {
      return qos === 0 ? {topic, payload, qos, retain} : {topic, payload, qos, retain, messageId: packetId};
    }
    return {topic, payload, qos, retain, ...(qos === 0 ? {} : {messageId: packetId}), properties};
  }

  /** Reads what stands in front of the properties of the PUBLISH from `at` to `end`. @throws PacketViolation */
  readFields(bytes: Buffer, at: number, end: number): void {
    const qos = (bytes[at]! >> 1) & 3;
    if (qos === 3) throw malformed('MQTT-3.3.1-4', 'PUBLISH has both QoS bits set.');
    const topicAt = bodyStart(bytes, at);
    let position = topicAt + 2 + this.#topicLength;
    if (position > end || !this.#isLastTopic(bytes, topicAt)) position = this.#readTopic(bytes, topicAt, end);
    this.packetId = 0;
    if (qos > 0) {
      // [MQTT-2.2.1-2]
      const packetId = position + 2 > end ? 0 : (bytes[position]! << 8) | bytes[position + 1]!;
      this.packetId = packetId || new PacketReader(bytes, position, end).packetIdentifier();
      position += 2;
    }
    this.position = position;
  }

  #isLastTopic(bytes: Buffer, at: number): boolean {
    const length = this.#topicLength;
    const last = this.#topicBytes;
    if (((bytes[at]! << 8) | bytes[at + 1]!) !== length) return false;
    // From the end, where topics that follow each other usually differ.
    for (let index = length; index-- > 0; ) if (bytes[at + 2 + index] !== last[index]) return false;
    return true;
  }

  /** Reads the topic at `at` [MQTT-3.3.2-1]; returns the index behind it. */
  #readTopic(bytes: Buffer, at: number, end: number): number {
    const reader = new PacketReader(bytes, at, end);
    const topic = reader.stringBytes('the topic name');
    if (hasWildcard(topic)) throw malformed('MQTT-3.3.2-2', 'The topic name has a wildcard.');
    if (topic.length > this.#topicBytes.length) this.#topicBytes = new Uint8Array(topic.length);
    copyBytes(topic, this.#topicBytes, 0);
    this.#topicLength = topic.length;
    this.topic = topic.toString();
    return reader.position;
  }
}

/** The properties of a server's PUBLISH [MQTT 5, 3.3.2.3] in their order; undefined where the packet library must read them. */
function readProperties(reader: PacketReader): Properties | undefined {
  const properties: Record<string, unknown> = {};
  let isReadable = true;
  reader.properties('publish', (field) => {
    isReadable &&= addProperty(properties, field);
  });
  return isReadable ? (properties as Properties) : undefined;
}

/** Adds one property; false for one that the packet library must read. */
function addProperty(
  properties: Record<string, unknown>,
  {definition, number, bytes, name}: PropertyField,
): boolean {
  const {identifier, key, type, positive} = definition;
  if (identifier === PropertyIdentifier.topicAlias) return false;
  if ((positive && number === 0) || (type === 'byte' && number > 1)) return false;
  if (type === 'pair') append(properties, key, [name.toString(), bytes.toString()]);
  else if (type === 'utf8') properties[key] = bytes.toString();
  else if (type === 'binary') properties[key] = bytes;
  else if (identifier === PropertyIdentifier.subscriptionIdentifier) {
    append(properties, 'subscriptionIdentifiers', number);
  } else properties[key] = number;
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
