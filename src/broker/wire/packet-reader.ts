/**
 * Reads the fields of one whole MQTT frame in order and refuses what is not well formed: integers,
 * UTF-8 strings, binary data, properties. Knows the fields, not the packets they make up.
 */

import {isUtf8} from 'node:buffer';
import {type PropertyCommand, propertyTable} from '../../protocol/message.ts';
import {PacketViolation, ReasonCode} from './reason-code.ts';

/** The packets a client sends that have properties; a will's properties are a list of their own. */
export type PropertyOwner = PropertyCommand | 'puback' | 'auth';

type FieldType = (typeof propertyTable)[number]['type'];

interface PropertyRule {
  readonly name: string;
  readonly type: FieldType;
  readonly owners: ReadonlySet<PropertyOwner>;
}

const userProperty = 38;

/** Properties that acknowledgements and AUTH may carry too; no option sets those [MQTT 5, 2.2.2.2]. */
const extraOwners: Readonly<Record<number, readonly PropertyOwner[]>> = {
  21: ['auth'],
  22: ['auth'],
  31: ['puback', 'auth'],
  [userProperty]: ['puback', 'auth'],
};

const rules: ReadonlyMap<number, PropertyRule> = new Map(
  propertyTable.map(({identifier, name, type, commands}) => [
    identifier,
    {name, type, owners: new Set([...commands, ...(extraOwners[identifier] ?? [])])},
  ]),
);

/** One property as it stands in the frame, from its identifier to the byte after its value. */
export interface PropertyField {
  readonly identifier: number;
  readonly start: number;
  readonly end: number;
  /** Of numbers; 0 for the other types. */
  readonly number: number;
  /** Of strings and binary data. */
  readonly bytes: Buffer;
}

const noBytes = Buffer.alloc(0);

/** A packet that cannot be taken apart [MQTT 5, 4.13]. */
export function malformed(statement: string, message: string): PacketViolation {
  return new PacketViolation(ReasonCode.malformedPacket, statement, message);
}

/** A packet that can be taken apart, but must not be sent like this [MQTT 5, 4.13]. */
export function protocolError(statement: string, message: string): PacketViolation {
  return new PacketViolation(ReasonCode.protocolError, statement, message);
}

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

/** A place in a frame that moves from field to field. */
export class PacketReader {
  readonly frame: Buffer;
  position: number;
  readonly end: number;

  constructor(frame: Buffer, position: number, end: number = frame.length) {
    this.frame = frame;
    this.position = position;
    this.end = end;
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
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte(what);
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) {
          throw malformed('MQTT-1.5.5-1', `${capital(what)} takes more bytes than it needs.`);
        }
        return value;
      }
    }
    throw malformed('1.5.5', `${capital(what)} takes more than four bytes.`);
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
   * Walks a property list [MQTT 5, 2.2.2]: known, allowed in this packet, of its type, and only User
   * Property more than once. `each` sees every property in order.
   */
  properties(owner: PropertyOwner, each: (field: PropertyField) => void = () => undefined): void {
    const length = this.variableInteger('the property length');
    this.need(length, 'the properties');
    const end = this.position + length;
    // Identifiers are below 64, so two integers remember which were there.
    let seenLow = 0;
    let seenHigh = 0;
    while (this.position < end) {
      const field = this.#property(owner, end);
      const {identifier} = field;
      const bit = 1 << (identifier & 31);
      const seen = identifier < 32 ? seenLow : seenHigh;
      if ((seen & bit) !== 0 && identifier !== userProperty) {
        throw protocolError('2.2.2.2', `The property ${rules.get(identifier)!.name} is there twice.`);
      }
      if (identifier < 32) seenLow |= bit;
      else seenHigh |= bit;
      each(field);
    }
  }

  #property(owner: PropertyOwner, end: number): PropertyField {
    const start = this.position;
    const identifier = this.variableInteger('a property identifier');
    const rule = rules.get(identifier);
    if (rule === undefined) throw malformed('2.2.2.2', `There is no property ${identifier}.`);
    if (!rule.owners.has(owner)) {
      // A client that sends back a Subscription Identifier breaks a statement of its own.
      if (owner === 'publish' && identifier === 11) {
        throw protocolError('MQTT-3.3.4-6', 'A client must not send a subscription identifier in PUBLISH.');
      }
      throw malformed('2.2.2.2', `The property ${rule.name} does not belong in ${owner}.`);
    }
    const {number, bytes} = this.#value(rule);
    if (this.position > end) throw malformed('2.2.2.1', `The property ${rule.name} outgrows the properties.`);
    return {identifier, start, end: this.position, number, bytes};
  }

  #value({name, type}: PropertyRule): {readonly number: number; readonly bytes: Buffer} {
    switch (type) {
      case 'byte':
        return {number: this.byte(name), bytes: noBytes};
      case 'u16':
        return {number: this.u16(name), bytes: noBytes};
      case 'u32':
        return {number: this.u32(name), bytes: noBytes};
      case 'varint':
        return {number: this.variableInteger(name), bytes: noBytes};
      case 'utf8':
        return {number: 0, bytes: this.stringBytes(name)};
      case 'binary':
        return {number: 0, bytes: this.binary(name)};
      case 'pair':
        // [MQTT-1.5.7-1] Both strings.
        return {number: 0, bytes: this.stringBytes(name) && this.stringBytes(name)};
    }
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
