/** What a test does to the broker of tmq/testing: state, faults, connections, restarts, and its hooks. */

import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import mqtt from 'mqtt';
import type {AuthorizationRequest, Published} from '../../src/testing/testing.ts';
import {createBroker, startBroker} from '../../src/testing/testing.ts';

const once = {reconnectPeriod: 0} as const;

describe('the state of a broker', () => {
  it('has retained messages before the test, with their properties', async () => {
    await using broker = await startBroker();
    broker.retain([
      {topic: 'a/1', payload: 'one', qos: 1, properties: {contentType: 'text', messageExpiryInterval: 100}},
      {topic: 'a/2', payload: Buffer.from('two')},
    ]);
    assert.deepEqual(broker.published, []);
    await using client = await broker.client();
    await client.send('subscribe', {subscriptions: [{filter: 'a/#', qos: 1}]});
    await client.expect('suback');
    const properties = {contentType: 'text', messageExpiryInterval: 100};
    await client.expect('publish', {topic: 'a/1', payload: 'one', retain: true, qos: 1, properties});
    await client.expect('publish', {topic: 'a/2', payload: 'two', retain: true, qos: 0});
    assert.throws(() => broker.retain([{topic: 'a/#', payload: ''}]), /"a\/#" is not a topic/);
    const foreign = {receiveMaximum: 1} as object;
    assert.throws(
      () => broker.publish('a', '', {properties: foreign}),
      /receiveMaximum is not a property of PUBLISH/,
    );
  });

  it('is as new after reset, and clients stay connected', async () => {
    await using broker = await startBroker({faults: ['drop publish topic=never']});
    await using stays = await broker.client({clientId: 'stays'});
    await stays.send('subscribe', {subscriptions: [{filter: '#'}]});
    await stays.expect('suback');
    const leaves = await broker.client({
      ...{clientId: 'leaves', cleanStart: false, properties: {sessionExpiryInterval: 100}},
      will: {topic: 'late', payload: 'x', properties: {willDelayInterval: 50}},
    });
    leaves.drop();
    broker.retain([{topic: 'kept', payload: 'x'}]);
    await stays.expect('publish', {topic: 'kept'});
    broker.setFaults(['drop publish']);
    broker.publish('a', 'x');
    await stays.expectNothing(20);
    broker.clear();
    assert.deepEqual(broker.published, []);
    broker.reset();
    broker.publish('b', 'x');
    await stays.expect('publish', {topic: 'b'});
    await using again = await broker.client({clientId: 'leaves', cleanStart: false});
    assert.equal(again.connack?.sessionPresent, false);
    await again.send('subscribe', {subscriptions: [{filter: 'kept'}]});
    await again.expect('suback');
    await again.expectNothing(20);
  });
});

describe('the network of a broker', () => {
  it('has other faults while it runs, and keeps them over a restart', async () => {
    await using broker = await startBroker();
    const connect = () => broker.client({clientId: 'dev'});
    await using client = await connect();
    broker.setFaults(['drop publish in topic=lost', 'drop puback']);
    await client.send('publish', {topic: 'lost'});
    await client.send('publish', {topic: 'kept', qos: 1});
    await broker.waitFor('kept');
    await client.send('pingreq');
    await client.expect('pingresp');
    assert.deepEqual(
      broker.published.map(({topic}) => topic),
      ['kept'],
    );
    assert.throws(() => broker.setFaults(['drop', 'explode']), /not with 'explode'/);
    await broker.restart();
    await using next = await connect();
    await next.send('publish', {topic: 'kept', qos: 1});
    await next.send('pingreq');
    await next.expect('pingresp');
    broker.setFaults([]);
    await next.send('publish', {topic: 'kept', qos: 1, packetId: 9});
    await next.expect('puback', {packetId: 9});
  });

  it('disconnects clients with a reason, or without a word', async () => {
    await using broker = await startBroker();
    await using one = await broker.client({clientId: 'one'});
    assert.equal(broker.disconnect('one', 0x97), true);
    await one.expect('disconnect', {reasonCode: 0x97});
    await one.expectClosed();
    assert.equal(broker.disconnect('one'), false);
    for (const code of [0, 256, 1.5]) assert.throws(() => broker.disconnect('x', code), /is no reason code/);
    await using two = await broker.client({clientId: 'two', will: {topic: 'w', payload: ''}});
    await using three = await broker.client({clientId: 'three'});
    assert.equal(broker.dropConnections('two'), 1);
    await two.expectClosed();
    await broker.waitFor('w');
    assert.equal(broker.dropConnections(), 1);
    await three.expectClosed();
  });
});

describe('a restart', () => {
  it('keeps ports, sessions, their messages and retained ones; clients reconnect', async () => {
    await using broker = await startBroker({webSockets: true});
    const {url, urls} = broker;
    const client = mqtt.connect(url, {reconnectPeriod: 5, clientId: 'app', clean: false});
    const received: string[] = [];
    client.on('message', (topic, payload) => received.push(`${topic} ${payload}`));
    await broker.connected('app');
    await client.subscribeAsync('a/#', {qos: 1});
    broker.retain([{topic: 'r', payload: 'retained'}]);
    await using away = await broker.client({clientId: 'away', cleanStart: false, protocolVersion: 4});
    await away.send('subscribe', {subscriptions: [{filter: 'a/#', qos: 1}]});
    await away.expect('suback');
    away.drop();
    broker.publish('a/1', 'queued', {qos: 1});
    // The second one follows the PUBACK of what came before the answer to the first.
    for (const topic of ['b', 'b']) await client.publishAsync(topic, '', {qos: 1});
    await broker.stop();
    await broker.stop();
    assert.deepEqual(broker.clients, []);
    assert.throws(() => broker.publish('a', 'x'), /does not run: call restart first/);
    await assert.rejects(mqtt.connectAsync(url, once));
    const waiting = broker.waitFor('a/2');
    await broker.restart();
    assert.deepEqual([broker.url, broker.urls], [url, urls]);
    await broker.connected('app');
    broker.publish('a/2', 'after', {qos: 1});
    await waiting;
    await using back = await broker.client({clientId: 'away', cleanStart: false, protocolVersion: 4});
    assert.equal(back.connack?.sessionPresent, true);
    await back.expect('publish', {topic: 'a/1', payload: 'queued'});
    await back.expect('publish', {topic: 'a/2', payload: 'after'});
    await back.send('subscribe', {subscriptions: [{filter: 'r'}]});
    await back.expect('suback');
    await back.expect('publish', {topic: 'r', payload: 'retained', retain: true});
    await client.publishAsync('a/3', 'mine', {qos: 1});
    await client.endAsync();
    assert.deepEqual(received, ['a/1 queued', 'a/2 after', 'a/3 mine']);
    await using web = await broker.client({scheme: 'ws'});
    assert.equal(web.connack?.reasonCode, 0);
  });

  it('leaves what is kept to the store where the configuration has one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-testing-'));
    const listener = 'listener 0 127.0.0.1\nallow_anonymous true\n';
    const config = `${listener}persistence true\npersistence_location ${directory}/\n`;
    try {
      await using broker = await startBroker({config});
      broker.retain([{topic: 'r', payload: 'kept'}]);
      await broker.restart();
      await broker.close();
      await using next = await startBroker({config});
      await using client = await next.client();
      await client.send('subscribe', {subscriptions: [{filter: 'r'}]});
      await client.expect('suback');
      await client.expect('publish', {topic: 'r', payload: 'kept', retain: true});
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });

  it('starts a broker that was only created; a closed one starts no more', async () => {
    const broker = createBroker();
    assert.throws(() => broker.url, /has not started yet/);
    await Promise.all([broker.restart(), broker.restart()]);
    const client = await mqtt.connectAsync(broker.url, once);
    await client.endAsync();
    await broker.close();
    await assert.rejects(broker.restart(), /is closed: it cannot start again/);
  });
});

describe('authorize', () => {
  it('decides about CONNECT, PUBLISH and SUBSCRIBE, with reason codes, and may take its time', async () => {
    const asked: AuthorizationRequest[] = [];
    await using broker = await startBroker({
      async authorize(request) {
        asked.push(request);
        await new Promise((resolve) => setImmediate(resolve));
        if (request.user === 'eve') return 0x8a;
        if (request.topic.startsWith('secret')) return false;
        return request.topic === 'full' ? 0x97 : true;
      },
    });
    await assert.rejects(
      broker.client({username: 'eve'}),
      /refused CONNECT: 0x8a, Banned \(Banned\.\)|0x8a, Banned\./,
    );
    await assert.rejects(
      broker.client({username: 'eve', protocolVersion: 4}),
      /refused CONNECT: 0x05, not authorised/,
    );
    await using client = await broker.client({clientId: 'dev', username: 'ann', password: 'pw'});
    await client.send('subscribe', {subscriptions: [{filter: 'a', qos: 1}, {filter: 'secret/#'}]});
    await client.send('publish', {topic: 'secret/x', qos: 1});
    await client.send('publish', {topic: 'full', qos: 1});
    await client.send('publish', {topic: 'a', payload: 'x', qos: 1});
    await client.expect('suback', {reasonCodes: [1, 0x87]});
    await client.expect('puback', {reasonCode: 0x87});
    await client.expect('puback', {reasonCode: 0x97});
    await client.find('publish', {topic: 'a', payload: 'x'});
    await client.find('puback', {reasonCode: 0});
    const from = {clientId: 'dev', user: 'ann'};
    assert.deepEqual(asked.slice(2), [
      {action: 'connect', topic: '', password: Buffer.from('pw'), ...from},
      {action: 'subscribe', topic: 'a', ...from},
      {action: 'subscribe', topic: 'secret/#', ...from},
      {action: 'publish', topic: 'secret/x', ...from},
      {action: 'publish', topic: 'full', ...from},
      {action: 'publish', topic: 'a', ...from},
    ]);
    assert.deepEqual(
      broker.published.map(({topic}) => topic),
      ['secret/x', 'full', 'a'],
    );
  });

  it('answers at once in MQTT 3.1.1, too', async () => {
    await using broker = await startBroker({authorize: ({topic}) => topic !== 'no'});
    await using client = await broker.client({protocolVersion: 4});
    await client.send('subscribe', {subscriptions: [{filter: 'no'}, {filter: 'yes'}]});
    await client.expect('suback', {reasonCodes: [0x80, 0]});
    await client.send('publish', {topic: 'no', qos: 2, packetId: 5});
    await client.expect('pubrec', {packetId: 5});
    await client.send('pubrel', {packetId: 5});
    await client.expect('pubcomp', {packetId: 5});
    await client.send('publish', {topic: 'yes', payload: 'x'});
    await client.expect('publish', {topic: 'yes'});
  });

  it('rejects what waits, or close, with what it throws; the client is refused', async () => {
    const broker = await startBroker({
      authorize({action}) {
        if (action === 'publish') throw new Error('my mistake');
        return action === 'connect' || (undefined as unknown as boolean);
      },
    });
    const client = await broker.client();
    const waiting = broker.waitFor('other');
    await client.send('publish', {topic: 'a', qos: 1});
    await client.expect('puback', {reasonCode: 0x80});
    await assert.rejects(waiting, /my mistake/);
    await client.send('subscribe', {subscriptions: [{filter: 'a'}]});
    await client.expect('suback', {reasonCodes: [0x80]});
    await assert.rejects(
      broker.close(),
      /authorize returned undefined: it returns true, false or a reason code/,
    );
  });
});

describe('onPublish', () => {
  it('comes before delivery and acknowledgement, and may hold them back', async () => {
    const seen: Published[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using broker = await startBroker({
      onPublish(message) {
        seen.push(message);
        return message.topic === 'slow' ? held : undefined;
      },
    });
    await using client = await broker.client();
    await client.send('subscribe', {subscriptions: [{filter: '#'}]});
    await client.expect('suback');
    await client.send('publish', {topic: 'slow', payload: 'x', qos: 1});
    await client.send('publish', {topic: 'quick', qos: 1, properties: {contentType: 'c', topicAlias: 3}});
    await broker.waitFor('slow');
    await client.expectNothing(20);
    release();
    await client.find('publish', {topic: 'slow', payload: 'x'});
    await client.find('publish', {topic: 'quick'});
    assert.deepEqual(seen, broker.published);
    assert.deepEqual(seen[1]?.properties, {contentType: 'c', topicAlias: 3});
  });

  it('refuses a message by throwing', async () => {
    const broker = await startBroker({
      onPublish() {
        assert.equal(1, 2);
      },
    });
    const client = await broker.client();
    await client.send('publish', {topic: 'a', qos: 2});
    await client.expect('pubrec', {reasonCode: 0x80});
    await assert.rejects(broker.close(), assert.AssertionError);
  });
});

describe('many brokers in one process', () => {
  it('share nothing', async () => {
    const brokers = await Promise.all(Array.from({length: 20}, () => startBroker()));
    await Promise.all(
      brokers.map(async (broker, index) => {
        await using client = await broker.client({clientId: 'same'});
        await client.send('subscribe', {subscriptions: [{filter: '#'}]});
        await client.expect('suback');
        await client.send('publish', {topic: 'same', payload: String(index), retain: true, qos: 1});
        await client.find('publish', {payload: String(index)});
        await client.find('puback');
        await client.expectNothing(20);
        assert.deepEqual(
          broker.published.map(({payload}) => String(payload)),
          [String(index)],
        );
      }),
    );
    assert.equal(new Set(brokers.map(({port}) => port)).size, 20);
    await Promise.all(brokers.map((broker) => broker.close()));
  });
});
