/**
 * What travels: an application message with its MQTT 5 properties, and the table of all properties
 * that `-D` writes and `-F` and JSON read. Knows no wire, no stream and no option.
 *
 * The order of the keys in a property object is the order on the wire: it is what the user typed, or
 * what the broker sent, and JSON output shows it. User properties repeat, so they are a list of pairs.
 */

export type QoS = 0 | 1 | 2;

/** Protocol levels: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
export type ProtocolVersion = 3 | 4 | 5;

export type UserProperties = readonly (readonly [name: string, value: string])[];

/** Properties of PUBLISH [MQTT 5, 3.3.2.3]. */
export interface Properties {
  readonly payloadFormatIndicator?: number;
  /** Seconds; as received, what is left of them. */
  readonly messageExpiryInterval?: number;
  readonly topicAlias?: number;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: UserProperties;
  /** One for each matching subscription of ours that has one. */
  readonly subscriptionIdentifiers?: readonly number[];
  readonly contentType?: string;
}

/** Properties of a will [MQTT 5, 3.1.3.2]. */
export interface WillProperties extends Omit<Properties, 'topicAlias' | 'subscriptionIdentifiers'> {
  /** Seconds. */
  readonly willDelayInterval?: number;
}

/** Properties of CONNECT [MQTT 5, 3.1.2.11]. */
export interface ConnectProperties {
  /** Seconds; 0xFFFFFFFF is for ever. */
  readonly sessionExpiryInterval?: number;
  readonly receiveMaximum?: number;
  /** Bytes. */
  readonly maximumPacketSize?: number;
  readonly topicAliasMaximum?: number;
  readonly requestResponseInformation?: number;
  readonly requestProblemInformation?: number;
  readonly userProperties?: UserProperties;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Uint8Array;
}

export interface SubscribeProperties {
  readonly subscriptionIdentifier?: number;
  readonly userProperties?: UserProperties;
}

export interface UnsubscribeProperties {
  readonly userProperties?: UserProperties;
}

export interface DisconnectProperties {
  readonly sessionExpiryInterval?: number;
  readonly reasonString?: string;
  readonly serverReference?: string;
  readonly userProperties?: UserProperties;
}

/** A message as received. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** The packet identifier; absent at QoS 0. */
  readonly messageId?: number;
  readonly properties?: Properties;
}

/** A message that can be kept: with bytes of its own. */
export function copyOf(message: Message): Message {
  const copy = (bytes: Uint8Array) => Uint8Array.prototype.slice.call(bytes);
  const {payload, properties} = message;
  const {correlationData} = properties ?? {};
  if (correlationData === undefined) return {...message, payload: copy(payload)};
  return {
    ...message,
    payload: copy(payload),
    properties: {...properties, correlationData: copy(correlationData)},
  };
}

/** All of a message to send but its payload, which differs from line to line. */
export interface Publication {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: Properties;
}

/** The message that a broker publishes for a client that went away without DISCONNECT. */
export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: WillProperties;
}

/** The packets that carry properties a client may set. */
export type PropertyCommand = 'connect' | 'publish' | 'will' | 'subscribe' | 'unsubscribe' | 'disconnect';

export type PropertyType = 'byte' | 'u16' | 'u32' | 'varint' | 'utf8' | 'binary' | 'pair';

export interface PropertyDefinition {
  /** The specification's name in kebab case: what `-D` takes and JSON shows. */
  readonly name: string;
  /** The property identifier on the wire [MQTT 5, 2.2.2.2]. */
  readonly identifier: number;
  /** The key in the property objects above. */
  readonly key: string;
  readonly type: PropertyType;
  /** The packets in which a client may send it. */
  readonly commands: readonly PropertyCommand[];
}

const everywhere = ['connect', 'publish', 'will', 'subscribe', 'unsubscribe', 'disconnect'] as const;

/** All properties of MQTT 5 [2.2.2.2], in the order of their identifiers. */
export const propertyTable: readonly PropertyDefinition[] = [
  {
    name: 'payload-format-indicator',
    identifier: 1,
    key: 'payloadFormatIndicator',
    type: 'byte',
    commands: ['publish', 'will'],
  },
  {
    name: 'message-expiry-interval',
    identifier: 2,
    key: 'messageExpiryInterval',
    type: 'u32',
    commands: ['publish', 'will'],
  },
  {name: 'content-type', identifier: 3, key: 'contentType', type: 'utf8', commands: ['publish', 'will']},
  {name: 'response-topic', identifier: 8, key: 'responseTopic', type: 'utf8', commands: ['publish', 'will']},
  {
    name: 'correlation-data',
    identifier: 9,
    key: 'correlationData',
    type: 'binary',
    commands: ['publish', 'will'],
  },
  {
    name: 'subscription-identifier',
    identifier: 11,
    key: 'subscriptionIdentifier',
    type: 'varint',
    commands: ['subscribe'],
  },
  {
    name: 'session-expiry-interval',
    identifier: 17,
    key: 'sessionExpiryInterval',
    type: 'u32',
    commands: ['connect', 'disconnect'],
  },
  {
    name: 'assigned-client-identifier',
    identifier: 18,
    key: 'assignedClientIdentifier',
    type: 'utf8',
    commands: [],
  },
  {name: 'server-keep-alive', identifier: 19, key: 'serverKeepAlive', type: 'u16', commands: []},
  {
    name: 'authentication-method',
    identifier: 21,
    key: 'authenticationMethod',
    type: 'utf8',
    commands: ['connect'],
  },
  {
    name: 'authentication-data',
    identifier: 22,
    key: 'authenticationData',
    type: 'binary',
    commands: ['connect'],
  },
  {
    name: 'request-problem-information',
    identifier: 23,
    key: 'requestProblemInformation',
    type: 'byte',
    commands: ['connect'],
  },
  {name: 'will-delay-interval', identifier: 24, key: 'willDelayInterval', type: 'u32', commands: ['will']},
  {
    name: 'request-response-information',
    identifier: 25,
    key: 'requestResponseInformation',
    type: 'byte',
    commands: ['connect'],
  },
  {name: 'response-information', identifier: 26, key: 'responseInformation', type: 'utf8', commands: []},
  {name: 'server-reference', identifier: 28, key: 'serverReference', type: 'utf8', commands: ['disconnect']},
  {name: 'reason-string', identifier: 31, key: 'reasonString', type: 'utf8', commands: ['disconnect']},
  {name: 'receive-maximum', identifier: 33, key: 'receiveMaximum', type: 'u16', commands: ['connect']},
  {name: 'topic-alias-maximum', identifier: 34, key: 'topicAliasMaximum', type: 'u16', commands: ['connect']},
  {name: 'topic-alias', identifier: 35, key: 'topicAlias', type: 'u16', commands: ['publish']},
  {name: 'maximum-qos', identifier: 36, key: 'maximumQoS', type: 'byte', commands: []},
  {name: 'retain-available', identifier: 37, key: 'retainAvailable', type: 'byte', commands: []},
  {name: 'user-property', identifier: 38, key: 'userProperties', type: 'pair', commands: everywhere},
  {name: 'maximum-packet-size', identifier: 39, key: 'maximumPacketSize', type: 'u32', commands: ['connect']},
  {
    name: 'wildcard-subscription-available',
    identifier: 40,
    key: 'wildcardSubscriptionAvailable',
    type: 'byte',
    commands: [],
  },
  {
    name: 'subscription-identifier-available',
    identifier: 41,
    key: 'subscriptionIdentifiersAvailable',
    type: 'byte',
    commands: [],
  },
  {
    name: 'shared-subscription-available',
    identifier: 42,
    key: 'sharedSubscriptionAvailable',
    type: 'byte',
    commands: [],
  },
];
