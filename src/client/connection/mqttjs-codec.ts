/**
 * mqtt-packet, the codec of MQTT.js, with the repairs that its release needs: user properties in the order they
 * came, acknowledgements with every reason code, a CONNECT with a password but no user name. Translates packets
 * from and to our own values. Knows no connection.
 */

import {isUtf8} from 'node:buffer';
import {ExitCode, TmqError} from '../../errors.ts';
import {bodyStart, variableInteger} from '../../protocol/fixed-header.ts';
import {ConnectFlag} from '../../protocol/flags.ts';
import type {Message, ProtocolVersion, QoS, Will} from '../../protocol/message.ts';
import {type Properties, propertyTable, type UserProperties} from '../../protocol/properties.ts';
import {failureCodes, reasonText} from '../../protocol/reason-codes.ts';
import type {Packet} from './protocol-client.ts';

/** Where the repaired parser leaves the user properties of a packet, in the order they came. */
export const orderedUserProperties = Symbol('user properties in order');

/** A packet by mqtt-packet's names and types of properties. */
export interface LibraryPacket extends Packet {
  topic?: string | undefined;
  qos?: QoS | undefined;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly will?: Will | undefined;
  readonly [orderedUserProperties]?: UserProperties | undefined;
}

/** Encodes packets of our own form. */
export interface Codec {
  /** @throws TmqError 3 for a flag that is neither 0 nor 1, and what mqtt-packet throws */
  encode(packet: LibraryPacket, protocolVersion: ProtocolVersion): Buffer;
}

const flags: ReadonlySet<string> = new Set(
  propertyTable.filter(({type, key}) => type === 'byte' && key !== 'maximumQoS').map(({key}) => key),
);

/** One object for each pair: of a single object, mqtt-packet would sort and merge the keys. */
function pairs(userProperties: UserProperties): readonly Record<string, string>[] {
  return userProperties.map(([name, value]) => {
    const pair = Object.create(null) as Record<string, string>;
    pair[name] = value;
    return pair;
  });
}

function flag(key: string, value: unknown): boolean {
  if (value === 0 || value === 1) return value === 1;
  const name = propertyTable.find((definition) => definition.key === key)?.name ?? key;
  throw new TmqError(`The property ${name} can only be 0 or 1.`, ExitCode.invalid);
}

function encodeValue(key: string, value: unknown): unknown {
  if (key === 'userProperties') return pairs(value as UserProperties);
  if (flags.has(key)) return flag(key, value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value;
}

/**
 * Properties by mqtt-packet's names and types, in the same order; undefined where there are none.
 * @throws TmqError 3 for a flag that is neither 0 nor 1
 */
export function codecProperties(properties: object | undefined): Record<string, unknown> | undefined {
  if (properties === undefined) return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(properties)) {
    // mqtt-packet stops without an error at an empty list.
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    result[key] = encodeValue(key, value);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

/** @throws Error for a property that is there twice, and may not be [MQTT 5, 2.2.2.2] */
function decodeProperty(packet: LibraryPacket, key: string, value: unknown): readonly [string, unknown] {
  if (key === 'userProperties') return [key, packet[orderedUserProperties] ?? []];
  if (key === 'subscriptionIdentifier') {
    return ['subscriptionIdentifiers', Array.isArray(value) ? value : [value]];
  }
  if (Array.isArray(value)) throw new Error(`the property ${key} twice`);
  return [key, typeof value === 'boolean' ? Number(value) : value];
}

/** The properties of a packet by our names and types, in the order they came. @throws Error for one that is there twice */
export function propertiesOf(packet: LibraryPacket): Properties | undefined {
  if (packet.properties === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(packet.properties).map(([key, value]) => decodeProperty(packet, key, value)),
  );
}

/** A PUBLISH packet as a message. */
export function messageOf(packet: LibraryPacket): Message {
  const properties = propertiesOf(packet);
  const qos = packet.qos ?? 0;
  return {
    topic: packet.topic ?? '',
    payload: packet.payload ?? new Uint8Array(0),
    qos,
    retain: packet.retain ?? false,
    ...(qos > 0 && packet.messageId !== undefined ? {messageId: packet.messageId} : {}),
    ...(properties === undefined ? {} : {properties}),
  };
}

function withoutProperties({properties: _, will, ...packet}: LibraryPacket): object {
  if (will === undefined) return packet;
  const {properties: __, ...plainWill} = will;
  return {...packet, will: plainWill};
}

function withLibraryProperties({will, ...packet}: LibraryPacket): object {
  return {
    ...packet,
    properties: codecProperties(packet.properties),
    ...(will === undefined ? {} : {will: {...will, properties: codecProperties(will.properties)}}),
  };
}

/** A packet of mqtt-packet's parser in our form. */
export function packetOf(packet: LibraryPacket): Packet {
  return packet.properties === undefined ? packet : {...packet, properties: {...propertiesOf(packet)}};
}

interface StringPair {
  readonly name: string;
  readonly value: string;
}

interface ParserState {
  readonly _pos: number;
  readonly _list: {slice(start: number, end: number): Buffer};
  _emitError(error: Error): void;
}

/** The members of mqtt-packet's parser that are patched; tests fail when a new release has them otherwise. */
interface ParserPrototype {
  _parseStringPair(this: {packet: {[orderedUserProperties]?: [string, string][]}}): StringPair;
  _parseString(this: ParserState): string | null;
  [orderedUserProperties]?: UserProperties;
}

/** The reason codes that the parser accepts, by packet: at any other it stops for good. */
const acknowledgementTables = [
  'MQTT5_PUBACK_PUBREC_CODES',
  'MQTT5_PUBREL_PUBCOMP_CODES',
  'MQTT5_SUBACK_CODES',
  'MQTT5_UNSUBACK_CODES',
  'MQTT5_DISCONNECT_CODES',
] as const;

function keepUserPropertiesInOrder(prototype: ParserPrototype): void {
  const parsePair = prototype._parseStringPair;
  prototype._parseStringPair = function () {
    const pair = parsePair.call(this);
    this.packet[orderedUserProperties] ??= [];
    this.packet[orderedUserProperties].push([pair.name, pair.value]);
    return pair;
  };
}

/** mqtt-packet reads anything as UTF-8 [MQTT-1.5.4-1], [MQTT-1.5.4-2]. */
function refuseInvalidStrings(prototype: ParserPrototype): void {
  const parseString = prototype._parseString;
  prototype._parseString = function () {
    const start = this._pos + 2;
    const text = parseString.call(this);
    if (text?.includes('\0')) this._emitError(new Error('a string with a NUL'));
    else if (text?.includes('\ufffd') && !isUtf8(this._list.slice(start, this._pos))) {
      this._emitError(new Error('a string that is not valid UTF-8'));
    }
    return text;
  };
}

/** Removes an empty user name from an encoded CONNECT: mqtt-packet requires one before a password. */
function withoutEmptyUsername(encoded: Buffer, passwordLength: number): Buffer {
  const body = encoded.subarray(bodyStart(encoded, 0));
  const usernameAt = body.length - passwordLength - 2 - 2;
  const rest = Buffer.concat([body.subarray(0, usernameAt), body.subarray(usernameAt + 2)]);
  // The flags follow the protocol name "MQTT" and its version [MQTT 5, 3.1.2.3].
  rest[7]! &= ~ConnectFlag.userName;
  return Buffer.concat([encoded.subarray(0, 1), variableInteger(rest.length), rest]);
}

async function load(): Promise<Codec> {
  const [{parser, generate}, {default: constants}] = await Promise.all([
    import('mqtt-packet'),
    import('mqtt-packet/constants.js'),
  ]);
  keepUserPropertiesInOrder(Object.getPrototypeOf(parser()) as ParserPrototype);
  refuseInvalidStrings(Object.getPrototypeOf(parser()) as ParserPrototype);
  for (const table of acknowledgementTables) {
    for (const code of failureCodes) constants[table][code] ??= reasonText(code);
  }
  const generateBytes = (packet: object, protocolVersion: ProtocolVersion) =>
    generate(packet as Parameters<typeof generate>[0], {protocolVersion});
  return {
    encode(packet, protocolVersion) {
      const translated = protocolVersion === 5 ? withLibraryProperties(packet) : withoutProperties(packet);
      const {password} = packet;
      if (password === undefined || packet.username !== undefined)
        return generateBytes(translated, protocolVersion);
      if (protocolVersion < 5)
        throw new TmqError('Before MQTT 5, a password needs a user name.', ExitCode.invalid);
      // [MQTT 5, 3.1.2.9]
      return withoutEmptyUsername(generateBytes({...translated, username: ''}, 5), password.length);
    },
  };
}

let loaded: Promise<Codec> | undefined;

/** Loads and repairs the codec, once for the process. */
export function loadCodec(): Promise<Codec> {
  loaded ??= load();
  return loaded;
}
