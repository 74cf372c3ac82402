/**
 * What a server announces in CONNACK, limits first [MQTT 5, 3.2.2.3]. Pure. What sends messages applies those for
 * messages.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import type {Packet} from './protocol-client.ts';

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
  /** What response topics may begin with, where it was asked for. */
  readonly responseInformation: string | undefined;
}

/** The limits in a CONNACK. What it does not mention is not limited, except topic aliases, which are then not allowed. */
export function limitsOf({properties = {}}: Pick<Packet, 'properties'>): ServerLimits {
  const number = (key: string, otherwise: number) =>
    typeof properties[key] === 'number' ? properties[key] : otherwise;
  return {
    receiveMaximum: number('receiveMaximum', largestTwoByteInteger),
    maximumQos: number('maximumQoS', 2) as QoS,
    retainAvailable: properties.retainAvailable !== 0,
    maximumPacketSize: number('maximumPacketSize', Number.POSITIVE_INFINITY),
    topicAliasMaximum: number('topicAliasMaximum', 0),
    wildcardSubscriptions: properties.wildcardSubscriptionAvailable !== 0,
    subscriptionIdentifiers: properties.subscriptionIdentifiersAvailable !== 0,
    sharedSubscriptions: properties.sharedSubscriptionAvailable !== 0,
    responseInformation: properties.responseInformation as string | undefined,
  };
}

/** The bytes of this packet, if the server takes so many [MQTT-3.2.2-15]. @throws TmqError 25 */
export function withinLimits(
  bytes: Uint8Array | undefined,
  {cmd}: Pick<Packet, 'cmd'>,
  {maximumPacketSize}: ServerLimits,
): Uint8Array | undefined {
  const {length} = bytes ?? [];
  if (length <= maximumPacketSize) return bytes;
  throw new TmqError(
    `${cmd.toUpperCase()} larger than supported by the server: ${length} bytes, it takes ${maximumPacketSize}.`,
    ExitCode.packetTooLarge,
  );
}
