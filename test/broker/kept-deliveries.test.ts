/** What the broker has acknowledged reaches a receiver: shared subscriptions, expired messages in a full queue. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import type {Access} from '../../src/broker/access/access.ts';
import {type PacketBroker, type PacketClient, packetBroker} from '../support/packet-client.ts';

const stays = {clean: false} as const;

/** Publishes messages 'from' to 'to' at QoS 1 as the broker's own, which nothing holds back. */
function publish({broker}: PacketBroker, topic: string, from: number, to: number): void {
  for (let index = from; index <= to; index++) {
    broker.publish({topic, payload: Buffer.from(`${index}`), qos: 1, retain: false});
  }
}

/** The payloads of the messages that come until the answer to PINGREQ, each acknowledged. */
async function drain(client: PacketClient): Promise<string[]> {
  const payloads: string[] = [];
  let idle = false;
  while (!idle) {
    idle = true;
    client.send({cmd: 'pingreq'});
    for (let packet = await client.next(); packet.cmd !== 'pingresp'; packet = await client.next()) {
      payloads.push(String(packet.payload));
      client.send({cmd: 'puback', messageId: packet.messageId});
      idle = false;
    }
  }
  return payloads;
}

/** Clients whose name begins with 'blind' may read nothing. */
const blindness: Access = {
  admit: ({clientId}) => ({
    accepted: true,
    permissions: {
      mayPublish: () => true,
      maySubscribe: () => true,
      mayReceive: () => !clientId.startsWith('blind'),
    },
  }),
};

describe('the messages of a shared subscription', () => {
  it('F3: stay with a member that leaves when the next one may not read them', async () => {
    await using broker = packetBroker({access: blindness});
    const first = await broker.connect('first', stays);
    await first.subscribe('$share/g/t', {qos: 1});
    publish(broker, 't', 1, 5);
    for (let count = 0; count < 5; count++) await first.expect('publish');
    const blind = await broker.connect('blind');
    await blind.subscribe('$share/g/t', {qos: 1});
    first.drop();
    await first.closed;
    await blind.quiet();
    assert.deepEqual(await drain(await broker.connect('first', stays)), ['1', '2', '3', '4', '5']);
  });

  it('F3: stay with a member that leaves as far as the next one has no room', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 4, maxQueuedMessages: 5}});
    const first = await broker.connect('first', stays);
    await first.subscribe('$share/g/t', {qos: 1});
    publish(broker, 't', 1, 8);
    const next = await broker.connect('next');
    await next.subscribe('own', {qos: 1});
    await next.subscribe('$share/g/t', {qos: 1});
    publish(broker, 'own', 101, 107);
    first.drop();
    await first.closed;
    const taken = await drain(next);
    assert.deepEqual(taken.slice(7), ['1', '2']);
    assert.deepEqual(await drain(await broker.connect('first', stays)), ['3', '4', '5', '6', '7', '8']);
    assert.ok(!broker.log.some((line) => line.includes('dropped')));
  });

  it('F3: go to an absent member when the session ends and no present one may read them', async () => {
    await using broker = packetBroker({access: blindness});
    const absent = await broker.connect('absent', stays);
    await absent.subscribe('$share/g/t', {qos: 1});
    await absent.leave();
    const first = await broker.connect('first');
    await first.subscribe('$share/g/t', {qos: 1});
    publish(broker, 't', 1, 3);
    for (let count = 0; count < 3; count++) await first.expect('publish');
    const blind = await broker.connect('blind');
    await blind.subscribe('$share/g/t', {qos: 1});
    first.drop();
    await first.closed;
    await blind.quiet();
    assert.deepEqual(await drain(await broker.connect('absent', stays)), ['1', '2', '3']);
  });

  it('F3: go past a member whose queue is full', async () => {
    await using broker = packetBroker({limits: {maxQueuedMessages: 4}});
    for (const name of ['full', 'empty']) {
      const member = await broker.connect(name, stays);
      await member.subscribe('$share/g/t', {qos: 1});
      if (name === 'full') await member.subscribe('own', {qos: 1});
      await member.leave();
    }
    publish(broker, 'own', 101, 104);
    publish(broker, 't', 1, 4);
    assert.deepEqual(await drain(await broker.connect('empty', stays)), ['1', '2', '3', '4']);
    assert.ok(!broker.log.some((line) => line.includes('dropped')));
  });
});

describe('an absent client with a full queue', () => {
  it('F8, MQTT-3.3.2-5: keeps fresh messages rather than expired ones', async () => {
    for (const limits of [{maxQueuedMessages: 5}, {maxQueuedBytes: 15}]) {
      await using broker = packetBroker({limits});
      const subscriber = await broker.connect('subscriber', stays);
      await subscriber.subscribe('t', {qos: 1});
      await subscriber.leave();
      const publisher = await broker.connect('publisher', {version: 5});
      const say = async (payload: string, messageExpiryInterval: number) => {
        publisher.publish('t', payload, {qos: 1, messageId: 1, properties: {messageExpiryInterval}});
        await publisher.expect('puback');
      };
      for (const payload of ['ol1', 'ol2', 'ol3']) await say(payload, 1);
      await say('far', 100);
      await say('ol5', 1);
      broker.advance(2);
      for (const payload of ['ne1', 'ne2', 'ne3', 'ne4', 'ne5']) await say(payload, 1);
      const heard = await drain(await broker.connect('subscriber', stays));
      assert.deepEqual(heard, ['far', 'ne1', 'ne2', 'ne3', 'ne4']);
    }
  });
});
