// needs: mosquitto
/** The scripted client of tmq/testing, at our broker, at mosquitto, and at a broker that sends what it should not. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, createServer} from 'node:net';
import {describe, it} from 'node:test';
import {type ScriptedClient, scriptedClient, startBroker} from '../../src/testing/testing.ts';
import {startMosquitto} from '../support/mosquitto.ts';

/** Exchanges every packet that a client sends. */
async function converse(client: ScriptedClient): Promise<void> {
  const isFive = client.protocolVersion === 5;
  const {packetId} = await client.send('subscribe', {
    subscriptions: [{filter: 'a/#', qos: 2}, {filter: 'b'}],
  });
  await client.expect('suback', {packetId, reasonCodes: [2, 0]});
  await client.send('publish', {topic: 'a/1', payload: Buffer.from([0, 255]), qos: 2, packetId: 700});
  await client.find('pubrec', {packetId: 700});
  await client.send('pubrel', {packetId: 700});
  await client.find('pubcomp', {packetId: 700});
  const message = await client.find('publish', {topic: 'a/1', payload: Buffer.from([0, 255]), qos: 2});
  await client.send('pubrec', {packetId: message.packetId});
  await client.find('pubrel', {packetId: message.packetId});
  await client.send('pubcomp', {packetId: message.packetId});
  await client.send('unsubscribe', {filters: ['b', 'c']});
  const {reasonCodes} = await client.expect('unsuback');
  assert.deepEqual(reasonCodes, isFive ? [0, 0x11] : []);
  await client.send('pingreq');
  assert.deepEqual(await client.next(), {name: 'pingresp'});
}

/** A server that answers the first bytes of each client with these, and its address. */
async function answering(bytes: readonly number[], ends = false) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(Buffer.from(bytes));
      if (ends) socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {url, [Symbol.asyncDispose]: async () => void server.close()};
}

describe('a scripted client', () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    it(`exchanges all packets of version ${protocolVersion}, with our broker and with mosquitto`, async () => {
      await using broker = await startBroker();
      await using mosquitto = await startMosquitto();
      for (const url of [broker.url, `mqtt://127.0.0.1:${mosquitto.port}`]) {
        await using client = await scriptedClient(url, {protocolVersion, keepAliveSeconds: 60});
        await converse(client);
      }
    });
  }

  it('connects to every listener, with the broker’s certificate', async () => {
    await using broker = await startBroker({tls: 'auto', webSockets: true});
    for (const scheme of ['mqtt', 'mqtts', 'ws', 'wss'] as const) {
      await using client = await broker.client({scheme});
      await converse(client);
    }
    await assert.rejects(broker.client({scheme: 'unix'}), /has no listener for unix: it has .*mqtts/);
    const {url} = broker;
    await using named = await scriptedClient(url.replace('//', '//ann:p%40ss@'), {clientId: ''});
    assert.equal((await broker.connected(named.clientId)).user, 'ann');
    await assert.rejects(scriptedClient('http://ann:secret@x'), (error: Error) => {
      assert.match(error.message, /^The URL of a broker begins with mqtt:/);
      return !error.message.includes('secret');
    });
    await broker.close();
    await assert.rejects(scriptedClient(url), /refused|closed/i);
  });

  it('sends CONNECT by hand, and what is wrong', async () => {
    await using broker = await startBroker();
    await using client = await broker.client({connect: false, clientId: 'hand'});
    assert.equal(client.connack, undefined);
    await client.send('connect', {will: {topic: 'w', payload: 'x', qos: 1}, username: 'u', password: 'p'});
    await client.expect('connack', {reasonCode: 0, sessionPresent: false});
    assert.equal(broker.clients[0]?.will?.topic, 'w');
    await client.send('connect');
    await client.expect('disconnect', {reasonCode: 0x82});
    await client.expectClosed();
    await assert.rejects(
      client.send('pingreq'),
      /^Error: Nothing can be sent: the broker closed the connection\.$/,
    );
    await assert.rejects(client.next(), /^Error: No packet came: the broker closed the connection\.$/);

    await using raw = await broker.client();
    await raw.sendBytes([0x30, 0x03, 0x00, 0x05, 0x61]);
    await raw.expect('disconnect', {reasonCode: 0x81});
    await raw.expectClosed();
    await using auth = await broker.client();
    await auth.send('auth', {reasonCode: 0x19, properties: {authenticationMethod: 'x'}});
    await auth.expect('disconnect', {reasonCode: 0x82});
  });

  it('carries the properties of MQTT 5 both ways', async () => {
    await using broker = await startBroker();
    await using client = await broker.client({properties: {topicAliasMaximum: 5, receiveMaximum: 10}});
    await client.send('subscribe', {
      subscriptions: [{filter: 'a', retainAsPublished: true, noLocal: false, retainHandling: 2}],
      properties: {subscriptionIdentifier: 300, userProperties: [['k', 'v']]},
    });
    await client.expect('suback');
    const properties = {
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      correlationData: Buffer.from([1, 2]),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    } as const;
    await client.send('publish', {topic: 'a', payload: 'é', retain: true, properties});
    const message = await client.expect('publish', {
      payload: 'é',
      retain: true,
      properties: {...properties, subscriptionIdentifiers: [300], topicAlias: 1},
    });
    assert.equal(message.properties?.contentType, undefined);
    assert.deepEqual((await broker.waitFor('a')).properties, properties);
    await client.send('disconnect', {reasonCode: 4, properties: {userProperties: [['x', 'y']]}});
    await client.expectClosed();
  });

  it('reports what came instead, and where the test expected something', async () => {
    await using broker = await startBroker();
    await using client = await broker.client({timeout: 50});
    await client.send('publish', {topic: 'a', payload: 'x', qos: 1});
    const error = await client.expect('puback', {packetId: 2}).catch((reason: Error) => reason);
    assert.ok(error instanceof Error);
    assert.equal(
      error.message,
      'PUBACK was expected, and PUBACK { packetId: 1, reasonCode: 0x10 } came, whose packetId is not 2.',
    );
    assert.match(error.stack?.split('\n')[1] ?? '', /scripted-client\.test\.ts/);
    await client.send('pingreq');
    await assert.rejects(client.expect('suback'), /^Error: SUBACK was expected, and PINGRESP came\.$/);
    await assert.rejects(client.expect('suback'), /^Error: No SUBACK came within 50 ms\.$/);
    await assert.rejects(client.next(), /^Error: No packet came within 50 ms\.$/);
    await client.expectNothing(10);
    await assert.rejects(
      client.expectClosed(),
      /^Error: The broker did not close the connection within 50 ms\.$/,
    );
    await client.send('pingreq');
    await assert.rejects(
      client.find('suback'),
      /^Error: No such SUBACK came within 50 ms; what waits is PINGRESP\.$/,
    );
    await assert.rejects(client.expectClosed(), /was to close the connection, and PINGRESP came/);
    await assert.rejects(client.expectNothing(10), /^Error: No packet was expected, and PINGRESP came\.$/);
    await client.expect('pingresp');
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(client.expect('puback', {}, {signal}), /enough/);
    await assert.rejects(client.expectNothing(Number.NaN), /milliseconds is NaN/);
    const waiting = assert.rejects(
      client.find('suback', {}, {timeout: 60_000}),
      /before the client was closed; no packet waits/,
    );
    await client.close();
    await client.close();
    await waiting;
  });

  it('ends all waits when its signal aborts, and when the broker goes', async () => {
    await using broker = await startBroker();
    const controller = new AbortController();
    const client = await broker.client({clientId: 'aborted', signal: controller.signal});
    const waiting = assert.rejects(client.next(), /enough/);
    controller.abort(new Error('enough'));
    await waiting;
    await assert.rejects(broker.client({signal: controller.signal}), /enough/);
    const other = await broker.client();
    const closing = other.expect('disconnect', {reasonCode: 0x8b});
    await broker.stop();
    await closing;
    await other.expectClosed();
    await broker.restart();
    const last = await broker.client();
    const ended = assert.rejects(last.next({timeout: 60_000}), /before the client was closed/);
    await broker.close();
    await ended;
  });

  it('refuses what a broker may not send', async () => {
    const connack = [0x20, 0x03, 0, 0, 0];
    for (const [bytes, reason] of [
      [[0x82, 0x05, 0, 1, 0, 0, 0], /sent what is no valid packet: A broker does not send SUBSCRIBE/],
      [[0x36, 0x05, 0, 1, 0x61, 0, 0], /PUBLISH has both QoS bits set/],
      [[0xd0, 0x01, 0], /PINGRESP is longer than its fields/],
    ] as const) {
      await using server = await answering([...connack, ...bytes]);
      await using client = await scriptedClient(server.url);
      await assert.rejects(client.next(), reason);
      await assert.rejects(client.expectClosed(), reason);
    }
    await using cut = await answering([...connack, 0x30, 0x10], true);
    await using client = await scriptedClient(cut.url);
    await assert.rejects(client.next(), /the broker closed the connection, inside a packet/);
    await using silent = await answering([]);
    await assert.rejects(scriptedClient(silent.url, {timeout: 50}), /No CONNACK came within 50 ms/);
  });
});
