import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  codecProperties,
  messageOf,
  orderedUserProperties,
  propertiesOf,
} from '../../../../src/client/connection/mqttjs-codec.ts';
import {PacketIdentifiers} from '../../../../src/client/connection/packet-ids.ts';
import {limitsOf} from '../../../../src/client/connection/server-limits.ts';
import {TmqError} from '../../../../src/errors.ts';

test('properties for mqtt-packet keep their order, flags become booleans, empty lists are left out', () => {
  const properties = {
    contentType: 't',
    userProperties: [],
    payloadFormatIndicator: 1,
    messageExpiryInterval: undefined,
    requestProblemInformation: 0,
  };
  const result = codecProperties(properties);
  assert.deepEqual(result, {
    contentType: 't',
    payloadFormatIndicator: true,
    requestProblemInformation: false,
  });
  assert.deepEqual(Object.keys(result!), [
    'contentType',
    'payloadFormatIndicator',
    'requestProblemInformation',
  ]);
  assert.equal(codecProperties({}), undefined);
  assert.equal(codecProperties(undefined), undefined);
});

test('a flag that is neither 0 nor 1 is named', () => {
  assert.throws(
    () => codecProperties({payloadFormatIndicator: 2}),
    (error) => error instanceof TmqError && /payload-format-indicator can only be 0 or 1/.test(error.message),
  );
});

test('properties of mqtt-packet are translated to ours', () => {
  const packet = {
    cmd: 'publish',
    properties: {payloadFormatIndicator: true, userProperties: {a: 'x'}, subscriptionIdentifier: 5},
    [orderedUserProperties]: [
      ['a', 'w'],
      ['a', 'x'],
    ],
  } as const;
  assert.deepEqual(propertiesOf(packet), {
    payloadFormatIndicator: 1,
    userProperties: [
      ['a', 'w'],
      ['a', 'x'],
    ],
    subscriptionIdentifiers: [5],
  });
});

test('a message has an identifier only above QoS 0', () => {
  assert.deepEqual(messageOf({cmd: 'publish', topic: 'a', payload: Buffer.from('x'), qos: 0, messageId: 9}), {
    topic: 'a',
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
  });
  assert.equal(messageOf({cmd: 'publish', topic: 'a', qos: 1, messageId: 9}).messageId, 9);
});

test('what CONNACK does not mention is not limited, except topic aliases', () => {
  assert.deepEqual(limitsOf({}), {
    receiveMaximum: 65_535,
    maximumQos: 2,
    retainAvailable: true,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    topicAliasMaximum: 0,
    wildcardSubscriptions: true,
    subscriptionIdentifiers: true,
    sharedSubscriptions: true,
    responseInformation: undefined,
  });
  const properties = {
    receiveMaximum: 5,
    maximumQoS: 0,
    retainAvailable: 0,
    maximumPacketSize: 100,
    topicAliasMaximum: 3,
    wildcardSubscriptionAvailable: 0,
    subscriptionIdentifiersAvailable: 0,
    sharedSubscriptionAvailable: 0,
    responseInformation: 'tmq/',
  };
  assert.deepEqual(limitsOf({properties}), {
    receiveMaximum: 5,
    maximumQos: 0,
    retainAvailable: false,
    maximumPacketSize: 100,
    topicAliasMaximum: 3,
    wildcardSubscriptions: false,
    subscriptionIdentifiers: false,
    sharedSubscriptions: false,
    responseInformation: 'tmq/',
  });
});

test('identifiers count from 1, wrap after 65535, and skip what is in use', () => {
  const identifiers = new PacketIdentifiers();
  assert.deepEqual([identifiers.take(), identifiers.count(), identifiers.take()], [1, 2, 3]);
  for (let last = identifiers.count(); last < 65_535; last = identifiers.count());
  assert.equal(identifiers.take(), 2);
  identifiers.release(1);
  for (let last = identifiers.count(); last < 65_535; last = identifiers.count());
  assert.deepEqual([identifiers.take(), identifiers.take()], [1, 4]);
});
