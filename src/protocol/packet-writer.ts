/** Packets of a client that are sent as one buffer, CONNECT above all; PUBLISH has an encoder of its own. */

import {firstByte, PacketType, variableInteger} from './fixed-header.ts';
import {ConnectFlag, willQosShift} from './flags.ts';
import type {ProtocolVersion} from './message.ts';
import {data} from './publish-writer.ts';

/** A packet of its first byte and the parts of its body. */
export function framed(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(first), variableInteger(length), ...parts]);
}

/** What CONNECT carries; property lists are encoded, and empty before MQTT 5. */
export interface ConnectParts {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  /** Clean Start, before MQTT 5 Clean Session. */
  readonly clean: boolean;
  readonly keepaliveSeconds: number;
  readonly credentials?:
    | {readonly username?: string | undefined; readonly password?: string | Uint8Array | undefined}
    | undefined;
  readonly properties?: Uint8Array | undefined;
  readonly will?:
    | {
        readonly topic: string;
        readonly payload: string | Uint8Array;
        readonly qos: number;
        readonly retain: boolean;
      }
    | undefined;
  readonly willProperties?: Uint8Array | undefined;
}

const noBytes = new Uint8Array(0);

/** CONNECT [MQTT-3.1]. @throws TmqError 3 for a string that is too long */
export function connectBytes(parts: ConnectParts): Buffer {
  const {version, clientId, clean, keepaliveSeconds, properties = noBytes} = parts;
  const {credentials, will, willProperties = noBytes} = parts;
  const {username, password} = credentials ?? {};
  const flags =
    (username === undefined ? 0 : ConnectFlag.userName) |
    (password === undefined ? 0 : ConnectFlag.password) |
    (will === undefined
      ? 0
      : ConnectFlag.will | (will.qos << willQosShift) | (will.retain ? ConnectFlag.willRetain : 0)) |
    (clean ? ConnectFlag.clean : 0);
  return framed(
    firstByte(PacketType.connect),
    data(version === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.of(version, flags, keepaliveSeconds >> 8, keepaliveSeconds & 0xff),
    properties,
    data(clientId),
    ...(will === undefined ? [] : [willProperties, data(will.topic), data(will.payload)]),
    ...(username === undefined ? [] : [data(username)]),
    ...(password === undefined ? [] : [data(password)]),
  );
}
