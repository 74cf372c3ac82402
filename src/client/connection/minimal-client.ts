/**
 * A client for a clean session of MQTT 3.1.1: the publish filter takes PUBLISH and its acknowledgements, a handful of
 * packets remains. TMQ_NO_FASTPATH=1 uses MQTT.js instead, whose loading takes a quarter of the time of a one-shot
 * `tmq pub` beyond Node's own start.
 */

import {
  bodyStart,
  firstByte,
  incomplete,
  malformedInteger,
  type PacketName,
  PacketType,
  packetBytes,
} from '../../protocol/fixed-header.ts';
import {connectBytes, framed} from '../../protocol/packet-writer.ts';
import {data} from '../../protocol/publish-writer.ts';
import {subscriptionFailure} from '../../protocol/reason-codes.ts';
import type {CreateProtocolClient, Packet, ProtocolClient, ProtocolClientSetup} from './protocol-client.ts';

const empty: ReadonlySet<string> = new Set(['disconnect', 'pingreq']);
const acknowledgements: ReadonlySet<string> = new Set(['puback', 'pubrec', 'pubrel', 'pubcomp']);

/** Any other packet for the broker; PUBLISH has an encoder of its own. @throws Error for a packet that is not known here */
export function encodePacket(packet: Packet): Buffer {
  const {cmd, messageId = 0, subscriptions = [], unsubscriptions = []} = packet;
  const identifier = Buffer.of(messageId >> 8, messageId & 0xff);
  const first = firstByte(PacketType[cmd as PacketName]);
  if (empty.has(cmd)) return framed(first);
  if (acknowledgements.has(cmd)) return framed(first, identifier);
  if (cmd === 'subscribe') {
    return framed(
      first,
      identifier,
      ...subscriptions.flatMap(({topic, qos}) => [data(topic), Buffer.of(qos)]),
    );
  }
  if (cmd === 'unsubscribe') return framed(first, identifier, ...unsubscriptions.map(data));
  throw new Error(`No ${cmd} is sent in a short session.`);
}

/** The body of each packet that may come, by its first byte; undefined where it is malformed. */
const readers: Readonly<Record<number, (body: Uint8Array) => Packet | undefined>> = {
  // CONNACK: flags, return code [MQTT-3.2.2].
  [firstByte(PacketType.connack)]: ([flags, returnCode, ...rest]) =>
    returnCode === undefined || flags! > 1 || rest.length > 0
      ? undefined
      : {cmd: 'connack', sessionPresent: flags === 1, returnCode},
  // SUBACK: identifier, a return code for each filter [MQTT-3.9.3].
  [firstByte(PacketType.suback)]: ([high, low, ...granted]) =>
    granted.length === 0 || granted.some((code) => code > 2 && code !== subscriptionFailure)
      ? undefined
      : {cmd: 'suback', messageId: (high! << 8) | low!, granted},
  // UNSUBACK: identifier [MQTT-3.11.2].
  [firstByte(PacketType.unsuback)]: ([high, low, ...rest]) =>
    low === undefined || rest.length > 0 ? undefined : {cmd: 'unsuback', messageId: (high! << 8) | low},
  // PINGRESP [MQTT-3.13].
  [firstByte(PacketType.pingresp)]: ({length}) => (length === 0 ? {cmd: 'pingresp'} : undefined),
};

/** Whether a packet that begins with this byte may come. */
export function isExpected(first: number): boolean {
  return first in readers;
}

/** The packet that begins with this byte and has this body; undefined where it is malformed. */
export function readPacket(first: number, body: Uint8Array): Packet | undefined {
  return readers[first]?.(body);
}

class MinimalClient implements ProtocolClient {
  readonly #setup: ProtocolClientSetup;
  /** What came and was not read yet. */
  #bytes: Buffer = Buffer.alloc(0);
  #isAccepted = false;
  #timer: NodeJS.Timeout | undefined;
  /** Half keepalive times without anything from the broker. */
  #silence = 0;

  constructor(setup: ProtocolClientSetup) {
    this.#setup = setup;
  }

  connect(): void {
    const {stream, handler} = this.#setup;
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.once('close', () => clearInterval(this.#timer));
    handler.send({cmd: 'connect'});
  }

  encode(packet: Packet): Uint8Array {
    if (packet.cmd !== 'connect') return encodePacket(packet);
    const {clientId, options} = this.#setup;
    const {clean, keepaliveSeconds, credentials, will} = options;
    return connectBytes({version: 4, clientId, clean, keepaliveSeconds, credentials, will});
  }

  ping(): void {
    if (this.#isAccepted) this.#setup.handler.send({cmd: 'pingreq'});
  }

  restartKeepalive(): void {
    clearInterval(this.#timer);
    this.#silence = 0;
    const {keepaliveSeconds} = this.#setup.options;
    if (keepaliveSeconds === 0 || this.#setup.stream.destroyed) return;
    this.#timer = setInterval(() => this.#remainSilent(), keepaliveSeconds * 500);
  }

  #remainSilent(): void {
    this.#silence++;
    if (this.#silence === 2) this.ping();
    if (this.#silence > 2) this.#setup.handler.onSilence();
  }

  #read(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length > 0 && !this.#setup.stream.destroyed) {
      const first = this.#bytes[0]!;
      const length = isExpected(first) ? packetBytes(this.#bytes, 0) : malformedInteger;
      if (length === incomplete || length > this.#bytes.length) return;
      const packet =
        length === malformedInteger
          ? undefined
          : readPacket(first, this.#bytes.subarray(bodyStart(this.#bytes, 0), length));
      if (packet === undefined || (packet.cmd === 'connack' && this.#isAccepted)) {
        this.#refuse(first);
        return;
      }
      this.#bytes = this.#bytes.subarray(length);
      this.#received(packet);
    }
  }

  #received(packet: Packet): void {
    if (packet.cmd === 'connack') this.#isAccepted = packet.returnCode === 0;
    if (this.#isAccepted) this.restartKeepalive();
    try {
      this.#setup.handler.onPacket(packet);
    } catch (error) {
      this.#setup.handler.onError(error);
    }
  }

  /** A packet that is malformed, or that such a session does not receive, ends the connection. */
  #refuse(first: number): void {
    const byte = first.toString(16).padStart(2, '0');
    this.#setup.handler.onError(new Error(`a packet that begins with 0x${byte} is out of place`));
  }
}

/** Creates a client without MQTT.js. */
export const createMinimalClient: CreateProtocolClient = (setup) => new MinimalClient(setup);
