/**
 * Normative statements of MQTT 5 and 3.1.1 about strings, CONNECT, sessions and sizes that no other test
 * shows. Which test shows which statement stands in normative.ts.
 */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {frameOf, type PacketClient, packetBroker, type Said} from '../support/packet-client.ts';

const never = 0xffff_ffff;
const properties = (packet: Said) => (packet.properties ?? {}) as Record<string, unknown>;
const text = (value: string): readonly number[] => {
  const bytes = Buffer.from(value);
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
};

/** CONNECT of MQTT 5 or 3.1.1 with these flags and payload fields, without keep alive. */
function connectFrame(version: 4 | 5, flags: number, payload: readonly number[]): Buffer {
  return frameOf(0x10, [...text('MQTT'), version, flags, 0, 0, ...(version === 5 ? [0] : []), ...payload]);
}

/** All packets that are there before the answer to a PINGREQ. */
async function heard(client: PacketClient): Promise<Said[]> {
  const packets: Said[] = [];
  client.send({cmd: 'pingreq'});
  for (let packet = await client.next(); packet.cmd !== 'pingresp'; packet = await client.next()) {
    packets.push(packet);
  }
  return packets;
}

describe('strings', () => {
  it('MQTT-1.5.4-3: a byte order mark is part of the string', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('\uFEFFa', {version});
      await client.subscribe('\uFEFFt');
      client.publish('t', 'without');
      client.publish('\uFEFFt', 'with');
      assert.equal(await client.message(), '\uFEFFt with q0 r0 d0');
      await client.quiet();
    }
  });

  it('MQTT-4.7.3-4: topics are compared as they are', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    for (const [index, filter] of ['caf\u00e9', 'A/b', 'x/', '/y', 'p//q'].entries()) {
      await client.subscribe(filter, {messageId: index + 1});
    }
    for (const topic of ['cafe\u0301', 'a/b', 'A/B', 'x', 'y', 'p/q', 'x//']) client.publish(topic, 'no');
    await client.quiet();
    for (const topic of ['caf\u00e9', 'A/b', 'x/', '/y', 'p//q']) {
      client.publish(topic, 'yes');
      assert.equal(await client.message(), `${topic} yes q0 r0 d0`);
    }
  });

  it('MQTT-4.7.3-3: a topic of 65,535 bytes is one', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    const topic = 'x'.repeat(65_535);
    await client.subscribe(topic);
    client.publish(topic, 'long');
    assert.equal((await client.expect('publish')).topic, topic);
  });

  it('MQTT-1.5.4-1: whatever string is not UTF-8, the connection ends', async () => {
    await using broker = packetBroker();
    const bad = [0, 1, 0xff];
    const will = [...text('c'), 0];
    for (const payload of [
      connectFrame(5, 0x02, bad),
      connectFrame(5, 0x06, [...will, ...bad, 0, 0]),
      connectFrame(5, 0x82, [...text('c'), ...bad]),
    ]) {
      const client = broker.open(5);
      client.raw(payload);
      assert.equal((await client.expect('connack')).reasonCode, 0x81);
      await client.expectEnd();
    }
    for (const frame of [
      frameOf(0x30, [...text('t'), 4, 3, ...bad]),
      frameOf(0x30, [...text('t'), 4, 8, ...bad]),
      frameOf(0x30, [...bad, 0]),
      frameOf(0x82, [0, 1, 0, ...bad, 0]),
      frameOf(0xa2, [0, 1, 0, ...bad]),
      frameOf(0xa2, [0, 1, 0, ...text('a\0')]),
    ]) {
      const client = await broker.connect('c', {version: 5});
      client.raw(frame);
      await client.expectEnd(0x81);
    }
    for (const frame of [
      frameOf(0x30, bad),
      frameOf(0x82, [0, 1, ...bad, 0]),
      frameOf(0xa2, [0, 1, ...bad]),
    ]) {
      const client = await broker.connect('c');
      client.raw(frame);
      await client.expectEnd();
    }
  });
});

describe('CONNECT and CONNACK', () => {
  it('MQTT-3.1.3-1: the fields agree with the flags and are in order, or the connection ends', async () => {
    await using broker = packetBroker();
    const name = text('c');
    for (const version of [4, 5] as const) {
      const will = [...(version === 5 ? [0] : []), ...text('will'), ...text('gone')];
      const whole = [...name, ...will, ...text('user'), ...text('secret')];
      const good = broker.open(version);
      good.raw(connectFrame(version, 0xc6, whole));
      assert.equal((await good.expect('connack'))[version === 5 ? 'reasonCode' : 'returnCode'], 0);
      const watcher = await broker.connect('w');
      await watcher.subscribe('will');
      good.drop();
      assert.equal(await watcher.message(), 'will gone q0 r0 d0');
      for (const [flags, payload] of [
        [0x02, []],
        [0x06, name],
        [0x06, [...name, ...(version === 5 ? [0] : []), ...text('will')]],
        [0x82, name],
        [0xc2, [...name, ...text('user')]],
        [0x02, [...name, ...text('user')]],
        [0x82, [...name, ...text('user'), ...text('secret')]],
      ] as const) {
        const client = broker.open(version);
        client.raw(connectFrame(version, flags, payload));
        if (version === 5) assert.equal((await client.expect('connack')).reasonCode, 0x81);
        await client.expectEnd();
      }
    }
  });

  it('MQTT-3.1.3-5: identifiers of 1 to 23 letters and digits are allowed', async () => {
    await using broker = packetBroker();
    for (const clientId of [
      '0',
      'a',
      '0123456789abcdefghijklm',
      'nopqrstuvwxyzABCDEFGHIJ',
      'KLMNOPQRSTUVWXYZ',
    ]) {
      for (const version of [3, 4, 5] as const) {
        const {connack} = await broker.connect(clientId, {version});
        assert.equal(connack.reasonCode ?? connack.returnCode, 0, clientId);
      }
    }
  });

  it('MQTT-3.1.2-6: without a session there is a new one', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect(`new${version}`, {version, clean: false});
      assert.equal(client.connack.sessionPresent, false);
      assert.deepEqual(await heard(client), []);
    }
  });

  it('MQTT-3.2.0-1: CONNACK comes before anything else', async () => {
    await using broker = packetBroker();
    const settings = {version: 5, clean: false, properties: {sessionExpiryInterval: never}} as const;
    const first = await broker.connect('a', settings);
    await first.subscribe('t', {qos: 1});
    await first.leave();
    const publisher = await broker.connect('p');
    publisher.publish('t', 'waiting', {qos: 1, messageId: 1, retain: true});
    await publisher.expect('puback');
    const client = broker.open(5);
    // All at once: CONNECT that resumes the session, PINGREQ, and SUBSCRIBE to what is retained.
    client.raw(
      frameOf(0x10, [...text('MQTT'), 5, 0, 0, 0, 5, 17, 255, 255, 255, 255, ...text('a')]),
      Buffer.from([0xc0, 0]),
      frameOf(0x82, [0, 9, 0, ...text('t'), 0]),
    );
    const order = [];
    for (let count = 0; count < 5; count++) order.push((await client.next()).cmd);
    assert.equal(order[0], 'connack');
    assert.deepEqual([...order].sort(), ['connack', 'pingresp', 'publish', 'publish', 'suback']);
    assert.ok(order.indexOf('suback') < order.lastIndexOf('publish'));
  });

  it('MQTT-3.2.2-1, MQTT-3.2.2-6: no flags but Session Present, and that only where there is one', async () => {
    let admitted = true;
    const everything = {mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true};
    const access = {
      admit: () =>
        admitted
          ? {accepted: true as const, permissions: everything}
          : {accepted: false as const, reason: 'not-authorized' as const},
    };
    await using broker = packetBroker({access});
    const flagsOf = async (version: 4 | 5, cleanStart: number) => {
      const client = broker.open(version);
      const expiry = version === 5 ? [5, 17, 0, 0, 0, 60] : [];
      client.raw(frameOf(0x10, [...text('MQTT'), version, cleanStart * 2, 0, 0, ...expiry, ...text('a')]));
      const {frame} = await client.hear();
      client.drop();
      return [frame[0], frame[2]];
    };
    for (const version of [4, 5] as const) {
      admitted = true;
      assert.deepEqual(await flagsOf(version, 1), [0x20, 0]);
      await flagsOf(version, 0);
      assert.deepEqual(await flagsOf(version, 0), [0x20, 1]);
      admitted = false;
      assert.deepEqual(await flagsOf(version, 0), [0x20, 0]);
    }
  });

  it('MQTT-2.2.2-1: where there are no properties their length is 0', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 0}, listener: {maxTopicAlias: 0}});
    const client = broker.open(5);
    client.raw(connectFrame(5, 2, text('a')));
    assert.equal((await client.hear()).frame.toString('hex'), '2003000000');
    client.send({cmd: 'subscribe', messageId: 7, subscriptions: [{topic: 't', qos: 1}]});
    assert.equal((await client.hear()).frame.toString('hex'), '900400070001');
    client.publish('t', 'x');
    assert.equal((await client.hear()).frame.toString('hex'), '300500017400' + '78');
    client.send({cmd: 'unsubscribe', messageId: 8, unsubscriptions: ['t']});
    assert.equal((await client.hear()).frame.toString('hex'), 'b00400080000');
  });

  it('MQTT-3.2.2-10: any QoS can be subscribed to, and is granted up to the maximum', async () => {
    await using broker = packetBroker({listener: {maxQos: 0}});
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      for (const qos of [0, 1, 2]) assert.deepEqual((await client.subscribe('t', {qos})).granted, [0]);
    }
  });

  it('MQTT-3.2.2-18: where no topic alias is allowed, using one ends the connection', async () => {
    await using broker = packetBroker({listener: {maxTopicAlias: 0}});
    const client = await broker.connect('a', {version: 5});
    assert.equal(properties(client.connack).topicAliasMaximum, undefined);
    client.publish('t', 'x', {properties: {topicAlias: 1}});
    await client.expectEnd(0x94);
  });

  it('MQTT-3.1.2-27: no topic alias for a client that allows none', async () => {
    await using broker = packetBroker();
    for (const allowed of [{}, {properties: {topicAliasMaximum: 0}}]) {
      const client = await broker.connect('a', {version: 5, ...allowed});
      await client.subscribe('t');
      for (let index = 0; index < 3; index++) {
        client.publish('t', 'x');
        const packet = await client.expect('publish');
        assert.deepEqual([packet.topic, properties(packet).topicAlias], ['t', undefined]);
      }
    }
  });
});

describe('sessions', () => {
  it('MQTT-4.1.0-1: a session lasts as long as its connection, whatever its expiry', async () => {
    await using broker = packetBroker({limits: {persistentClientExpiration: 60}});
    const client = await broker.connect('a', {version: 5, properties: {sessionExpiryInterval: 1}});
    await client.subscribe('t');
    broker.advance(3600);
    client.publish('t', 'x');
    assert.equal(await client.message(), 't x q0 r0 d0');
  });

  it('3.1.1 MQTT-3.1.2-12: without a will nothing is published', async () => {
    await using broker = packetBroker();
    const watcher = await broker.connect('w');
    await watcher.subscribe('#');
    const client = await broker.connect('a');
    client.drop();
    await broker.connect('a');
    await watcher.quiet();
  });

  it('3.1.1 MQTT-3.1.2-7: retained messages outlive the session of their publisher', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    client.publish('t', 'kept', {retain: true});
    await client.leave();
    await broker.connect('a');
    const other = await broker.connect('b');
    await other.subscribe('t');
    assert.equal(await other.message(), 't kept q0 r1 d0');
  });

  it("MQTT-3.1.3-10: a will's user properties keep their order", async () => {
    await using broker = packetBroker();
    const watcher = await broker.connect('w', {version: 5});
    await watcher.subscribe('will');
    const pairs = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['10', ''],
      ['9', ''],
    ] as const;
    const fields = pairs.flatMap(([name, value]) => [38, ...text(name), ...text(value)]);
    const client = broker.open(5);
    client.raw(
      connectFrame(5, 0x06, [...text('c'), fields.length, ...fields, ...text('will'), ...text('x')]),
    );
    await client.expect('connack');
    client.drop();
    assert.ok((await watcher.hear()).frame.includes(Buffer.from(fields)));
  });
});

describe('Maximum Packet Size', () => {
  it('A11, MQTT-3.1.2-24: no CONNACK is sent that is larger', async () => {
    await using broker = packetBroker({access: {admit: () => ({accepted: false, reason: 'not-authorized'})}});
    for (const [maximumPacketSize, clientId] of [
      [2, 'a'],
      [4, ''],
    ] as const) {
      const client = broker.open(5);
      const connect = {cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0};
      client.send({...connect, clientId, properties: {maximumPacketSize}});
      await client.expectEnd();
    }
  });

  it('MQTT-3.1.2-24: an answer that does not fit ends the connection instead', async () => {
    await using broker = packetBroker();
    const small = await broker.connect('a', {version: 5, properties: {maximumPacketSize: 5}});
    assert.deepEqual([small.connack.reasonCode, small.connack.properties], [0x95, undefined]);
    await small.expectEnd();
    for (const [cmd, key] of [
      ['subscribe', 'subscriptions'],
      ['unsubscribe', 'unsubscriptions'],
    ] as const) {
      const client = await broker.connect('a', {version: 5, properties: {maximumPacketSize: 20}});
      const request = (count: number) => ({
        ...{cmd, messageId: 1},
        [key]: Array.from({length: count}, (_, index) =>
          cmd === 'subscribe' ? {topic: `t${index}`, qos: 0} : `t${index}`,
        ),
      });
      const answer = await client.ask(request(15));
      assert.equal((answer.granted as unknown[]).length, 15);
      client.send(request(16));
      await client.expectEnd(0x95);
    }
  });
});
