/**
 * The table of all MQTT 5 properties. The types of the property objects, the readers and writers of client and
 * broker, `-D`, `-F` and JSON follow from it: to add a property is to add a row. Pure; knows no bytes.
 *
 * The order of the keys in a property object is the order on the wire, which JSON output shows.
 */

/** The packets that carry properties, and the will, whose list inside CONNECT is its own [MQTT 5, 2.2.2.2]. */
export type PropertyPacket =
  | 'connect'
  | 'connack'
  | 'publish'
  | 'will'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth';

/** User properties repeat, and their order counts [MQTT-3.3.2-18]: a list of pairs. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** The values that the types of the specification have here. A `byte` of a property is always 0 or 1. */
interface ValueOf {
  readonly byte: number;
  readonly u16: number;
  readonly u32: number;
  readonly varint: number;
  readonly utf8: string;
  readonly binary: Uint8Array;
  readonly pair: UserProperties;
}

export type PropertyType = keyof ValueOf;

export interface PropertyDefinition {
  /** The specification's name in kebab case: what `-D` takes and JSON shows. */
  readonly name: string;
  /** The property identifier on the wire [MQTT 5, 2.2.2.2]. */
  readonly identifier: number;
  /** The key in property objects; mqtt-packet uses the same. */
  readonly key: string;
  readonly type: PropertyType;
  readonly packets: readonly PropertyPacket[];
  /** 0 is a protocol error. */
  readonly positive?: boolean;
}

const acknowledgements = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'] as const;
const requests = ['connect', 'publish', 'will', 'subscribe', 'unsubscribe', 'disconnect'] as const;

/** In the order of their identifiers; intervals are seconds, sizes are bytes. */
const rows = [
  {
    name: 'payload-format-indicator',
    identifier: 1,
    key: 'payloadFormatIndicator',
    type: 'byte',
    packets: ['publish', 'will'],
  },
  {
    name: 'message-expiry-interval',
    identifier: 2,
    key: 'messageExpiryInterval',
    type: 'u32',
    packets: ['publish', 'will'],
  },
  {name: 'content-type', identifier: 3, key: 'contentType', type: 'utf8', packets: ['publish', 'will']},
  {name: 'response-topic', identifier: 8, key: 'responseTopic', type: 'utf8', packets: ['publish', 'will']},
  {
    name: 'correlation-data',
    identifier: 9,
    key: 'correlationData',
    type: 'binary',
    packets: ['publish', 'will'],
  },
  {
    name: 'subscription-identifier',
    identifier: 11,
    key: 'subscriptionIdentifier',
    type: 'varint',
    packets: ['publish', 'subscribe'],
    positive: true,
  },
  {
    name: 'session-expiry-interval',
    identifier: 17,
    key: 'sessionExpiryInterval',
    type: 'u32',
    packets: ['connect', 'connack', 'disconnect'],
  },
  {
    name: 'assigned-client-identifier',
    identifier: 18,
    key: 'assignedClientIdentifier',
    type: 'utf8',
    packets: ['connack'],
  },
  {name: 'server-keep-alive', identifier: 19, key: 'serverKeepAlive', type: 'u16', packets: ['connack']},
  {
    name: 'authentication-method',
    identifier: 21,
    key: 'authenticationMethod',
    type: 'utf8',
    packets: ['connect', 'connack', 'auth'],
  },
  {
    name: 'authentication-data',
    identifier: 22,
    key: 'authenticationData',
    type: 'binary',
    packets: ['connect', 'connack', 'auth'],
  },
  {
    name: 'request-problem-information',
    identifier: 23,
    key: 'requestProblemInformation',
    type: 'byte',
    packets: ['connect'],
  },
  {name: 'will-delay-interval', identifier: 24, key: 'willDelayInterval', type: 'u32', packets: ['will']},
  {
    name: 'request-response-information',
    identifier: 25,
    key: 'requestResponseInformation',
    type: 'byte',
    packets: ['connect'],
  },
  {
    name: 'response-information',
    identifier: 26,
    key: 'responseInformation',
    type: 'utf8',
    packets: ['connack'],
  },
  {
    name: 'server-reference',
    identifier: 28,
    key: 'serverReference',
    type: 'utf8',
    packets: ['connack', 'disconnect'],
  },
  {
    name: 'reason-string',
    identifier: 31,
    key: 'reasonString',
    type: 'utf8',
    packets: ['connack', ...acknowledgements, 'disconnect', 'auth'],
  },
  {
    name: 'receive-maximum',
    identifier: 33,
    key: 'receiveMaximum',
    type: 'u16',
    packets: ['connect', 'connack'],
    positive: true,
  },
  {
    name: 'topic-alias-maximum',
    identifier: 34,
    key: 'topicAliasMaximum',
    type: 'u16',
    packets: ['connect', 'connack'],
  },
  {name: 'topic-alias', identifier: 35, key: 'topicAlias', type: 'u16', packets: ['publish'], positive: true},
  {name: 'maximum-qos', identifier: 36, key: 'maximumQoS', type: 'byte', packets: ['connack']},
  {name: 'retain-available', identifier: 37, key: 'retainAvailable', type: 'byte', packets: ['connack']},
  {
    name: 'user-property',
    identifier: 38,
    key: 'userProperties',
    type: 'pair',
    packets: [...requests, 'connack', ...acknowledgements, 'auth'],
  },
  {
    name: 'maximum-packet-size',
    identifier: 39,
    key: 'maximumPacketSize',
    type: 'u32',
    packets: ['connect', 'connack'],
    positive: true,
  },
  {
    name: 'wildcard-subscription-available',
    identifier: 40,
    key: 'wildcardSubscriptionAvailable',
    type: 'byte',
    packets: ['connack'],
  },
  {
    name: 'subscription-identifier-available',
    identifier: 41,
    key: 'subscriptionIdentifiersAvailable',
    type: 'byte',
    packets: ['connack'],
  },
  {
    name: 'shared-subscription-available',
    identifier: 42,
    key: 'sharedSubscriptionAvailable',
    type: 'byte',
    packets: ['connack'],
  },
] as const satisfies readonly PropertyDefinition[];

type PropertyRow = (typeof rows)[number];

/** All properties of MQTT 5 [2.2.2.2], in the order of their identifiers. */
export const propertyTable: readonly PropertyDefinition[] = rows;

/** Property identifiers by key. */
export const PropertyIdentifier = Object.fromEntries(
  rows.map(({key, identifier}) => [key, identifier]),
) as unknown as {readonly [Each in PropertyRow as Each['key']]: Each['identifier']};

/** The properties of one packet by their keys. */
export type PropertiesOf<Packet extends PropertyPacket> = {
  readonly [Each in PropertyRow as Packet extends Each['packets'][number]
    ? Each['key']
    : never]?: ValueOf[Each['type']];
};

/** Properties of PUBLISH [MQTT 5, 3.3.2.3]. */
export interface Properties extends Omit<PropertiesOf<'publish'>, 'subscriptionIdentifier'> {
  /** As received: one for each matching subscription that has one. */
  readonly subscriptionIdentifiers?: readonly number[];
}

/** Properties of a will [MQTT 5, 3.1.3.2]. */
export type WillProperties = PropertiesOf<'will'>;

/** Properties of CONNECT [MQTT 5, 3.1.2.11]. */
export type ConnectProperties = PropertiesOf<'connect'>;

export type SubscribeProperties = PropertiesOf<'subscribe'>;
export type UnsubscribeProperties = PropertiesOf<'unsubscribe'>;
export type DisconnectProperties = PropertiesOf<'disconnect'>;

/** The packets whose properties the user may set. */
export const propertyCommands = requests satisfies readonly PropertyPacket[];

export type PropertyCommand = (typeof propertyCommands)[number];

/** Whether a client may send a property in a packet; a subscription identifier in PUBLISH it must not [MQTT-3.3.4-6]. */
export function mayClientSend({packets, identifier}: PropertyDefinition, packet: PropertyPacket): boolean {
  const onlyFromServer = packet === 'publish' && identifier === PropertyIdentifier.subscriptionIdentifier;
  return packets.includes(packet) && !onlyFromServer;
}

/** The names of the properties that a client may send in a packet. */
export function propertyNames(packet: PropertyPacket): readonly string[] {
  return propertyTable.filter((each) => mayClientSend(each, packet)).map(({name}) => name);
}
