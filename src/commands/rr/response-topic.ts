/** Where responses come: the topic that was given or is made up, its subscription, and what names it in a request. */

import type {Session} from '../../client/types.ts';
import {TmqError} from '../../errors.ts';
import type {Publication} from '../../protocol/message.ts';
import {isMqttString, isPublishTopic} from '../../protocol/topic.ts';
import {subscriptionRefusal} from '../client/refusal.ts';
import type {RrPlan} from './plan.ts';

const usualPrefix = 'tmq/reply';

/**
 * A response topic of this client's own, below the prefix.
 * @throws TmqError where they make no topic
 */
export function madeUpTopic(prefix: string, clientId: string): string {
  // Wildcards are allowed in a client id.
  const topic = `${prefix}${prefix.endsWith('/') ? '' : '/'}${clientId.replace(/[+#]/g, '_')}`;
  if (isMqttString(topic) && isPublishTopic(topic)) return topic;
  throw new TmqError(
    'The prefix of response topics and the client id make no topic together. Give a response topic with -e.',
  );
}

/**
 * Subscribes to the response topic; resolves with it once the broker has granted it.
 * @throws TmqError with the reason code where the broker denies it
 */
export async function subscribeToResponses(plan: RrPlan, session: Session): Promise<string> {
  const {responsePrefix, responseTopic, subscribe, client} = plan;
  const prefix = () => responsePrefix ?? (session.responseInformation() || usualPrefix);
  const topic = responseTopic ?? madeUpTopic(prefix(), session.clientId);
  const codes = await session.subscribe([topic], subscribe);
  const refused = subscriptionRefusal([topic], codes, client.connection.protocolVersion);
  if (!(refused instanceof TmqError)) return topic;
  if (responseTopic !== undefined) throw refused;
  const remedy = 'Give a response topic with -e, or --response-prefix.';
  throw new TmqError(`${refused.message} ${remedy}`, refused.exitCode);
}

/** The request as it is sent: before MQTT 5 it cannot name the response topic. */
export function requestTo(plan: RrPlan, responseTopic: string, correlationData?: Uint8Array): Publication {
  const {request, client} = plan;
  if (client.connection.protocolVersion < 5) return request;
  const correlation = correlationData === undefined ? {} : {correlationData};
  return {...request, properties: {...request.properties, responseTopic, ...correlation}};
}
