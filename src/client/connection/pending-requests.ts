/** SUBSCRIBE and UNSUBSCRIBE packets that await their answers on one connection. Knows no stream. */

import type {TmqError} from '../../errors.ts';
import type {Packet} from './packet.ts';
import type {PacketIdentifiers} from './packet-ids.ts';

export class Requests {
  readonly #identifiers: PacketIdentifiers;
  readonly #waiting = new Map<
    number,
    {resolve: (packet: Packet) => void; reject: (error: TmqError) => void}
  >();

  constructor(identifiers: PacketIdentifiers) {
    this.#identifiers = identifiers;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Gives a packet an identifier and has it sent; resolves with the answer. @throws what `fail` is given */
  ask(send: (messageId: number) => void): Promise<Packet> {
    return new Promise((resolve, reject) => {
      const messageId = this.#identifiers.take();
      this.#waiting.set(messageId, {resolve, reject});
      send(messageId);
    });
  }

  /** SUBACK or UNSUBACK came. */
  answered(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    const request = this.#waiting.get(messageId);
    this.#waiting.delete(messageId);
    this.#identifiers.release(messageId);
    request?.resolve(packet);
  }

  /** No answer will come any more. */
  fail(error: TmqError): void {
    for (const [messageId, {reject}] of this.#waiting) {
      this.#identifiers.release(messageId);
      reject(error);
    }
    this.#waiting.clear();
  }
}
