/**
 * Reads the fields of one whole MQTT frame in order and refuses what is not well formed: integers,
 * UTF-8 strings, binary data, properties. Knows the fields, not the packets they make up.
 */

import {isUtf8} from 'node:buffer';
import {incomplete, malformedInteger, readVariableInteger, variableIntegerBytes} from './fixed-header.ts';
import {malformed, protocolError} from './packet-violation.ts';
import {
  mayClientSend,
  type PropertyDefinition,
  PropertyIdentifier,
  type PropertyPacket,
  propertyTable,
} from './properties.ts';

const definitions: ReadonlyMap<number, PropertyDefinition> = new Map(
  propertyTable.map((definition) => [definition.identifier, definition]),
);

/** One property in the frame: `start` is at its identifier, `end` behind its value. */
export interface PropertyField {
  readonly definition: PropertyDefinition;
  readonly start: number;
  readonly end: number;
  /** Of numbers; 0 for the other types. */
  readonly number: number;
  /** Of strings and binary data, and of a pair's value. */
  readonly bytes: Buffer;
  /** Of a pair; empty for the other types. */
  readonly name: Buffer;
}

/** The side that sends a packet: only a server may send subscription identifiers in PUBLISH [MQTT-3.3.4-6]. */
type Sender = 'client' | 'server';

const noBytes = Buffer.alloc(0);

/**
 * Whether the bytes are an MQTT string: well-formed UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2],
 * [MQTT-4.7.3-2]. Its length has two bytes [MQTT-4.7.3-3]; a byte order mark is a character like any other
 * [MQTT-1.5.4-3].
 */
function isMqttUtf8(bytes: Uint8Array): boolean {
  let ascii = true;
  for (const byte of bytes) {
    if (byte === 0) return false;
    if (byte > 0x7f) ascii = false;
  }
  return ascii || isUtf8(bytes);
}

/** A position in a frame, which moves from field to field. */
export class PacketReader {
  readonly frame: Buffer;
  position: number;
  readonly end: number;
  readonly #sender: Sender;

  constructor(frame: Buffer, position: number, end: number = frame.length, sender: Sender = 'client') {
    this.frame = frame;
    this.position = position;
    this.end = end;
    this.#sender = sender;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** @throws PacketViolation when the frame ends before `length` further bytes */
  need(length: number, what: string): void {
    if (this.position + length > this.end) throw malformed('4.13', `The packet ends inside ${what}.`);
  }

  byte(what: string): number {
    this.need(1, what);
    return this.frame[this.position++]!;
  }

  u16(what: string): number {
    this.need(2, what);
    this.position += 2;
    return this.frame.readUInt16BE(this.position - 2);
  }

  u32(what: string): number {
    this.need(4, what);
    this.position += 4;
    return this.frame.readUInt32BE(this.position - 4);
  }

  /** A Variable Byte Integer: one to four bytes, and no more than needed [MQTT-1.5.5-1]. */
  variableInteger(what: string): number {
    const value = readVariableInteger(this.frame, this.position, this.end);
    if (value === incomplete) throw malformed('4.13', `The packet ends inside ${what}.`);
    if (value === malformedInteger) throw malformed('1.5.5', `${capital(what)} takes more than four bytes.`);
    const end = this.position + variableIntegerBytes(value);
    if (this.frame[end - 1]! >= 0x80) {
      throw malformed('MQTT-1.5.5-1', `${capital(what)} takes more bytes than it needs.`);
    }
    this.position = end;
    return value;
  }

  /** Binary data: a view, not a copy. */
  binary(what: string): Buffer {
    const length = this.u16(what);
    this.need(length, what);
    this.position += length;
    return this.frame.subarray(this.position - length, this.position);
  }

  /** The bytes of a UTF-8 string. @throws PacketViolation when they are none */
  stringBytes(what: string): Buffer {
    const bytes = this.binary(what);
    if (!isMqttUtf8(bytes)) {
      throw malformed(bytes.includes(0) ? 'MQTT-1.5.4-2' : 'MQTT-1.5.4-1', `${capital(what)} is not UTF-8.`);
    }
    return bytes;
  }

  string(what: string): string {
    return this.stringBytes(what).toString();
  }

  /** A packet identifier; 0 is none [MQTT-2.2.1-3]. */
  packetIdentifier(): number {
    const identifier = this.u16('the packet identifier');
    if (identifier === 0) throw protocolError('MQTT-2.2.1-3', 'The packet identifier is 0.');
    return identifier;
  }

  /**
   * Walks a property list [MQTT 5, 2.2.2]: known, allowed in this packet, of its type, and only User Property, and in
   * PUBLISH Subscription Identifier, more than once. `each` sees every property in order. @throws PacketViolation
   */
  properties(packet: PropertyPacket, each: (field: PropertyField) => void = () => undefined): void {
    const length = this.variableInteger('the property length');
    this.need(length, 'the properties');
    const end = this.position + length;
    // Identifiers are below 64, so two integers remember which were there.
    let seenLow = 0;
    let seenHigh = 0;
    while (this.position < end) {
      const field = this.#property(packet, end);
      const {identifier, name} = field.definition;
      const bit = 1 << (identifier & 31);
      const seen = identifier < 32 ? seenLow : seenHigh;
      if ((seen & bit) !== 0 && !mayRepeat(identifier, packet)) {
        throw protocolError('2.2.2.2', `The property ${name} is there twice.`);
      }
      if (identifier < 32) seenLow |= bit;
      else seenHigh |= bit;
      each(field);
    }
  }

  #property(packet: PropertyPacket, end: number): PropertyField {
    const start = this.position;
    const identifier = this.variableInteger('a property identifier');
    const definition = definitions.get(identifier);
    if (definition === undefined) throw malformed('2.2.2.2', `There is no property ${identifier}.`);
    const {name, packets} = definition;
    if (!packets.includes(packet)) {
      throw malformed('2.2.2.2', `The property ${name} does not belong in ${packet}.`);
    }
    if (this.#sender === 'client' && !mayClientSend(definition, packet)) {
      throw protocolError('MQTT-3.3.4-6', 'A client must not send a subscription identifier in PUBLISH.');
    }
    const {number, bytes, name: key} = this.#value(definition);
    if (this.position > end) throw malformed('2.2.2.1', `The property ${name} outgrows the properties.`);
    return {definition, start, end: this.position, number, bytes, name: key};
  }

  #value({name, type}: PropertyDefinition): Pick<PropertyField, 'number' | 'bytes' | 'name'> {
    switch (type) {
      case 'byte':
        return {number: this.byte(name), bytes: noBytes, name: noBytes};
      case 'u16':
        return {number: this.u16(name), bytes: noBytes, name: noBytes};
      case 'u32':
        return {number: this.u32(name), bytes: noBytes, name: noBytes};
      case 'varint':
        return {number: this.variableInteger(name), bytes: noBytes, name: noBytes};
      case 'utf8':
        return {number: 0, bytes: this.stringBytes(name), name: noBytes};
      case 'binary':
        return {number: 0, bytes: this.binary(name), name: noBytes};
      case 'pair':
        // [MQTT-1.5.7-1] Both strings.
        return {number: 0, name: this.stringBytes(name), bytes: this.stringBytes(name)};
    }
  }
}

function mayRepeat(identifier: number, packet: PropertyPacket): boolean {
  if (identifier === PropertyIdentifier.subscriptionIdentifier) return packet === 'publish';
  return identifier === PropertyIdentifier.userProperties;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
