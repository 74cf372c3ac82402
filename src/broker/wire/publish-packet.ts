/**
 * PUBLISH between bytes and values [MQTT 5, 3.3]. The properties that a broker must forward unaltered
 * [MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-18], [MQTT-3.3.2-20] and those of a will [MQTT-3.1.3-10] stay
 * bytes, in their order; only topic alias, message expiry and subscription identifiers are decoded.
 */

import {
  bodyStart,
  publishFirstByte,
  variableIntegerBytes,
  writeVariableInteger,
} from '../../protocol/fixed-header.ts';
import {PublishFlag} from '../../protocol/flags.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {PropertyIdentifier} from '../../protocol/properties.ts';
import {PacketReader} from './packet-reader.ts';
import {aliasInvalid, malformed, protocolError} from './packet-violation.ts';

/** An application message the broker has taken. */
export interface StoredMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Property fields forwarded as they came, without the property length. */
  readonly properties: Buffer;
  /** Milliseconds of the broker's clock; absent: never. */
  readonly expiresAt?: number;
}

export interface DecodedPublish {
  /** Empty where only the topic alias names it. */
  readonly topic: string;
  readonly qos: QoS;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly topicAlias?: number;
  /** Seconds. */
  readonly expirySeconds?: number;
  readonly utf8Payload: boolean;
  /** Properties and payload are copies; where absent, views of the frame. */
  readonly copied?: boolean;
  readonly properties: Buffer;
  readonly payload: Buffer;
}

/** An empty payload, or no properties. */
export const noBytes = Buffer.alloc(0);

/** Whether a topic holds a wildcard, as bytes: + or # never occur inside a longer UTF-8 sequence. */
function hasWildcard(topic: Uint8Array): boolean {
  return topic.includes(0x23) || topic.includes(0x2b);
}

/** The properties of a message as they will be forwarded, and those the broker itself acts on. */
export interface MessageProperties {
  expirySeconds?: number;
  topicAlias?: number;
  willDelaySeconds?: number;
  utf8Payload: boolean;
  forwarded: Buffer;
}

/**
 * Reads the properties of PUBLISH or of a will: strings where they must be [MQTT-3.3.2-13],
 * [MQTT-3.3.2-19]. @throws PacketViolation
 */
export function readMessageProperties(reader: PacketReader, owner: 'publish' | 'will'): MessageProperties {
  const found: MessageProperties = {utf8Payload: false, forwarded: noBytes};
  const kept: Buffer[] = [];
  let keptStart = -1;
  let keptEnd = -1;
  reader.properties(owner, ({definition: {identifier}, start, end, number, bytes}) => {
    if (identifier === PropertyIdentifier.messageExpiryInterval) found.expirySeconds = number;
    else if (identifier === PropertyIdentifier.willDelayInterval) found.willDelaySeconds = number;
    else if (identifier === PropertyIdentifier.topicAlias) {
      // [MQTT-3.3.2-8]
      if (number === 0) throw aliasInvalid('MQTT-3.3.2-8', 'The topic alias is 0.');
      found.topicAlias = number;
    } else {
      if (identifier === PropertyIdentifier.payloadFormatIndicator) {
        if (number > 1) throw protocolError('3.3.2.3.2', 'The payload format indicator is neither 0 nor 1.');
        found.utf8Payload = number === 1;
      } else if (
        identifier === PropertyIdentifier.responseTopic &&
        (bytes.length === 0 || hasWildcard(bytes))
      ) {
        // [MQTT-3.3.2-14]
        throw protocolError('MQTT-3.3.2-14', 'The response topic is empty or has a wildcard.');
      }
      if (start === keptEnd) keptEnd = end;
      else {
        if (keptStart !== -1) kept.push(reader.frame.subarray(keptStart, keptEnd));
        keptStart = start;
        keptEnd = end;
      }
    }
  });
  if (keptStart !== -1) kept.push(reader.frame.subarray(keptStart, keptEnd));
  found.forwarded = kept.length === 0 ? noBytes : kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  return found;
}

/**
 * Decodes a whole PUBLISH frame and validates what can be validated without knowing the session.
 * @throws PacketViolation
 */
export function decodePublish(frame: Buffer, protocolVersion: ProtocolVersion): DecodedPublish {
  const flags = frame[0]!;
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed('MQTT-3.3.1-4', 'PUBLISH has both QoS bits set.');
  const dup = (flags & PublishFlag.duplicate) !== 0;
  if (dup && qos === 0) throw malformed('MQTT-3.3.1-2', 'PUBLISH at QoS 0 has DUP set.');
  const reader = new PacketReader(frame, bodyStart(frame));
  // [MQTT-3.3.2-1]
  const topicBytes = reader.stringBytes('the topic name');
  if (hasWildcard(topicBytes)) throw malformed('MQTT-3.3.2-2', 'The topic name has a wildcard.');
  // [MQTT-2.2.1-2]
  const packetId = qos === 0 ? 0 : reader.packetIdentifier();
  const found: MessageProperties =
    protocolVersion === 5
      ? readMessageProperties(reader, 'publish')
      : {utf8Payload: false, forwarded: noBytes};
  if (topicBytes.length === 0 && found.topicAlias === undefined) {
    throw protocolError(protocolVersion === 5 ? '3.3.2.1' : 'MQTT-4.7.3-1', 'The topic name is empty.');
  }
  return {
    topic: topicBytes.toString(),
    qos: qos as QoS,
    dup,
    retain: (flags & PublishFlag.retain) !== 0,
    packetId,
    ...(found.topicAlias === undefined ? {} : {topicAlias: found.topicAlias}),
    ...(found.expirySeconds === undefined ? {} : {expirySeconds: found.expirySeconds}),
    utf8Payload: found.utf8Payload,
    properties: found.forwarded,
    payload: frame.subarray(reader.position),
  };
}

/** The form in which one receiver gets a message; DUP is not the publisher's [MQTT-3.3.1-3], [MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2]. */
export interface PublishForm {
  readonly protocolVersion: ProtocolVersion;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Where it differs from the message's: without a mount point, or empty because the alias names it. */
  readonly topic?: string;
  readonly topicAlias?: number;
  readonly subscriptionIdentifiers?: readonly number[];
}

/** A PUBLISH frame in one piece, or its head and its payload where copying that would cost. */
export type Frame = readonly Buffer[];

/** Bytes: a write buffer keeps frames from this size on; smaller ones it copies. */
export const keptBytes = 4096;
/** Bytes: payloads from this size on are not copied into the frame. */
const largePayload = 16_384;

/** What is left of a message's time, in whole seconds [MQTT-3.3.2-6]; undefined: it never expires. */
function remainingSeconds(message: StoredMessage, now: () => number): number | undefined {
  if (message.expiresAt === undefined) return undefined;
  return Math.max(0, Math.ceil((message.expiresAt - now()) / 1000));
}

function changingProperties(form: PublishForm, expiry: number | undefined): Buffer {
  const identifiers = form.subscriptionIdentifiers ?? [];
  const size =
    (expiry === undefined ? 0 : 5) +
    (form.topicAlias === undefined ? 0 : 3) +
    identifiers.reduce((sum, identifier) => sum + 1 + variableIntegerBytes(identifier), 0);
  if (size === 0) return noBytes;
  const bytes = Buffer.allocUnsafe(size);
  let position = 0;
  if (expiry !== undefined) {
    bytes[position++] = PropertyIdentifier.messageExpiryInterval;
    position = bytes.writeUInt32BE(expiry, position);
  }
  if (form.topicAlias !== undefined) {
    bytes[position++] = PropertyIdentifier.topicAlias;
    position = bytes.writeUInt16BE(form.topicAlias, position);
  }
  for (const identifier of identifiers) {
    bytes[position++] = PropertyIdentifier.subscriptionIdentifier;
    position = writeVariableInteger(bytes, position, identifier);
  }
  return bytes;
}

/** A frame that receivers may share, but for its packet identifier. */
export interface Template {
  readonly frame: Frame;
  /** Of the packet identifier in the first piece; 0 at QoS 0. */
  readonly packetIdAt: number;
  /** Bytes. */
  readonly size: number;
}

/** Writes the frame into `spare` where that has just the right size, else into a new buffer. */
function buildTemplate(
  message: StoredMessage,
  form: PublishForm,
  {expiry, spare}: {readonly expiry: number | undefined; readonly spare?: Buffer | undefined},
): Template {
  const topic = form.topic ?? message.topic;
  const topicLength = Buffer.byteLength(topic);
  const v5 = form.protocolVersion === 5;
  const changing = v5 ? changingProperties(form, expiry) : noBytes;
  const propertiesLength = v5 ? changing.length + message.properties.length : 0;
  const head = 2 + topicLength + (form.qos === 0 ? 0 : 2);
  const remaining =
    head + (v5 ? variableIntegerBytes(propertiesLength) + propertiesLength : 0) + message.payload.length;
  const size = 1 + variableIntegerBytes(remaining) + remaining;
  const apart = message.payload.length >= largePayload;
  const firstSize = apart ? size - message.payload.length : size;
  const bytes = spare?.length === firstSize ? spare : Buffer.allocUnsafe(firstSize);
  bytes[0] = publishFirstByte(form.qos, form.retain);
  let position = writeVariableInteger(bytes, 1, remaining);
  position = bytes.writeUInt16BE(topicLength, position);
  position += bytes.write(topic, position);
  const packetIdAt = form.qos === 0 ? 0 : position;
  if (form.qos !== 0) position += 2;
  if (v5) {
    position = writeVariableInteger(bytes, position, propertiesLength);
    position += changing.copy(bytes, position);
    position += message.properties.copy(bytes, position);
  }
  if (apart) return {frame: [bytes, message.payload], packetIdAt, size};
  message.payload.copy(bytes, position);
  return {frame: [bytes], packetIdAt, size};
}

/**
 * Writes PUBLISH frames. What a message looks like for one protocol, QoS and retain flag is built once
 * and shared by all its receivers, as long as no other message comes in between.
 */
export class PublishTemplates {
  #message: StoredMessage | undefined;
  #expiry: number | undefined;
  readonly #templates: (Template | undefined)[] = [];
  /** Buffers of former templates, to be used again: floods have frames of one size. */
  readonly #spares: (Buffer | undefined)[] = [];

  /**
   * The frame without packet identifier and DUP, which differ from one receiver to the next. `now` in
   * milliseconds of the broker's clock, looked at only if it matters.
   */
  encode(message: StoredMessage, form: PublishForm, now: () => number): Template {
    const expiry = form.protocolVersion === 5 ? remainingSeconds(message, now) : undefined;
    const own = form.topic !== undefined || form.topicAlias !== undefined;
    if (own || (form.subscriptionIdentifiers?.length ?? 0) > 0) return buildTemplate(message, form, {expiry});
    return this.#template(message, form, expiry);
  }

  #template(message: StoredMessage, form: PublishForm, expiry: number | undefined): Template {
    if (this.#message !== message || (form.protocolVersion === 5 && this.#expiry !== expiry)) {
      this.#message = message;
      this.#expiry = expiry;
      this.#templates.length = 0;
    }
    const key = (form.protocolVersion === 5 ? 6 : 0) + form.qos * 2 + (form.retain ? 1 : 0);
    const known = this.#templates[key];
    if (known !== undefined) return known;
    const template = buildTemplate(message, form, {expiry, spare: this.#spares[key]});
    this.#templates[key] = template;
    const [first] = template.frame;
    this.#spares[key] = first!.length < keptBytes ? first : undefined;
    return template;
  }
}
