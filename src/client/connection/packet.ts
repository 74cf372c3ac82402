/**
 * Packets as the codec gives and takes them, and their translation from and to our own values. Pure:
 * knows the codec's names for properties, but neither the codec nor a stream.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import type {Message, QoS} from '../../protocol/message.ts';
import type {Properties, UserProperties} from '../../protocol/properties.ts';
import {propertyTable} from '../../protocol/properties.ts';

export interface Subscription {
  readonly topic: string;
  readonly qos: QoS;
  readonly nl?: boolean;
  readonly rap?: boolean;
  readonly rh?: number;
}

/** Where the repaired parser leaves the user properties of a packet, in the order they came. */
export const orderedUserProperties = Symbol('user properties in order');

/** Any control packet; which fields are there depends on `cmd`. */
export interface Packet {
  readonly cmd: string;
  readonly messageId?: number | undefined;
  readonly reasonCode?: number | undefined;
  readonly returnCode?: number | undefined;
  readonly sessionPresent?: boolean | undefined;
  readonly granted?: readonly number[] | undefined;
  topic?: string | undefined;
  readonly payload?: Uint8Array | undefined;
  readonly qos?: QoS | undefined;
  readonly retain?: boolean | undefined;
  readonly dup?: boolean | undefined;
  readonly subscriptions?: readonly Subscription[] | undefined;
  readonly unsubscriptions?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  readonly [orderedUserProperties]?: UserProperties | undefined;
}

const flags: ReadonlySet<string> = new Set(
  propertyTable.filter(({type, key}) => type === 'byte' && key !== 'maximumQoS').map(({key}) => key),
);

/** One object for each pair: the codec would sort and merge the keys of a single one. */
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
 * Properties as the codec encodes them, in the same order; undefined where there are none.
 * @throws TmqError 3 for a byte that can be neither 0 nor 1
 */
export function codecProperties(properties: object | undefined): Record<string, unknown> | undefined {
  if (properties === undefined) return undefined;
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(properties)) {
    // The codec gives up, without a word, on a list that is empty.
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    result[key] = encodeValue(key, value);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

function decodeProperty(packet: Packet, key: string, value: unknown): readonly [string, unknown] {
  if (key === 'userProperties') return [key, packet[orderedUserProperties] ?? []];
  if (key === 'subscriptionIdentifier') {
    return ['subscriptionIdentifiers', Array.isArray(value) ? value : [value]];
  }
  return [key, typeof value === 'boolean' ? Number(value) : value];
}

/** The properties of a packet as ours, in the order they came. */
export function propertiesOf(packet: Packet): Properties | undefined {
  if (packet.properties === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(packet.properties).map(([key, value]) => decodeProperty(packet, key, value)),
  );
}

/** A PUBLISH packet as a message. */
export function messageOf(packet: Packet): Message {
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
