/** Cuts a stream of MQTT bytes into whole packets. Knows nothing of a packet but its length. */

/** The length of the packet that begins at `start`, header included; undefined when more bytes are needed. */
function packetLength(bytes: Buffer, start: number): number | undefined {
  let length = 0;
  for (let at = 1; at <= 4 && start + at < bytes.length; at++) {
    const byte = bytes[start + at]!;
    length += (byte & 127) * 128 ** (at - 1);
    if (byte < 128) return 1 + at + length;
  }
  return undefined;
}

/** Whether the bytes are one or more whole packets with nothing before, between or behind them. */
export function areWholePackets(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length) {
    const length = packetLength(bytes, at);
    if (length === undefined) return false;
    at += length;
  }
  return at === bytes.length && at > 0;
}

export class PacketCutter {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes bytes as they arrive; returns the packets that are complete now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: Buffer[] = [];
    let at = 0;
    for (let length = packetLength(this.#rest, at); length !== undefined; ) {
      if (at + length > this.#rest.length) break;
      packets.push(this.#rest.subarray(at, at + length));
      at += length;
      length = packetLength(this.#rest, at);
    }
    this.#rest = this.#rest.subarray(at);
    return packets;
  }
}

/** The type of a packet: 1 is CONNECT, 14 DISCONNECT [MQTT 3.1.1, 2.2.1]. */
export const packetType = (packet: Buffer): number => packet[0]! >> 4;
