/** The bytes that connections hold before their CONNECT is accepted: anyone may send them. */

import {PacketViolation} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';

/** Bytes that each connection may hold; a usual CONNECT has fewer. */
const freeBytes = 4096;
/** Bytes beyond that for all connections together: 43 of the largest CONNECT. */
const sharedBytes = 16_777_216;

/** What all connections of a broker share. */
export class EarlyBudget {
  used = 0;
}

/** The bytes of one connection. */
export class EarlyBytes {
  readonly #budget: EarlyBudget;
  #bytes = 0;
  #taken = 0;
  #isOver = false;

  constructor(budget: EarlyBudget) {
    this.#budget = budget;
  }

  /** More came. @throws PacketViolation when all connections together hold too much */
  add(bytes: number): void {
    if (this.#isOver) return;
    this.#bytes += bytes;
    const more = Math.max(this.#bytes - freeBytes, 0) - this.#taken;
    if (this.#budget.used + more > sharedBytes) {
      throw new PacketViolation(ReasonCode.serverBusy, '4.13', 'Too much comes before CONNECT is accepted.');
    }
    this.#taken += more;
    this.#budget.used += more;
  }

  /** The CONNECT was accepted, or the connection has ended. */
  release(): void {
    this.#isOver = true;
    this.#budget.used -= this.#taken;
    this.#taken = 0;
  }
}
