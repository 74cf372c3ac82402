/**
 * Messages at QoS 1 and 2 that the broker keeps as the frames they came in: for subscribers that get them
 * unchanged, and for those that reconnect with another protocol version [MQTT 5, 4.3, 4.4].
 */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type PacketClient, packetBroker, type Said} from '../support/packet-client.ts';

type Version = 4 | 5;

const stays = (version: Version) => ({
  version,
  clean: false,
  ...(version === 5 ? {properties: {sessionExpiryInterval: 1000}} : {}),
});

/** Publishes these payloads, in one chunk, behind one that makes the topic known; waits for their acknowledgements. */
async function publishAll(publisher: PacketClient, qos: 1 | 2, payloads: readonly string[]): Promise<void> {
  const answer = qos === 1 ? 'puback' : 'pubrec';
  for (const some of [['first'], payloads]) {
    const packets = some.map((payload, index) => ({
      cmd: 'publish',
      topic: 'shared/topic',
      payload,
      qos,
      retain: false,
      dup: false,
      messageId: some === payloads ? index + 2 : 1,
    }));
    publisher.send(...packets);
    for (const {messageId} of packets) {
      const {messageId: answered} = await publisher.expect(answer);
      assert.equal(answered, messageId);
    }
  }
}

describe('shared frames', () => {
  for (const qos of [1, 2] as const) {
    it(`QoS ${qos}: sends what is not acknowledged again after a reconnect, in either protocol version`, async () => {
      for (const [before, after] of [
        [4, 4],
        [4, 5],
        [5, 4],
        [5, 5],
      ] as const) {
        await using broker = packetBroker();
        const subscriber = await broker.connect('subscriber', stays(before));
        await subscriber.subscribe('shared/#', {qos});
        const publisher = await broker.connect('publisher', {version: before});
        const payloads = ['one', '', 'x'.repeat(200), 'four'];
        await publishAll(publisher, qos, payloads);
        const heard: Said[] = [];
        for (let count = 0; count < 5; count++) heard.push(await subscriber.expect('publish'));
        assert.deepEqual(
          heard.map(({payload}) => String(payload)),
          ['first', ...payloads],
        );
        subscriber.send({cmd: qos === 1 ? 'puback' : 'pubrec', messageId: heard[2]!.messageId});
        if (qos === 2) await subscriber.expect('pubrel');
        else await subscriber.quiet();
        subscriber.drop();
        await subscriber.closed;
        const again = await broker.connect('subscriber', stays(after));
        if (qos === 2) assert.equal((await again.expect('pubrel')).messageId, heard[2]!.messageId);
        for (const index of [0, 1, 3, 4]) {
          const {topic, payload, messageId, dup} = await again.expect('publish');
          assert.deepEqual(
            {topic, payload: String(payload), messageId, dup},
            {
              topic: 'shared/topic',
              payload: ['first', ...payloads][index],
              messageId: heard[index]!.messageId,
              dup: true,
            },
          );
        }
        await again.quiet();
      }
    });
  }

  it('MQTT-4.3.3-10: publishes a QoS 2 message once, however often it is sent before PUBREL', async () => {
    await using broker = packetBroker();
    const subscriber = await broker.connect('subscriber', {version: 4});
    await subscriber.subscribe('shared/#', {qos: 2});
    const publisher = await broker.connect('publisher', {version: 4});
    await publishAll(publisher, 2, ['one', 'two']);
    const again = {cmd: 'publish', topic: 'shared/topic', payload: 'one', qos: 2, retain: false, dup: false};
    publisher.send({...again, messageId: 2}, {...again, messageId: 2});
    for (let count = 0; count < 2; count++) assert.equal((await publisher.expect('pubrec')).messageId, 2);
    publisher.send({cmd: 'pubrel', messageId: 2}, {...again, messageId: 2});
    await publisher.expect('pubcomp');
    await publisher.expect('pubrec');
    const heard: string[] = [];
    for (let count = 0; count < 4; count++) heard.push(String((await subscriber.expect('publish')).payload));
    assert.deepEqual(heard, ['first', 'one', 'two', 'one']);
    await subscriber.quiet();
  });

  it('MQTT-3.3.4-7: disconnects a client with more unreleased QoS 2 messages than Receive Maximum', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 3}});
    const subscriber = await broker.connect('subscriber', {version: 5});
    await subscriber.subscribe('shared/#', {qos: 2});
    const publisher = await broker.connect('publisher', {version: 5});
    await publishAll(publisher, 2, ['one', 'two']);
    publisher.publish('shared/topic', 'three', {qos: 2, messageId: 9});
    assert.equal((await publisher.expect('disconnect')).reasonCode, 0x93);
  });

  it('delivers to each subscriber at its QoS, also to one that is away at the time', async () => {
    await using broker = packetBroker();
    const away = await broker.connect('away', stays(4));
    await away.subscribe('shared/topic', {qos: 1});
    const less = await broker.connect('less', {version: 4});
    const publisher = await broker.connect('publisher', {version: 4});
    await publishAll(publisher, 2, ['both here']);
    publisher.send({cmd: 'pubrel', messageId: 1}, {cmd: 'pubrel', messageId: 2});
    for (let count = 0; count < 2; count++) await publisher.expect('pubcomp');
    away.drop();
    await away.closed;
    await less.subscribe('shared/#', {qos: 1});
    await publishAll(publisher, 2, ['away']);
    const back = await broker.connect('away', stays(4));
    const heard = async (client: PacketClient, count: number) => {
      const all: string[] = [];
      for (let index = 0; index < count; index++) all.push(await client.message());
      return all;
    };
    const [first, second] = ['shared/topic first q1 r0', 'shared/topic both here q1 r0'];
    const missed = ['shared/topic first q1 r0 d0', 'shared/topic away q1 r0 d0'];
    assert.deepEqual(await heard(less, 2), missed);
    assert.deepEqual(await heard(back, 4), [`${first} d1`, `${second} d1`, ...missed]);
  });
});
