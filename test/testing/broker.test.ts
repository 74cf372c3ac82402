// needs: mosquitto_pub
/** tmq/testing: a broker inside a test, from the users' side. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {access, readFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {describe, it} from 'node:test';
import mqtt from 'mqtt';
import {TmqError} from '../../src/errors.ts';
import {type StartOptions, startBroker} from '../../src/testing/testing.ts';
import {frameOf, PacketClient} from '../support/packet-client.ts';
import {run} from '../support/spawn.ts';

const once1 = {reconnectPeriod: 0} as const;

describe('startBroker', () => {
  it('listens on a free port of this machine, and shows what was published', async () => {
    await using broker = await startBroker();
    assert.equal(broker.url, `mqtt://127.0.0.1:${broker.port}`);
    assert.equal(broker.host, '127.0.0.1');
    const args = [
      '-p',
      String(broker.port),
      '-i',
      'dev',
      '-t',
      'a/b',
      '-m',
      'on',
      '-q',
      '1',
      '-r',
      '-V',
      '5',
    ];
    const properties = ['-D', 'publish', 'user-property', 'k', 'v', '-D', 'publish', 'content-type', 'text'];
    const [{exitCode}, message] = await Promise.all([
      run('mosquitto_pub', [...args, ...properties]),
      broker.waitFor('a/+'),
    ]);
    assert.equal(exitCode, 0);
    assert.deepEqual(message, {
      source: 'client',
      clientId: 'dev',
      topic: 'a/b',
      payload: Buffer.from('on'),
      qos: 1,
      retain: true,
      duplicate: false,
      properties: {contentType: 'text', userProperties: [['k', 'v']]},
    });
    assert.deepEqual(broker.published, [message]);
    assert.equal(await broker.waitFor('#'), message, 'also when it came before');
  });

  it('waits for several messages, and names the other topics on a timeout', async () => {
    await using broker = await startBroker();
    const client = await mqtt.connectAsync(broker.url, {...once1, protocolVersion: 5});
    const third = broker.waitFor('t', {count: 3});
    for (const text of ['1', '2', '3']) await client.publishAsync('t', text, {properties: {topicAlias: 1}});
    assert.equal((await third).payload.toString(), '3');
    await assert.rejects(
      broker.waitFor('u', {timeout: 20}),
      /^Error: No message to u within 20 ms; published were t\.$/,
    );
    const waiting = assert.rejects(broker.waitFor('u'), /before the broker was closed/);
    await client.endAsync();
    await broker.close();
    await waiting;
  });

  it('publishes, and disconnects clients', async () => {
    const lines: string[] = [];
    await using broker = await startBroker({log: (line) => lines.push(line)});
    broker.publish('kept', 'x', {retain: true});
    const client = await mqtt.connectAsync(broker.url, {...once1, clientId: 'dev'});
    const received = new Promise<string>((resolve) => client.on('message', (topic) => resolve(topic)));
    await client.subscribeAsync('kept');
    assert.equal(await received, 'kept');
    const closed = once(client as unknown as NodeJS.EventEmitter, 'close');
    assert.equal(broker.disconnect('dev'), true);
    await closed;
    assert.equal(broker.disconnect('stranger'), false);
    assert.ok(lines.some((line) => line.includes('as dev')));
    assert.deepEqual(broker.published, [
      {source: 'broker', topic: 'kept', payload: Buffer.from('x'), qos: 0, retain: true, duplicate: false},
    ]);
  });

  it('serves TLS and WebSockets with its own certificates', async () => {
    const broker = await startBroker({tls: 'auto', webSockets: true});
    const {certificates, urls} = broker;
    assert.deepEqual(Object.keys(urls).sort(), ['mqtt', 'mqtts', 'ws', 'wss']);
    assert.equal(urls.mqtt, broker.url);
    const ca = await readFile(certificates?.caFile ?? '');
    for (const url of Object.values(urls)) {
      const client = await mqtt.connectAsync(url, {...once1, ca});
      await client.publishAsync('via', url, {qos: 1});
      await client.endAsync();
    }
    assert.deepEqual(
      broker.published.map(({payload}) => payload.toString()).sort(),
      Object.values(urls).sort(),
    );
    await broker.close();
    await broker.close();
    await assert.rejects(access(certificates?.directory ?? ''));
    await assert.rejects(mqtt.connectAsync(broker.url, once1));
  });

  it('takes faults and a mosquitto.conf', async () => {
    await using faulty = await startBroker({faults: ['connack 5 client=bad']});
    await assert.rejects(mqtt.connectAsync(faulty.url, {...once1, clientId: 'bad'}));
    const good = await mqtt.connectAsync(faulty.url, {...once1, clientId: 'good'});
    await good.endAsync();
    await using closed = await startBroker({config: 'listener 0 127.0.0.1\n'});
    await assert.rejects(mqtt.connectAsync(closed.url, once1), /Not authorized/);
    await assert.rejects(startBroker({config: 'nonsense 1\n'}), TmqError);
    await assert.rejects(startBroker({port: closed.port}), /in use/);
  });

  it('refuses options that a compiler would refuse', async () => {
    const wrong: readonly (readonly [options: object, message: RegExp])[] = [
      [{prot: 1}, /^A broker has no option 'prot': it has port, tls,/],
      [{tls: true}, /^tls is true: it is 'auto'\.$/],
      [{faults: 'drop puback'}, /^faults is "drop puback": it is a list of rules\.$/],
    ];
    for (const [options, message] of wrong) {
      await assert.rejects(startBroker(options as StartOptions), {name: 'TypeError', message});
    }
    await using broker = await startBroker();
    const qos = 7 as 2;
    assert.throws(() => broker.publish('t', 'x', {qos}), {
      name: 'TypeError',
      message: /^qos is 7: it is 0, 1/,
    });
    assert.deepEqual(broker.published, []);
    await assert.rejects(broker.waitFor('t', {count: 1.5}), /A count of 1\.5/);
    await using client = await broker.client();
    await assert.rejects(
      client.send('pubackk' as 'pingreq'),
      /^TypeError: A client sends no 'pubackk': it sends/,
    );
  });

  it('F14: refuses topics that are not valid', async () => {
    const broker = await startBroker();
    for (const topic of ['', 'a/#', '+', 'x\0y']) {
      assert.throws(() => broker.publish(topic, 'x'), {name: 'TypeError', message: /is not a topic: it has/});
    }
    await broker.close();
  });

  it('names a payload that is none, and messages that are no list', async () => {
    await using broker = await startBroker();
    for (const [payload, kind] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [5, '5'],
      [{a: 1}, 'an object'],
    ]) {
      const message = `payload is ${kind}: it is a string or a Uint8Array, such as a Buffer.`;
      assert.throws(() => broker.publish('a', payload as string), {name: 'TypeError', message});
      assert.throws(() => broker.retain([{topic: 'a', payload: payload as string}]), {message});
    }
    const message = 'retain takes a list of messages.';
    assert.throws(() => broker.retain({} as []), {name: 'TypeError', message});
    assert.deepEqual(broker.published, []);
  });

  it('F14: refuses filters that are not valid', async () => {
    const broker = await startBroker();
    for (const filter of ['', 'a/#/b', 'a+']) {
      await assert.rejects(broker.waitFor(filter), /is not a topic filter\.$/);
    }
    await assert.rejects(broker.waitFor('t', {count: 0}), /A count of 0/);
    await broker.close();
    await assert.rejects(
      broker.waitFor('t'),
      /^Error: No message to t before the broker was closed; nothing was/,
    );
  });

  it('F14: shows user properties in order, and no topic alias of a former connection', async () => {
    await using broker = await startBroker();
    const open = async () => {
      const socket = connect(broker.port, broker.host);
      await once(socket, 'connect');
      const client = new PacketClient(socket, 5);
      const greeting = {cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0};
      assert.equal((await client.ask({...greeting, clientId: 'one'})).reasonCode, 0);
      return client;
    };
    const first = await open();
    const pair = (name: string, value: string) => [
      0x26,
      0,
      1,
      ...Buffer.from(name),
      0,
      1,
      ...Buffer.from(value),
    ];
    const properties = [...pair('b', '1'), ...pair('a', '2'), ...pair('b', '3'), 0x23, 0, 1];
    first.raw(frameOf(0x30, [0, 1, 0x74, properties.length, ...properties]));
    await first.quiet();
    assert.deepEqual(broker.published[0]?.properties?.userProperties, [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ]);
    first.drop();
    const second = await open();
    second.raw(frameOf(0x30, [0, 0, 3, 0x23, 0, 1]));
    await second.expectEnd(0x82);
    assert.deepEqual(
      broker.published.map(({topic}) => topic),
      ['t'],
    );
  });
});
