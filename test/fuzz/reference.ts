/**
 * What mqtt-packet makes of single frames, as lines that can be compared. One frame at a time: where it is
 * given more than a frame, a wrong one may make it read into the next.
 */

import {createHash} from 'node:crypto';
import {type IPublishPacket, type Packet, parser} from 'mqtt-packet';
import type {ProtocolVersion} from '../../src/protocol/message.ts';

/** The size of the frame at `at`; undefined when its length is not all there, NaN when it has five bytes. */
export function frameSize(bytes: Buffer, at: number): number | undefined {
  let length = 0;
  for (let index = 1; index <= 4; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (index - 1);
    if (byte < 0x80) return 1 + index + length;
  }
  return Number.NaN;
}

/** The whole frames of a stream, in order, up to one that cannot be one. */
export function* framesOf(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; ) {
    const size = frameSize(bytes, at);
    if (size === undefined || at + size > bytes.length) return;
    if (Number.isNaN(size)) {
      yield bytes.subarray(at, at + 5);
      return;
    }
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** mqtt-packet, for one frame after the other. */
export class Reference {
  readonly #version: ProtocolVersion;
  #parser: ReturnType<typeof parser>;
  #packet: Packet | undefined;
  #failed = false;

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#parser = this.#create();
  }

  #create(): ReturnType<typeof parser> {
    const instance = parser({protocolVersion: this.#version});
    instance.on('packet', (packet) => {
      this.#packet = packet;
    });
    instance.on('error', () => {
      this.#failed = true;
    });
    return instance;
  }

  /** The packet of one frame; undefined for one that it refuses. */
  read(frame: Buffer): Packet | undefined {
    this.#packet = undefined;
    this.#failed = false;
    try {
      this.#parser.parse(frame);
    } catch {
      this.#failed = true;
    }
    if (!this.#failed && this.#packet !== undefined) return this.#packet;
    this.#parser = this.#create();
    return undefined;
  }
}

/** A message, as both ways can say it. */
export interface Comparable {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly messageId?: number;
  readonly payload: Uint8Array;
  readonly properties: string;
}

/** A message on one line. */
export function messageLine({topic, qos, retain, messageId, payload, properties}: Comparable): string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1');
  // Readable in an error message.
  const bytes =
    text.length < 1000 ? text : `${text.length} ${createHash('md5').update(payload).digest('hex')}`;
  return `publish ${topic} q${qos} r${retain} m${qos === 0 ? 0 : messageId} ${properties} ${bytes}`;
}

/** The properties of a PUBLISH as mqtt-packet has them, on one line. */
export function packetProperties({properties = {}}: IPublishPacket): string {
  const entries = Object.entries(properties).map(([key, value]) => {
    if (key === 'payloadFormatIndicator') return [key, Number(value)];
    if (key === 'subscriptionIdentifier') return [key, [value].flat()];
    return [key, Buffer.isBuffer(value) ? value.toString('hex') : value];
  });
  return JSON.stringify(entries);
}

/** What mqtt-packet has read, on one line; of packets that only it reads, their name. */
export function packetLine(packet: Packet): string {
  if (packet.cmd === 'publish') {
    const payload = packet.payload as Buffer;
    return messageLine({...packet, payload, properties: packetProperties(packet)});
  }
  const {cmd, messageId = 0} = packet;
  const isAcknowledgement = cmd === 'puback' || cmd === 'pubrec' || cmd === 'pubrel' || cmd === 'pubcomp';
  return isAcknowledgement ? `${cmd} ${messageId} ${packet.reasonCode ?? 0}` : cmd;
}
