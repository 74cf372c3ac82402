/**
 * Packet identifiers: 1, 2, 3 … as mosquitto counts them, skipping those still in use [MQTT 5, 2.2.1].
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';

export class PacketIdentifiers {
  readonly #used = new Set<number>();
  #last = 0;

  /** The next number, for a line of the trace: a message at QoS 0 has no identifier but counts. */
  count(): number {
    this.#last = this.#last === largestTwoByteInteger ? 1 : this.#last + 1;
    return this.#last;
  }

  /** An identifier that is not in use, until it is released. At most 65534 may be in use. */
  take(): number {
    let identifier = this.count();
    while (this.#used.has(identifier)) identifier = this.count();
    this.#used.add(identifier);
    return identifier;
  }

  release(identifier: number): void {
    this.#used.delete(identifier);
  }
}
