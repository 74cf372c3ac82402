/**
 * The packet codec, with the repairs that its release needs: user properties in the order they came,
 * acknowledgements with every reason code of the specification, and a CONNECT with a password but no
 * user name. Knows nothing of connections.
 */

import type {ProtocolVersion} from '../../protocol/message.ts';
import type {UserProperties} from '../../protocol/properties.ts';
import {failureCodes, reasonText} from '../../protocol/reason-codes.ts';
import {orderedUserProperties, type Packet} from './packet.ts';

export interface Codec {
  encode(packet: Packet, protocolVersion: ProtocolVersion): Buffer;
  /** A CONNECT of MQTT 5 that has a password and no user name, as bytes [MQTT 5, 3.1.2.9]. */
  connectWithoutUsername(packet: Packet & {readonly password: Uint8Array}): Buffer;
}

interface StringPair {
  readonly name: string;
  readonly value: string;
}

/** What of the parser is reached into; tests notice when a new release has it otherwise. */
interface ParserPrototype {
  _parseStringPair(this: {packet: {[orderedUserProperties]?: [string, string][]}}): StringPair;
  [orderedUserProperties]?: UserProperties;
}

/** The tables of codes a parser lets pass: it stops for good at any other. */
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

/** Bytes of the remaining length of a packet [MQTT 5, 2.1.4], at index 1. */
function remainingLengthBytes(packet: Buffer): number {
  let count = 1;
  while ((packet[count]! & 0x80) !== 0) count++;
  return count;
}

function remainingLength(value: number): Buffer {
  const bytes: number[] = [];
  do {
    bytes.push((value % 128) + (value >= 128 ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Buffer.from(bytes);
}

/** Takes an empty user name out of an encoded CONNECT: the codec insists on one before a password. */
function withoutEmptyUsername(encoded: Buffer, passwordLength: number): Buffer {
  const body = encoded.subarray(1 + remainingLengthBytes(encoded));
  const usernameAt = body.length - passwordLength - 2 - 2;
  const rest = Buffer.concat([body.subarray(0, usernameAt), body.subarray(usernameAt + 2)]);
  // The flags follow the protocol name "MQTT" and its version [MQTT 5, 3.1.2.3].
  rest[7]! &= ~0x80;
  return Buffer.concat([encoded.subarray(0, 1), remainingLength(rest.length), rest]);
}

async function load(): Promise<Codec> {
  const [{parser, generate}, constants] = await Promise.all([
    import('mqtt-packet'),
    import('mqtt-packet/constants.js'),
  ]);
  keepUserPropertiesInOrder(Object.getPrototypeOf(parser()) as ParserPrototype);
  for (const table of acknowledgementTables) {
    for (const code of failureCodes) constants.default[table][code] ??= reasonText(code);
  }
  const encode = (packet: Packet, protocolVersion: ProtocolVersion) =>
    generate(packet as unknown as Parameters<typeof generate>[0], {protocolVersion});
  return {
    encode,
    connectWithoutUsername(packet) {
      const complete = {...packet, username: ''};
      return withoutEmptyUsername(encode(complete, 5), packet.password.length);
    },
  };
}

let loaded: Promise<Codec> | undefined;

/** Loads and repairs the codec, once for the process. */
export function loadCodec(): Promise<Codec> {
  loaded ??= load();
  return loaded;
}
