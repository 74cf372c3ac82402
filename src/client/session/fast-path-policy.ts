/**
 * Which of its short ways a connection may take: only those where nobody can tell. TMQ_NO_FASTPATH=1
 * leaves all of them out.
 */

import type {ConnectionOptions} from '../connection-options.ts';
import type {SessionContext} from '../types.ts';

/** Past MQTT.js with messages (tap.ts): a trace wants every packet, and aliases of the broker are MQTT.js's. */
export function mayTap({properties}: ConnectionOptions, {trace, fastPath = true}: SessionContext): boolean {
  return fastPath && trace === undefined && (properties?.topicAliasMaximum ?? 0) === 0;
}

/** Without MQTT.js (brief-client.ts), which knows more than this needs. */
export function mayBeBrief(options: ConnectionOptions, context: SessionContext): boolean {
  const {protocolVersion, clean} = options;
  return context.brief === true && protocolVersion === 4 && clean && mayTap(options, context);
}
