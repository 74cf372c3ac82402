/**
 * The table of all MQTT 5 properties. The types of the property objects, the readers and writers of client and
 * broker, `-D`, `-F` and JSON follow from it: to add a property is to add a row. Pure; knows no bytes. The order of
 * the keys in a property object is the order on the wire, which JSON output shows.
 */

import type {PacketName} from './fixed-header.ts';

/** The packets that carry properties, and the will, whose list inside CONNECT is its own [MQTT 5, 2.2.2.2]. */
export type PropertyPacket = Exclude<PacketName, 'pingreq' | 'pingresp'> | 'will';

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
  readonly positive: boolean;
}

const acknowledgements = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'] as const;
const messages = ['publish', 'will'] as const;
const requests = ['connect', 'publish', 'will', 'subscribe', 'unsubscribe', 'disconnect'] as const;

/** The columns of the table below; their meanings are those of `PropertyDefinition`. */
type Row = readonly [
  identifier: number,
  name: string,
  key: string,
  type: PropertyType,
  packets: readonly PropertyPacket[],
  positive?: true,
];

/** In the order of their identifiers, as the specification's table 2-4; intervals are seconds, sizes are bytes. */
const rows = [
  [1, 'payload-format-indicator', 'payloadFormatIndicator', 'byte', messages],
  [2, 'message-expiry-interval', 'messageExpiryInterval', 'u32', messages],
  [3, 'content-type', 'contentType', 'utf8', messages],
  [8, 'response-topic', 'responseTopic', 'utf8', messages],
  [9, 'correlation-data', 'correlationData', 'binary', messages],
  [11, 'subscription-identifier', 'subscriptionIdentifier', 'varint', ['publish', 'subscribe'], true],
  [17, 'session-expiry-interval', 'sessionExpiryInterval', 'u32', ['connect', 'connack', 'disconnect']],
  [18, 'assigned-client-identifier', 'assignedClientIdentifier', 'utf8', ['connack']],
  [19, 'server-keep-alive', 'serverKeepAlive', 'u16', ['connack']],
  [21, 'authentication-method', 'authenticationMethod', 'utf8', ['connect', 'connack', 'auth']],
  [22, 'authentication-data', 'authenticationData', 'binary', ['connect', 'connack', 'auth']],
  [23, 'request-problem-information', 'requestProblemInformation', 'byte', ['connect']],
  [24, 'will-delay-interval', 'willDelayInterval', 'u32', ['will']],
  [25, 'request-response-information', 'requestResponseInformation', 'byte', ['connect']],
  [26, 'response-information', 'responseInformation', 'utf8', ['connack']],
  [28, 'server-reference', 'serverReference', 'utf8', ['connack', 'disconnect']],
  [31, 'reason-string', 'reasonString', 'utf8', ['connack', ...acknowledgements, 'disconnect', 'auth']],
  [33, 'receive-maximum', 'receiveMaximum', 'u16', ['connect', 'connack'], true],
  [34, 'topic-alias-maximum', 'topicAliasMaximum', 'u16', ['connect', 'connack']],
  [35, 'topic-alias', 'topicAlias', 'u16', ['publish'], true],
  [36, 'maximum-qos', 'maximumQoS', 'byte', ['connack']],
  [37, 'retain-available', 'retainAvailable', 'byte', ['connack']],
  [38, 'user-property', 'userProperties', 'pair', [...requests, 'connack', ...acknowledgements, 'auth']],
  [39, 'maximum-packet-size', 'maximumPacketSize', 'u32', ['connect', 'connack'], true],
  [40, 'wildcard-subscription-available', 'wildcardSubscriptionAvailable', 'byte', ['connack']],
  [41, 'subscription-identifier-available', 'subscriptionIdentifiersAvailable', 'byte', ['connack']],
  [42, 'shared-subscription-available', 'sharedSubscriptionAvailable', 'byte', ['connack']],
] as const satisfies readonly Row[];

type PropertyRow = (typeof rows)[number];

/** All properties of MQTT 5 [2.2.2.2], in the order of their identifiers. */
export const propertyTable: readonly PropertyDefinition[] = rows.map(
  ([identifier, name, key, type, packets, positive = false]) => ({
    name,
    identifier,
    key,
    type,
    packets,
    positive,
  }),
);

/** Property identifiers by key. */
export const PropertyIdentifier = Object.fromEntries(
  rows.map(([identifier, _name, key]) => [key, identifier]),
) as unknown as {readonly [Each in PropertyRow as Each[2]]: Each[0]};

/** The properties of one packet by their keys. */
export type PropertiesOf<Packet extends PropertyPacket> = {
  readonly [Each in PropertyRow as Packet extends Each[4][number] ? Each[2] : never]?: ValueOf[Each[3]];
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
export type AuthProperties = PropertiesOf<'auth'>;

/** The packets whose properties the user may set. */
export const propertyCommands = [...requests, 'auth'] as const satisfies readonly PropertyPacket[];

export type PropertyCommand = (typeof propertyCommands)[number];

/** Whether a client may send a property in a packet; a subscription identifier in PUBLISH it must not [MQTT-3.3.4-6]. */
export function mayClientSend({packets, identifier}: PropertyDefinition, packet: PropertyPacket): boolean {
  const onlyFromServer = packet === 'publish' && identifier === PropertyIdentifier.subscriptionIdentifier;
  return packets.includes(packet) && !onlyFromServer;
}

/** Whether the user may set a property in a packet; in AUTH, method and data are those of --auth-method. */
export function mayBeSet(definition: PropertyDefinition, packet: PropertyPacket): boolean {
  const {authenticationMethod, authenticationData} = PropertyIdentifier;
  const isOfMethod = [authenticationMethod, authenticationData].some(
    (each) => each === definition.identifier,
  );
  return mayClientSend(definition, packet) && !(packet === 'auth' && isOfMethod);
}

/** The names of the properties that the user may set in a packet. */
export function propertyNames(packet: PropertyPacket): readonly string[] {
  return propertyTable.filter((each) => mayBeSet(each, packet)).map(({name}) => name);
}
