/**
 * In place of MQTT.js's client, in a run that is over soon: what a link asks of a client, for a clean
 * session of MQTT 3.1.1 that has messages of QoS 2 in one direction only, its own. PUBLISH and its
 * acknowledgements go by the tap, so what is left is a handful of packets. The slow twin is MQTT.js, with
 * TMQ_NO_FASTPATH=1.
 *
 * Measured: loading MQTT.js and making a client of it is a quarter of what a one-shot `tmq pub` takes
 * beyond an empty Node script.
 */

import {EventEmitter} from 'node:events';
import type {Duplex} from 'node:stream';
import {bodyStart, incomplete, malformedInteger, packetBytes} from '../../protocol/fixed-header.ts';
import {
  packetBytes as bytesOf,
  connectBytes,
  type Greeting,
  isExpected,
  readPacket,
} from './minimal-packets.ts';
import type {Packet} from './packet.ts';

export class BriefClient extends EventEmitter {
  readonly #stream: Duplex;
  readonly #greeting: Greeting;
  /** What came and was not understood yet. */
  #bytes: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #timer: NodeJS.Timeout | undefined;
  /** Half keepalives without anything from the broker. */
  #silence = 0;

  /** Made in the same way as MQTT.js's. */
  constructor(streamBuilder: () => Duplex, greeting: Greeting) {
    super();
    this.#stream = streamBuilder();
    this.#greeting = greeting;
  }

  /** Sends CONNECT, and reads what comes. */
  connect(): void {
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#stream.once('close', () => clearInterval(this.#timer));
    try {
      // What is sent in the same go leaves together with it: a peer that acknowledges two segments late
      // holds the answers to the second one back, for 40 ms.
      this.#stream.cork();
      setImmediate(() => this.#stream.uncork());
      this.#stream.write(connectBytes(this.#greeting));
    } catch (error) {
      this.emit('error', error);
    }
  }

  /** Writes a packet; a link puts its own way of writing before it. */
  _writePacket(packet: Packet, done?: () => void): void {
    this.#stream.write(bytesOf(packet));
    done?.();
  }

  /** Sends PINGREQ, once the broker has accepted the connection. */
  sendPing(): void {
    if (this.#isGreeted) this._writePacket({cmd: 'pingreq'});
  }

  /** The broker is alive: the keepalive begins anew. */
  reschedulePing(): void {
    clearInterval(this.#timer);
    this.#silence = 0;
    const {keepalive} = this.#greeting;
    if (keepalive === 0 || this.#stream.destroyed) return;
    this.#timer = setInterval(() => this.#remainSilent(), keepalive * 500);
  }

  /** A PINGREQ was not answered for half a keepalive, and for each half more. */
  onKeepaliveTimeout(): void {}

  #remainSilent(): void {
    this.#silence++;
    if (this.#silence === 2) this.sendPing();
    if (this.#silence > 2) this.onKeepaliveTimeout();
  }

  #read(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length > 0 && !this.#stream.destroyed) {
      const first = this.#bytes[0]!;
      const length = isExpected(first) ? packetBytes(this.#bytes, 0) : malformedInteger;
      if (length === incomplete || length > this.#bytes.length) return;
      const packet =
        length === malformedInteger
          ? undefined
          : readPacket(first, this.#bytes.subarray(bodyStart(this.#bytes, 0), length));
      if (packet === undefined || (packet.cmd === 'connack' && this.#isGreeted)) {
        this.#refuse(first);
        return;
      }
      this.#bytes = this.#bytes.subarray(length);
      this.#received(packet);
    }
  }

  #received(packet: Packet): void {
    if (packet.cmd === 'connack') this.#isGreeted = packet.returnCode === 0;
    if (this.#isGreeted) this.reschedulePing();
    this.emit('packetreceive', packet);
  }

  /** What the codec would stop at, and what has no place in such a run, ends it. */
  #refuse(first: number): void {
    const byte = first.toString(16).padStart(2, '0');
    this.emit('error', new Error(`a packet that begins with 0x${byte} is out of place`));
  }
}
