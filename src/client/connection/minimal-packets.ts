/**
 * The packets of MQTT 3.1.1 that a run which is over soon sends and gets beside its messages, as bytes.
 * Pure. What it does not know it says so: such a run has nothing else to expect.
 */

import {firstByte, type PacketName, PacketType, variableInteger} from '../../protocol/fixed-header.ts';
import {binary, integer, string} from '../../protocol/publish-writer.ts';
import {subscriptionFailure} from '../../protocol/reason-codes.ts';
import type {Packet} from './packet.ts';

/** What CONNECT says, by MQTT.js's names. */
export interface Greeting {
  readonly clientId: string;
  readonly clean: boolean;
  /** In seconds. */
  readonly keepalive: number;
  readonly username?: string;
  readonly password?: Uint8Array;
  readonly will?: {
    readonly topic: string;
    readonly payload: Uint8Array;
    readonly qos: number;
    readonly retain: boolean;
  };
}

function framed(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(first), variableInteger(length), ...parts]);
}

/** CONNECT [MQTT-3.1]. @throws TmqError 3 for a string that is too long */
export function connectBytes({clientId, clean, keepalive, username, password, will}: Greeting): Buffer {
  const flags =
    (username === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40) |
    (will === undefined ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
    (clean ? 0x02 : 0);
  return framed(
    firstByte(PacketType.connect),
    string('MQTT'),
    Buffer.of(4, flags),
    integer(keepalive, 2),
    string(clientId),
    ...(will === undefined ? [] : [string(will.topic), binary(will.payload)]),
    ...(username === undefined ? [] : [string(username)]),
    ...(password === undefined ? [] : [binary(password)]),
  );
}

const empty: ReadonlySet<string> = new Set(['disconnect', 'pingreq']);
const acknowledgements: ReadonlySet<string> = new Set(['puback', 'pubrec', 'pubrel', 'pubcomp']);

/** Any other packet that goes to the broker; PUBLISH has an encoder of its own. @throws for one that is not known here */
export function packetBytes(packet: Packet): Buffer {
  const {cmd, messageId = 0, subscriptions = [], unsubscriptions = []} = packet;
  const identifier = integer(messageId, 2);
  const first = firstByte(PacketType[cmd as PacketName]);
  if (empty.has(cmd)) return framed(first);
  if (acknowledgements.has(cmd)) return framed(first, identifier);
  if (cmd === 'subscribe') {
    return framed(
      first,
      identifier,
      ...subscriptions.flatMap(({topic, qos}) => [string(topic), Buffer.of(qos)]),
    );
  }
  if (cmd === 'unsubscribe') return framed(first, identifier, ...unsubscriptions.map(string));
  throw new Error(`No ${cmd} is sent in a run that is over soon.`);
}

/** The body of each packet that may come, by its first byte; undefined where it is not as it should be. */
const readers: Readonly<Record<number, (body: Uint8Array) => Packet | undefined>> = {
  // CONNACK: flags, return code [MQTT-3.2.2].
  [firstByte(PacketType.connack)]: ([flags, returnCode, ...rest]) =>
    returnCode === undefined || flags! > 1 || rest.length > 0
      ? undefined
      : {cmd: 'connack', sessionPresent: flags === 1, returnCode},
  // SUBACK: identifier, a return code for each filter [MQTT-3.9.3].
  [firstByte(PacketType.suback)]: ([high, low, ...granted]) =>
    granted.length === 0 || granted.some((code) => code > 2 && code !== subscriptionFailure)
      ? undefined
      : {cmd: 'suback', messageId: (high! << 8) | low!, granted},
  // UNSUBACK: identifier [MQTT-3.11.2].
  [firstByte(PacketType.unsuback)]: ([high, low, ...rest]) =>
    low === undefined || rest.length > 0 ? undefined : {cmd: 'unsuback', messageId: (high! << 8) | low},
  // PINGRESP [MQTT-3.13].
  [firstByte(PacketType.pingresp)]: ({length}) => (length === 0 ? {cmd: 'pingresp'} : undefined),
};

/** Whether a packet that begins with this byte may come. */
export function isExpected(first: number): boolean {
  return first in readers;
}

/** The packet that begins with this byte and has this body; undefined where it is not as it should be. */
export function readPacket(first: number, body: Uint8Array): Packet | undefined {
  return readers[first]?.(body);
}
