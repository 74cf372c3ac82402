/**
 * Normative statements of MQTT 5 and 3.1.1 about messages, acknowledgements and subscriptions that no other
 * test shows. Which test shows which statement stands in normative.ts.
 */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type PacketClient, packetBroker, type Said} from '../support/packet-client.ts';

const properties = (packet: Said) => (packet.properties ?? {}) as Record<string, unknown>;

/** All packets that are there before the answer to a PINGREQ. */
async function heard(client: PacketClient): Promise<Said[]> {
  const packets: Said[] = [];
  client.send({cmd: 'pingreq'});
  for (let packet = await client.next(); packet.cmd !== 'pingresp'; packet = await client.next()) {
    packets.push(packet);
  }
  return packets;
}

describe('PUBLISH', () => {
  it("MQTT-3.3.1-3, MQTT-4.3.1-1: DUP is the broker's own, and 0 the first time", async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      await client.subscribe('t', {qos: 2});
      client.publish('t', 'zero');
      client.publish('t', 'one', {qos: 1, messageId: 1, dup: true});
      client.publish('t', 'two', {qos: 2, messageId: 2, dup: true});
      const found = (await heard(client)).filter(({cmd}) => cmd === 'publish');
      assert.deepEqual(
        found.map(({payload, qos, dup}) => [String(payload), qos, dup]),
        [
          ['zero', 0, false],
          ['one', 1, false],
          ['two', 2, false],
        ],
      );
    }
  });

  it('MQTT-4.3.2-5: an identifier is free after PUBACK, with any DUP flag', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    await client.subscribe('t');
    for (const payload of ['first', 'second']) {
      client.publish('t', payload, {qos: 1, messageId: 5, dup: true});
      assert.equal(await client.message(), `t ${payload} q0 r0 d0`);
      assert.equal((await client.expect('puback')).messageId, 5);
    }
  });

  it('MQTT-4.3.3-9: an identifier is free after a refusing PUBREC', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('t');
    const claims = {properties: {payloadFormatIndicator: true}};
    client.publish('t', Buffer.from([0xff]), {qos: 2, messageId: 5, ...claims});
    assert.equal((await client.expect('pubrec')).reasonCode, 0x99);
    client.publish('t', 'good', {qos: 2, messageId: 5});
    assert.equal(await client.message(), 't good q0 r0 d0');
    assert.equal((await client.expect('pubrec')).reasonCode, 0);
  });

  it('MQTT-4.3.3-13: the QoS 2 flow of a message that has expired is completed', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    client.publish('t', 'x', {qos: 2, messageId: 5, properties: {messageExpiryInterval: 1}});
    await client.expect('pubrec');
    broker.advance(10);
    client.publish('t', 'x', {qos: 2, messageId: 5, dup: true, properties: {messageExpiryInterval: 1}});
    await client.expect('pubrec');
    const pubcomp = await client.ask({cmd: 'pubrel', messageId: 5, reasonCode: 0});
    assert.deepEqual([pubcomp.cmd, pubcomp.messageId, pubcomp.reasonCode ?? 0], ['pubcomp', 5, 0]);
  });

  it('MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-5: messages and acknowledgements keep their order', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 1000, maxQueuedMessages: 0}});
    const reader = await broker.connect('r', {version: 5});
    await reader.subscribe('t', {qos: 2});
    const writer = await broker.connect('w', {version: 5});
    const expected: unknown[] = [];
    for (let messageId = 1; messageId <= 300; messageId++) {
      const qos = (messageId % 3) as 0 | 1 | 2;
      writer.publish('t', `${messageId}`, qos === 0 ? {} : {qos, messageId});
      if (qos !== 0) expected.push([qos === 1 ? 'puback' : 'pubrec', messageId]);
    }
    const answers = (await heard(writer)).map(({cmd, messageId}) => [cmd, messageId]);
    assert.deepEqual(answers, expected);
    const payloads = (await heard(reader)).map(({payload}) => Number(payload));
    assert.deepEqual(
      payloads,
      Array.from({length: 300}, (_, index) => index + 1),
    );
  });

  it('MQTT-4.9.0-3, MQTT-3.12.4-1: with the send quota used up, all else goes on', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5, properties: {receiveMaximum: 1}});
    await client.subscribe('t', {qos: 1});
    client.publish('t', 'one', {qos: 1, messageId: 1});
    client.publish('t', 'two', {qos: 1, messageId: 2});
    client.publish('t', 'zero');
    const packets = (await heard(client)).map(({cmd, payload}) => `${cmd} ${payload ?? ''}`.trim());
    assert.deepEqual(packets.sort(), ['puback', 'puback', 'publish one', 'publish zero']);
    assert.equal((await client.ask({cmd: 'pingreq'})).cmd, 'pingresp');
    assert.deepEqual((await client.subscribe('u', {messageId: 5})).granted, [0]);
    client.send({cmd: 'puback', messageId: 1, reasonCode: 0});
    assert.equal(await client.message(), 't two q1 r0 d0');
  });

  it('3.1.1 MQTT-3.3.5-2: what may not be published is acknowledged, and not delivered', async () => {
    const permissions = {mayPublish: () => false, maySubscribe: () => true, mayReceive: () => true};
    await using broker = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
    const client = await broker.connect('a');
    await client.subscribe('t');
    client.publish('t', 'x', {qos: 1, messageId: 1});
    assert.deepEqual(
      (await heard(client)).map(({cmd}) => cmd),
      ['puback'],
    );
  });
});

describe('SUBSCRIBE and UNSUBSCRIBE', () => {
  it('MQTT-2.2.1-6: SUBACK and UNSUBACK carry the identifier of what they answer', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const client = await broker.connect('a', {version});
      for (const messageId of [1, 256, 65_535]) {
        const suback = await client.subscribe('t', {messageId});
        assert.deepEqual([suback.cmd, suback.messageId], ['suback', messageId]);
        const unsuback = await client.ask({cmd: 'unsubscribe', messageId, unsubscriptions: ['t']});
        assert.deepEqual([unsuback.cmd, unsuback.messageId], ['unsuback', messageId]);
      }
    }
  });

  it('MQTT-3.8.4-4: a filter subscribed to again gets what is retained again, and misses nothing', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a');
    client.publish('t', 'kept', {retain: true});
    await client.subscribe('t');
    assert.equal(await client.message(), 't kept q0 r1 d0');
    const publisher = await broker.connect('p');
    publisher.publish('t', 'before');
    client.send({cmd: 'subscribe', messageId: 2, subscriptions: [{topic: 't', qos: 0}]});
    publisher.publish('t', 'after');
    const packets = await heard(client);
    await publisher.quiet();
    const payloads = [...packets, ...(await heard(client))].map(({cmd, payload}) => String(payload ?? cmd));
    assert.deepEqual(payloads.sort(), ['after', 'before', 'kept', 'suback']);
  });

  it('MQTT-3.10.4-1, MQTT-3.10.4-5: only the very same filter is taken out, and there is always an answer', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    await client.subscribe('a/+');
    for (const filter of ['A/+', 'a/#', 'a/b', '+/+', 'a/+/', '$share/g/a/+']) {
      const {cmd, granted} = await client.ask({cmd: 'unsubscribe', messageId: 3, unsubscriptions: [filter]});
      assert.deepEqual([cmd, granted], ['unsuback', [0x11]], filter);
    }
    client.publish('a/b', 'still');
    assert.equal(await client.message(), 'a/b still q0 r0 d0');
  });
});

describe('reason strings', () => {
  it('MQTT-3.5.2-2, MQTT-3.14.2-3: are left out of PUBREC and DISCONNECT where they do not fit', async () => {
    await using broker = packetBroker();
    for (const [maximumPacketSize, expected] of [
      [1000, true],
      [30, false],
    ] as const) {
      const permissions = {mayPublish: () => false, maySubscribe: () => true, mayReceive: () => true};
      await using strict = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
      const denied = await strict.connect('a', {version: 5, properties: {maximumPacketSize}});
      denied.publish('t', 'x', {qos: 2, messageId: 1});
      const pubrec = await denied.expect('pubrec');
      assert.equal(pubrec.reasonCode, 0x87);
      assert.equal(properties(pubrec).reasonString !== undefined, expected);
      const client = await broker.connect('a', {version: 5, properties: {maximumPacketSize}});
      client.raw(Buffer.from([0x36, 4, 0, 1, 0x74, 0]));
      const disconnect = await client.expect('disconnect');
      assert.equal(disconnect.reasonCode, 0x81);
      assert.equal(properties(disconnect).reasonString !== undefined, expected);
    }
  });
});
