/**
 * Reads the packets that a client sends, byte by byte and with the properties in the order in which they
 * stand on the wire. Independent of the codec under test.
 */

export interface SentPacket {
  readonly packet: string;
  readonly [field: string]: unknown;
}

const names = [
  ...['RESERVED', 'CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBSCRIBE'],
  ...['SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT', 'AUTH'],
];

type Reading = 'byte' | 'u16' | 'u32' | 'varint' | 'utf8' | 'binary' | 'pair';

/** [MQTT 5, 2.2.2.2] */
const properties: Readonly<Record<number, readonly [name: string, reading: Reading]>> = {
  1: ['payload-format-indicator', 'byte'],
  2: ['message-expiry-interval', 'u32'],
  3: ['content-type', 'utf8'],
  8: ['response-topic', 'utf8'],
  9: ['correlation-data', 'binary'],
  11: ['subscription-identifier', 'varint'],
  17: ['session-expiry-interval', 'u32'],
  21: ['authentication-method', 'utf8'],
  22: ['authentication-data', 'binary'],
  23: ['request-problem-information', 'byte'],
  24: ['will-delay-interval', 'u32'],
  25: ['request-response-information', 'byte'],
  28: ['server-reference', 'utf8'],
  31: ['reason-string', 'utf8'],
  33: ['receive-maximum', 'u16'],
  34: ['topic-alias-maximum', 'u16'],
  35: ['topic-alias', 'u16'],
  38: ['user-property', 'pair'],
  39: ['maximum-packet-size', 'u32'],
};

/** A cursor over the body of one packet. */
class Body {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  u16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  u32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Bytes as Latin-1, so that each of them is compared. */
  take(length: number, encoding: BufferEncoding = 'latin1'): string {
    this.#at += length;
    return this.#bytes.toString(encoding, this.#at - length, this.#at);
  }

  utf8(): string {
    return this.take(this.u16(), 'utf8');
  }

  binary(): string {
    return this.take(this.u16());
  }

  pair(): string {
    return `${this.utf8()}=${this.utf8()}`;
  }

  /** "name value" of each property, in order. */
  properties(): readonly string[] {
    const length = this.varint();
    const end = this.left - length;
    const found: string[] = [];
    while (this.left > end) {
      const [name, reading] = properties[this.byte()]!;
      found.push(`${name} ${this[reading]()}`);
    }
    return found;
  }
}

function connect(body: Body): object {
  const protocol = body.utf8();
  const level = body.byte();
  const flags = body.byte();
  const five = level === 5;
  const head = {protocol, level, clean: (flags & 2) !== 0, keepalive: body.u16()};
  const own = five ? body.properties() : [];
  const clientId = body.utf8();
  const will =
    (flags & 4) === 0
      ? {}
      : {
          willQos: (flags >> 3) & 3,
          willRetain: (flags & 32) !== 0,
          willProperties: five ? body.properties() : [],
          willTopic: body.utf8(),
          willPayload: body.binary(),
        };
  const username = (flags & 128) === 0 ? {} : {username: body.utf8()};
  const password = (flags & 64) === 0 ? {} : {password: body.binary()};
  return {...head, properties: own, clientId, ...will, ...username, ...password};
}

function publish(body: Body, flags: number, five: boolean): object {
  const qos = (flags >> 1) & 3;
  const topic = body.utf8();
  const id = qos > 0 ? {id: body.u16()} : {};
  const own = five ? body.properties() : [];
  const head = {topic, qos, retain: (flags & 1) !== 0, duplicate: (flags & 8) !== 0, ...id};
  return {...head, properties: own, payload: body.take(body.left)};
}

function filters(body: Body, five: boolean, options: boolean): object {
  const id = body.u16();
  const own = five ? body.properties() : [];
  const found: string[] = [];
  while (body.left > 0) {
    const filter = body.utf8();
    found.push(options ? `${filter} 0x${body.byte().toString(16).padStart(2, '0')}` : filter);
  }
  return {id, properties: own, filters: found};
}

/** The rest of DISCONNECT and of acknowledgements: what is not there means 0 and no properties. */
function reason(body: Body): object {
  const code = body.left > 0 ? body.byte() : 0;
  return {reason: code, properties: body.left > 0 ? body.properties() : []};
}

function fields(type: number, flags: number, body: Body, five: boolean): object {
  switch (type) {
    case 1:
      return connect(body);
    case 3:
      return publish(body, flags, five);
    case 4:
    case 5:
    case 6:
    case 7:
      return {flags, id: body.u16(), ...reason(body)};
    case 8:
      return {flags, ...filters(body, five, true)};
    case 10:
      return {flags, ...filters(body, five, false)};
    case 14:
      return reason(body);
    default:
      return {};
  }
}

/** The length of the first packet with its header, or undefined while it is not all there. */
export function packetLength(bytes: Buffer): {readonly header: number; readonly total: number} | undefined {
  let length = 0;
  for (let index = 1; index < 5; index++) {
    const byte = bytes[index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * (index - 1));
    if (byte >= 0x80) continue;
    const total = index + 1 + length;
    return bytes.length < total ? undefined : {header: index + 1, total};
  }
  throw new Error('a Remaining Length of more than four bytes');
}

/** Splits what was received into whole packets: their types, and what a client's packets say. */
export function readPackets(bytes: Buffer): readonly SentPacket[] {
  const packets: SentPacket[] = [];
  let rest = bytes;
  let five = false;
  for (;;) {
    const length = packetLength(rest);
    if (length === undefined) return packets;
    const type = rest[0]! >> 4;
    const read = fields(type, rest[0]! & 15, new Body(rest.subarray(length.header, length.total)), five);
    if (type === 1) five = 'level' in read && read.level === 5;
    packets.push({packet: names[type]!, ...read});
    rest = rest.subarray(length.total);
  }
}

/** The names of the whole packets in the bytes, of either side. */
export function packetNames(bytes: Buffer): readonly string[] {
  const found: string[] = [];
  for (let rest = bytes; ; ) {
    const length = packetLength(rest);
    if (length === undefined) return found;
    found.push(names[rest[0]! >> 4]!);
    rest = rest.subarray(length.total);
  }
}
