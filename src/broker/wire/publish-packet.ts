/**
 * The broker's side of PUBLISH [MQTT 5, 3.3], on the reader and the writer of protocol/. Properties that a broker must
 * forward unaltered [MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-18], [MQTT-3.3.2-20] and those of a will
 * [MQTT-3.1.3-10] stay bytes, in their order. The CPU time is 0.7 to 0.97 of that with a codec of its own.
 */

import {copyBytes} from '../../protocol/byte-copy.ts';
import {PublishFlag} from '../../protocol/flags.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {aliasInvalid, malformed, protocolError} from '../../protocol/packet-violation.ts';
import {PropertyIdentifier} from '../../protocol/properties.ts';
import {hasWildcard, PublishReader} from '../../protocol/publish-reader.ts';
import {data, type PropertyValue, PublishEncoder, propertyList} from '../../protocol/publish-writer.ts';

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
/** The bits of DUP and QoS in the first byte. */
const dupAndQos = 0b1110;

/** The properties of a message as they will be forwarded, and those the broker itself acts on. */
export interface MessageProperties {
  expirySeconds?: number;
  topicAlias?: number;
  willDelaySeconds?: number;
  utf8Payload: boolean;
  forwarded: Buffer;
}

/**
 * Reads the properties of PUBLISH or of a will, which are none before MQTT 5: strings where they must be
 * [MQTT-3.3.2-13], [MQTT-3.3.2-19]. @throws PacketViolation
 */
export function readMessageProperties(
  reader: PacketReader,
  owner: 'publish' | 'will',
  protocolVersion: ProtocolVersion,
): MessageProperties {
  const found: MessageProperties = {utf8Payload: false, forwarded: noBytes};
  if (protocolVersion < 5) return found;
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
 * Decodes a whole PUBLISH frame of `reader`'s connection, and validates what can be validated without knowing the
 * session. @throws PacketViolation
 */
export function decodePublish(
  frame: Buffer,
  protocolVersion: ProtocolVersion,
  reader = new PublishReader(protocolVersion),
): DecodedPublish {
  const first = frame[0]!;
  if ((first & dupAndQos) === PublishFlag.duplicate) {
    throw malformed('MQTT-3.3.1-2', 'PUBLISH at QoS 0 has DUP set.');
  }
  reader.readFields(frame, 0, frame.length);
  const {topic, packetId, position} = reader;
  const body = new PacketReader(frame, position);
  const found = readMessageProperties(body, 'publish', protocolVersion);
  const {topicAlias, expirySeconds, utf8Payload, forwarded} = found;
  if (topic === '' && topicAlias === undefined) {
    throw protocolError(protocolVersion === 5 ? '3.3.2.1' : 'MQTT-4.7.3-1', 'The topic name is empty.');
  }
  return {
    topic,
    qos: ((first >> 1) & 3) as QoS,
    dup: (first & PublishFlag.duplicate) !== 0,
    retain: (first & PublishFlag.retain) !== 0,
    packetId,
    ...(topicAlias === undefined ? {} : {topicAlias}),
    ...(expirySeconds === undefined ? {} : {expirySeconds}),
    utf8Payload,
    properties: forwarded,
    payload: frame.subarray(body.position),
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

/** The property list of a message for one receiver. */
function propertiesFor(
  {properties}: StoredMessage,
  {topicAlias, subscriptionIdentifiers = []}: PublishForm,
  expiry: number | undefined,
): Buffer {
  const changing: PropertyValue[] = [];
  if (expiry !== undefined) changing.push(['messageExpiryInterval', expiry]);
  if (topicAlias !== undefined) changing.push(['topicAlias', topicAlias]);
  for (const identifier of subscriptionIdentifiers) changing.push(['subscriptionIdentifier', identifier]);
  return propertyList(changing, properties);
}

/** A frame that receivers may share, but for its packet identifier. */
export interface Template {
  readonly frame: Frame;
  /** Of the packet identifier in the first piece; 0 at QoS 0. */
  readonly packetIdAt: number;
  /** Bytes. */
  readonly size: number;
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
  /** Of the last message; encoded if it was also that of the one before. */
  #topic = '';
  #topicBytes: Buffer | undefined;

  /**
   * The frame without packet identifier and DUP, which differ from one receiver to the next. `now` in
   * milliseconds of the broker's clock, looked at only if it matters.
   */
  encode(message: StoredMessage, form: PublishForm, now: () => number): Template {
    const expiry = form.protocolVersion === 5 ? remainingSeconds(message, now) : undefined;
    const own = form.topic !== undefined || form.topicAlias !== undefined;
    if (own || (form.subscriptionIdentifiers?.length ?? 0) > 0) return this.#build(message, form, expiry);
    return this.#shared(message, form, expiry);
  }

  #shared(message: StoredMessage, form: PublishForm, expiry: number | undefined): Template {
    if (this.#message !== message || (form.protocolVersion === 5 && this.#expiry !== expiry)) {
      this.#message = message;
      this.#expiry = expiry;
      this.#templates.length = 0;
    }
    const key = (form.protocolVersion === 5 ? 6 : 0) + form.qos * 2 + (form.retain ? 1 : 0);
    const known = this.#templates[key];
    if (known !== undefined) return known;
    const template = this.#build(message, form, expiry, this.#spares[key]);
    this.#templates[key] = template;
    const [first] = template.frame;
    this.#spares[key] = first!.length < keptBytes ? first : undefined;
    return template;
  }

  #build(message: StoredMessage, form: PublishForm, expiry: number | undefined, spare?: Buffer): Template {
    const {payload} = message;
    const topic = form.topic ?? message.topic;
    if (topic !== this.#topic) this.#topicBytes = undefined;
    else this.#topicBytes ??= data(topic);
    this.#topic = topic;
    const encoder = new PublishEncoder({
      qos: form.qos,
      retain: form.retain,
      topic: this.#topicBytes ?? topic,
      properties: form.protocolVersion === 5 ? propertiesFor(message, form, expiry) : noBytes,
    });
    const {length} = payload;
    const size = encoder.packetBytes(length);
    const isApart = length >= largePayload;
    const firstBytes = isApart ? size - length : size;
    const first = spare?.length === firstBytes ? spare : Buffer.allocUnsafe(firstBytes);
    const payloadAt = encoder.writeHeader(first, 0, length, 0);
    if (!isApart) copyBytes(payload, first, payloadAt);
    return {frame: isApart ? [first, payload] : [first], packetIdAt: encoder.packetIdAt(length), size};
  }
}
