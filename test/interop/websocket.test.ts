// needs: openssl
/** MQTT over WebSocket as the specification has it, byte by byte [MQTT 5, 6]. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {describe, it} from 'node:test';
import WebSocket from 'ws';
import {startFourListeners} from '../support/four-listeners.ts';
import {frameOf} from '../support/packet-client.ts';

const connectFrame = frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 1, 0x61]);
const subscribeFrame = frameOf(0x82, [0, 1, 0, 1, 0x74, 0]);
const publishFrame = frameOf(0x30, [0, 1, 0x74, 0x78]);

/** The next `count` bytes of a WebSocket. */
async function bytes(socket: WebSocket, count: number): Promise<Buffer> {
  let found = Buffer.alloc(0);
  return await new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) reject(new Error('a text frame'));
      found = Buffer.concat([found, data]);
      if (found.length >= count) resolve(found);
    });
    socket.on('close', () => reject(new Error('closed')));
  });
}

describe('MQTT over WebSocket', () => {
  it('MQTT-6.0.0-2: packets lie in frames however they fall', async () => {
    await using broker = await startFourListeners();
    const whole = Buffer.concat([connectFrame, subscribeFrame, publishFrame, Buffer.from([0xc0, 0])]);
    const expected = Buffer.concat([
      Buffer.from([0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]),
      publishFrame,
      Buffer.from([0xd0, 0]),
    ]);
    for (const size of [1, 3, whole.length]) {
      const socket = new WebSocket(broker.url('ws'), ['mqtt']);
      await once(socket, 'open');
      const answer = bytes(socket, expected.length);
      for (let at = 0; at < whole.length; at += size) socket.send(whole.subarray(at, at + size));
      assert.deepEqual(await answer, expected);
      socket.close();
      await once(socket, 'close');
    }
  });

  it('MQTT-6.0.0-4: the sub-protocol mqtt is taken, wherever it stands among those offered', async () => {
    await using broker = await startFourListeners();
    for (const offered of [['mqtt'], ['chat', 'mqtt'], ['mqttv3.1', 'mqtt']]) {
      const socket = new WebSocket(broker.url('ws'), offered);
      await once(socket, 'open');
      assert.equal(socket.protocol, 'mqtt');
      socket.close();
      await once(socket, 'close');
    }
  });
});
