/**
 * A subscription as a packet, and which filters a server has said it would not take: asked for one of those,
 * it may end the connection, and would again on each next one. Pure; knows neither links nor answers.
 */

import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {Packet} from '../connection/packet.ts';
import type {ServerLimits} from '../connection/server-limits.ts';
import type {SubscribeOptions} from '../types.ts';

export interface Subscription {
  readonly filters: readonly string[];
  readonly options: SubscribeOptions;
}

/** SUBSCRIBE, but for its identifier [MQTT 5, 3.8]. @param properties by the codec's names */
export function subscribePacket(
  {filters, options}: Subscription,
  properties: Record<string, unknown> | undefined,
): Omit<Packet, 'messageId'> {
  const {qos, noLocal = false, retainAsPublished = false, retainHandling = 0} = options;
  return {
    cmd: 'subscribe',
    subscriptions: filters.map((topic) => ({
      topic,
      qos,
      nl: noLocal,
      rap: retainAsPublished,
      rh: retainHandling,
    })),
    properties,
  };
}

/** The reason code with which the server would refuse the filter, from what its CONNACK says [MQTT 5, 3.9.3]. */
export function foreseenRefusal(
  limits: ServerLimits,
  filter: string,
  {properties}: SubscribeOptions,
): number | undefined {
  if (!limits.sharedSubscriptions && filter.startsWith('$share/'))
    return ReasonCode.sharedSubscriptionsNotSupported;
  if (!limits.wildcardSubscriptions && /[+#]/.test(filter))
    return ReasonCode.wildcardSubscriptionsNotSupported;
  if (!limits.subscriptionIdentifiers && properties?.subscriptionIdentifier !== undefined) {
    return ReasonCode.subscriptionIdentifiersNotSupported;
  }
  return undefined;
}
