/** Packets of a client, by name, as bytes [MQTT 5, 3]. Checks nothing: a test may want to send what is wrong. */

import {firstByte, PacketType, publishFirstByte} from '../../protocol/fixed-header.ts';
import {PublishFlag, retainHandlingShift, SubscriptionOption} from '../../protocol/flags.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {connectBytes, framed} from '../../protocol/packet-writer.ts';
import {data, propertyList, propertyValues} from '../../protocol/publish-writer.ts';
import type {AcknowledgementFields, ConnectFields, SentFields, SentName} from './types.ts';

type Encoder<Name extends SentName> = (fields: SentFields[Name], version: ProtocolVersion) => Buffer;

/** The bytes of a packet. @throws TmqError for a string of more than 65,535 bytes; TypeError for another name */
export function encodePacket<Name extends SentName>(
  name: Name,
  fields: SentFields[Name],
  version: ProtocolVersion,
): Buffer {
  if (!Object.hasOwn(encoders, name)) {
    throw new TypeError(`A client sends no '${String(name)}': it sends ${Object.keys(encoders).join(', ')}.`);
  }
  const encode: Encoder<Name> = encoders[name];
  return encode(fields, version);
}

const u16 = (value: number) => Buffer.of((value >> 8) & 0xff, value & 0xff);

/** A property list; before MQTT 5 nothing. */
function properties(given: object | undefined, version: ProtocolVersion): Buffer {
  return version === 5 ? propertyList(propertyValues(given ?? {})) : Buffer.alloc(0);
}

/** A reason code and properties at the end of a packet, left out where they are the defaults [MQTT 5, 3.4.2.1]. */
function reason(
  {reasonCode = 0, properties: given}: {readonly reasonCode?: number; readonly properties?: object},
  version: ProtocolVersion,
): readonly Buffer[] {
  if (version < 5 || (reasonCode === 0 && given === undefined)) return [];
  return [Buffer.of(reasonCode), ...(given === undefined ? [] : [properties(given, version)])];
}

const acknowledgement =
  (type: number) =>
  (fields: AcknowledgementFields, version: ProtocolVersion): Buffer =>
    framed(firstByte(type), u16(fields.packetId), ...reason(fields, version));

function connect(fields: ConnectFields, version: ProtocolVersion): Buffer {
  const {clientId = '', cleanStart = true, keepAliveSeconds = 0, will, username, password} = fields;
  return connectBytes({
    version,
    clientId,
    clean: cleanStart,
    keepaliveSeconds: keepAliveSeconds,
    credentials: {username, password},
    properties: properties(fields.properties, version),
    will: will && {qos: 0, retain: false, ...will},
    willProperties: properties(will?.properties, version),
  });
}

const encoders: {readonly [Name in SentName]: Encoder<Name>} = {
  connect,
  publish({topic, payload = '', qos = 0, retain = false, duplicate = false, packetId = 0, ...rest}, version) {
    const first = publishFirstByte(qos, retain) | (duplicate ? PublishFlag.duplicate : 0);
    const {subscriptionIdentifiers = [], ...others} = rest.properties ?? {};
    const list =
      version === 5
        ? propertyList([
            ...propertyValues(others),
            ...subscriptionIdentifiers.map((each) => ['subscriptionIdentifier', each] as const),
          ])
        : Buffer.alloc(0);
    const identifier = qos === 0 ? [] : [u16(packetId)];
    return framed(first, data(topic), ...identifier, list, Buffer.from(payload as Uint8Array));
  },
  puback: acknowledgement(PacketType.puback),
  pubrec: acknowledgement(PacketType.pubrec),
  pubrel: acknowledgement(PacketType.pubrel),
  pubcomp: acknowledgement(PacketType.pubcomp),
  subscribe({packetId = 0, subscriptions, properties: given}, version) {
    const filters = subscriptions.flatMap(
      ({filter, qos = 0, noLocal, retainAsPublished, retainHandling = 0}) => [
        data(filter),
        Buffer.of(
          qos |
            (noLocal ? SubscriptionOption.noLocal : 0) |
            (retainAsPublished ? SubscriptionOption.retainAsPublished : 0) |
            (retainHandling << retainHandlingShift),
        ),
      ],
    );
    return framed(firstByte(PacketType.subscribe), u16(packetId), properties(given, version), ...filters);
  },
  unsubscribe({packetId = 0, filters, properties: given}, version) {
    const names = filters.map((filter) => data(filter));
    return framed(firstByte(PacketType.unsubscribe), u16(packetId), properties(given, version), ...names);
  },
  pingreq: () => framed(firstByte(PacketType.pingreq)),
  disconnect: (fields, version) => framed(firstByte(PacketType.disconnect), ...reason(fields, version)),
  auth: ({reasonCode = 0x18, properties: given}, version) =>
    framed(firstByte(PacketType.auth), ...reason({reasonCode, properties: given ?? {}}, version)),
};
