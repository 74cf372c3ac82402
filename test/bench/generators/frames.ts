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

export interface ConnectOptions {
  readonly clientId: string;
  readonly version: Version;
  readonly login: Login | undefined;
  /** Whether the broker keeps the session; before MQTT 5. */
  readonly keepsSession?: boolean;
}

/** CONNECT without a keepalive. */
export function connectFrame({clientId, version, login, keepsSession = false}: ConnectOptions): Buffer {
  const flags = (keepsSession ? 0 : 0x02) | (login === undefined ? 0 : 0xc0);
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
  readonly retain?: boolean;
}

/** PUBLISH; the packet identifier is left out at QoS 0. */
export function publishFrame(
  {topic, payload, qos, packetId, retain = false}: Publish,
  version: Version,
): Buffer {
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.of(packetId >> 8, packetId & 255);
  return frame(
    type.publish | (qos << 1) | (retain ? 1 : 0),
    string(topic),
    id,
    noProperties(version),
    payload,
  );
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
  const scanner = new Scanner(handle);
  return (chunk) => scanner.take(chunk);
}

class Scanner {
  readonly #handle: FrameHandler;
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | undefined;
  /** A large frame, of which only the length is kept, and how much of it is to come. */
  #skipped: {readonly first: number; readonly length: number} | undefined;
  #skipping = 0;
  /** The body of the frame last looked at. */
  #start = 0;
  #length = 0;

  constructor(handle: FrameHandler) {
    this.#handle = handle;
  }

  take(chunk: Buffer): void {
    let at = this.#skip(chunk);
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (at < buffer.length) {
      const hasLength = this.#readLength(buffer, at + 1);
      const end = this.#start + this.#length;
      if (hasLength && end <= buffer.length) {
        this.#handle(buffer[at]!, buffer, this.#start, end);
        at = end;
      } else if (hasLength && this.#length > largestKept) {
        this.#skipped = {first: buffer[at]!, length: this.#length};
        this.#skipping = end - buffer.length;
        return;
      } else {
        this.#rest = buffer.subarray(at);
        return;
      }
    }
  }

  /** Passes over what belongs to a large frame; where the next one begins. */
  #skip(chunk: Buffer): number {
    if (this.#skipped === undefined) return 0;
    const count = Math.min(this.#skipping, chunk.length);
    this.#skipping -= count;
    if (this.#skipping === 0) {
      this.#handle(this.#skipped.first, Buffer.alloc(0), 0, this.#skipped.length);
      this.#skipped = undefined;
    }
    return count;
  }

  /** Reads a remaining length [MQTT 5, 1.5.5]; false if it is not all there. */
  #readLength(buffer: Buffer, from: number): boolean {
    let at = from;
    let byte = 0x80;
    this.#length = 0;
    for (let scale = 1; at < buffer.length && (byte & 0x80) !== 0; scale *= 128) {
      byte = buffer[at++]!;
      this.#length += (byte & 0x7f) * scale;
    }
    this.#start = at;
    return (byte & 0x80) === 0;
  }
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
