/**
 * The session tickets of TLS 1.3: two small packets that most servers send behind the handshake. A server with Nagle's
 * algorithm on holds each packet behind them back until the one before it is acknowledged, and the system puts that
 * off for 40 ms unless something is sent. Knows no MQTT.
 */

import type {Duplex} from 'node:stream';
import type {TLSSocket} from 'node:tls';
import type {StreamedPayload} from './types.ts';

/** Milliseconds after which a packet acknowledges a ticket and what was held back behind it; one sent at once does not. */
const settledMilliseconds = 1;

/** Whether the server may send tickets behind the handshake. */
function hasTickets(stream: Duplex): stream is TLSSocket {
  return 'encrypted' in stream && (stream as TLSSocket).getProtocol() === 'TLSv1.3';
}

/** Calls `action` shortly after the first ticket: what is sent then acknowledges it. */
export function afterTicket(stream: Duplex, action: () => unknown): void {
  if (hasTickets(stream)) stream.once('session', () => setTimeout(action, settledMilliseconds));
}

/** Waits for one ticket after the other. */
class SessionTickets {
  readonly #stream: Duplex;
  readonly #milliseconds: number;
  #unseen = 0;

  constructor(stream: Duplex, milliseconds: number) {
    this.#stream = stream;
    this.#milliseconds = milliseconds;
    stream.on('session', () => {
      this.#unseen++;
    });
    // Has the stream read without a reader of its own.
    stream.read(0);
  }

  /** Resolves with whether the next ticket has come: false when none did in time, or when the stream is closed. */
  async next(): Promise<boolean> {
    const stream = this.#stream;
    if (this.#unseen === 0 && !stream.destroyed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#milliseconds);
        for (const event of ['session', 'close']) stream.once(event, () => resolve(clearTimeout(timer)));
      });
    }
    const hasCome = this.#unseen > 0;
    if (hasCome) this.#unseen--;
    // Node loses what is written while OpenSSL reads a ticket.
    await new Promise((resolve) => setImmediate(resolve));
    return hasCome;
  }
}

/** A packet that is not written in one piece. */
export interface StreamedPacket {
  readonly header: Uint8Array;
  readonly payload: StreamedPayload;
}

/**
 * Waits for the first ticket, right behind the handshake. Resolves with what makes two parts of the first packet to
 * send, the last byte after the second ticket: each part acknowledges a ticket, and the answer waits for neither. Into
 * mosquitto 2.0 on the same machine that saves 40 ms. Undefined when no ticket came.
 * @param milliseconds to wait for each; a server that is further away, or sends none, is asked so much later
 */
export async function firstTicket(
  stream: Duplex,
  milliseconds = 3,
): Promise<((bytes: Uint8Array) => StreamedPacket) | undefined> {
  if (!hasTickets(stream)) return undefined;
  const tickets = new SessionTickets(stream, milliseconds);
  if (!(await tickets.next())) return undefined;
  return (bytes) => ({
    header: bytes.subarray(0, -1),
    payload: {
      length: 1,
      async send(write) {
        await tickets.next();
        await write(bytes.subarray(-1));
      },
    },
  });
}
