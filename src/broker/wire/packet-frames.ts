/**
 * Packets for one WebSocket client: each is a frame, all of one turn are one write. Frames may end anywhere
 * [MQTT-6.0.0-2], but Paho for C waits for more bytes before it reads a second packet out of a frame. Knows no socket.
 */

import {packetBytes} from '../../protocol/fixed-header.ts';

/** A final frame of binary data [RFC 6455, 5.2]; a server masks nothing. */
const binary = 0x82;
const twoBytes = 126;
const eightBytes = 127;

/** Makes the frames of one connection, one batch of bytes after the other. */
export class PacketFrames {
  /** Bytes of the last packet that are still to come. */
  #missing = 0;

  /** The bytes with a header in front of each packet. What is no packet is framed as it comes. */
  add(bytes: Buffer): Buffer {
    const ends: number[] = [];
    let size = bytes.length;
    for (let at = 0; at < bytes.length; ) {
      // Where the length cannot be read, all that is there.
      const packet = this.#missing || packetBytes(bytes, at);
      const end = packet > 0 ? Math.min(at + packet, bytes.length) : bytes.length;
      this.#missing = Math.max(0, at + packet - end);
      size += headerBytes(end - at);
      ends.push(end);
      at = end;
    }
    const frames = Buffer.allocUnsafe(size);
    let [from, to] = [0, 0];
    for (const end of ends) {
      to = writeHeader(frames, to, end - from);
      to += bytes.copy(frames, to, from, end);
      from = end;
    }
    return frames;
  }
}

function headerBytes(length: number): number {
  if (length < twoBytes) return 2;
  return length <= 0xffff ? 4 : 10;
}

/** Returns where the header ends. */
function writeHeader(target: Buffer, at: number, length: number): number {
  target[at] = binary;
  switch (headerBytes(length)) {
    case 2:
      target[at + 1] = length;
      return at + 2;
    case 4:
      target[at + 1] = twoBytes;
      return target.writeUInt16BE(length, at + 2);
    default:
      target[at + 1] = eightBytes;
      return target.writeBigUInt64BE(BigInt(length), at + 2);
  }
}
