/** What the broker shows of its clients, and how it ends their connections. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {packetBroker, within} from '../support/packet-client.ts';

test('the connected clients, with what they asked for', async () => {
  await using host = packetBroker();
  const five = await host.connect('five', {
    version: 5,
    clean: false,
    keepalive: 60,
    username: 'ann',
    properties: {sessionExpiryInterval: 100},
    will: {topic: 'gone', payload: 'x', qos: 1, retain: true, properties: {willDelayInterval: 7}},
  });
  await five.subscribe('a/+', {qos: 1, nl: true, rap: true}, {subscriptionIdentifier: 9});
  await five.subscribe('$share/g/b');
  await host.connect('three', {version: 3});
  host.open();
  const plain = {address: '127.0.0.1:5123', cleanStart: true, keepAliveSeconds: 0};
  assert.deepEqual(host.broker.clients(), [
    {
      ...plain,
      clientId: 'five',
      username: 'ann',
      protocolVersion: 5,
      keepAliveSeconds: 60,
      cleanStart: false,
      sessionExpirySeconds: 100,
      subscriptions: [
        {filter: 'a/+', qos: 1, noLocal: true, retainAsPublished: true, identifier: 9},
        {filter: '$share/g/b', qos: 0, noLocal: false, retainAsPublished: false},
      ],
      will: {topic: 'gone', payload: Buffer.from('x'), qos: 1, retain: true, delaySeconds: 7},
    },
    {...plain, clientId: 'three', protocolVersion: 3, sessionExpirySeconds: 0, subscriptions: []},
  ]);
  await five.leave();
  assert.deepEqual(
    host.broker.clients().map(({clientId}) => clientId),
    ['three'],
  );
});

test('filters and wills without the mount point of the listener', async () => {
  await using host = packetBroker({listener: {mountPoint: 'm/'}});
  const client = await host.connect('one', {will: {topic: 'w', payload: '', qos: 0, retain: false}});
  await client.subscribe('a');
  await client.subscribe('$share/g/b');
  const [{subscriptions, will} = assert.fail()] = host.broker.clients();
  assert.deepEqual([...subscriptions.map(({filter}) => filter), will?.topic], ['a', '$share/g/b', 'w']);
});

test('DISCONNECT with a code for one client, and connections that end without', async () => {
  await using host = packetBroker();
  const [one, two, three] = [
    await host.connect('one', {version: 5}),
    await host.connect('two', {version: 5}),
    await host.connect('three', {version: 5}),
  ];
  assert.equal(host.broker.disconnect('one', 0x97), true);
  await one.expectEnd(0x97);
  assert.equal(host.broker.disconnect('one'), false);
  assert.equal(host.broker.drop('two'), 1);
  await within(two.closed, 'the end of the connection');
  assert.equal(host.broker.drop('two'), 0);
  assert.equal(host.broker.drop(), 1);
  await within(three.closed, 'the end of the connection');
});
