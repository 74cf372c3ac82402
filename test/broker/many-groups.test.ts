/** C5: a message for very many shared subscriptions is delivered in slices, between which other clients are served. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type PacketClient, packetBroker} from '../support/packet-client.ts';

const groups = 5000;

/** Subscribes to one filter in many groups, with many SUBSCRIBE packets. */
async function subscribeGroups(client: PacketClient): Promise<void> {
  for (let first = 0; first < groups; first += 1000) {
    const subscriptions = Array.from({length: 1000}, (_, index) => ({
      topic: `$share/${first + index}/a`,
      qos: 1,
    }));
    await client.ask({cmd: 'subscribe', messageId: 1, subscriptions});
  }
}

for (const version of [4, 5] as const) {
  test(`C5: MQTT ${version}, another client is answered while a message goes to ${groups} groups`, async () => {
    await using broker = packetBroker({limits: {maxQueuedMessages: 0}});
    const subscriber = await broker.connect('subscriber', {version});
    await subscribeGroups(subscriber);
    const publisher = await broker.connect('publisher', {version});
    const other = await broker.connect('other', {version});
    // One for each group.
    const receiving = (async () => {
      for (let count = 0; count < groups; count++) {
        const {topic, messageId} = await subscriber.expect('publish');
        assert.equal(topic, 'a');
        subscriber.send({cmd: 'puback', messageId});
      }
    })();
    const order: string[] = [];
    publisher.publish('a', 'x', {qos: 1, messageId: 1});
    publisher.publish('b', 'behind', {qos: 1, messageId: 2});
    other.send({cmd: 'pingreq'});
    const answers = [
      (async () => {
        for (const messageId of [1, 2]) {
          const {messageId: answered} = await publisher.expect('puback');
          assert.equal(answered, messageId, 'in order');
          order.push(`puback ${messageId}`);
        }
      })(),
      other.expect('pingresp').then(() => order.push('pingresp')),
    ];
    await Promise.all([receiving, ...answers]);
    assert.deepEqual(order, ['pingresp', 'puback 1', 'puback 2']);
  });
}
