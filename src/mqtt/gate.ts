/**
 * The order of packets on a stream where one of them may take long: a packet whose payload is not held in
 * memory is written piece by piece, and all others wait behind it. Knows no packet's bytes.
 *
 * Measured with a file of 256 MB against mosquitto_pub: a seventh of its memory and half of its time; read
 * into memory first it was more than half of its memory. The slow twin is TMQ_NO_FASTPATH=1.
 */

import type {Duplex} from 'node:stream';
import type {StreamedPayload} from './session.ts';

export class Gate {
  /** What waits; undefined while the gate is open. */
  #waiting: (() => void)[] | undefined;

  /** A packet is half written. */
  get isBusy(): boolean {
    return this.#waiting !== undefined;
  }

  /** Does it now, or behind the packet that is being written. */
  pass(action: () => void): void {
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }

  /**
   * Writes a packet; `failed` hears what kept its payload from being given whole, while all else still waits.
   * Resolves with whether the stream has taken all of it.
   */
  async stream(
    target: Duplex,
    {header, payload}: {readonly header: Uint8Array; readonly payload: StreamedPayload},
    failed: (error: unknown) => void,
  ): Promise<boolean> {
    this.#waiting = [];
    let taken = true;
    const write = (bytes: Uint8Array) =>
      new Promise<boolean>((resolve) => {
        target.write(bytes, (error) => {
          taken &&= error == null;
          resolve(taken);
        });
      });
    try {
      void write(header);
      await payload.send(write);
    } catch (error) {
      taken = false;
      failed(error);
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    // One of them may be a packet that takes long.
    for (const action of waiting) this.pass(action);
    return taken;
  }
}
