/**
 * One step of connecting: wait for a stream to become what it should be, and never leave it behind.
 * TCP, TLS, proxies and WebSockets all take their steps through here, so that an abort, an error and
 * an early close end in one way. Knows no protocol.
 */

import type {Duplex} from 'node:stream';

/** The signal aborted while something was awaited; `dial` turns it into the sentence a user reads. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
  /** What was being waited for, up to the name of the peer: "an answer from", "the TLS handshake with". */
  readonly waitingFor: string;

  constructor(waitingFor: string, reason: unknown) {
    super(`abandoned while waiting for ${waitingFor}`, {cause: reason});
    this.waitingFor = waitingFor;
  }
}

/** The peer closed the stream before the step was done. */
export class ClosedEarly extends Error {
  override readonly name = 'ClosedEarly';
}

export interface ConnectStep {
  readonly stream: Duplex;
  /** The stream it is put upon. It may be closed already, and is destroyed with `stream`. */
  readonly beneath?: Duplex;
  readonly signal: AbortSignal;
  /** Up to the name of the peer: "an answer from", "the TLS handshake with". */
  readonly waitingFor: string;
}

/**
 * Runs one step on a stream. `begin` attaches its listeners, calls `done` or `fail`, and may return what
 * detaches them again. On failure the stream is destroyed, with what is beneath it.
 * @throws Abandoned when the signal aborts, ClosedEarly when the stream ends first, else what `begin` or the stream says
 */
export async function connectStep<Result>(
  {stream, beneath, signal, waitingFor}: ConnectStep,
  begin: (done: (result: Result) => void, fail: (error: unknown) => void) => (() => void) | undefined,
): Promise<Result> {
  let detach: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  let onClose: (() => void) | undefined;
  let onError: ((error: unknown) => void) | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      onAbort = () => reject(new Abandoned(waitingFor, signal.reason));
      onClose = () => reject(new ClosedEarly(`closed while waiting for ${waitingFor}`));
      onError = reject;
      stream.on('error', onError);
      stream.on('close', onClose);
      beneath?.on('close', onClose);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      else if (stream.destroyed || beneath?.destroyed) onClose();
      else detach = begin(resolve, reject);
    });
  } catch (error) {
    // A destroyed socket may still emit an error.
    stream.on('error', () => undefined);
    stream.destroy();
    beneath?.destroy();
    throw error;
  } finally {
    detach?.();
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    if (onClose !== undefined) {
      stream.off('close', onClose);
      beneath?.off('close', onClose);
    }
    if (onError !== undefined) stream.off('error', onError);
  }
}

/**
 * Does work on a stream without other listeners: a connection reset while a module is being loaded must not
 * end the process. The next step finds the stream destroyed, and throws.
 */
export async function guarded<Result>(stream: Duplex, work: () => Promise<Result>): Promise<Result> {
  const ignore = () => undefined;
  stream.on('error', ignore);
  try {
    return await work();
  } finally {
    // An error is emitted after the stream was destroyed: the listener has to outlive that.
    if (!stream.destroyed) stream.off('error', ignore);
  }
}

/**
 * The outcome of something that cannot be stopped, unless the signal aborts first: a prompt, or a
 * name server that does not answer.
 * @throws Abandoned when the signal aborts, else what the promise rejects with
 */
export async function unlessAborted<Result>(
  promise: Promise<Result>,
  {signal, waitingFor}: {readonly signal: AbortSignal; readonly waitingFor: string},
): Promise<Result> {
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      onAbort = () => reject(new Abandoned(waitingFor, signal.reason));
      signal.addEventListener('abort', onAbort);
      promise.then(resolve, reject);
      if (signal.aborted) onAbort();
    });
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
