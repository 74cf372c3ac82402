/** PUBLISH both ways: QoS flows, redelivery, aliases, properties, limits [MQTT 5, 3.3 to 3.7, 4.3, 4.4, 4.9]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {frameOf, packetBroker} from '../support/packet-client.ts';

const properties = (packet: Record<string, unknown>) => (packet.properties ?? {}) as Record<string, unknown>;
const never = 0xffff_ffff;

describe('QoS of what a client publishes', () => {
  it('MQTT-4.3.2-4: QoS 1 is acknowledged by PUBACK, in MQTT 5 with whether anybody subscribes', async () => {
    await using broker = packetBroker();
    const five = await broker.connect('five', {version: 5});
    five.publish('t', 'x', {qos: 1, messageId: 9});
    assert.deepEqual(
      await five.expect('puback').then(({messageId, reasonCode}) => [messageId, reasonCode]),
      [9, 0x10],
    );
    const four = await broker.connect('four');
    await four.subscribe('t');
    four.publish('t', 'y', {qos: 1, messageId: 3});
    assert.equal(await four.message(), 't y q0 r0 d0');
    assert.equal((await four.expect('puback')).messageId, 3);
    five.publish('t', 'x', {qos: 1, messageId: 10});
    assert.equal((await five.expect('puback')).reasonCode, 0);
  });

  it('MQTT-4.3.3-10: QoS 2 is delivered once, however often PUBLISH comes before PUBREL', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect(`p${version}`, {version});
      const sub = await broker.connect('sub');
      await sub.subscribe('t');
      client.publish('t', 'once', {qos: 2, messageId: 5});
      await client.expect('pubrec');
      client.publish('t', 'once', {qos: 2, messageId: 5, dup: true});
      await client.expect('pubrec');
      assert.equal((await client.ask({cmd: 'pubrel', messageId: 5})).cmd, 'pubcomp');
      assert.equal(await sub.message(), 't once q0 r0 d0');
      await sub.quiet();
      // [MQTT-4.3.3-12]: the identifier is free again.
      client.publish('t', 'twice', {qos: 2, messageId: 5});
      await client.expect('pubrec');
      assert.equal(await sub.message(), 't twice q0 r0 d0');
    }
  });

  it('MQTT-4.3.3-11: PUBREL is answered by PUBCOMP, in MQTT 5 with 0x92 where nothing was to release', async () => {
    await using broker = packetBroker();
    const five = await broker.connect('a', {version: 5});
    const answer = await five.ask({cmd: 'pubrel', messageId: 77, reasonCode: 0});
    assert.deepEqual([answer.cmd, answer.reasonCode], ['pubcomp', 0x92]);
    const four = await broker.connect('b');
    assert.equal((await four.ask({cmd: 'pubrel', messageId: 77})).cmd, 'pubcomp');
  });

  it('MQTT-4.3.3-10: a QoS 2 message stays taken across connections', async () => {
    await using broker = packetBroker();
    const sub = await broker.connect('sub');
    await sub.subscribe('t');
    const first = await broker.connect('a', {clean: false});
    first.publish('t', 'once', {qos: 2, messageId: 5});
    await first.expect('pubrec');
    first.drop();
    const second = await broker.connect('a', {clean: false});
    second.publish('t', 'once', {qos: 2, messageId: 5, dup: true});
    await second.expect('pubrec');
    assert.equal((await second.ask({cmd: 'pubrel', messageId: 5})).cmd, 'pubcomp');
    assert.equal(await sub.message(), 't once q0 r0 d0');
    await sub.quiet();
  });

  it('MQTT-3.2.2-11: QoS over the maximum ends the connection', async () => {
    await using broker = packetBroker({listener: {maxQos: 1}});
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      client.publish('t', 'x', {qos: 2, messageId: 1});
      await client.expectEnd(0x9b);
    }
  });

  it('MQTT-3.3.4-7: more QoS 2 messages unreleased than Receive Maximum end the connection', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 2}});
    const client = await broker.connect('a', {version: 5});
    for (const messageId of [1, 2]) {
      client.publish('t', 'x', {qos: 2, messageId});
      await client.expect('pubrec');
    }
    client.publish('t', 'x', {qos: 2, messageId: 3});
    await client.expectEnd(0x93);
  });
});

describe('QoS of what a client gets', () => {
  it('MQTT-4.3.2, MQTT-4.3.3: QoS 1 and 2 in each version', async () => {
    await using broker = packetBroker();
    const publisher = await broker.connect('p');
    for (const version of [3, 4, 5] as const) {
      const client = await broker.connect('s', {version});
      await client.subscribe('t', {qos: 2});
      publisher.publish('t', 'one', {qos: 1, messageId: 1});
      const one = await client.expect('publish');
      assert.deepEqual([one.qos, one.dup, one.messageId], [1, false, 1]);
      client.send({cmd: 'puback', messageId: 1});
      publisher.publish('t', 'two', {qos: 2, messageId: version});
      const two = await client.expect('publish');
      assert.deepEqual([two.qos, two.dup, two.messageId], [2, false, 2]);
      assert.equal((await client.ask({cmd: 'pubrec', messageId: 2})).cmd, 'pubrel');
      // A PUBREC again gets PUBREL again [MQTT-4.3.3-4].
      assert.equal((await client.ask({cmd: 'pubrec', messageId: 2})).cmd, 'pubrel');
      client.send({cmd: 'pubcomp', messageId: 2});
      await client.quiet();
    }
  });

  it('MQTT-3.8.4-8: the lower of published and granted QoS, or as granted with upgrade_outgoing_qos', async () => {
    for (const upgradeOutgoingQos of [false, true]) {
      await using broker = packetBroker({limits: {upgradeOutgoingQos}});
      const client = await broker.connect('s');
      await client.subscribe('t', {qos: 1});
      client.publish('t', 'zero');
      assert.equal((await client.expect('publish')).qos, upgradeOutgoingQos ? 1 : 0);
      client.publish('t', 'two', {qos: 2, messageId: 1});
      assert.equal((await client.expect('publish')).qos, 1);
    }
  });

  it('MQTT-4.4.0-1, MQTT-3.3.1-1: resends in order with DUP and the same identifiers after reconnecting', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 2});
    const publisher = await broker.connect('p');
    for (const [index, qos] of [1, 2, 2, 1].entries()) {
      publisher.publish('t', `m${index}`, {qos, messageId: index + 1});
      await publisher.next();
      await first.expect('publish');
    }
    // The third is released, the second is not answered.
    assert.equal((await first.ask({cmd: 'pubrec', messageId: 3})).cmd, 'pubrel');
    first.drop();
    const second = await broker.connect('s', {clean: false});
    assert.equal(second.connack.sessionPresent, true);
    assert.equal((await second.expect('pubrel')).messageId, 3);
    for (const [messageId, text] of [
      [1, 't m0 q1 r0 d1'],
      [2, 't m1 q2 r0 d1'],
      [4, 't m3 q1 r0 d1'],
    ] as const) {
      const {packet} = await second.hear();
      assert.equal(packet.messageId, messageId);
      assert.equal(`${packet.topic} ${packet.payload} q${packet.qos} r0 d${Number(packet.dup)}`, text);
    }
    await second.quiet();
  });

  it('MQTT-4.6.0-4: PUBREL packets are resent in the order of their PUBREC', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 2});
    for (const messageId of [1, 2, 3]) {
      first.publish('t', 'x', {qos: 2, messageId});
      await first.next();
      await first.next();
    }
    for (const messageId of [2, 3, 1]) await first.ask({cmd: 'pubrec', messageId});
    first.drop();
    const second = await broker.connect('s', {clean: false});
    const order = [];
    for (let count = 0; count < 3; count++) order.push((await second.expect('pubrel')).messageId);
    assert.deepEqual(order, [2, 3, 1]);
  });

  it('MQTT-3.3.4-9: no more than Receive Maximum are on their way, before and after reconnecting', async () => {
    await using broker = packetBroker();
    const settings = {version: 5, clean: false} as const;
    const first = await broker.connect('s', {
      ...settings,
      properties: {receiveMaximum: 3, sessionExpiryInterval: never},
    });
    await first.subscribe('t', {qos: 1});
    const publisher = await broker.connect('p');
    for (let messageId = 1; messageId <= 5; messageId++) {
      publisher.publish('t', `m${messageId}`, {qos: 1, messageId});
      await publisher.expect('puback');
    }
    for (const payload of ['m1', 'm2', 'm3'])
      assert.equal(String((await first.expect('publish')).payload), payload);
    await first.quiet();
    first.drop();
    const second = await broker.connect('s', {
      ...settings,
      properties: {receiveMaximum: 2, sessionExpiryInterval: never},
    });
    assert.equal(await second.message(), 't m1 q1 r0 d1');
    assert.equal(await second.message(), 't m2 q1 r0 d1');
    await second.quiet();
    second.send({cmd: 'puback', messageId: 1});
    assert.equal(await second.message(), 't m3 q1 r0 d1');
    second.send({cmd: 'puback', messageId: 2});
    assert.equal(await second.message(), 't m4 q1 r0 d0');
    await second.quiet();
  });

  it('MQTT-4.4.0-2, MQTT-4.3.3-4: a refusing PUBACK or PUBREC settles the message', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('s', {version: 5, properties: {receiveMaximum: 1}});
    await client.subscribe('t', {qos: 2});
    const publisher = await broker.connect('p');
    publisher.publish('t', 'one', {qos: 1, messageId: 1});
    publisher.publish('t', 'two', {qos: 2, messageId: 2});
    publisher.publish('t', 'three', {qos: 1, messageId: 3});
    client.send({cmd: 'puback', messageId: (await client.expect('publish')).messageId, reasonCode: 0x97});
    const two = await client.expect('publish');
    client.send({cmd: 'pubrec', messageId: two.messageId, reasonCode: 0x80});
    assert.equal(String((await client.expect('publish')).payload), 'three');
  });

  it('answers what it does not know: PUBREC of a resumed session gets PUBREL 0x92, PUBACK a line in the log', async () => {
    await using broker = packetBroker();
    const stays = {version: 5, clean: false, properties: {sessionExpiryInterval: 100}} as const;
    await (await broker.connect('s', stays)).leave();
    const client = await broker.connect('s', stays);
    const pubrel = await client.ask({cmd: 'pubrec', messageId: 5, reasonCode: 0});
    assert.deepEqual([pubrel.cmd, pubrel.reasonCode], ['pubrel', 0x92]);
    client.send({cmd: 'puback', messageId: 6, reasonCode: 0});
    await client.quiet();
    assert.ok(broker.log.includes('Warning: Received PUBACK from s for an unknown packet identifier 6.'));
  });

  it('A10: PUBREC for no message, and PUBACK where PUBCOMP is due, end the connection', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const stranger = await broker.connect('s', {version});
      stranger.send({cmd: 'pubrec', messageId: 5, reasonCode: 0});
      await stranger.expectEnd(0x82);
      const client = await broker.connect('s', {version});
      await client.subscribe('t', {qos: 2});
      const publisher = await broker.connect('p');
      publisher.publish('t', 'x', {qos: 2, messageId: 1});
      const {messageId} = await client.expect('publish');
      client.send({cmd: 'pubrec', messageId, reasonCode: 0});
      await client.expect('pubrel');
      client.send({cmd: 'puback', messageId, reasonCode: 0});
      await client.expectEnd(0x82);
    }
  });

  it('MQTT-2.2.1-5: an acknowledgement of the wrong kind ends the connection', async () => {
    await using broker = packetBroker();
    for (const [qos, cmd] of [
      [1, 'pubrec'],
      [2, 'puback'],
      [2, 'pubcomp'],
    ] as const) {
      const client = await broker.connect('s', {version: 5});
      await client.subscribe('t', {qos: 2});
      const publisher = await broker.connect('p');
      publisher.publish('t', 'x', {qos, messageId: 1});
      client.send({cmd, messageId: (await client.expect('publish')).messageId, reasonCode: 0});
      await client.expectEnd(0x82);
    }
  });
});

describe('topic aliases', () => {
  it('MQTT-3.3.2-12: a client may use those up to the maximum', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('#');
    client.publish('long/topic', 'one', {properties: {topicAlias: 10}});
    assert.equal(await client.message(), 'long/topic one q0 r0 d0');
    client.publish('', 'two', {properties: {topicAlias: 10}});
    const {frame} = await client.hear();
    assert.ok(frame.includes('long/topic') && frame.includes('two'));
    client.publish('other', 'three', {properties: {topicAlias: 10}});
    assert.equal(await client.message(), 'other three q0 r0 d0');
    client.publish('', 'four', {properties: {topicAlias: 10}});
    assert.equal(await client.message(), 'other four q0 r0 d0');
  });

  it('MQTT-3.3.2-8, MQTT-3.3.2-9, 3.3.4: 0, too high and unknown aliases end the connection', async () => {
    await using broker = packetBroker();
    for (const [topic, alias, code] of [
      ['t', 0, 0x94],
      ['t', 11, 0x94],
      ['', 3, 0x82],
    ] as const) {
      const client = await broker.connect('a', {version: 5});
      client.raw(frameOf(0x30, [0, topic.length, ...Buffer.from(topic), 3, 35, 0, alias]));
      await client.expectEnd(code);
    }
  });

  it('MQTT-3.3.2-7: aliases end with the connection', async () => {
    await using broker = packetBroker();
    const settings = {version: 5, clean: false, properties: {sessionExpiryInterval: never}} as const;
    const first = await broker.connect('a', settings);
    first.publish('t', 'x', {properties: {topicAlias: 1}});
    await first.quiet();
    first.drop();
    const second = await broker.connect('a', settings);
    second.publish('', 'x', {properties: {topicAlias: 1}});
    await second.expectEnd(0x82);
  });

  it('A12, MQTT-3.1.2-26, MQTT-3.3.2-11: the broker uses those the client allows for the topics used last', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5, properties: {topicAliasMaximum: 2}});
    await client.subscribe('#');
    const seen: unknown[] = [];
    for (const topic of ['x', 'y', 'x', 'z', 'x', 'y']) {
      client.publish(topic, 'p');
      const packet = await client.expect('publish');
      seen.push([packet.topic, properties(packet).topicAlias]);
    }
    await client.subscribe('x', {qos: 2});
    client.publish('x', 'p', {qos: 2, messageId: 1});
    assert.equal((await client.expect('publish')).topic, 'x');
    assert.deepEqual(seen, [
      ['x', 1],
      ['y', 2],
      ['', 1],
      ['z', 2],
      ['', 1],
      ['y', 2],
    ]);
  });

  it('A12: an alias stands for the topic that the client knows, also when a message was too large for it', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {
      version: 5,
      properties: {topicAliasMaximum: 3, maximumPacketSize: 60},
    });
    await client.subscribe('#');
    const known = new Map<unknown, unknown>();
    const publisher = await broker.connect('p');
    for (let turn = 0; turn < 300; turn++) {
      const topic = `topic/${(turn * 7) % 11 < 6 ? turn % 4 : (turn * 5) % 9}`;
      publisher.publish(topic, turn % 3 === 0 ? 'x'.repeat(80) : topic);
      if (turn % 3 === 0) continue;
      const packet = await client.expect('publish');
      const {topicAlias} = properties(packet);
      if (packet.topic !== '') known.set(topicAlias, packet.topic);
      assert.equal(known.get(topicAlias), String(packet.payload));
    }
    await client.quiet();
  });
});

describe('properties of messages', () => {
  /** Properties in an order of their own, with a user property named twice. */
  const forwarded = Buffer.concat([
    Buffer.from([38, 0, 1, 98, 0, 1, 50]),
    Buffer.from([3, 0, 1, 99]),
    Buffer.from([38, 0, 1, 97, 0, 1, 49]),
    Buffer.from([9, 0, 2, 0xff, 0x00]),
    Buffer.from([38, 0, 1, 98, 0, 1, 51]),
    Buffer.from([8, 0, 1, 114]),
    Buffer.from([1, 1]),
  ]);

  it('MQTT-3.3.2-4, -15, -16, -17, -18, -20: travel unaltered and in order', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t', {qos: 1}, {subscriptionIdentifier: 300});
    client.raw(
      frameOf(
        0x30,
        Buffer.concat([
          Buffer.from([0, 1, 116, forwarded.length + 3]),
          forwarded,
          Buffer.from([35, 0, 1]),
          Buffer.from('pay'),
        ]),
      ),
    );
    const {frame} = await client.hear();
    const expected = Buffer.concat([
      Buffer.from([0, 1, 116, forwarded.length + 3]),
      forwarded,
      Buffer.from([11, 0xac, 0x02]),
      Buffer.from('pay'),
    ]);
    assert.ok(frame.subarray(2).includes(forwarded), frame.toString('hex'));
    assert.equal(frame.length, frameOf(0x30, expected).length);
    assert.ok(frame.includes(Buffer.from([11, 0xac, 0x02])));
  });

  it('are kept with retained messages and left out for MQTT 3', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    client.raw(
      frameOf(
        0x31,
        Buffer.concat([Buffer.from([0, 1, 116, forwarded.length]), forwarded, Buffer.from('pay')]),
      ),
    );
    await client.quiet();
    await client.subscribe('t');
    assert.ok((await client.hear()).frame.includes(forwarded));
    const four = await broker.connect('b');
    await four.subscribe('t');
    assert.deepEqual((await four.hear()).frame, frameOf(0x31, Buffer.from('\0\x01tpay')));
  });

  it('MQTT-3.3.2-6: message expiry is what is left of it', async () => {
    await using broker = packetBroker();
    const away = await broker.connect('away', {
      version: 5,
      clean: false,
      properties: {sessionExpiryInterval: never},
    });
    await away.subscribe('t', {qos: 1});
    await away.leave();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t');
    client.publish('t', 'x', {qos: 1, messageId: 1, retain: true, properties: {messageExpiryInterval: 100}});
    assert.equal(properties(await client.expect('publish')).messageExpiryInterval, 100);
    await client.expect('puback');
    broker.advance(30.4);
    await client.subscribe('t');
    assert.equal(properties(await client.expect('publish')).messageExpiryInterval, 70);
    const back = await broker.connect('away', {
      version: 5,
      clean: false,
      properties: {sessionExpiryInterval: never},
    });
    assert.equal(properties(await back.expect('publish')).messageExpiryInterval, 70);
  });

  it('MQTT-3.3.2-5: what has expired is not delivered', async () => {
    await using broker = packetBroker();
    const settings = {version: 5, clean: false, properties: {sessionExpiryInterval: never}} as const;
    const away = await broker.connect('away', settings);
    await away.subscribe('t', {qos: 1});
    await away.leave();
    const client = await broker.connect('a', {version: 5});
    client.publish('t', 'x', {qos: 1, messageId: 1, retain: true, properties: {messageExpiryInterval: 10}});
    await client.expect('puback');
    broker.advance(10);
    await client.subscribe('t');
    await client.quiet();
    const back = await broker.connect('away', settings);
    await back.quiet();
  });

  it('3.3.2.3.3: an interval of 0 delivers to connected subscribers that have room, and to no others', async () => {
    await using broker = packetBroker();
    const waits = {
      version: 5,
      clean: false,
      properties: {sessionExpiryInterval: never, receiveMaximum: 1},
    } as const;
    const away = await broker.connect('away', waits);
    await away.subscribe('t', {qos: 1});
    await away.leave();
    const publisher = await broker.connect('publisher', {version: 5});
    const full = await broker.connect('full', waits);
    await full.subscribe('#', {qos: 1});
    publisher.publish('first', '1', {qos: 1, messageId: 1});
    await publisher.expect('puback');
    const first = await full.expect('publish');
    const there = [];
    for (const qos of [0, 1, 2]) {
      const one = await broker.connect(`there ${qos}`, {version: 5});
      await one.subscribe('t', {qos});
      there.push(one);
    }
    publisher.publish('t', 'x', {qos: 2, messageId: 2, properties: {messageExpiryInterval: 0}});
    await publisher.expect('pubrec');
    for (const [qos, one] of there.entries()) {
      const {payload, qos: sent, properties: said} = await one.expect('publish');
      assert.deepEqual([String(payload), sent], ['x', qos]);
      assert.equal((said as Record<string, unknown>).messageExpiryInterval, 0);
    }
    full.send({cmd: 'puback', messageId: first.messageId});
    await full.quiet();
    const back = await broker.connect('away', waits);
    await back.quiet();
  });

  it('MQTT-4.3.3-7: what was sent once does not expire any more', async () => {
    await using broker = packetBroker();
    const settings = {version: 5, clean: false, properties: {sessionExpiryInterval: never}} as const;
    const first = await broker.connect('s', settings);
    await first.subscribe('t', {qos: 2});
    first.publish('t', 'x', {qos: 2, messageId: 1, properties: {messageExpiryInterval: 10}});
    await first.expect('publish');
    await first.expect('pubrec');
    first.drop();
    broker.advance(60);
    const second = await broker.connect('s', settings);
    assert.equal(await second.message(), 't x q2 r0 d1');
  });

  it('3.3.2.3.2: a payload that is not UTF-8 as indicated is refused', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    const bad = Buffer.from([0xff, 0xfe]);
    const options = {properties: {payloadFormatIndicator: true}};
    client.publish('t', bad, {qos: 1, messageId: 1, ...options});
    assert.equal((await client.expect('puback')).reasonCode, 0x99);
    client.publish('t', bad, {qos: 2, messageId: 2, ...options});
    assert.equal((await client.expect('pubrec')).reasonCode, 0x99);
    client.publish('t', 'good', {qos: 1, messageId: 3, ...options});
    assert.equal((await client.expect('puback')).reasonCode, 0x10);
  });
});

describe('limits of size', () => {
  it('MQTT-3.1.2-24, MQTT-3.1.2-25: what is too large for a client counts as sent', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {
      version: 5,
      properties: {maximumPacketSize: 40, receiveMaximum: 1},
    });
    await client.subscribe('t', {qos: 1});
    const publisher = await broker.connect('p');
    publisher.publish('t', 'x'.repeat(100), {qos: 1, messageId: 1});
    publisher.publish('t', 'x'.repeat(100));
    publisher.publish('t', 'small', {qos: 1, messageId: 2});
    assert.equal(await client.message(), 't small q1 r0 d0');
  });

  it('MQTT-3.4.2-2: a reason string is left out where it would make a packet too large', async () => {
    const access = {
      admit: () => ({
        accepted: true as const,
        permissions: {mayPublish: () => false, maySubscribe: () => false, mayReceive: () => true},
      }),
    };
    await using broker = packetBroker({access});
    for (const [settings, expected] of [
      [{}, true],
      [{maximumPacketSize: 20}, false],
      [{requestProblemInformation: false}, false],
    ] as const) {
      const client = await broker.connect('a', {version: 5, properties: settings});
      client.publish('t', 'x', {qos: 1, messageId: 1});
      const puback = await client.expect('puback');
      assert.equal(puback.reasonCode, 0x87);
      assert.equal(properties(puback).reasonString !== undefined, expected);
      const suback = await client.subscribe('t');
      assert.deepEqual(suback.granted, [0x87]);
      assert.equal(properties(suback).reasonString !== undefined, expected);
    }
  });

  it('MQTT-3.2.2-15: a packet over Maximum Packet Size ends the connection before its body is there', async () => {
    await using broker = packetBroker({limits: {maxPacketSize: 100}});
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      client.publish('t', 'x'.repeat(50));
      await client.quiet();
      client.raw(Buffer.from([0x30, 0xff, 0x7f, 0]));
      await client.expectEnd(0x95);
    }
  });

  it('message_size_limit: MQTT 5 gets a reason code, MQTT 3 an acknowledgement, and the message is dropped', async () => {
    await using broker = packetBroker({limits: {messageSizeLimit: 10}});
    const four = await broker.connect('four');
    await four.subscribe('t');
    four.publish('t', 'x'.repeat(11), {qos: 1, messageId: 1});
    await four.expect('puback');
    four.publish('t', 'x'.repeat(10));
    assert.equal(await four.message(), 't xxxxxxxxxx q0 r0 d0');
    const five = await broker.connect('five', {version: 5});
    five.publish('t', 'x'.repeat(11), {qos: 1, messageId: 1});
    await five.expectEnd(0x95);
  });

  it('hands large payloads through whole', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t', {qos: 1});
    const payload = Buffer.alloc(3_000_000, 'tmq');
    client.publish('t', payload, {qos: 1, messageId: 1});
    assert.ok(payload.equals((await client.expect('publish')).payload as Buffer));
  });
});
