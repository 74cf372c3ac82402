/** SUBSCRIBE, UNSUBSCRIBE and PINGREQ packets that await their answers on one connection. */

import type {TmqError} from '../../errors.ts';
import type {PacketIdentifiers} from './packet-ids.ts';
import type {Packet} from './protocol-client.ts';

export class PendingRequests {
  readonly #identifiers: PacketIdentifiers;
  readonly #waiting = new Map<
    number,
    {resolve: (packet: Packet) => void; reject: (error: TmqError) => void}
  >();

  readonly #pings: {resolve: () => void; reject: (error: TmqError) => void}[] = [];

  constructor(identifiers: PacketIdentifiers) {
    this.#identifiers = identifiers;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Sends a packet with an identifier of its own; resolves with the answer. @throws the error given to `fail` */
  request(send: (messageId: number) => void): Promise<Packet> {
    return new Promise((resolve, reject) => {
      const messageId = this.#identifiers.take();
      this.#waiting.set(messageId, {resolve, reject});
      send(messageId);
    });
  }

  /** Sends PINGREQ; resolves at the next PINGRESP. @throws the error given to `fail` */
  roundTrip(ping: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pings.push({resolve, reject});
      ping();
    });
  }

  /** PINGRESP came. */
  pinged(): void {
    for (const {resolve} of this.#pings.splice(0)) resolve();
  }

  /** SUBACK or UNSUBACK came: resolves the request with its identifier, if there is one. */
  answered(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    const request = this.#waiting.get(messageId);
    // An answer to nothing: the identifier may be that of a message.
    if (request === undefined) return;
    this.#waiting.delete(messageId);
    this.#identifiers.release(messageId);
    request.resolve(packet);
  }

  /** The connection is closed: rejects all requests. */
  fail(error: TmqError): void {
    for (const [messageId, {reject}] of this.#waiting) {
      this.#identifiers.release(messageId);
      reject(error);
    }
    this.#waiting.clear();
    for (const {reject} of this.#pings.splice(0)) reject(error);
  }
}
