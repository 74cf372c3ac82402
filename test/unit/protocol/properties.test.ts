/** The table of MQTT 5 properties, held to mqtt-packet's and to its readers and writers. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type Packet as CodecPacket, generate, parser} from 'mqtt-packet';
import constants from 'mqtt-packet/constants.js';
import {packetBytes} from '../../../src/protocol/fixed-header.ts';
import {copyOf, type Message} from '../../../src/protocol/message.ts';
import {
  mayClientSend,
  type Properties,
  type PropertyDefinition,
  PropertyIdentifier,
  type PropertyPacket,
  propertyTable,
} from '../../../src/protocol/properties.ts';
import {PublishReader} from '../../../src/protocol/publish-reader.ts';
import {publishEncoder, publishFrames} from '../../../src/protocol/publish-writer.ts';

/** A value of each type, as a command and mqtt-packet take it. */
const samples: Readonly<Record<PropertyDefinition['type'], unknown>> = {
  byte: 1,
  u16: 259,
  u32: 16_909_060,
  varint: 16_384,
  utf8: 'täxt',
  binary: Buffer.from([0, 255, 128]),
  pair: [
    ['a', '1'],
    ['b', '2'],
  ],
};

/** mqtt-packet takes flags as booleans and user properties as an object. */
function codecValue({key, type}: PropertyDefinition): unknown {
  if (type === 'pair') return {a: '1', b: '2'};
  return type === 'byte' && key !== 'maximumQoS' ? true : samples[type];
}

test('has every identifier, name and key once, in ascending order', () => {
  const identifiers = propertyTable.map(({identifier}) => identifier);
  assert.deepEqual(
    identifiers,
    [...new Set(identifiers)].sort((one, other) => one - other),
  );
  for (const column of ['name', 'key'] as const) {
    assert.equal(new Set(propertyTable.map((row) => row[column])).size, propertyTable.length);
  }
});

test('has the identifiers and keys of mqtt-packet, and no others', () => {
  const table = Object.fromEntries(propertyTable.map(({key, identifier}) => [key, identifier]));
  assert.deepEqual(table, {...constants.properties});
  assert.deepEqual(PropertyIdentifier, table);
});

const bodies: Readonly<Partial<Record<PropertyPacket, object>>> = {
  connect: {cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: 'a', clean: true, keepalive: 0},
  connack: {cmd: 'connack', reasonCode: 0, sessionPresent: false},
  publish: {cmd: 'publish', topic: 't', payload: 'p', qos: 0, retain: false, dup: false},
  puback: {cmd: 'puback', messageId: 1, reasonCode: 0},
  pubrec: {cmd: 'pubrec', messageId: 1, reasonCode: 0},
  pubrel: {cmd: 'pubrel', messageId: 1, reasonCode: 0},
  pubcomp: {cmd: 'pubcomp', messageId: 1, reasonCode: 0},
  subscribe: {cmd: 'subscribe', messageId: 1, subscriptions: [{topic: 't', qos: 0}]},
  suback: {cmd: 'suback', messageId: 1, granted: [0]},
  unsubscribe: {cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['t']},
  unsuback: {cmd: 'unsuback', messageId: 1, granted: [0]},
  disconnect: {cmd: 'disconnect', reasonCode: 0},
  auth: {cmd: 'auth', reasonCode: 0},
};

/** What mqtt-packet reads of what it writes. */
function roundTrip(packet: object): Readonly<Record<string, unknown>> {
  const bytes = generate(packet as CodecPacket, {protocolVersion: 5});
  assert.equal(packetBytes(bytes, 0), bytes.length);
  let read: object = {};
  const reader = parser({protocolVersion: 5});
  reader.on('packet', (each) => {
    read = each;
  });
  reader.on('error', (error: unknown) => {
    throw error;
  });
  reader.parse(bytes);
  return (read as {properties?: Record<string, unknown>}).properties ?? {};
}

test('every property passes through mqtt-packet in each of its packets', () => {
  for (const definition of propertyTable) {
    const {key, packets} = definition;
    for (const packet of packets) {
      const value = codecValue(definition);
      if (packet === 'will') continue;
      const read = roundTrip({...bodies[packet], properties: {[key]: value}});
      assert.deepEqual(Object.keys(read), [key], `${key} in ${packet}`);
    }
  }
});

test('what a client may send in PUBLISH is written here and read by mqtt-packet and by us', () => {
  for (const definition of propertyTable.filter((each) => mayClientSend(each, 'publish'))) {
    const {key, type} = definition;
    const properties = {[key]: samples[type]} as Properties;
    const encoder = publishEncoder({topic: 't', qos: 1, retain: false, properties}, 5);
    const bytes = publishFrames(encoder, [Buffer.from('payload')], {messageIds: [7]});
    const read: {properties?: Record<string, unknown>}[] = [];
    const reader = parser({protocolVersion: 5});
    reader.on('packet', (packet) => read.push(packet as {properties?: Record<string, unknown>}));
    reader.parse(bytes);
    assert.deepEqual(Object.keys(read[0]?.properties ?? {}), [key]);
    const message = new PublishReader(5).read(bytes, 0, bytes.length);
    // A topic alias is left to the packet library.
    assert.deepEqual(message?.properties, key === 'topicAlias' ? undefined : properties, key);
  }
});

test('a copied message keeps every binary property when the bytes received change', () => {
  const keys = propertyTable.filter(({type}) => type === 'binary').map(({key}) => key);
  assert.deepEqual(keys, ['correlationData', 'authenticationData']);
  for (const key of keys) {
    const bytes = Buffer.from([1, 2, 3]);
    const properties = {[key]: bytes} as Properties;
    const message: Message = {topic: 't', payload: bytes, qos: 0, retain: false, properties};
    const copy = copyOf(message);
    bytes.fill(0);
    assert.deepEqual([...copy.payload], [1, 2, 3]);
    assert.deepEqual([...(copy.properties as Record<string, Uint8Array>)[key]!], [1, 2, 3]);
  }
});
