/** Ends a stream in good order: the peer gets a moment to read what was sent last. Knows no packets. */

import type {Duplex} from 'node:stream';

/** Milliseconds a peer gets to read the last packet and close. */
const lingerMilliseconds = 1000;

/**
 * Whether the peer has sent its end and all before it was read. While the stream is paused no event shows it: only
 * its state does, which has no public name.
 */
export function isRead(stream: Duplex & {readonly _readableState?: {ended: boolean}}): boolean {
  return stream._readableState?.ended === true && stream.readableLength === 0;
}

/** The end of one stream. Open, then `end`: ours is sent, the peer's is awaited; then `finish`: it is destroyed. */
export class StreamEnd {
  readonly #stream: Duplex;
  #finished = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Sends our end. @param peerEnded nothing is awaited from the peer */
  end(peerEnded: boolean): void {
    this.#stream.end();
    if (peerEnded) {
      this.finish();
      return;
    }
    // With bytes unread at the time of closing, the system would discard the last packet.
    this.#stream.resume();
    this.#later(() => this.finish());
    this.#stream.once('end', () => this.finish());
  }

  /** Destroys the stream as soon as everything is written. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    const stream = this.#stream;
    if (stream.writableFinished || stream.destroyed) stream.destroy();
    else {
      stream.once('finish', () => stream.destroy());
      this.#later(() => stream.destroy());
    }
  }

  /** Acts when the peer had its time, if the stream is not closed before. */
  #later(act: () => void): void {
    const timer = setTimeout(act, lingerMilliseconds);
    this.#stream.once('close', () => clearTimeout(timer));
  }
}
