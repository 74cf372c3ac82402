/** SUBSCRIBE, UNSUBSCRIBE, retained and shared messages, permissions, $SYS [MQTT 5, 3.3.1.3, 3.8 to 3.11, 4.7, 4.8]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type PacketBroker, packetBroker} from '../support/packet-client.ts';

const never = 0xffff_ffff;

describe('SUBSCRIBE', () => {
  it('MQTT-3.8.4-6, MQTT-3.9.3-1: one SUBACK with a code for each filter in order', async () => {
    await using broker = packetBroker({listener: {maxQos: 1}});
    const client = await broker.connect('a');
    const subscriptions = [
      {topic: 'a', qos: 0},
      {topic: 'b/+', qos: 1},
      {topic: '#', qos: 2},
      {topic: Array(250).fill('x').join('/'), qos: 0},
    ];
    const suback = await client.ask({cmd: 'subscribe', messageId: 12, subscriptions});
    assert.deepEqual([suback.messageId, suback.granted], [12, [0, 1, 1, 0x80]]);
    const five = await broker.connect('b', {version: 5});
    assert.deepEqual(
      (await five.ask({cmd: 'subscribe', messageId: 12, subscriptions})).granted,
      [0, 1, 1, 0x8f],
    );
  });

  it('MQTT-3.3.4-2, 3.1.1 MQTT-3.3.5-1: overlapping subscriptions deliver once, at the highest QoS', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      await client.subscribe('t/+', {qos: 0});
      await client.subscribe('t/#', {qos: 2});
      await client.subscribe('t/x', {qos: 1});
      const publisher = await broker.connect('p');
      publisher.publish('t/x', 'm', {qos: 2, messageId: 1});
      assert.equal(await client.message(), 't/x m q2 r0 d0');
      await client.quiet();
    }
  });

  it('MQTT-3.3.4-4: with the identifiers of all that match', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t/+', {}, {subscriptionIdentifier: 1});
    await client.subscribe('t/#', {}, {subscriptionIdentifier: 268_435_455});
    await client.subscribe('t/x');
    await client.subscribe('u', {}, {subscriptionIdentifier: 3});
    client.publish('t/x', 'm');
    const {properties} = await client.expect('publish');
    const identifiers = (properties as Record<string, number[]>).subscriptionIdentifier!;
    assert.deepEqual([...identifiers].sort(), [1, 268_435_455]);
  });

  it('MQTT-3.8.4-3: the same filter again takes the place of the first, identifier and all', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t', {qos: 2}, {subscriptionIdentifier: 1});
    await client.subscribe('t', {qos: 0});
    client.publish('t', 'm', {qos: 1, messageId: 1});
    const packet = await client.expect('publish');
    assert.deepEqual([packet.qos, packet.properties], [0, undefined]);
  });

  it('MQTT-3.8.3-3: No Local keeps back what the client itself publishes', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t', {nl: true});
    client.publish('t', 'mine');
    await client.quiet();
    const other = await broker.connect('b');
    other.publish('t', 'theirs');
    assert.equal(await client.message(), 't theirs q0 r0 d0');
    // An overlapping subscription without it still counts.
    await client.subscribe('#');
    client.publish('t', 'mine');
    assert.equal(await client.message(), 't mine q0 r0 d0');
  });

  it('MQTT-4.7.2-1: a leading wildcard does not match $ topics', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    await client.subscribe('#');
    await client.subscribe('+/x', {messageId: 2});
    client.publish('$own/x', '1');
    await client.quiet();
    await client.subscribe('$own/#', {messageId: 3});
    client.publish('$own/x', '2');
    assert.equal(await client.message(), '$own/x 2 q0 r0 d0');
  });

  it('MQTT-3.10.4-4, MQTT-3.11.3-1: UNSUBACK has a code for each filter, and deliveries end', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t');
    const answer = await client.ask({cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['t', 'u']});
    assert.deepEqual([answer.cmd, answer.messageId, answer.granted], ['unsuback', 3, [0, 0x11]]);
    client.publish('t', 'x');
    await client.quiet();
    const four = await broker.connect('b');
    assert.equal((await four.ask({cmd: 'unsubscribe', messageId: 4, unsubscriptions: ['u']})).messageId, 4);
  });

  it('MQTT-3.10.4-3: what is on its way is completed after UNSUBSCRIBE', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 1}});
    const client = await broker.connect('a');
    await client.subscribe('t', {qos: 1});
    const publisher = await broker.connect('p');
    for (const messageId of [1, 2]) {
      publisher.publish('t', `m${messageId}`, {qos: 1, messageId});
      await publisher.next();
    }
    const first = await client.expect('publish');
    await client.ask({cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['t']});
    client.send({cmd: 'puback', messageId: first.messageId});
    assert.equal(await client.message(), 't m2 q1 r0 d0');
  });
});

describe('retained messages', () => {
  async function retain(broker: PacketBroker, topic: string, payload: string): Promise<void> {
    const publisher = await broker.connect('retainer');
    publisher.publish(topic, payload, {qos: 1, messageId: 1, retain: true});
    await publisher.next();
    await publisher.leave();
  }

  it('MQTT-3.3.1-5, MQTT-3.3.1-6, MQTT-3.3.1-7: the last one is kept, an empty one clears', async () => {
    await using broker = packetBroker();
    await retain(broker, 'a/b', 'one');
    await retain(broker, 'a/b', 'two');
    await retain(broker, 'c', 'three');
    const client = await broker.connect('s');
    await client.subscribe('#');
    assert.equal(await client.message(), 'a/b two q0 r1 d0');
    assert.equal(await client.message(), 'c three q0 r1 d0');
    await retain(broker, 'a/b', '');
    // A subscriber gets the empty message like any other, without the flag.
    assert.equal(await client.message(), 'a/b  q0 r0 d0');
    const late = await broker.connect('late');
    await late.subscribe('a/#');
    await late.quiet();
  });

  it('MQTT-3.3.1-8: a message without the flag changes nothing', async () => {
    await using broker = packetBroker();
    await retain(broker, 't', 'kept');
    const client = await broker.connect('s');
    client.publish('t', '');
    client.publish('t', 'other');
    await client.subscribe('t');
    assert.equal(await client.message(), 't kept q0 r1 d0');
  });

  it('MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11: retain handling', async () => {
    await using broker = packetBroker();
    await retain(broker, 't', 'kept');
    const client = await broker.connect('s', {version: 5});
    const heard = async (rh: number) => {
      await client.subscribe('t', {rh});
      const answer = await client.ask({cmd: 'pingreq'});
      if (answer.cmd === 'publish') await client.expect('pingresp');
      return answer.cmd === 'publish';
    };
    assert.equal(await heard(2), false);
    assert.equal(await heard(1), false);
    assert.equal(await heard(0), true);
    assert.equal(await heard(0), true);
    await client.ask({cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['t']});
    assert.equal(await heard(1), true);
    assert.equal(await heard(1), false);
  });

  it('MQTT-3.3.1-12, MQTT-3.3.1-13: retain as published', async () => {
    await using broker = packetBroker();
    const plain = await broker.connect('plain', {version: 5});
    await plain.subscribe('t');
    const published = await broker.connect('published', {version: 5});
    await published.subscribe('t', {rap: true});
    plain.publish('t', 'x', {retain: true});
    assert.equal(await plain.message(), 't x q0 r0 d0');
    assert.equal(await published.message(), 't x q0 r1 d0');
    plain.publish('t', 'y');
    assert.equal(await plain.message(), 't y q0 r0 d0');
    assert.equal(await published.message(), 't y q0 r0 d0');
  });

  it('come with the identifier of the subscription that asked', async () => {
    await using broker = packetBroker();
    await retain(broker, 't', 'kept');
    const client = await broker.connect('s', {version: 5});
    await client.subscribe('t', {}, {subscriptionIdentifier: 7});
    const {properties} = await client.expect('publish');
    assert.equal((properties as Record<string, unknown>).subscriptionIdentifier, 7);
  });

  it('expire', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('s', {version: 5});
    client.publish('t', 'x', {retain: true, properties: {messageExpiryInterval: 5}});
    client.publish('u', 'y', {retain: true, properties: {messageExpiryInterval: 5}});
    client.publish('u', 'z', {retain: true});
    await client.quiet();
    broker.advance(6);
    await client.subscribe('#');
    assert.equal(await client.message(), 'u z q0 r1 d0');
    await client.quiet();
  });

  it('3.2.2.3.5: where there are none, an MQTT 5 client is disconnected with the reason', async () => {
    await using broker = packetBroker({limits: {retainAvailable: false}});
    for (const version of [4, 5] as const) {
      const client = await broker.connect('s', {version});
      client.publish('t', 'x', {retain: true});
      await client.expectEnd(0x9a);
    }
  });
});

describe('shared subscriptions', () => {
  async function member(broker: PacketBroker, clientId: string, qos: number, settings = {}) {
    const client = await broker.connect(clientId, {version: 5, ...settings});
    await client.subscribe('$share/g/t/#', {qos});
    return client;
  }

  it('4.8.2: each message goes to one member, in turn', async () => {
    await using broker = packetBroker();
    const members = [
      await member(broker, 'a', 0),
      await member(broker, 'b', 0),
      await member(broker, 'c', 0),
    ];
    const alone = await broker.connect('d');
    await alone.subscribe('$share/other/t/x');
    const publisher = await broker.connect('p');
    for (let count = 0; count < 6; count++) publisher.publish('t/x', `${count}`);
    for (let count = 0; count < 6; count++) assert.equal(await alone.message(), `t/x ${count} q0 r0 d0`);
    const seen: string[] = [];
    for (const client of members) {
      seen.push(await client.message(), await client.message());
      await client.quiet();
    }
    assert.deepEqual(
      seen.sort(),
      [0, 1, 2, 3, 4, 5].map((count) => `t/x ${count} q0 r0 d0`),
    );
  });

  it('4.8.2: no retained messages; and a direct subscription of a member counts apart', async () => {
    await using broker = packetBroker();
    const publisher = await broker.connect('p');
    publisher.publish('t/x', 'kept', {retain: true});
    await publisher.quiet();
    const client = await member(broker, 'a', 0);
    await client.quiet();
    await client.subscribe('t/x', {rh: 2});
    publisher.publish('t/x', 'new');
    assert.equal(await client.message(), 't/x new q0 r0 d0');
    assert.equal(await client.message(), 't/x new q0 r0 d0');
  });

  it('MQTT-4.8.2-3: at the QoS granted to the member', async () => {
    await using broker = packetBroker();
    const client = await member(broker, 'a', 1);
    const publisher = await broker.connect('p');
    publisher.publish('t/x', 'm', {qos: 2, messageId: 1});
    assert.equal(await client.message(), 't/x m q1 r0 d0');
  });

  it('4.8.2: what a leaving member did not acknowledge goes to another, at QoS 1', async () => {
    await using broker = packetBroker();
    const first = await member(broker, 'a', 1, {properties: {receiveMaximum: 1}});
    const publisher = await broker.connect('p');
    for (const messageId of [1, 2]) {
      publisher.publish('t/x', `m${messageId}`, {qos: 1, messageId});
      await publisher.next();
    }
    assert.equal(await first.message(), 't/x m1 q1 r0 d0');
    const second = await member(broker, 'b', 1);
    first.drop();
    assert.equal(await second.message(), 't/x m1 q1 r0 d0');
    assert.equal(await second.message(), 't/x m2 q1 r0 d0');
  });

  it('MQTT-4.8.2-4, MQTT-4.8.2-5: a QoS 2 message once sent stays with its member', async () => {
    await using broker = packetBroker();
    const settings = {clean: false, properties: {sessionExpiryInterval: never}};
    const first = await member(broker, 'a', 2, settings);
    const publisher = await broker.connect('p');
    publisher.publish('t/x', 'm', {qos: 2, messageId: 1});
    await publisher.next();
    await first.expect('publish');
    const second = await member(broker, 'b', 2);
    first.drop();
    await second.quiet();
    const again = await broker.connect('a', {version: 5, ...settings});
    assert.equal(await again.message(), 't/x m q2 r0 d1');
    again.drop();
    await second.quiet();
    await broker.connect('a', {version: 5, clean: true});
    await second.quiet();
  });

  it('MQTT-4.8.2-6: what a member refuses goes to no other member', async () => {
    await using broker = packetBroker();
    const members = [await member(broker, 'a', 1), await member(broker, 'b', 1)];
    const publisher = await broker.connect('p');
    publisher.publish('t/x', 'm', {qos: 1, messageId: 1});
    await publisher.next();
    const answers = await Promise.all(members.map((client) => client.ask({cmd: 'pingreq'})));
    const chosen = answers.findIndex(({cmd}) => cmd === 'publish');
    members[chosen]!.send({cmd: 'puback', messageId: answers[chosen]!.messageId, reasonCode: 0x80});
    await members[chosen]!.expect('pingresp');
    await members[1 - chosen]!.quiet();
  });

  it('prefers members that are there, and waits for one that comes back', async () => {
    await using broker = packetBroker();
    const settings = {clean: false, properties: {sessionExpiryInterval: never}};
    const away = await member(broker, 'away', 1, settings);
    await away.leave();
    const here = await member(broker, 'here', 1);
    const publisher = await broker.connect('p');
    for (const messageId of [1, 2, 3]) publisher.publish('t/x', `m${messageId}`, {qos: 1, messageId});
    for (const count of [1, 2, 3]) assert.equal(await here.message(), `t/x m${count} q1 r0 d0`);
    for (const messageId of [1, 2, 3]) here.send({cmd: 'puback', messageId, reasonCode: 0});
    await here.quiet();
    await here.leave();
    publisher.publish('t/x', 'm4', {qos: 1, messageId: 4});
    const back = await broker.connect('away', {version: 5, ...settings});
    assert.equal(await back.message(), 't/x m4 q1 r0 d0');
  });
});

describe('permissions', () => {
  const asked: string[] = [];
  const note = (line: string, allowed: boolean) => {
    asked.push(line);
    return allowed;
  };
  const access = {
    admit: () => ({
      accepted: true as const,
      permissions: {
        mayPublish: (topic: string) => note(`publish ${topic}`, !topic.startsWith('no')),
        maySubscribe: (filter: string) => note(`subscribe ${filter}`, !filter.startsWith('no')),
        mayReceive: (topic: string) => note(`receive ${topic}`, !topic.endsWith('secret')),
      },
    }),
  };

  it('refuses subscriptions: 0x80, in MQTT 5 0x87', async () => {
    await using broker = packetBroker({access});
    assert.deepEqual((await (await broker.connect('a')).subscribe('no/#')).granted, [0x80]);
    assert.deepEqual((await (await broker.connect('b', {version: 5})).subscribe('no/#')).granted, [0x87]);
  });

  it('refuses messages: with a reason code in MQTT 5, acknowledged in MQTT 3, and delivered to no subscriber', async () => {
    await using broker = packetBroker({access});
    const watcher = await broker.connect('w');
    await watcher.subscribe('#');
    const five = await broker.connect('five', {version: 5});
    five.publish('no', 'x', {qos: 1, messageId: 1});
    assert.equal((await five.expect('puback')).reasonCode, 0x87);
    five.publish('no', 'x', {qos: 2, messageId: 2});
    assert.equal((await five.expect('pubrec')).reasonCode, 0x87);
    // [MQTT-4.3.3-9]: the identifier is free at once.
    five.publish('yes', 'x', {qos: 2, messageId: 2});
    assert.equal((await five.expect('pubrec')).reasonCode, 0);
    assert.equal(await watcher.message(), 'yes x q0 r0 d0');
    five.publish('no', 'x');
    await five.quiet();
    const four = await broker.connect('four');
    four.publish('no', 'x', {qos: 1, messageId: 1});
    await four.expect('puback');
    four.publish('no', 'x', {qos: 2, messageId: 2});
    await four.expect('pubrec');
    assert.equal((await four.ask({cmd: 'pubrel', messageId: 2})).cmd, 'pubcomp');
    await watcher.quiet();
    assert.ok(broker.log.includes("Denied PUBLISH from four (d0, q1, r0, m1, 'no', ... (1 bytes))"));
  });

  it('keeps back what a client may not receive, retained or not', async () => {
    await using broker = packetBroker({access});
    const client = await broker.connect('a');
    client.publish('t/secret', 'x', {retain: true});
    client.publish('t/open', 'y', {retain: true});
    await client.subscribe('t/#');
    assert.equal(await client.message(), 't/open y q0 r1 d0');
    client.publish('t/secret', 'x');
    await client.quiet();
  });

  it('asks once for each topic, not for each message', async () => {
    await using broker = packetBroker({access});
    const client = await broker.connect('a');
    await client.subscribe('q');
    asked.length = 0;
    for (let count = 0; count < 5; count++) client.publish('q', 'x');
    for (let count = 0; count < 5; count++) await client.message();
    assert.deepEqual(asked, ['publish q', 'receive q']);
  });

  it('asks again after they changed', async () => {
    let allowed = false;
    const permissions = {mayPublish: () => allowed, maySubscribe: () => true, mayReceive: () => allowed};
    await using broker = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t');
    client.publish('t', 'x', {qos: 1, messageId: 1});
    assert.equal((await client.expect('puback')).reasonCode, 0x87);
    allowed = true;
    broker.broker.permissionsChanged();
    client.publish('t', 'y', {qos: 1, messageId: 1});
    assert.equal(await client.message(), 't y q0 r0 d0');
    assert.equal((await client.expect('puback')).reasonCode, 0);
  });

  it('leaves $SYS to the broker', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    client.publish('$SYS/broker/version', 'mine', {qos: 1, messageId: 1});
    assert.equal((await client.expect('puback')).reasonCode, 0x87);
  });
});

describe('mount points', () => {
  it('are put before topics and filters, and taken off again', async () => {
    await using broker = packetBroker();
    const everything = await broker.connect('all');
    await everything.subscribe('#');
    const inside = await broker.connect('in', {version: 5, listener: {mountPoint: 'here/'}});
    await inside.subscribe('t', {qos: 1});
    await inside.subscribe('$share/g/u', {qos: 1});
    inside.publish('t', 'x', {properties: {topicAlias: 1}});
    assert.equal(await everything.message(), 'here/t x q0 r0 d0');
    assert.equal(await inside.message(), 't x q0 r0 d0');
    everything.publish('here/u', 'y');
    assert.equal(await inside.message(), 'u y q0 r0 d0');
    assert.equal(await everything.message(), 'here/u y q0 r0 d0');
    everything.publish('t', 'z');
    assert.equal(await everything.message(), 't z q0 r0 d0');
    await inside.quiet();
  });
});

describe('$SYS', () => {
  it('has the values of mosquitto, and publishes those that change', async () => {
    await using broker = packetBroker({sysInterval: 10, context: {version: 'tmq version 1'}});
    const client = await broker.connect('a');
    await client.subscribe('$SYS/#');
    const values = new Map<string, string>();
    for (;;) {
      const {cmd, topic, payload, retain} = await client.ask({cmd: 'pingreq'});
      if (cmd === 'pingresp') break;
      assert.equal(retain, true);
      values.set(String(topic), String(payload));
      if (values.has('$SYS/broker/load/connections/15min')) break;
    }
    assert.equal(values.get('$SYS/broker/version'), 'tmq version 1');
    assert.equal(values.get('$SYS/broker/clients/connected'), '0');
    assert.ok(values.has('$SYS/broker/retained messages/count'));
    assert.ok(values.size >= 50, `${values.size}`);
    const uptime = await broker.connect('b');
    await uptime.subscribe('$SYS/broker/uptime');
    assert.equal(await uptime.message(), '$SYS/broker/uptime 0 seconds q0 r1 d0');
    await uptime.subscribe('$SYS/broker/clients/+', {rh: 2});
    for (
      let packet = await uptime.ask({cmd: 'pingreq'});
      packet.cmd !== 'pingresp';
      packet = await uptime.next()
    );
    broker.advance(10);
    const seen: string[] = [];
    for (let count = 0; count < 5; count++) seen.push(await uptime.message());
    assert.ok(seen.includes('$SYS/broker/uptime 10 seconds q0 r0 d0'));
    assert.ok(seen.includes('$SYS/broker/clients/connected 2 q0 r0 d0'));
  });
});
