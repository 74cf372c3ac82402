/**
 * What a server can do, as its CONNACK says. Pure; what a limit means for a message is decided where
 * messages are sent.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import type {Packet} from './packet.ts';

/** What the server said in CONNACK it can do [MQTT 5, 3.2.2.3]. */
export interface ServerLimits {
  readonly receiveMaximum: number;
  readonly maximumQos: QoS;
  readonly retainAvailable: boolean;
  /** Bytes of a packet. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly wildcardSubscriptions: boolean;
  readonly subscriptionIdentifiers: boolean;
  readonly sharedSubscriptions: boolean;
}

/** The limits in a CONNACK; what it does not say is not limited, but aliases are not allowed. */
export function limitsOf(connack: Packet): ServerLimits {
  const properties = connack.properties ?? {};
  const number = (key: string, otherwise: number) =>
    typeof properties[key] === 'number' ? properties[key] : otherwise;
  return {
    receiveMaximum: number('receiveMaximum', largestTwoByteInteger),
    maximumQos: number('maximumQoS', 2) as QoS,
    retainAvailable: properties.retainAvailable !== false,
    maximumPacketSize: number('maximumPacketSize', Number.POSITIVE_INFINITY),
    topicAliasMaximum: number('topicAliasMaximum', 0),
    wildcardSubscriptions: properties.wildcardSubscriptionAvailable !== false,
    subscriptionIdentifiers: properties.subscriptionIdentifiersAvailable !== false,
    sharedSubscriptions: properties.sharedSubscriptionAvailable !== false,
  };
}
