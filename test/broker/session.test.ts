/** Sessions, takeover, wills, endings [MQTT 5, 3.1.2, 3.1.3.2, 3.1.4, 3.14, 4.1]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {frameOf, type PacketBroker, packetBroker} from '../support/packet-client.ts';

const never = 0xffff_ffff;

/** Settings of an MQTT 5 client whose session lasts. */
function lasting(seconds: number, rest: Record<string, unknown> = {}) {
  return {version: 5, clean: false, properties: {sessionExpiryInterval: seconds}, ...rest} as const;
}

async function publishOnce(broker: PacketBroker, topic: string, payload: string, qos = 1): Promise<void> {
  const publisher = await broker.connect('publisher');
  publisher.publish(topic, payload, {qos, ...(qos === 0 ? {} : {messageId: 1})});
  if (qos > 0) await publisher.next();
  await publisher.leave();
}

describe('session state', () => {
  it('MQTT-3.1.2-5, MQTT-3.2.2-3: is resumed, with what was missed', async () => {
    await using broker = packetBroker();
    for (const settings of [{clean: false}, lasting(60)]) {
      const first = await broker.connect('s', settings);
      assert.equal(first.connack.sessionPresent, false);
      await first.subscribe('t', {qos: 1});
      await first.leave();
      await publishOnce(broker, 't', 'one');
      await publishOnce(broker, 't', 'zero', 0);
      const second = await broker.connect('s', settings);
      assert.equal(second.connack.sessionPresent, true);
      assert.equal(await second.message(), 't one q1 r0 d0');
      await second.quiet();
      await second.leave();
      await (await broker.connect('s')).leave();
    }
  });

  it('MQTT 3.1 has a session, but no Session Present flag', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', {version: 3, clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    await publishOnce(broker, 't', 'one');
    const second = await broker.connect('s', {version: 3, clean: false});
    assert.equal(second.connack.sessionPresent, false);
    assert.equal(await second.message(), 't one q1 r0 d0');
  });

  it('MQTT-3.1.2-4, MQTT-3.2.2-2: is discarded by a clean start', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', lasting(60));
    await first.subscribe('t', {qos: 1});
    await first.leave();
    const second = await broker.connect('s', {version: 5});
    assert.equal(second.connack.sessionPresent, false);
    await publishOnce(broker, 't', 'one');
    await second.quiet();
  });

  it('3.1.1: a clean session ends with its connection', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', {clean: true});
    await first.leave();
    assert.equal((await broker.connect('s', {clean: false})).connack.sessionPresent, false);
  });

  it('MQTT-3.1.2-23, MQTT-4.1.0-2: lasts as long as its expiry interval', async () => {
    await using broker = packetBroker();
    for (const [expiry, wait, present] of [
      [10, 9, true],
      [10, 11, false],
      [0, 0, false],
      [never, 1e9, true],
    ] as const) {
      await (await broker.connect('s', lasting(expiry))).leave();
      broker.advance(wait);
      const again = await broker.connect('s', lasting(expiry));
      assert.equal(again.connack.sessionPresent, present, `${expiry} ${wait}`);
      await again.leave();
      await (await broker.connect('s')).leave();
    }
    assert.ok(broker.log.includes('Expiring client s due to timeout.'));
  });

  it('3.14.2.2.2: DISCONNECT may change the expiry, but not begin one', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', lasting(10));
    await first.leave({reasonCode: 0, properties: {sessionExpiryInterval: 100}});
    broker.advance(50);
    const second = await broker.connect('s', lasting(10));
    assert.equal(second.connack.sessionPresent, true);
    await second.leave({reasonCode: 0, properties: {sessionExpiryInterval: 0}});
    const third = await broker.connect('s', {version: 5, clean: false});
    assert.equal(third.connack.sessionPresent, false);
    third.send({cmd: 'disconnect', reasonCode: 0, properties: {sessionExpiryInterval: 5}});
    await third.expectEnd(0x82);
  });

  it('persistent_client_expiration ends any session', async () => {
    await using broker = packetBroker({limits: {persistentClientExpiration: 5}});
    await (await broker.connect('s', {clean: false})).leave();
    broker.advance(6);
    assert.equal((await broker.connect('s', {clean: false})).connack.sessionPresent, false);
  });

  it('queues as many messages as allowed, and logs when it drops', async () => {
    await using broker = packetBroker({limits: {maxQueuedMessages: 2}});
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    for (const payload of ['1', '2', '3', '4']) await publishOnce(broker, 't', payload);
    assert.equal(broker.log.filter((line) => line.includes('being dropped for client s.')).length, 1);
    const second = await broker.connect('s', {clean: false});
    assert.equal(await second.message(), 't 1 q1 r0 d0');
    assert.equal(await second.message(), 't 2 q1 r0 d0');
    await second.quiet();
  });

  it('queues as many bytes as allowed', async () => {
    await using broker = packetBroker({limits: {maxQueuedBytes: 10}});
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    for (const payload of ['12345', '6789', 'too much']) await publishOnce(broker, 't', payload);
    const second = await broker.connect('s', {clean: false});
    assert.equal(await second.message(), 't 12345 q1 r0 d0');
    assert.equal(await second.message(), 't 6789 q1 r0 d0');
    await second.quiet();
  });

  it('queues QoS 0 only with queue_qos0_messages', async () => {
    await using broker = packetBroker({limits: {queueQos0Messages: true}});
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    await publishOnce(broker, 't', 'zero', 0);
    await publishOnce(broker, 't', 'one');
    const second = await broker.connect('s', {clean: false});
    assert.equal(await second.message(), 't zero q0 r0 d0');
    assert.equal(await second.message(), 't one q1 r0 d0');
  });

  it('MQTT-4.6.0-5: keeps what waited at QoS 0 before what comes later', async () => {
    await using broker = packetBroker({limits: {queueQos0Messages: true, maxInflightMessages: 1}});
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    for (const [payload, qos] of [
      ['1', 1],
      ['2', 1],
      ['3', 0],
    ] as const) {
      await publishOnce(broker, 't', payload, qos);
    }
    const second = await broker.connect('s', {clean: false});
    const one = await second.expect('publish');
    await publishOnce(broker, 't', '4', 0);
    await second.quiet();
    second.send({cmd: 'puback', messageId: one.messageId});
    const two = await second.expect('publish');
    assert.equal(String(two.payload), '2');
    assert.equal(await second.message(), 't 3 q0 r0 d0');
    assert.equal(await second.message(), 't 4 q0 r0 d0');
  });

  it('may speak another version when it comes back', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', {clean: false});
    await first.subscribe('t', {qos: 1});
    await first.leave();
    await publishOnce(broker, 't', 'one');
    const second = await broker.connect('s', lasting(60));
    assert.equal(second.connack.sessionPresent, true);
    assert.equal(await second.message(), 't one q1 r0 d0');
  });
});

describe('takeover', () => {
  it('MQTT-3.1.4-3: the older connection gets the reason and is closed', async () => {
    await using broker = packetBroker();
    for (const version of [4, 5] as const) {
      const first = await broker.connect('s', {version});
      const second = await broker.connect('s', {version});
      await first.expectEnd(0x8e);
      await second.quiet();
    }
    assert.ok(broker.log.includes('Client s already connected, closing old connection.'));
  });

  it('keeps the session where both want it', async () => {
    await using broker = packetBroker();
    const first = await broker.connect('s', lasting(60));
    await first.subscribe('t', {qos: 1});
    const second = await broker.connect('s', lasting(60));
    assert.equal(second.connack.sessionPresent, true);
    await first.expectEnd(0x8e);
    await publishOnce(broker, 't', 'one');
    assert.equal(await second.message(), 't one q1 r0 d0');
  });
});

describe('wills', () => {
  const will = {topic: 'w', payload: 'gone', qos: 1, retain: false};

  async function watched(broker: PacketBroker) {
    const watcher = await broker.connect('watcher');
    await watcher.subscribe('w', {qos: 0});
    return watcher;
  }

  it('MQTT-3.1.2-8: published when the connection is lost', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    for (const version of [3, 4, 5] as const) {
      (await broker.connect('a', {version, will})).drop();
      assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    }
    assert.ok(broker.log.includes('Client a closed its connection.'));
  });

  it('MQTT-3.14.4-3, MQTT-3.1.2-10: not after DISCONNECT with reason 0', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    for (const version of [4, 5] as const) await (await broker.connect('a', {version, will})).leave();
    await watcher.quiet();
    assert.ok(broker.log.includes('Client a disconnected.'));
  });

  it('3.14.2.1: but after DISCONNECT with any other reason', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    for (const reasonCode of [0x04, 0x80]) {
      await (await broker.connect('a', {version: 5, will})).leave({reasonCode});
      assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    }
  });

  it('published after a protocol error, a keep alive timeout and a takeover', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    const wrong = await broker.connect('a', {will});
    wrong.raw(frameOf(0x60, [0, 0]));
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    await broker.connect('b', {will, keepalive: 1});
    broker.advance(2);
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    await broker.connect('c', {will});
    await broker.connect('c');
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
  });

  it('MQTT-3.1.2-14, MQTT-3.1.2-15: a will is retained if its flag is set, with its properties', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    const properties = {contentType: 'text', messageExpiryInterval: 50, userProperties: {k: 'v'}};
    (await broker.connect('a', {version: 5, will: {...will, retain: true, properties}})).drop();
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    broker.advance(10);
    const late = await broker.connect('late', {version: 5});
    await late.subscribe('w');
    const packet = await late.expect('publish');
    assert.equal(packet.retain, true);
    const got = packet.properties as Record<string, unknown>;
    assert.equal(got.contentType, 'text');
    assert.equal(got.messageExpiryInterval, 40);
    assert.equal((got.userProperties as Record<string, unknown>).k, 'v');
    assert.equal(got.willDelayInterval, undefined);
  });

  it('MQTT-3.1.2-8: waits for its delay', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    const delayed = {...will, properties: {willDelayInterval: 10}};
    (await broker.connect('a', lasting(60, {will: delayed}))).drop();
    await watcher.quiet();
    broker.advance(9);
    await watcher.quiet();
    broker.advance(1);
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
  });

  it('MQTT-3.1.3-9: not when the client is back before', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    const delayed = {...will, properties: {willDelayInterval: 10}};
    (await broker.connect('a', lasting(60, {will: delayed}))).drop();
    await watcher.quiet();
    await broker.connect('a', lasting(60));
    broker.advance(20);
    await watcher.quiet();
    // Also not when the new connection comes while the old one is still there.
    await broker.connect('b', lasting(60, {will: delayed}));
    await broker.connect('b', lasting(60));
    broker.advance(20);
    await watcher.quiet();
  });

  it('MQTT-3.1.2-8: the end of the session comes before a longer delay', async () => {
    await using broker = packetBroker();
    const watcher = await watched(broker);
    const delayed = {...will, properties: {willDelayInterval: 100}};
    (await broker.connect('a', lasting(10, {will: delayed}))).drop();
    await watcher.quiet();
    broker.advance(10);
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    (await broker.connect('b', lasting(60, {will: delayed}))).drop();
    await watcher.quiet();
    await broker.connect('b', {version: 5, clean: true});
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
    (await broker.connect('c', {version: 5, will: delayed})).drop();
    assert.equal(await watcher.message(), 'w gone q0 r0 d0');
  });

  it('is not published where its client may not publish', async () => {
    const permissions = {
      mayPublish: (topic: string) => topic !== 'w',
      maySubscribe: () => true,
      mayReceive: () => true,
    };
    await using broker = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
    const watcher = await watched(broker);
    (await broker.connect('a', {will})).drop();
    await watcher.quiet();
  });
});

describe('endings', () => {
  it('disconnects one client on request', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    assert.equal(broker.broker.disconnect('a'), true);
    await client.expectEnd(0x98);
    assert.equal(broker.broker.disconnect('a'), false);
  });

  it('sends DISCONNECT to all MQTT 5 clients when it closes', async () => {
    await using broker = packetBroker();
    const five = await broker.connect('five', {version: 5});
    const four = await broker.connect('four');
    const unconnected = broker.open(4);
    await Promise.all([
      broker.broker.close(),
      five.expectEnd(0x8b),
      four.expectEnd(),
      unconnected.expectEnd(),
    ]);
    await broker.open(4).expectEnd();
  });

  it('closes even when the other side does not', async () => {
    await using broker = packetBroker();
    const deaf = await broker.connect('deaf');
    deaf.stream.pause();
    await broker.broker.close();
  });

  it('MQTT-3.14.4-2: handles nothing behind DISCONNECT', async () => {
    await using broker = packetBroker();
    const watcher = await broker.connect('watcher');
    await watcher.subscribe('#');
    const client = await broker.connect('a');
    client.send(
      {cmd: 'disconnect'},
      {cmd: 'publish', topic: 't', payload: 'x', qos: 0, retain: false, dup: false},
    );
    await client.expectEnd();
    await watcher.quiet();
  });

  it('handles what came before the end of the stream', async () => {
    await using broker = packetBroker();
    const watcher = await broker.connect('watcher');
    await watcher.subscribe('#');
    const client = await broker.connect('a');
    client.publish('t', 'last words');
    client.stream.end();
    assert.equal(await watcher.message(), 't last words q0 r0 d0');
    await client.expectEnd();
  });

  it('AUTH without an authentication method is a protocol error', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('a', {version: 5});
    client.raw(frameOf(0xf0, [0x19, 5, 21, 0, 2, 109, 109]));
    await client.expectEnd(0x82);
  });
});
