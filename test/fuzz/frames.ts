/**
 * Random MQTT frames, encoded by hand so that they may be anything: valid ones, those that hardly ever
 * come, and invalid ones. Knows what the specifications allow, and no reader.
 */

import type {ProtocolVersion} from '../../src/protocol/message.ts';
import type {Random} from './random.ts';

/**
 * 'plain': a packet as floods have it; 'right': allowed, but not as plain; 'odd': it may be anything.
 */
export type Nature = 'plain' | 'right' | 'odd';

export interface RandomFrame {
  readonly bytes: Buffer;
  readonly nature: Nature;
}

const noBytes = Buffer.alloc(0);

export function variableInteger(value: number): Buffer {
  const bytes: number[] = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}

/** A whole frame from its first byte and its body. */
export function frameOf(first: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first), variableInteger(body.length), body]);
}

function twoBytes(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([twoBytes(bytes.length), bytes]);
}

const letters = [...'abcxyz0189/ -_', 'ä', 'ß', 'ж', '中', '😀', '\u{10ffff}', '\ufeff', '\u0001', '\u2028'];

function text(random: Random, least = 0): Buffer {
  let value = '';
  for (let left = random.between(least, 12); left > 0; left--) value += random.pick(letters);
  return Buffer.from(value);
}

/** Bytes that are no MQTT string, and a character that stands for such in a decoded one. */
const brokenTexts = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xe4, 0xb8],
  [0x61, 0],
  [0xf5, 0x80, 0x80, 0x80],
];
const replacement = Buffer.from('\ufffd');

export interface FrameOptions {
  readonly version: ProtocolVersion;
  readonly side: 'server' | 'client';
  /** Of a thousand frames, those that may be wrong. */
  readonly oddShare: number;
}

/** Frames of one connection. */
class FrameSource {
  readonly #random: Random;
  readonly #version: ProtocolVersion;
  readonly #side: 'server' | 'client';
  readonly #topics: readonly Buffer[];
  readonly #oddShare: number;
  #count = 0;

  constructor(random: Random, {version, side, oddShare}: FrameOptions) {
    this.#random = random;
    this.#version = version;
    this.#side = side;
    this.#topics = Array.from({length: random.between(1, 8)}, () => text(random, 1));
    this.#oddShare = oddShare;
  }

  next(): RandomFrame {
    this.#count++;
    const random = this.#random;
    const frame = random.permille(700) ? this.#publish() : this.#other();
    return random.permille(this.#oddShare) ? {bytes: this.#mangled(frame.bytes), nature: 'odd'} : frame;
  }

  #publish(): RandomFrame {
    const random = this.#random;
    const qos = random.pick([0, 0, 0, 1, 1, 2]);
    const retain = random.permille(100);
    // Before MQTT 5, DUP at QoS 0 is just as wrong.
    const duplicate = qos > 0 && random.permille(100);
    const topic = this.#topic();
    const properties = this.#version === 5 ? this.#properties() : {bytes: noBytes, plain: true};
    const body = Buffer.concat([
      field(topic),
      qos > 0 ? twoBytes(random.between(1, 65_535)) : noBytes,
      properties.bytes,
      this.#payload(),
    ]);
    const first = 0x30 | (qos << 1) | Number(retain) | (duplicate ? 8 : 0);
    const plain = (qos < 2 || this.#side === 'server') && properties.plain;
    return {bytes: frameOf(first, body), nature: plain ? 'plain' : 'right'};
  }

  #topic(): Buffer {
    const random = this.#random;
    if (random.permille(5)) return Buffer.concat([text(random), replacement]);
    return random.permille(900) ? random.pick(this.#topics) : text(random, 1);
  }

  #payload(): Buffer {
    const random = this.#random;
    // A number of its own, so that no two messages are alike.
    const own = Buffer.from(`${this.#count} `);
    if (random.permille(50)) return noBytes;
    const size = random.permille(950) ? random.below(60) : random.pick([90, 118, 130, 300, 5000, 16_380]);
    if (random.permille(1)) return Buffer.alloc(random.between(60_000, 200_000), own);
    return random.permille(500) ? Buffer.concat([own, random.bytes(size)]) : Buffer.alloc(size, own);
  }

  /** A list of properties with its length; 'plain' where no topic alias takes part. */
  #properties(): {readonly bytes: Buffer; readonly plain: boolean} {
    const random = this.#random;
    if (random.permille(600)) return {bytes: Buffer.of(0), plain: true};
    const makers: readonly (() => Buffer)[] = [
      () => Buffer.of(1, random.below(2)),
      () => Buffer.concat([Buffer.of(2), random.bytes(4)]),
      () => Buffer.concat([Buffer.of(3), field(text(random))]),
      () => Buffer.concat([Buffer.of(8), field(text(random, 1))]),
      () => Buffer.concat([Buffer.of(9), field(random.bytes(random.below(10)))]),
    ];
    const list = makers.filter(() => random.permille(300)).map((make) => make());
    for (let left = random.pick([0, 0, 1, 3]); left > 0; left--) {
      list.push(Buffer.concat([Buffer.of(38), field(text(random)), field(text(random))]));
    }
    for (let left = this.#side === 'server' ? random.pick([0, 0, 1, 2]) : 0; left > 0; left--) {
      list.push(Buffer.concat([Buffer.of(11), variableInteger(random.between(1, 268_435_455))]));
    }
    const aliased = random.permille(50);
    if (aliased) list.push(Buffer.concat([Buffer.of(35), twoBytes(random.between(1, 65_535))]));
    const ordered = list.map((bytes) => ({bytes, at: random.below(1000)})).sort((a, b) => a.at - b.at);
    const block = Buffer.concat(ordered.map(({bytes}) => bytes));
    return {bytes: Buffer.concat([variableInteger(block.length), block]), plain: !aliased};
  }

  /** An acknowledgement, or a packet that has nothing to do with messages. */
  #other(): RandomFrame {
    const random = this.#random;
    const id = twoBytes(random.between(1, 65_535));
    const type = random.pick([4, 4, 4, 5, 7, 6, 0]);
    if (type === 0) return {bytes: this.#rare(id), nature: 'right'};
    const first = (type << 4) | (type === 6 ? 2 : 0);
    const plain = {bytes: frameOf(first, id), nature: 'plain'} as const;
    if (this.#version < 5 || random.permille(600)) return plain;
    const code = random.permille(600) ? 0 : type < 6 ? random.pick([0x10, 0x80, 0x87, 0x97]) : 0x92;
    const reason = frameOf(first, Buffer.concat([id, Buffer.of(code)]));
    const isSuccess = code === 0;
    if (random.permille(500)) return {bytes: reason, nature: isSuccess ? 'plain' : 'right'};
    const properties = random.permille(500)
      ? Buffer.of(0)
      : Buffer.concat([Buffer.of(4, 31), field(Buffer.from('x'))]);
    const nature = isSuccess && properties.length === 1 ? 'plain' : 'right';
    return {bytes: frameOf(first, Buffer.concat([id, Buffer.of(code), properties])), nature};
  }

  #rare(id: Buffer): Buffer {
    const random = this.#random;
    const none = this.#version === 5 ? Buffer.of(0) : noBytes;
    const filter = field(text(random, 1));
    if (this.#side === 'client') {
      const options = Buffer.of(random.below(3));
      return random.pick([
        () => Buffer.of(0xc0, 0),
        () => frameOf(0x82, Buffer.concat([id, none, filter, options])),
        () => frameOf(0xa2, Buffer.concat([id, none, filter])),
      ])();
    }
    const code = Buffer.of(random.pick([0, 1, 2]));
    return random.pick([
      () => Buffer.of(0xd0, 0),
      () => frameOf(0x90, Buffer.concat([id, none, code])),
      () => frameOf(0xb0, this.#version === 5 ? Buffer.concat([id, none, Buffer.of(0)]) : id),
    ])();
  }

  /** The frame with something about it changed, that may or may not matter. */
  #mangled(frame: Buffer): Buffer {
    const random = this.#random;
    const bytes = Buffer.from(frame);
    switch (random.below(9)) {
      case 0:
        bytes[0] = random.below(256);
        return bytes;
      case 1:
        bytes[0] = bytes[0]! ^ (1 << random.below(4));
        return bytes;
      case 2:
        // A length that is not this frame's.
        if (random.permille(300)) bytes[1] = random.below(256);
        return bytes;
      case 3:
        return frameOf(bytes[0]!, this.#cutBody(bytes));
      case 4:
        return this.#longLength(bytes);
      case 5:
        return this.#brokenText();
      case 6:
        return this.#withoutIdentifier();
      case 7:
        return this.#brokenProperties();
      default:
        return this.#otherBytes(bytes);
    }
  }

  #otherBytes(bytes: Buffer): Buffer {
    const random = this.#random;
    for (let left = random.between(1, 3); left > 0; left--) {
      const at = random.between(2, Math.max(2, Math.min(bytes.length - 1, 40)));
      if (at < bytes.length) bytes[at] = random.permille(500) ? random.below(256) : random.below(12);
    }
    return bytes;
  }

  /** Packet identifier 0. */
  #withoutIdentifier(): Buffer {
    const random = this.#random;
    const properties = this.#version === 5 ? Buffer.of(0) : noBytes;
    const topic = field(random.pick(this.#topics));
    if (random.permille(500)) return frameOf(random.pick([0x40, 0x50, 0x62, 0x70]), twoBytes(0));
    return frameOf(random.pick([0x32, 0x34]), Buffer.concat([topic, twoBytes(0), properties, Buffer.of(65)]));
  }

  /** Properties that are there twice, do not exist, are 0, or do not end where their list does. */
  #brokenProperties(): Buffer {
    const random = this.#random;
    const list = Array.from({length: random.between(1, 3)}, () =>
      Buffer.from(
        random.pick([
          [1, 0],
          [1, 1],
          [1, 2],
          [2, 0, 0, 0, 9],
          [2, 0, 0, 0, 0],
          [3, 0, 1, 65],
          [9, 0, 0],
          [11, 0],
          [11, 5],
          [35, 0, 0],
          [40, 1],
          [0],
        ]),
      ),
    );
    const block = Buffer.concat(list);
    const length = variableInteger(Math.max(0, block.length + random.pick([0, 0, -1, -2, 1, 2, 40])));
    const topic = field(random.pick(this.#topics));
    return frameOf(0x30, Buffer.concat([topic, length, block, Buffer.from('payload')]));
  }

  #cutBody(frame: Buffer): Buffer {
    const body = frame.subarray(2);
    return this.#random.permille(800)
      ? body.subarray(0, this.#random.below(body.length + 1))
      : Buffer.concat([body, this.#random.bytes(3)]);
  }

  /** With a length field of more bytes than it needs, or than there may be. */
  #longLength(frame: Buffer): Buffer {
    if (frame[1]! >= 0x80) return Buffer.concat([Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 1), frame]);
    const padding = this.#random.pick([[0], [0x80, 0], [0x80, 0x80, 0]]);
    return Buffer.concat([Buffer.of(frame[0]!, frame[1]! | 0x80, ...padding), frame.subarray(2)]);
  }

  #brokenText(): Buffer {
    const random = this.#random;
    const topic = Buffer.concat([text(random), Buffer.from(random.pick(brokenTexts)), text(random)]);
    const properties = this.#version === 5 ? Buffer.of(0) : noBytes;
    return frameOf(0x30, Buffer.concat([field(topic), properties, Buffer.from('x')]));
  }
}

/** What one side sends on a connection. */
export interface Conversation {
  readonly bytes: Buffer;
  /** By where the frame begins. */
  readonly natures: ReadonlyMap<number, Nature>;
  readonly count: number;
}

/** Random frames, behind others. Where many are odd they are few: a connection may end with the first. */
export function conversation(
  random: Random,
  {version, side}: Pick<FrameOptions, 'version' | 'side'>,
  greeting: readonly RandomFrame[] = [],
): Conversation {
  const oddShare = random.permille(900) ? 300 : random.pick([0, 1, 5]);
  const source = new FrameSource(random, {version, side, oddShare});
  const count = random.between(1, random.pick(oddShare < 50 ? [50, 200, 1000] : [3, 10, 20]));
  const frames = [...greeting, ...Array.from({length: count}, () => source.next())];
  const natures = new Map<number, Nature>();
  let length = 0;
  for (const {bytes, nature} of frames) {
    natures.set(length, nature);
    length += bytes.length;
  }
  return {bytes: Buffer.concat(frames.map(({bytes}) => bytes)), natures, count};
}

/** Bytes in pieces whose sizes have nothing to do with where frames end. */
export function* pieces(random: Random, bytes: Buffer): Generator<Buffer, void, undefined> {
  const most = random.pick(bytes.length < 3000 ? [2, 7, 90, 1500] : [90, 1500, 9000, 70_000, 300_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.between(1, most));
    yield bytes.subarray(at, end);
    at = end;
  }
}
