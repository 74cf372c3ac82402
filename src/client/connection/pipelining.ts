/**
 * What may be sent before CONNACK came, and the small things that keep the answers from waiting. A server
 * must take packets behind CONNECT, or none of them if it refuses [MQTT-3.1.4-5]. Knows no link.
 *
 * Measured through a round trip of 50 ms: a one-shot at QoS 1 takes one round trip instead of two, and
 * with TLS 1.3 to a mosquitto on this machine 40 ms less. The slow twin is TMQ_NO_PIPELINE=1.
 */

import type {Duplex} from 'node:stream';
import {firstByte, PacketType} from '../../protocol/fixed-header.ts';
import type {ConnectionOptions} from '../connection-options.ts';

/**
 * Larger payloads wait for CONNACK. A server that refuses the connection closes it over what it has not
 * read, and a write into that would take the refusal away before it was read here.
 */
export const pipelinedPayloadBytes = 16_384;

/**
 * Whether CONNACK can say nothing but yes or no: before MQTT 5 it has no limits, and to a clean session
 * nothing to tell. Credentials are left out because a server may have to ask somebody else about them, and
 * take what comes meanwhile amiss.
 */
export function mayPipeline({protocolVersion, clean, credentials}: ConnectionOptions): boolean {
  return protocolVersion === 4 && clean && credentials === undefined;
}

/** PINGREQ [MQTT-3.12]: the smallest packet there is. */
export const pingreq = Buffer.of(firstByte(PacketType.pingreq), 0);

/** Milliseconds until the system has taken note of a ticket; what is sent at once does not acknowledge it. */
const ticketMilliseconds = 1;

/**
 * Calls `action` shortly after the first session ticket of TLS 1.3. What is sent then acknowledges it: a
 * server with Nagle's algorithm on holds CONNACK back until that, and we would wait 40 ms to do so.
 */
export function afterTicket(stream: Duplex, action: () => void): void {
  if (!('encrypted' in stream)) return;
  stream.once('session', () => setTimeout(action, ticketMilliseconds));
}
