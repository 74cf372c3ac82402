/** Many clients, clients that do not read, and malformed packets: the broker's memory stays bounded, and it serves the others. */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {describe, it} from 'node:test';
import {startBrokerProcess} from '../support/broker-process.ts';
import {frameOf, PacketClient} from '../support/packet-client.ts';

const open = 'listener 0 127.0.0.1\nallow_anonymous true\n';

/** CONNECT of MQTT 3.1.1 without keep alive. */
function connectFrame(clientId: string, flags = 2): Buffer {
  const name = Buffer.from(clientId);
  return frameOf(0x10, [
    0,
    4,
    ...Buffer.from('MQTT'),
    4,
    flags,
    0,
    0,
    name.length >> 8,
    name.length & 255,
    ...name,
  ]);
}

/** SUBSCRIBE to one filter at QoS 0. */
function subscribeFrame(filter: string): Buffer {
  const name = Buffer.from(filter);
  return frameOf(0x82, [0, 1, 0, name.length, ...name, 0]);
}

/** The next bytes of a socket; rejects when it ends first. */
async function answer(socket: Socket): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the broker closed the connection')));
  });
}

/** Runs an action for each number, so many at once. */
async function forEach(
  count: number,
  atOnce: number,
  action: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({length: atOnce}, async () => {
      while (next < count) await action(next++);
    }),
  );
}

/** A client of MQTT 3.1.1 on a port. */
async function client(port: number, clientId: string): Promise<PacketClient> {
  const connected = new PacketClient(connect({port, host: '127.0.0.1', noDelay: true}), 4);
  connected.raw(connectFrame(clientId));
  await connected.expect('connack');
  return connected;
}

/** The value of a topic under $SYS/broker, from the first update that is `enough`. */
async function sysValue(port: number, topic: string, enough: (value: number) => boolean): Promise<number> {
  const watcher = await client(port, `watch ${topic}`);
  await watcher.subscribe(`$SYS/broker/${topic}`);
  for (;;) {
    const value = Number((await watcher.expect('publish')).payload);
    if (!enough(value)) continue;
    await watcher.leave();
    return value;
  }
}

/** Sockets that one process may hold here, less what it needs for other things. */
function affordableSockets(): number {
  const limit = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  )?.[1];
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit) - 200;
}

describe('many clients', () => {
  it('10,000 idle ones are served, and take little', async (context) => {
    const count = Math.min(10_000, affordableSockets());
    if (count < 10_000) context.diagnostic(`only ${count}: this system allows no more open files`);
    await using broker = await startBrokerProcess(`${open}sys_interval 1\n`);
    const before = await broker.residentBytes();
    const sockets: Socket[] = [];
    try {
      await forEach(count, 200, async (index) => {
        const socket = connect(broker.port, '127.0.0.1');
        sockets.push(socket);
        socket.write(connectFrame(`idle-${index}`));
        assert.equal((await answer(socket)).toString('hex'), '20020000');
      });
      assert.ok((await sysValue(broker.port, 'clients/connected', (value) => value > count)) > count);
      const each = ((await broker.residentBytes()) - before) / count;
      context.diagnostic(`${Math.round(each)} bytes for each of ${count} clients`);
      assert.ok(each < 40_000, `${each} bytes for each`);
      for (const socket of sockets.filter((_, index) => index % 1000 === 0)) {
        socket.write(Buffer.from([0xc0, 0]));
        assert.equal((await answer(socket)).toString('hex'), 'd000');
      }
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    assert.equal(await sysValue(broker.port, 'clients/total', (value) => value === 1), 1);
  });

  it('1,000 that never read cost a bounded amount of memory, and the publisher only a moment', async (context) => {
    // Through a Unix socket: a thousand TCP connections would take so much of the system's memory for TCP that
    // whatever else runs at the same time suffers.
    const local = 'listener 0 {directory}/deaf.sock\nallow_anonymous true\n';
    await using broker = await startBrokerProcess(`${open}${local}sys_interval 1\n`);
    const before = await broker.residentBytes();
    const sockets: Socket[] = [];
    try {
      await forEach(1000, 100, async (index) => {
        const socket = connect(`${broker.directory}/deaf.sock`);
        sockets.push(socket);
        socket.write(Buffer.concat([connectFrame(`deaf-${index}`), subscribeFrame('news')]));
        await answer(socket);
        socket.pause();
      });
      const reader = await client(broker.port, 'reader');
      await reader.subscribe('news/end');
      const publisher = connect(broker.port, '127.0.0.1');
      sockets.push(publisher);
      publisher.write(connectFrame('publisher'));
      await answer(publisher);
      const message = frameOf(
        0x30,
        Buffer.concat([Buffer.from([0, 4]), Buffer.from('news'), Buffer.alloc(1000)]),
      );
      const batch = Buffer.concat(Array.from({length: 100}, () => message));
      let most = 0;
      for (let sent = 0; sent < 30_000; sent += 100) {
        if (!publisher.write(batch)) await new Promise((resolve) => publisher.once('drain', resolve));
        if (sent % 5_000 === 0) most = Math.max(most, await broker.residentBytes());
      }
      publisher.write(Buffer.from([0xc0, 0]));
      assert.equal((await answer(publisher)).toString('hex'), 'd000');
      publisher.write(frameOf(0x30, Buffer.concat([Buffer.from([0, 8]), Buffer.from('news/endx')])));
      assert.equal(await reader.message(), 'news/end x q0 r0 d0');
      most = Math.max(most, await broker.residentBytes()) - before;
      const waiting = await sysValue(broker.port, 'packet/out/bytes', () => true);
      const dropped = await sysValue(broker.port, 'publish/messages/dropped', (value) => value > 0);
      context.diagnostic(`${most >> 20} MB more; ${waiting} bytes wait, ${dropped} messages were dropped`);
      assert.ok(waiting > 0 && waiting < 400 << 20, `${waiting} bytes wait`);
      assert.ok(most < 700 << 20, `${most} bytes`);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
});
