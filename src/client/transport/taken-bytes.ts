/**
 * How many of the bytes written to a connection the system has taken. Node calls back only when a write is complete,
 * and a large message is one write. Knows no MQTT.
 */

import type {Duplex} from 'node:stream';

/** What Node's handle of a socket counts; its own idle timeout reads the same [node: lib/net.js, _onTimeout]. */
interface SocketHandle {
  /** Bytes handed to the system's loop, with those that still wait there. */
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
  /** Beneath TLS; the counts of TLS itself stand still until a write is complete. */
  readonly _parent?: SocketHandle;
}

/** A stream on top of a socket names it. */
export interface OnSocket {
  readonly beneath: Duplex;
}

export interface TakenBytes {
  /** Grows while the system takes bytes. */
  readonly taken: number;
  /** Bytes that wait for the system; 0 where that is not known. */
  readonly pending: number;
}

/** @param stream a socket, or a stream on one that is `OnSocket` */
export function takenBytes(stream: Duplex): TakenBytes {
  const socket = (stream as Partial<OnSocket>).beneath ?? stream;
  const handle = (socket as {_handle?: SocketHandle | null | undefined})._handle;
  const {bytesWritten = 0, writeQueueSize = 0} = handle?._parent ?? handle ?? {};
  return {taken: bytesWritten - writeQueueSize, pending: writeQueueSize};
}

/** Looks, each half a keepalive time without an answer, whether the peer takes what is written. */
export class Uploading {
  readonly #stream: Duplex;
  #last: TakenBytes = {taken: 0, pending: 0};
  /** Looks without a sign of life; below 0 after some: the system's buffers may hold as much again. */
  missed = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  readonly taken = (): number => takenBytes(this.#stream).taken;

  /** Whether bytes wait for the system. */
  get isWaiting(): boolean {
    return takenBytes(this.#stream).pending > 0;
  }

  /** Whether the peer has shown no sign of life at two looks more than those at which it took bytes that waited. */
  isSilent(): boolean {
    const before = this.#last;
    this.#last = takenBytes(this.#stream);
    const {taken, pending} = this.#last;
    const advances = taken !== before.taken && (pending > 0 || before.pending > 0);
    this.missed = advances ? Math.min(this.missed, 0) - 1 : this.missed + 1;
    return this.missed >= 2;
  }
}
