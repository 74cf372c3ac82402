/** The writing side of a Duplex around a socket. */

import {Duplex} from 'node:stream';

/** The error of a write that was not taken. */
function cancelled(): Error {
  return Object.assign(new Error('The write was cancelled.'), {code: 'EPIPE'});
}

/** A Duplex whose writes go to a socket unchanged. */
export abstract class WritesToSocket extends Duplex {
  protected readonly socket: Duplex;

  constructor(socket: Duplex) {
    super();
    this.socket = socket;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(chunk, encoding, this.#written(done));
  }

  override _writev(
    chunks: readonly {readonly chunk: Buffer; readonly encoding: BufferEncoding}[],
    done: (error?: Error | null) => void,
  ): void {
    this.socket.cork();
    chunks.forEach(({chunk, encoding}, index) => {
      this.socket.write(chunk, encoding, index === chunks.length - 1 ? this.#written(done) : undefined);
    });
    this.socket.uncork();
  }

  /** Node calls back without an error, too, for a write that the end of its socket has cancelled. */
  #written(done: (error?: Error | null) => void): (error?: Error | null) => void {
    return (error) => done(error ?? (this.socket.destroyed ? (this.socket.errored ?? cancelled()) : null));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(() => done());
  }
}
