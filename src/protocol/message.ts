/**
 * Application messages as values, as sent, as received and as a will. Knows no bytes, no stream and no option.
 */

import {type Properties, propertyTable, type WillProperties} from './properties.ts';

export type QoS = 0 | 1 | 2;

/** Protocol levels: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
export type ProtocolVersion = 3 | 4 | 5;

/** All of a message to send but its payload, which differs from line to line. */
export interface Publication {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: Properties;
}

/** A message as received. */
export interface Message extends Publication {
  readonly payload: Uint8Array;
  /** The packet identifier; absent at QoS 0. */
  readonly messageId?: number;
}

/** The message that the broker publishes when this client's connection ends without DISCONNECT. */
export interface Will extends Omit<Publication, 'properties'> {
  readonly payload: Uint8Array;
  readonly properties?: WillProperties;
}

/** The keys of the properties that are views of the bytes received. */
const binaryKeys = propertyTable.filter(({type}) => type === 'binary').map(({key}) => key);

function copyOfBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}

function copyOfProperties(properties: Properties): Properties {
  const copy: Record<string, unknown> = {...properties};
  for (const key of binaryKeys) {
    const value = copy[key];
    if (value !== undefined) copy[key] = copyOfBytes(value as Uint8Array);
  }
  return copy;
}

/** A message that can be kept: its bytes are its own, not a view of what was received. */
export function copyOf(message: Message): Message {
  const {payload, properties} = message;
  return {
    ...message,
    payload: copyOfBytes(payload),
    ...(properties === undefined ? {} : {properties: copyOfProperties(properties)}),
  };
}
