/**
 * The fixed header of every MQTT packet [MQTT 5, 2.1] and the limits of the format: packet types, flags, the
 * Variable Byte Integer, the length of a packet. Pure; knows no packet's body.
 */

import {PublishFlag} from './flags.ts';

/** Packet types [MQTT 5, 2.1.2]: the upper half of a packet's first byte. */
export const PacketType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

export type PacketName = keyof typeof PacketType;

/** The specification's names of the packet types, by number; 0 is reserved. */
export const packetNames: readonly string[] = [
  'reserved',
  ...Object.keys(PacketType).map((name) => name.toUpperCase()),
];

/** The flags in the lower half of the first byte of every packet but PUBLISH [MQTT 5, 2.1.3]. */
export function packetFlags(type: number): number {
  return type === PacketType.pubrel || type === PacketType.subscribe || type === PacketType.unsubscribe
    ? 0b0010
    : 0;
}

/** The first byte of a packet of any type but PUBLISH. */
export function firstByte(type: number): number {
  return (type << 4) | packetFlags(type);
}

/** The first byte of a PUBLISH without DUP [MQTT 5, 3.3.1]. */
export function publishFirstByte(qos: number, retain = false): number {
  return (PacketType.publish << 4) | (qos << 1) | (retain ? PublishFlag.retain : 0);
}

/** The largest value of a Variable Byte Integer, and so of a Remaining Length [MQTT 5, 1.5.5]. */
export const largestVariableInteger = 268_435_455;
/** The largest packet, in bytes: a fixed header of five bytes and the largest Remaining Length [MQTT 5, 2.1.4]. */
export const largestPacket = 5 + largestVariableInteger;
/** The largest Two Byte Integer [MQTT 5, 1.5.2]: packet identifiers, keep alive, the length of a string. */
export const largestTwoByteInteger = 65_535;
/** The largest Four Byte Integer [MQTT 5, 1.5.3]. */
export const largestFourByteInteger = 4_294_967_295;

/** The packet is not whole yet. */
export const incomplete = -1;
/** A Variable Byte Integer has more than four bytes [MQTT 5, 1.5.5]. */
export const malformedInteger = -2;

/** The bytes that a Variable Byte Integer takes, 1 to 4. */
export function variableIntegerBytes(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Writes a Variable Byte Integer [MQTT 5, 1.5.5]; returns the index behind it. */
export function writeVariableInteger(target: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}

/** A Variable Byte Integer as bytes of its own. */
export function variableInteger(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(variableIntegerBytes(value));
  writeVariableInteger(bytes, 0, value);
  return bytes;
}

/** The Variable Byte Integer at `at` that ends before `end`; `incomplete` or `malformedInteger`, which are negative. */
export function readVariableInteger(bytes: Uint8Array, at: number, end: number = bytes.length): number {
  let value = 0;
  for (let shift = 0; shift <= 21; shift += 7) {
    if (at >= end) return incomplete;
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return malformedInteger;
}

/** The index behind the Variable Byte Integer at `at`, which must be there. */
export function afterVariableInteger(bytes: Uint8Array, at: number): number {
  while (bytes[at]! >= 0x80) at++;
  return at + 1;
}

/** Bytes of the packet that begins at `at`, its fixed header included; `incomplete` or `malformedInteger`. */
export function packetBytes(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let index = 1, shift = 0; index <= 4; index++, shift += 7) {
    const byte = bytes[at + index];
    if (byte === undefined) return incomplete;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return 1 + index + length;
  }
  return malformedInteger;
}

/** Where the body of the packet at `at` begins, behind its fixed header, which must be there. */
export function bodyStart(bytes: Uint8Array, at = 0): number {
  return afterVariableInteger(bytes, at + 1);
}
