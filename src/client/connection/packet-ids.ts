/**
 * Packet identifiers: 1, 2, 3 … as mosquitto counts them, skipping those still in use [MQTT 5, 2.2.1]. Where the
 * server may keep a session they begin at random: an earlier run may have left some of the first ones open, and a
 * server takes a message with one of these for the earlier one again.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';

export class PacketIdentifiers {
  readonly #used = new Set<number>();
  #last: number;

  /** @param last the identifier before the first */
  constructor(last = 0) {
    this.#last = last;
  }

  /** The next number, for a line of the trace: a message at QoS 0 has no identifier but counts. */
  count(): number {
    this.#last = this.#last === largestTwoByteInteger ? 1 : this.#last + 1;
    return this.#last;
  }

  /** An identifier that is not in use, until it is released. @throws Error when all are in use */
  take(): number {
    if (this.#used.size >= largestTwoByteInteger) throw new Error('All packet identifiers are in use.');
    let identifier = this.count();
    while (this.#used.has(identifier)) identifier = this.count();
    this.#used.add(identifier);
    return identifier;
  }

  release(identifier: number): void {
    this.#used.delete(identifier);
  }
}
