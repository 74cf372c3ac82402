/**
 * How this side ends a connection: the DISCONNECT packet, and the wait until the peer has taken everything and
 * closed.
 */

import type {Readable, Writable} from 'node:stream';
import type {ConnectionOptions} from '../connection-options.ts';
import type {Packet} from './protocol-client.ts';

/** Milliseconds to wait for the peer's close once all is sent. */
const closeMilliseconds = 1000;

/** DISCONNECT; before MQTT 5 it is empty. */
export function disconnectPacket(
  {protocolVersion, disconnectProperties}: ConnectionOptions,
  reasonCode: number,
): Packet {
  if (protocolVersion < 5) return {cmd: 'disconnect'};
  return {cmd: 'disconnect', reasonCode, properties: {...disconnectProperties}};
}

/** Calls `action`, later, when the stream is closed. */
export function whenClosed(stream: Readable, action: () => void): void {
  if (stream.closed) queueMicrotask(action);
  else stream.once('close', action);
}

export interface CloseOptions {
  /** Of DISCONNECT, MQTT 5 only. */
  readonly reasonCode: number;
  /** How long the peer may accept no bytes. */
  readonly stallMilliseconds: number;
  /** Wait for the peer to close: if bytes of the peer arrive after our close, TCP discards what the peer has not read. */
  readonly untilPeerCloses: boolean;
}

/** How the connection to a peer that broke a rule is closed. */
export const brief = {stallMilliseconds: closeMilliseconds, untilPeerCloses: true} as const;

interface Closing extends CloseOptions {
  /** Where the connection is written to. */
  readonly socket: Writable;
  /** How many bytes the peer has taken. */
  readonly taken: () => number;
}

/** Waits for `closed` as long as the peer takes bytes that were written; then destroys the stream. */
export async function awaitClose(
  stream: Readable,
  closed: Promise<unknown>,
  {stallMilliseconds, untilPeerCloses, socket, taken}: Closing,
): Promise<void> {
  const finished = new Promise<'finished'>((resolve) => socket.once('finish', () => resolve('finished')));
  for (;;) {
    const before = {waiting: socket.writableLength, taken: taken()};
    const isFinished = socket.writableFinished;
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<'elapsed'>((resolve) => {
      timer = setTimeout(() => resolve('elapsed'), isFinished ? closeMilliseconds : stallMilliseconds);
    });
    const first = await Promise.race([elapsed, closed, ...(isFinished ? [] : [finished])]);
    clearTimeout(timer);
    if (first !== 'elapsed' && first !== 'finished') return;
    if (first === 'finished' && !untilPeerCloses) stream.destroy();
    if (first !== 'elapsed') continue;
    if (socket.writableLength >= before.waiting && taken() === before.taken) stream.destroy();
  }
}
