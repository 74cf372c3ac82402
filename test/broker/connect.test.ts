/** CONNECT and CONNACK, statement by statement [MQTT 5, 3.1, 3.2]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type Access, openAccess} from '../../src/broker/access/access.ts';
import {frameOf, packetBroker, plainListener} from '../support/packet-client.ts';

const properties = (packet: Record<string, unknown>) => (packet.properties ?? {}) as Record<string, unknown>;

describe('CONNECT', () => {
  it('MQTT-3.1.4-5: is answered by CONNACK in each version', async () => {
    await using broker = packetBroker();
    for (const version of [3, 4, 5] as const) {
      const {connack} = await broker.connect(`c${version}`, {version, keepalive: 60});
      assert.equal(version === 5 ? connack.reasonCode : connack.returnCode, 0);
      assert.equal(connack.sessionPresent, false);
    }
    assert.deepEqual(broker.log, [
      'New client connected from 127.0.0.1:5123 as c3 (p1, c1, k60).',
      'New client connected from 127.0.0.1:5123 as c4 (p2, c1, k60).',
      'New client connected from 127.0.0.1:5123 as c5 (p5, c1, k60).',
    ]);
  });

  it('MQTT-3.1.0-1: nothing else may come first', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = broker.open(version);
      client.send({cmd: 'pingreq'});
      await client.expectEnd();
    }
  });

  it('MQTT-3.1.0-2: comes only once', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      client.send({cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId: 'a', clean: true});
      await client.expectEnd(0x82);
    }
  });

  it('MQTT-3.1.2-2: an unknown level is answered in a form that level can read', async () => {
    await using broker = packetBroker();
    const connect = (level: number) =>
      frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), level, 2, 0, 0, 0, 1, 97]);
    const old = broker.open(4);
    old.raw(connect(2));
    assert.equal((await old.expect('connack')).returnCode, 1);
    await old.expectEnd();
    const future = broker.open(5);
    future.raw(connect(6));
    assert.equal((await future.expect('connack')).reasonCode, 0x84);
    await future.expectEnd();
  });

  it('MQTT-3.1.2-1: an unknown protocol name ends the connection without an answer', async () => {
    await using broker = packetBroker();
    const client = broker.open(4);
    client.raw(frameOf(0x10, [0, 4, ...Buffer.from('HTTP'), 4, 2, 0, 0, 0, 1, 97]));
    await client.expectEnd();
  });

  it('MQTT-3.1.4-1: a malformed CONNECT of MQTT 5 gets CONNACK with the reason', async () => {
    await using broker = packetBroker();
    const client = broker.open(5);
    client.raw(frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 5, 3, 0, 0, 0, 0, 1, 97]));
    const connack = await client.expect('connack');
    assert.equal(connack.reasonCode, 0x81);
    assert.match(String(properties(connack).reasonString), /MQTT-3\.1\.2-3/);
    await client.expectEnd();
  });

  it('MQTT-3.1.3-6, MQTT-3.2.2-16: an empty client identifier is assigned', async () => {
    await using broker = packetBroker({listener: {autoIdPrefix: 'auto-'}});
    const {connack} = await broker.connect('', {version: 5});
    const assigned = String(properties(connack).assignedClientIdentifier);
    assert.match(assigned, /^auto-[0-9A-F-]{36}$/);
    const other = await broker.connect('', {version: 5});
    assert.notEqual(properties(other.connack).assignedClientIdentifier, assigned);
    assert.equal((await broker.connect('', {version: 4})).connack.returnCode, 0);
  });

  it('3.1.1 MQTT-3.1.3-8: an empty client identifier needs a clean session', async () => {
    await using broker = packetBroker();
    const client = broker.open(4);
    client.raw(frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 4, 0, 0, 0, 0, 0]));
    assert.equal((await client.expect('connack')).returnCode, 2);
    await client.expectEnd();
  });

  it('MQTT-3.1.3-8: empty client identifiers can be forbidden', async () => {
    await using broker = packetBroker({listener: {allowZeroLengthClientId: false}});
    const five = await broker.connect('', {version: 5});
    assert.equal(five.connack.reasonCode, 0x85);
    await five.expectEnd();
    const four = await broker.connect('', {version: 4});
    assert.equal(four.connack.returnCode, 2);
    await four.expectEnd();
  });

  it('MQTT-4.12.0-1: an authentication method is refused', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5, properties: {authenticationMethod: 'SCRAM'}});
    assert.equal(client.connack.reasonCode, 0x8c);
    await client.expectEnd();
  });

  it('MQTT-3.2.2-19: a refusal gives its reason only where it fits', async () => {
    await using broker = packetBroker();
    for (const [maximumPacketSize, expected] of [
      [1000, true],
      [10, false],
    ] as const) {
      const client = await broker.connect('a', {
        version: 5,
        properties: {authenticationMethod: 'X', maximumPacketSize},
      });
      assert.equal(client.connack.reasonCode, 0x8c);
      assert.equal(properties(client.connack).reasonString !== undefined, expected);
      await client.expectEnd();
    }
  });

  it('MQTT-3.1.4-2: bad credentials are answered as by mosquitto', async () => {
    for (const reason of ['bad-credentials', 'not-authorized'] as const) {
      await using broker = packetBroker({access: {admit: () => ({accepted: false, reason})}});
      const four = await broker.connect('a', {username: 'u', password: Buffer.from('secret')});
      assert.equal(four.connack.returnCode, 5);
      await four.expectEnd();
      const five = await broker.connect('b', {version: 5, username: 'u', password: Buffer.from('secret')});
      assert.equal(five.connack.reasonCode, 0x87);
      await five.expectEnd();
      assert.deepEqual(broker.log, [
        'Client a disconnected, not authorised.',
        'Client b disconnected, not authorised.',
      ]);
    }
  });

  it('an empty user name is none, as for mosquitto', async () => {
    const asked: unknown[] = [];
    const access: Access = {
      admit(identity) {
        asked.push('username' in identity);
        return openAccess.admit(identity, plainListener);
      },
    };
    await using broker = packetBroker({access});
    for (const version of [3, 4, 5] as const) {
      const client = await broker.connect(`c${version}`, {version, username: '', password: Buffer.from('x')});
      assert.equal(client.connack[version === 5 ? 'reasonCode' : 'returnCode'], 0);
    }
    assert.deepEqual(asked, [false, false, false]);
    assert.ok(broker.log.every((line) => !line.includes("u'")));
  });

  it('MQTT-3.1.4-6: nothing after a refused CONNECT is processed, even when the answer takes time', async () => {
    let refuse: (() => void) | undefined;
    await using broker = packetBroker({
      access: {
        admit: (identity, listener) =>
          identity.clientId === 'watch'
            ? openAccess.admit(identity, listener)
            : new Promise((resolve) => {
                refuse = () => resolve({accepted: false, reason: 'bad-credentials'});
              }),
      },
    });
    const watch = await broker.connect('watch');
    await watch.subscribe('#');
    const client = broker.open(4);
    client.send({cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'x', clean: true});
    client.publish('t', 'early');
    await watch.quiet();
    refuse!();
    assert.equal((await client.expect('connack')).returnCode, 5);
    await client.expectEnd();
    await watch.quiet();
  });

  it('handles what was sent behind a CONNECT in order, once it is accepted', async () => {
    let accept: (() => void) | undefined;
    await using broker = packetBroker({
      access: {
        admit: (identity, listener) =>
          new Promise((resolve) => {
            accept = () => resolve(openAccess.admit(identity, listener));
          }),
      },
    });
    const client = broker.open(4);
    client.send(
      {cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'x', clean: true},
      {cmd: 'subscribe', messageId: 7, subscriptions: [{topic: 't', qos: 1}]},
      {cmd: 'publish', topic: 't', payload: 'one', qos: 0, retain: false, dup: false},
      {cmd: 'pingreq'},
    );
    while (accept === undefined) await new Promise((resolve) => setImmediate(resolve));
    accept();
    assert.equal((await client.expect('connack')).returnCode, 0);
    assert.equal((await client.expect('suback')).messageId, 7);
    assert.equal(String((await client.expect('publish')).payload), 'one');
    await client.expect('pingresp');
  });

  it('answers an access check that fails with Server unavailable', async () => {
    const log: string[] = [];
    await using broker = packetBroker({
      access: {admit: () => Promise.reject(new Error('no such file'))},
      context: {log: (_, line) => log.push(line)},
    });
    const client = await broker.connect('a', {version: 5});
    assert.equal(client.connack.reasonCode, 0x88);
    await client.expectEnd();
    assert.ok(log.includes('Error: no such file'));
  });

  it('MQTT-3.2.2-12: a will QoS over the maximum is refused', async () => {
    await using broker = packetBroker({listener: {maxQos: 1}});
    const will = {topic: 'w', payload: 'gone', qos: 2, retain: false};
    const client = await broker.connect('a', {version: 5, will});
    assert.equal(client.connack.reasonCode, 0x9b);
    await client.expectEnd();
  });

  it('MQTT-3.2.2-13: a retained will is refused where nothing is retained', async () => {
    await using broker = packetBroker({limits: {retainAvailable: false}});
    const will = {topic: 'w', payload: 'gone', qos: 0, retain: true};
    const client = await broker.connect('a', {version: 5, will});
    assert.equal(client.connack.reasonCode, 0x9a);
    await client.expectEnd();
  });

  it('takes the user name as client identifier with use_username_as_clientid', async () => {
    await using broker = packetBroker({listener: {useUsernameAsClientId: true}});
    await broker.connect('ignored', {username: 'rajan'});
    assert.deepEqual(broker.log, [
      "New client connected from 127.0.0.1:5123 as rajan (p2, c1, k0, u'rajan').",
    ]);
  });

  it('closes a stream that brings no CONNECT', async () => {
    await using broker = packetBroker();
    const client = broker.open(4);
    broker.advance(31);
    await client.expectEnd();
  });

  it('takes the name in a certificate before the one in CONNECT', async () => {
    const asked: unknown[] = [];
    await using broker = packetBroker({
      listener: {useUsernameAsClientId: true},
      access: {
        admit: (identity, listener) => {
          asked.push([identity.clientId, identity.certifiedUsername, identity.username]);
          return openAccess.admit(identity, listener);
        },
      },
    });
    const client = broker.open(4, {}, {certifiedUsername: 'from-certificate'});
    client.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: 'x',
      clean: true,
      username: 'said',
    });
    await client.expect('connack');
    assert.deepEqual(asked, [['from-certificate', 'from-certificate', 'said']]);
  });

  it('logs a connection that speaks TLS or HTTP', async () => {
    await using broker = packetBroker();
    for (const [bytes, name] of [
      [Buffer.from([0x16, 3, 1, 2, 0, 1]), 'TLS'],
      [Buffer.from('GET / HTTP/1.1\r\n'), 'HTTP'],
    ] as const) {
      const client = broker.open(4);
      client.raw(bytes);
      await client.expectEnd();
      assert.match(broker.log.at(-1)!, new RegExp(`It speaks ${name}, not MQTT`));
    }
  });

  it('lets no client identifier write lines of its own into the log', async () => {
    await using broker = packetBroker();
    await broker.connect('a\nNew client connected');
    assert.deepEqual(broker.log, [
      'New client connected from 127.0.0.1:5123 as a?New client connected (p2, c1, k0).',
    ]);
  });

  it('observes CONNECT without its password', async () => {
    const seen: unknown[] = [];
    await using broker = packetBroker({
      context: {observe: (clientId, direction, packet) => seen.push([clientId, direction, packet])},
    });
    await broker.connect('a', {username: 'u', password: Buffer.from('secret')});
    assert.equal(seen.length, 2);
    const text = JSON.stringify(seen);
    assert.ok(!text.includes('password') && !text.includes(JSON.stringify(Buffer.from('secret'))));
    assert.match(text, /"clientId":"a"/);
  });
});

describe('CONNACK', () => {
  it('has the properties that differ from the defaults', async () => {
    await using broker = packetBroker({
      limits: {
        maxInflightMessages: 7,
        maxPacketSize: 5000,
        maxKeepalive: 30,
        retainAvailable: false,
        persistentClientExpiration: 100,
      },
      listener: {maxQos: 1, maxTopicAlias: 3},
    });
    const {connack} = await broker.connect('a', {
      version: 5,
      keepalive: 60,
      properties: {sessionExpiryInterval: 1000},
    });
    assert.deepEqual(
      {...properties(connack)},
      {
        sessionExpiryInterval: 100,
        topicAliasMaximum: 3,
        receiveMaximum: 7,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 5000,
        serverKeepAlive: 30,
      },
    );
  });

  it('MQTT-3.1.2-28: no response information unless asked, and none to give', async () => {
    await using broker = packetBroker();
    const {connack} = await broker.connect('a', {version: 5, properties: {requestResponseInformation: true}});
    assert.equal(properties(connack).responseInformation, undefined);
  });

  it('refuses clients over global_max_clients, not those it knows', async () => {
    await using broker = packetBroker({limits: {globalMaxClients: 1}});
    await broker.connect('a', {clean: false});
    const refused = await broker.connect('b', {version: 5});
    assert.equal(refused.connack.reasonCode, 0x89);
    await refused.expectEnd();
    assert.equal((await broker.connect('a', {clean: false})).connack.returnCode, 0);
  });

  it('closes connections over max_connections of a listener', async () => {
    await using broker = packetBroker({listener: {maxConnections: 1}});
    const first = await broker.connect('a');
    await broker.open(4).expectEnd();
    await first.quiet();
  });
});

describe('keep alive', () => {
  it('MQTT-3.1.2-22: one and a half times without a packet ends the connection', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version, keepalive: 10});
      broker.advance(14);
      await client.quiet();
      broker.advance(14);
      await client.quiet();
      broker.advance(15.1);
      await client.expectEnd(0x8d);
      assert.ok(broker.log.includes('Client a has exceeded timeout, disconnecting.'));
    }
  });

  it('MQTT-3.1.2-21: the server keep alive counts in its place', async () => {
    await using broker = packetBroker({limits: {maxKeepalive: 10}});
    const client = await broker.connect('a', {version: 5, keepalive: 0});
    assert.equal(properties(client.connack).serverKeepAlive, 10);
    broker.advance(16);
    await client.expectEnd(0x8d);
  });

  it('too long a keep alive is refused in MQTT 3, whose CONNACK cannot change it', async () => {
    await using broker = packetBroker({limits: {maxKeepalive: 10}});
    const client = await broker.connect('a', {keepalive: 11});
    assert.equal(client.connack.returnCode, 2);
    await client.expectEnd();
    assert.equal((await broker.connect('a', {keepalive: 10})).connack.returnCode, 0);
  });

  it('0 turns it off', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {keepalive: 0});
    broker.advance(1_000_000);
    await client.quiet();
  });
});
