/**
 * PUBACK, PUBREC, PUBREL and PUBCOMP [MQTT 5, 3.4 to 3.7] as bytes: those that report success, in their shortest
 * form. Pure; one with a failure or with properties is left to the caller's packet library.
 */

import {bodyStart, firstByte, PacketType} from './fixed-header.ts';

/** The packets that answer a PUBLISH or each other. */
export type AcknowledgementName = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';

/** Bytes of an acknowledgement that reports success. */
export const acknowledgementBytes = 4;

/** Whether a packet type is PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function isAcknowledgement(type: number): boolean {
  return type >= PacketType.puback && type <= PacketType.pubcomp;
}

/** Writes an acknowledgement that reports success [MQTT 5, 3.4.2.1]; returns the index behind it. */
export function writeAcknowledgement(target: Uint8Array, at: number, type: number, packetId: number): number {
  target[at] = firstByte(type);
  target[at + 1] = 2;
  target[at + 2] = packetId >> 8;
  target[at + 3] = packetId & 0xff;
  return at + acknowledgementBytes;
}

/** Acknowledgements of one type that report success, as bytes in the order of their identifiers. */
export function acknowledgements(type: number, packetIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(packetIds.length * acknowledgementBytes);
  let at = 0;
  for (const packetId of packetIds) at = writeAcknowledgement(bytes, at, type, packetId);
  return bytes;
}

/** An acknowledgement as received. */
export interface ReceivedAcknowledgement {
  readonly cmd: AcknowledgementName;
  readonly messageId: number;
  /** 0 also where it is left out. */
  readonly reasonCode: number;
}

const names: Readonly<Record<number, ReceivedAcknowledgement['cmd']>> = {
  [PacketType.puback]: 'puback',
  [PacketType.pubrec]: 'pubrec',
  [PacketType.pubrel]: 'pubrel',
  [PacketType.pubcomp]: 'pubcomp',
};

/**
 * The acknowledgement from `at` to `end`; undefined for one that reports a failure or has properties,
 * and for any other packet.
 */
export function readAcknowledgement(
  bytes: Uint8Array,
  at: number,
  end: number,
): ReceivedAcknowledgement | undefined {
  const first = bytes[at]!;
  const cmd = names[first >> 4];
  const body = bodyStart(bytes, at);
  const length = end - body;
  if (cmd === undefined || first !== firstByte(first >> 4) || length < 2 || length > 4) return undefined;
  // A reason code, and then a property length, may follow [MQTT 5, 3.4.2.1].
  const reasonCode = length > 2 ? bytes[body + 2]! : 0;
  if (reasonCode !== 0 || (length === 4 && bytes[body + 3] !== 0)) return undefined;
  const messageId = (bytes[body]! << 8) | bytes[body + 1]!;
  return messageId === 0 ? undefined : {cmd, messageId, reasonCode};
}
