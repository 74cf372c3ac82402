/** MQTT packets as mqtt-packet has them: the one file that imports it in the broker. */

import {
  generate,
  type IAuthPacket,
  type IConnectPacket,
  type IDisconnectPacket,
  type ISubscribePacket,
  type IUnsubscribePacket,
  type Packet,
  type Parser,
  parser,
  writeToStream,
} from 'mqtt-packet';
import {packetNames} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';

export type {IAuthPacket, IConnectPacket, IDisconnectPacket, ISubscribePacket, IUnsubscribePacket, Packet};

/** A packet as the trace and the tests see it: mqtt-packet's shape. */
export type ObservedPacket = Readonly<Record<string, unknown>> & {readonly cmd: string};

/** Parses and encodes whole packets, for all connections of one broker. */
export class PacketCodec {
  /** By protocol version: to make a parser for each CONNECT is most of the work of reading it. */
  readonly #parsers = new Map<ProtocolVersion, Parser>();
  #parsed: Packet | undefined;

  constructor() {
    // A buffer for each of 65,536 numbers, made at the first CONNACK, would be most of what a broker holds.
    writeToStream.cacheNumbers = false;
  }

  /** Without properties their length is 0 [MQTT-2.2.2-1]; the flags of CONNACK are mqtt-packet's [MQTT-3.2.2-1]. */
  encode(packet: Packet, protocolVersion: ProtocolVersion): Buffer {
    return generate(packet, {protocolVersion});
  }

  /** Parses one whole frame that validation has passed. */
  parse(frame: Buffer, protocolVersion: ProtocolVersion): Packet {
    let packet: Packet | undefined;
    let left = frame.length;
    try {
      left = this.#parserFor(protocolVersion).parse(frame);
      packet = this.#parsed;
    } finally {
      this.#parsed = undefined;
      // The parser would take what is left for the beginning of the next frame.
      if (packet === undefined || left > 0) this.#parsers.delete(protocolVersion);
    }
    if (packet === undefined) throw new Error(`mqtt-packet does not parse ${packetNames[frame[0]! >> 4]}`);
    return packet;
  }

  #parserFor(protocolVersion: ProtocolVersion): Parser {
    const known = this.#parsers.get(protocolVersion);
    if (known !== undefined) return known;
    const fresh = parser({protocolVersion});
    fresh.on('packet', (packet) => {
      this.#parsed = packet;
    });
    fresh.on('error', (error: unknown) => {
      throw error;
    });
    this.#parsers.set(protocolVersion, fresh);
    return fresh;
  }
}
