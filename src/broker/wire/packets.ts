/** MQTT packets as mqtt-packet has them: the one place that imports it in the broker. */

import {
  generate,
  type IConnectPacket,
  type IDisconnectPacket,
  type ISubscribePacket,
  type IUnsubscribePacket,
  type Packet,
  type Parser,
  parser,
  writeToStream,
} from 'mqtt-packet';

export type {IConnectPacket, IDisconnectPacket, ISubscribePacket, IUnsubscribePacket, Packet, Parser};
export {generate, parser};

// A buffer for each of 65,536 numbers, made at the first CONNACK, would be most of what a broker holds.
writeToStream.cacheNumbers = false;

/** A packet as the trace and the tests see it: mqtt-packet's shape. */
export type ObservedPacket = Readonly<Record<string, unknown>> & {readonly cmd: string};
