/**
 * The hot path of receiving: finds control packets in bytes and reads PUBLISH and its acknowledgements
 * without making anything that is not needed. Pure. What it does not understand it does not judge: the
 * caller hands such a packet to the library, whose errors are the ones that are told.
 *
 * Measured: the general parser costs about a microsecond a packet, this about a tenth of that.
 */

import type {Message, Properties, ProtocolVersion, QoS} from './message.ts';

/** Packet types [MQTT 5, 2.1.2], as in the upper half of a packet's first byte. */
export const packetType = {connack: 2, publish: 3, puback: 4, pubrec: 5, pubcomp: 7, auth: 15} as const;

/** The packet is not whole yet. */
export const incomplete = 0;
/** The remaining length has more than four bytes [MQTT 5, 1.5.5]. */
export const malformed = -1;

/** Bytes of the packet that begins at `at`, its fixed header included; `incomplete` or `malformed`. */
export function packetBytes(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let index = 1, shift = 0; index <= 4; index++, shift += 7) {
    const byte = bytes[at + index];
    if (byte === undefined) return incomplete;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return 1 + index + length;
  }
  return malformed;
}

/** Where what follows the fixed header of the packet at `at` begins; the header must be there. */
export function bodyOf(bytes: Uint8Array, at: number): number {
  let index = at + 1;
  while (bytes[index]! >= 0x80) index++;
  return index + 1;
}

export interface Acknowledgement {
  readonly cmd: 'puback' | 'pubrec' | 'pubcomp';
  readonly messageId: number;
  /** 0 also where it is left out. */
  readonly reasonCode: number;
}

const acknowledgements = {
  [packetType.puback]: 'puback',
  [packetType.pubrec]: 'pubrec',
  [packetType.pubcomp]: 'pubcomp',
} as const;

/**
 * PUBACK, PUBREC or PUBCOMP at `at`, `end` behind it; undefined for one that does not succeed or has
 * properties, which the library shall read.
 */
export function readAcknowledgement(bytes: Uint8Array, at: number, end: number): Acknowledgement | undefined {
  const cmd = acknowledgements[(bytes[at]! >> 4) as keyof typeof acknowledgements];
  const body = bodyOf(bytes, at);
  const length = end - body;
  if (cmd === undefined || (bytes[at]! & 0x0f) !== 0 || length < 2 || length > 4) return undefined;
  // A reason code, and then a property length, may follow [MQTT 5, 3.4.2.1].
  const reasonCode = length > 2 ? bytes[body + 2]! : 0;
  if (reasonCode !== 0 || (length === 4 && bytes[body + 3] !== 0)) return undefined;
  const messageId = (bytes[body]! << 8) | bytes[body + 1]!;
  return messageId === 0 ? undefined : {cmd, messageId, reasonCode};
}

/** A Buffer, whose text decoding is much cheaper than TextDecoder's for the short strings of topics. */
type Bytes = Buffer;

/**
 * Reads PUBLISH packets of QoS 0 and 1 of one connection. Keeps the last topic: floods have few, and
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
   * The PUBLISH at `at`, `end` behind it. Its payload is a view of `bytes`. Undefined for one of QoS 2,
   * with a topic alias, or not as it should be: all that is the library's.
   */
  read(bytes: Bytes, at: number, end: number): Message | undefined {
    const first = bytes[at]!;
    const qos = ((first >> 1) & 3) as QoS;
    if (qos > 1) return undefined;
    let index = bodyOf(bytes, at);
    if (index + 2 > end) return undefined;
    const topicLength = (bytes[index]! << 8) | bytes[index + 1]!;
    index += 2;
    if (topicLength === 0 || index + topicLength > end) return undefined;
    const topic = this.#readTopic(bytes, index, topicLength);
    if (topic === undefined) return undefined;
    index += topicLength;
    let messageId = 0;
    if (qos === 1) {
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
    // Not valid UTF-8, or a NUL: the library says so [MQTT-1.5.4-1], [MQTT-1.5.4-2].
    if (text.includes('\ufffd') || text.includes('\0')) return undefined;
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

/** Cursor over a property block; `at` becomes NaN when something reaches over its end. */
class Cursor {
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
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.integer(1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    this.at = Number.NaN;
    return 0;
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

/** The properties of PUBLISH [MQTT 5, 3.3.2.3] but the topic alias, in their order; undefined for the library. */
function readProperties(bytes: Bytes, at: number, end: number): PropertyBlock | undefined {
  const head = new Cursor(bytes, at, end);
  const length = head.variableInteger();
  const blockEnd = head.at + length;
  if (!(blockEnd <= end)) return undefined;
  const cursor = new Cursor(bytes, head.at, blockEnd);
  const properties: Record<string, unknown> = {};
  while (cursor.at < blockEnd) {
    if (!readProperty(cursor, properties)) return undefined;
  }
  if (cursor.at !== blockEnd) return undefined;
  return {properties: length === 0 ? undefined : (properties as Properties), end: blockEnd};
}

const singles: Readonly<Record<number, readonly [key: string, read: (cursor: Cursor) => unknown]>> = {
  1: ['payloadFormatIndicator', (cursor) => cursor.integer(1)],
  2: ['messageExpiryInterval', (cursor) => cursor.integer(4)],
  3: ['contentType', (cursor) => cursor.string()],
  8: ['responseTopic', (cursor) => cursor.string()],
  9: ['correlationData', (cursor) => cursor.binary()],
};

function readProperty(cursor: Cursor, properties: Record<string, unknown>): boolean {
  const identifier = cursor.integer(1);
  if (identifier === 38) {
    properties.userProperties ??= [];
    (properties.userProperties as [string, string][]).push([cursor.string(), cursor.string()]);
    return true;
  }
  if (identifier === 11) {
    const subscription = cursor.variableInteger();
    properties.subscriptionIdentifiers ??= [];
    (properties.subscriptionIdentifiers as number[]).push(subscription);
    return subscription !== 0;
  }
  const single = singles[identifier];
  if (single === undefined || Object.hasOwn(properties, single[0])) return false;
  const value = single[1](cursor);
  properties[single[0]] = value;
  return identifier !== 1 || (value as number) <= 1;
}
