/** Clients that read more slowly than others publish: publishers wait, memory stays bounded, others are served. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {frameOf, type PacketClient, packetBroker} from '../support/packet-client.ts';

const kilobyte = Buffer.alloc(1024, 'x');

describe('a slow reader', () => {
  it('holds its publisher back, and loses nothing once it reads again', async () => {
    await using broker = packetBroker();
    const reader = await broker.connect('reader');
    await reader.subscribe('t');
    reader.stream.pause();
    const publisher = await broker.connect('publisher');
    const count = 4000;
    for (let index = 0; index < count; index++)
      publisher.publish('t', Buffer.concat([kilobyte, Buffer.from(`${index}`)]));
    const bystander = await broker.connect('bystander');
    await bystander.quiet();
    // Most of it was not even read by the broker.
    assert.ok(publisher.stream.writableLength > 1_000_000, `${publisher.stream.writableLength}`);
    reader.stream.resume();
    for (let index = 0; index < count; index++) {
      const {payload} = await reader.expect('publish');
      assert.equal((payload as Buffer).subarray(1024).toString(), `${index}`);
    }
    await publisher.quiet();
  });

  it('is given up after a while: the publisher goes on, and QoS 0 messages are dropped', async () => {
    await using broker = packetBroker();
    const reader = await broker.connect('reader');
    await reader.subscribe('t');
    reader.stream.pause();
    const publisher = await broker.connect('publisher', {keepalive: 1});
    for (let index = 0; index < 4000; index++) publisher.publish('t', kilobyte);
    const bystander = await broker.connect('bystander');
    await bystander.quiet();
    broker.advance(6);
    await publisher.quiet();
    assert.equal(broker.log.filter((line) => line.includes('being dropped for client reader.')).length, 1);
    reader.stream.resume();
    let received = 0;
    for (
      let packet = await reader.ask({cmd: 'pingreq'});
      packet.cmd === 'publish';
      packet = await reader.next()
    ) {
      received++;
    }
    assert.ok(received > 500 && received < 3000, `${received}`);
    // From now on it is trusted again.
    publisher.publish('t', 'fresh');
    assert.equal(await reader.message(), 't fresh q0 r0 d0');
  });

  it('does not hold itself back', async () => {
    await using broker = packetBroker();
    const client = await broker.connect('self');
    await client.subscribe('t');
    client.stream.pause();
    for (let index = 0; index < 3000; index++) client.publish('t', kilobyte);
    client.stream.resume();
    for (let index = 0; index < 3000; index++) await client.expect('publish');
  });

  it('with a closed window holds back QoS 1 publishers before messages are dropped', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 10, maxQueuedMessages: 100}});
    const reader = await broker.connect('reader');
    await reader.subscribe('t', {qos: 1});
    const publisher = await broker.connect('publisher');
    const count = 500;
    for (let messageId = 1; messageId <= count; messageId++)
      publisher.publish('t', `${messageId}`, {qos: 1, messageId});
    for (let index = 1; index <= count; index++) {
      const packet = await reader.expect('publish');
      assert.equal(String(packet.payload), `${index}`);
      reader.send({cmd: 'puback', messageId: packet.messageId});
    }
    for (let index = 1; index <= count; index++) await publisher.expect('puback');
    assert.deepEqual(
      broker.log.filter((line) => line.includes('dropped')),
      [],
    );
  });

  it('that leaves lets its publisher go on', async () => {
    await using broker = packetBroker();
    const reader = await broker.connect('reader');
    await reader.subscribe('t');
    reader.stream.pause();
    const publisher = await broker.connect('publisher');
    for (let index = 0; index < 3000; index++) publisher.publish('t', kilobyte);
    const bystander = await broker.connect('bystander');
    await bystander.quiet();
    reader.drop();
    await publisher.quiet();
  });

  it('leaves its share to members of the group that keep up', async () => {
    await using broker = packetBroker();
    const [stuck, busy] = [await broker.connect('stuck'), await broker.connect('busy')];
    for (const member of [stuck, busy]) await member.subscribe('$share/g/t');
    stuck.stream.pause();
    const publisher = await broker.connect('publisher');
    for (let index = 0; index < 4000; index++) publisher.publish('t', kilobyte);
    await publisher.quiet();
    let received = 0;
    for (
      let packet = await busy.ask({cmd: 'pingreq'});
      packet.cmd === 'publish';
      packet = await busy.next()
    ) {
      received++;
    }
    assert.ok(received > 2000, `${received}`);
    stuck.stream.resume();
    for (let rest = 4000 - received; rest > 0; rest--) await stuck.expect('publish');
    await stuck.quiet();
  });

  it('the publisher it holds is not taken for silent', async () => {
    await using broker = packetBroker();
    const reader = await broker.connect('reader');
    await reader.subscribe('t');
    reader.stream.pause();
    const publisher = await broker.connect('publisher', {keepalive: 1});
    for (let index = 0; index < 3000; index++) publisher.publish('t', kilobyte);
    const bystander = await broker.connect('bystander');
    await bystander.quiet();
    broker.advance(4);
    reader.stream.resume();
    await publisher.quiet();
  });

  it('F4: PINGREQ of the publisher it holds is answered, and DISCONNECT ends the connection behind what came before', async () => {
    await using broker = packetBroker();
    const reader = await broker.connect('reader');
    await reader.subscribe('t', {qos: 1});
    reader.stream.pause();
    const publisher = await broker.connect('publisher');
    for (let index = 0; index < 1200; index++) publisher.publish('t', kilobyte);
    publisher.publish('t', 'last', {qos: 1, messageId: 1});
    await publisher.quiet();
    publisher.send({cmd: 'disconnect'});
    await publisher.expect('puback');
    await publisher.expectEnd();
    reader.stream.resume();
    for (let index = 0; index < 1200; index++) await reader.expect('publish');
    assert.equal(await reader.message(), 't last q1 r0 d0');
  });
});

describe('clients that never read', () => {
  it('C4: hold publishers back for one time of grace in all, however many come', async () => {
    await using broker = packetBroker();
    const publisher = await broker.connect('publisher');
    const bystander = await broker.connect('bystander');
    const rounds = 20;
    let waited = 0;
    for (let round = 0; round < rounds; round++) {
      const reader = await broker.connect(`reader${round}`);
      await reader.subscribe('#');
      reader.stream.pause();
      for (let index = 0; index < 1500; index++) publisher.publish('t', kilobyte);
      publisher.publish('t', 'last', {qos: 1, messageId: 1});
      let isAcknowledged = false;
      const acknowledged = publisher.expect('puback').then(() => {
        isAcknowledged = true;
      });
      for (;;) {
        for (let turns = 0; turns < 20; turns++) await bystander.quiet();
        if (isAcknowledged) break;
        broker.advance(0.5);
        waited += 0.5;
      }
      await acknowledged;
      if (round % 2 === 1) reader.drop();
    }
    assert.ok(waited > 1 && waited < 10, `${waited}`);
  });
});

describe('two clients that publish to each other', () => {
  it('F4: do not stop each other', async () => {
    await using broker = packetBroker();
    const [one, other] = [await broker.connect('one'), await broker.connect('other')];
    const count = 600;
    const converse = async (client: PacketClient, to: string) => {
      for (let messageId = 1; messageId <= count; messageId++)
        client.publish(to, `${messageId}`, {qos: 1, messageId});
      const acknowledged: unknown[] = [];
      const received: string[] = [];
      while (acknowledged.length < count || received.length < count) {
        const {cmd, messageId, payload} = await client.next();
        if (cmd === 'puback') acknowledged.push(messageId);
        else {
          received.push(String(payload));
          client.send({cmd: 'puback', messageId});
        }
      }
      return received.join();
    };
    await one.subscribe('to/one', {qos: 1});
    await other.subscribe('to/other', {qos: 1});
    const expected = Array.from({length: count}, (_, index) => index + 1).join();
    const received = await Promise.all([converse(one, 'to/other'), converse(other, 'to/one')]);
    assert.deepEqual(received, [expected, expected]);
  });
});

describe('a client that does not read its acknowledgements', () => {
  it('C5: is not read from, until it reads them', async () => {
    await using broker = packetBroker();
    const publisher = await broker.connect('publisher');
    publisher.stream.pause();
    const count = 200_000;
    const frame = (index: number) => frameOf(0x32, [0, 1, 0x74, index >> 8, index & 0xff]);
    const id = (index: number) => (index % 65_535) + 1;
    for (let index = 0; index < count; index += 1000) {
      publisher.raw(...Array.from({length: 1000}, (_, more) => frame(id(index + more))));
    }
    const bystander = await broker.connect('bystander');
    for (let turns = 0; turns < 100; turns++) await bystander.quiet();
    assert.ok(publisher.stream.writableLength > 500_000, `${publisher.stream.writableLength}`);
    // As bytes: to take so many packets apart would last half a minute.
    const expected = Buffer.concat(
      Array.from({length: count}, (_, index) => frameOf(0x40, [id(index) >> 8, id(index) & 0xff])),
    );
    publisher.stream.removeAllListeners('data');
    let came = Buffer.alloc(0);
    for await (const chunk of publisher.stream) {
      came = Buffer.concat([came, chunk]);
      if (came.length >= expected.length) break;
    }
    assert.ok(came.equals(expected));
  });
});
