/** Whether a packet has the fields that a test expects, and how packets look in errors. */

import {inspect, isDeepStrictEqual} from 'node:util';
import {preview} from '../waits/preview.ts';
import type {ReceivedPacket} from './types.ts';

/** How a packet differs from what was expected; undefined: it has this name and these fields. */
export function difference(packet: ReceivedPacket, name: string, fields: object): string | undefined {
  if (packet.name !== name) return `${describePacket(packet)} came`;
  const wrong = Object.entries(fields).find(
    ([key, value]) => !isAsExpected(packet[key as never], value, key),
  );
  if (wrong === undefined) return undefined;
  const [key, value] = wrong;
  return `${describePacket(packet)} came, whose ${key} is not ${shownValue(value, key)}`;
}

function isAsExpected(actual: unknown, expected: unknown, key: string): boolean {
  if (key === 'properties') {
    return Object.entries(expected ?? {}).every(([name, value]) =>
      isAsExpected((actual as Readonly<Record<string, unknown>> | undefined)?.[name], value, name),
    );
  }
  if (actual instanceof Uint8Array && (typeof expected === 'string' || expected instanceof Uint8Array)) {
    return Buffer.from(expected as Uint8Array).equals(actual);
  }
  return isDeepStrictEqual(actual, expected);
}

/** "PUBACK {packetId: 1, reasonCode: 0}" */
export function describePacket({name, ...fields}: ReceivedPacket): string {
  const upper = name.toUpperCase();
  return Object.keys(fields).length === 0 ? upper : `${upper} ${shownValue(fields)}`;
}

function shownValue(value: unknown, name = ''): string {
  const readable = (given: unknown, key: string): unknown => {
    // As the specification writes them.
    if (/^reasonCodes?$/.test(key) && typeof given === 'number') {
      return {[inspect.custom]: () => `0x${given.toString(16).padStart(2, '0')}`};
    }
    if (given instanceof Uint8Array) return preview(Buffer.from(given));
    if (Array.isArray(given)) return given.map((each) => readable(each, key));
    if (typeof given !== 'object' || given === null) return given;
    return Object.fromEntries(
      Object.entries(given).map(([member, each]) => [member, readable(each, member)]),
    );
  };
  return inspect(readable(value, name), {
    breakLength: Number.POSITIVE_INFINITY,
    depth: 5,
    maxArrayLength: 20,
  });
}
