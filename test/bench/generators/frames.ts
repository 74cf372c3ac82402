/**
 * Just enough MQTT 3.1.1 and 5 to load a program from outside, fast: frames are encoded once, before
 * the clock runs, and scanned in place. It checks nothing that the program measured should check.
 */

export type Version = 4 | 5;

/** First bytes of the packets the generators meet, without flags. */
export const type = {
  connect: 0x10,
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  pubrec: 0x50,
  pubrel: 0x60,
  pubcomp: 0x70,
  subscribe: 0x80,
  suback: 0x90,
  pingreq: 0xc0,
  disconnect: 0xe0,
} as const;

function remainingLength(length: number): Buffer {
  const bytes: number[] = [];
  do {
    const low = length % 128;
    length = Math.floor(length / 128);
    bytes.push(length > 0 ? low | 0x80 : low);
  } while (length > 0);
  return Buffer.from(bytes);
}

function frame(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(first), remainingLength(body.length), body]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);
}

const noProperties = (version: Version) => (version === 5 ? Buffer.of(0) : Buffer.alloc(0));

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** CONNECT with a clean start and no keepalive. */
export function connectFrame(clientId: string, version: Version, login?: Login): Buffer {
  const flags = 0x02 | (login === undefined ? 0 : 0xc0);
  return frame(
    type.connect,
    string('MQTT'),
    Buffer.of(version, flags, 0, 0),
    noProperties(version),
    string(clientId),
    ...(login === undefined ? [] : [string(login.username), string(login.password)]),
  );
}

/** CONNACK without a session and without a complaint. */
export function connackFrame(version: Version): Buffer {
  return frame(type.connack, Buffer.of(0, 0), noProperties(version));
}

/** SUBSCRIBE to one filter. */
export function subscribeFrame(filter: string, qos: number, version: Version): Buffer {
  return frame(type.subscribe | 2, Buffer.of(0, 1), noProperties(version), string(filter), Buffer.of(qos));
}

/** SUBACK that grants one filter. */
export function subackFrame(packetId: number, qos: number, version: Version): Buffer {
  return frame(type.suback, Buffer.of(packetId >> 8, packetId & 255), noProperties(version), Buffer.of(qos));
}

export interface Publish {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly packetId: number;
}

/** PUBLISH; the packet identifier is left out at QoS 0. */
export function publishFrame({topic, payload, qos, packetId}: Publish, version: Version): Buffer {
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.of(packetId >> 8, packetId & 255);
  return frame(type.publish | (qos << 1), string(topic), id, noProperties(version), payload);
}

/** The beginning of a PUBLISH at QoS 0 whose payload of `payloadBytes` follows by itself. */
export function publishHeader(topic: string, payloadBytes: number, version: Version): Buffer {
  const name = Buffer.concat([string(topic), noProperties(version)]);
  return Buffer.concat([Buffer.of(type.publish), remainingLength(name.length + payloadBytes), name]);
}

/** Takes whole frames out of a stream: `first` byte, then the body in `buffer` from `start` to `end`. */
export type FrameHandler = (first: number, buffer: Buffer, start: number, end: number) => void;

/** Bodies larger than this are counted, not kept: the handler gets an empty buffer and the length as `end`. */
const largestKept = 1_000_000;

/** A function that takes the chunks of one stream and hands on each frame in it. */
export function frameScanner(handle: FrameHandler): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  let skipping = 0;
  let skipped: {readonly first: number; readonly length: number} | undefined;
  const nothing = Buffer.alloc(0);
  return (chunk) => {
    let at = 0;
    if (skipped !== undefined) {
      at = Math.min(skipping, chunk.length);
      skipping -= at;
      if (skipping > 0) return;
      handle(skipped.first, nothing, 0, skipped.length);
      skipped = undefined;
    }
    const buffer = rest === undefined ? chunk : Buffer.concat([rest, chunk.subarray(at)]);
    if (rest !== undefined) at = 0;
    rest = undefined;
    while (at < buffer.length) {
      let length = 0;
      let scale = 1;
      let start = at + 1;
      let byte = 0x80;
      while (start < buffer.length && (byte & 0x80) !== 0) {
        byte = buffer[start++]!;
        length += (byte & 0x7f) * scale;
        scale *= 128;
      }
      const complete = (byte & 0x80) === 0;
      if (complete && start + length <= buffer.length) {
        handle(buffer[at]!, buffer, start, start + length);
        at = start + length;
      } else if (complete && length > largestKept) {
        skipped = {first: buffer[at]!, length};
        skipping = start + length - buffer.length;
        return;
      } else {
        rest = buffer.subarray(at);
        return;
      }
    }
  };
}

/** A stream of acknowledgements of one kind, packed: 4 bytes each. */
export class Acknowledgements {
  readonly #first: number;
  #bytes = Buffer.allocUnsafe(65_536);
  #length = 0;

  constructor(first: number) {
    this.#first = first;
  }

  /** Adds the one whose packet identifier stands in `buffer` at `at`. */
  add(buffer: Buffer, at: number): void {
    if (this.#length + 4 > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.allocUnsafe(this.#bytes.length)]);
    }
    const bytes = this.#bytes;
    bytes[this.#length] = this.#first;
    bytes[this.#length + 1] = 2;
    bytes[this.#length + 2] = buffer[at]!;
    bytes[this.#length + 3] = buffer[at + 1]!;
    this.#length += 4;
  }

  /** What was added since, as one buffer to write; undefined if nothing was. */
  take(): Buffer | undefined {
    if (this.#length === 0) return undefined;
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }
}
