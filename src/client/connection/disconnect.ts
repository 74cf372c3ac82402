/**
 * How a connection ends: the packet that says goodbye, and the wait until the peer has taken everything
 * and closed. Knows streams and one packet; when to leave is decided elsewhere.
 */

import type {Duplex} from 'node:stream';
import type {ConnectionOptions} from '../connection-options.ts';
import {codecProperties, type Packet} from './packet.ts';

/** Milliseconds to wait for the peer's close once all is sent. */
const closeMilliseconds = 1000;

/** DISCONNECT; before MQTT 5 it is empty. */
export function disconnectPacket(
  {protocolVersion, disconnectProperties}: ConnectionOptions,
  reasonCode: number,
): Packet {
  if (protocolVersion < 5) return {cmd: 'disconnect'};
  return {cmd: 'disconnect', reasonCode, properties: codecProperties(disconnectProperties)};
}

export interface Farewell {
  /** Of DISCONNECT, MQTT 5 only. */
  readonly reasonCode: number;
  /** How long the peer may take nothing. */
  readonly stallMilliseconds: number;
  /** Whether to stay until the peer closes: a close that meets bytes on their way here takes back what the peer has not read. */
  readonly untilPeerCloses: boolean;
}

/** Waits for `closed` as long as the peer takes something of what was written; then destroys the stream. */
export async function awaitClose(
  stream: Duplex,
  closed: Promise<unknown>,
  {stallMilliseconds, untilPeerCloses}: Farewell,
): Promise<void> {
  const finished = new Promise<'finished'>((resolve) => stream.once('finish', () => resolve('finished')));
  for (;;) {
    const before = stream.writableLength;
    const isFinished = stream.writableFinished;
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<'elapsed'>((resolve) => {
      timer = setTimeout(() => resolve('elapsed'), isFinished ? closeMilliseconds : stallMilliseconds);
    });
    const first = await Promise.race([elapsed, closed, ...(isFinished ? [] : [finished])]);
    clearTimeout(timer);
    if (first !== 'elapsed' && first !== 'finished') return;
    if (first === 'finished' && !untilPeerCloses) stream.destroy();
    if (first === 'elapsed' && stream.writableLength >= before) stream.destroy();
  }
}
