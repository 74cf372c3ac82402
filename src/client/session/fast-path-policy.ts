/**
 * Which fast paths a connection may take: only those whose result cannot differ from the general one.
 * TMQ_NO_FASTPATH=1 leaves out the first two; the third is asked for by --pipeline.
 */

import type {ConnectionOptions} from '../connection-options.ts';
import type {SessionContext} from '../types.ts';

/** Messages may bypass MQTT.js (publish-filter.ts), except with a trace of every packet or topic aliases of the broker. */
export function mayFilter(
  {properties}: ConnectionOptions,
  {trace, fastPath = true}: SessionContext,
): boolean {
  return fastPath && trace === undefined && (properties?.topicAliasMaximum ?? 0) === 0;
}

/** The session may do without MQTT.js (minimal-client.ts). */
export function mayBeMinimal(options: ConnectionOptions, context: SessionContext): boolean {
  const {protocolVersion, clean} = options;
  return context.minimal === true && protocolVersion === 4 && clean && mayFilter(options, context);
}

/**
 * Whether packets may be sent before CONNACK [MQTT-3.1.4-5]: before MQTT 5 it announces no limits, and a clean
 * session has no state. A server may have to check credentials elsewhere, and may reject what comes meanwhile; a
 * trace is to show requests before their answers. Through a round trip of 50 ms, a one-shot at QoS 1 takes one round
 * trip instead of two.
 */
export function mayPipeline(
  {protocolVersion, clean, credentials, alternatives = []}: ConnectionOptions,
  {pipelined = false, reconnect, trace}: SessionContext,
): boolean {
  const isAllowed = pipelined && !reconnect.atStart && alternatives.length === 0 && trace === undefined;
  return isAllowed && protocolVersion === 4 && clean && credentials === undefined;
}

/**
 * A larger payload waits for CONNACK. A server that refuses the connection closes it over bytes that it has not
 * read; a write after that would discard the refusal before it is read here.
 */
export const pipelinedPayloadBytes = 16_384;
