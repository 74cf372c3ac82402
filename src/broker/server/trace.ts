/**
 * Packets as lines: mosquitto's debug log lines (-v), and --trace, one line a packet with every field, as text or
 * JSON. Pure. Leaves out secrets: the password, the authentication data, and of a will's payload all but its size.
 */

import {isoTimeMicroseconds} from '../../format/strftime.ts';
import {reasonText, returnText} from '../../protocol/reason-codes.ts';
import type {ObservedPacket} from '../wire/packets.ts';

export type Direction = 'in' | 'out';

/** A packet that the broker received (`in`) or sent (`out`), and when. */
export interface TracedPacket {
  readonly clientId: string;
  readonly direction: Direction;
  readonly packet: ObservedPacket;
  /** Nanoseconds since the epoch. */
  readonly time: bigint;
}

type Fields = Record<string, unknown>;

/** Fields that mean nothing to a reader, and secrets. */
const hidden = new Set(['cmd', 'length', 'password', 'authenticationData']);

/** Adds bytes as text if they are UTF-8, otherwise as base64 under another name. */
function addBytes(fields: Fields, key: string, bytes: Uint8Array): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString();
  if (Buffer.from(text).equals(buffer)) fields[key] = text;
  else fields[`${key}Base64`] = buffer.toString('base64');
}

/** Flags of the fixed header that only PUBLISH uses. */
const publishFlags = ['dup', 'qos', 'retain'];

function readablePacket(packet: ObservedPacket): Fields {
  const fields = readable(packet);
  if (packet.cmd !== 'publish') for (const flag of publishFlags) delete fields[flag];
  return fields;
}

function readable(packet: Readonly<Record<string, unknown>>): Fields {
  const fields: Fields = {};
  for (const [key, value] of Object.entries(packet)) {
    if (hidden.has(key) || value === undefined || value === null) continue;
    if (value instanceof Uint8Array) addBytes(fields, key, value);
    // Their names are the client's: 'length' and 'password' are none of the packet's own.
    else if (key === 'userProperties') fields[key] = value;
    else if (key === 'will') fields[key] = readableWill(value as Fields);
    else if (Array.isArray(value))
      fields[key] = value.map((item) => (isRecord(item) ? readable(item) : item));
    else fields[key] = isRecord(value) ? readable(value) : value;
  }
  return fields;
}

function readableWill({payload, ...will}: Fields): Fields {
  return {...readable(will), payloadBytes: payload instanceof Uint8Array ? payload.length : 0};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A JSON object without line break: time, client, direction, packet, and the packet's own fields. */
export function traceJson({clientId, direction, packet, time}: TracedPacket): string {
  const seconds = Number(time / 1_000_000n) / 1000;
  return JSON.stringify({
    time: seconds,
    client: clientId,
    direction,
    packet: packet.cmd,
    ...readable(packet),
  });
}

/** A number, and for a code of refusal what it means; below 3 the codes of a SUBACK are a quality of service. */
function valueText(key: string, value: unknown): string {
  if (key === 'granted' && Array.isArray(value)) {
    return `[${value.map((code) => (code < 3 ? code : `${code} (${reasonText(code)})`)).join(',')}]`;
  }
  const text = JSON.stringify(value);
  if (typeof value !== 'number' || value === 0) return text;
  if (key === 'reasonCode') return `${text} (${reasonText(value)})`;
  return key === 'returnCode' ? `${text} (${returnText(value) ?? reasonText(value)})` : text;
}

/** '15:04:05.678 c1 > PUBLISH topic="a" qos=1 …': > comes from the client, < goes to it. */
export function traceText({clientId, direction, packet, time}: TracedPacket): string {
  // The local time.
  const clock = isoTimeMicroseconds(time).slice(11, 23);
  const fields = Object.entries(readablePacket(packet)).map(
    ([key, value]) => `${key}=${valueText(key, value)}`,
  );
  const arrow = direction === 'in' ? '>' : '<';
  const name = clientId.replace(/[\0-\x20\x7f-\x9f]/g, '?');
  return [clock, name === '' ? '-' : name, arrow, packet.cmd.toUpperCase(), ...fields].join(' ');
}

/** What mosquitto's log shows of a packet. */
const details: Readonly<Record<string, (packet: Fields, direction: Direction) => string>> = {
  publish: ({dup, qos, retain, messageId, topic, payload}) =>
    ` (d${Number(dup)}, q${qos}, r${Number(retain)}, m${messageId ?? 0}, '${topic}', ... (${(payload as Uint8Array).length} bytes))`,
  connack: ({sessionPresent, reasonCode, returnCode}) =>
    ` (${Number(sessionPresent ?? 0)}, ${reasonCode ?? returnCode ?? 0})`,
  puback: acknowledgement,
  pubrec: acknowledgement,
  pubrel: acknowledgement,
  pubcomp: acknowledgement,
};

function acknowledgement({messageId, reasonCode}: Fields, direction: Direction): string {
  return direction === 'in'
    ? ` (Mid: ${messageId}, RC:${reasonCode ?? 0})`
    : ` (m${messageId}, rc${reasonCode ?? 0})`;
}

/** The debug line that mosquitto would log: 'Received PUBLISH from c1 (d0, q1, r0, m1, 'a', ... (1 bytes))'. */
export function debugLine(clientId: string, direction: Direction, packet: ObservedPacket): string {
  const who =
    direction === 'in'
      ? `Received ${packet.cmd.toUpperCase()} from`
      : `Sending ${packet.cmd.toUpperCase()} to`;
  const line = `${who} ${clientId}${details[packet.cmd]?.(packet, direction) ?? ''}`;
  return line.replace(/[\n\t]/g, '?');
}
