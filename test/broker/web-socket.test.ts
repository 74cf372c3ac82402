/** The broker's WebSocket frames, and what it does with those that are not valid [RFC 6455], [MQTT 5, 6]. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {describe, it} from 'node:test';
import WebSocket from 'ws';
import {FrameSplitter} from '../../src/broker/wire/frame-splitter.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {frameOf, within} from '../support/packet-client.ts';
import {clientFrame, openRawWebSocket} from '../support/raw-web-socket.ts';

const connect = frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 1, 0x61]);
const subscribe = frameOf(0x82, [0, 1, 0, 1, 0x23, 2]);
const ping = Buffer.from([0xc0, 0]);

/** Whether the bytes are one whole packet. */
function isWholePacket(bytes: Buffer): boolean {
  const splitter = new FrameSplitter(1_000_000);
  splitter.push(bytes);
  return splitter.next() !== undefined && splitter.length === 0;
}

describe('MQTT over WebSockets', () => {
  it('A1, N3: each frame of the broker is one whole packet', async () => {
    await using broker = await startBroker({webSockets: true});
    const socket = new WebSocket(broker.urls.ws!, ['mqtt']);
    await once(socket, 'open');
    const frames: Buffer[] = [];
    const end = new Promise<void>((resolve) => {
      socket.on('message', (frame: Buffer) => {
        frames.push(frame);
        // PINGRESP
        if (frame.at(-2) === 0xd0 && frame.at(-1) === 0) resolve();
      });
    });
    for (let index = 0; index < 60; index++) {
      const payload = Buffer.alloc(index % 10 === 0 ? 100_000 : 5000 + index, 'x');
      broker.publish(`retained/${index}`, payload, {qos: index % 2 === 0 ? 0 : 1, retain: true});
    }
    socket.send(Buffer.concat([connect, subscribe, ping]));
    await within(end, 'PINGRESP');
    assert.ok(frames.every(isWholePacket), frames.map(({length}) => length).join(' '));
    assert.ok(Buffer.concat(frames).length > 150_000);
    socket.close();
    await once(socket, 'close');
  });

  for (const [what, frame] of [
    ['without a mask', Buffer.from([0x82, 2, 0xc0, 0])],
    ['with reserved bits', Buffer.from([0xf2, 0x82, 1, 2, 3, 4, 0, 0])],
    ['of 2^63 bytes', Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
  ] as const) {
    it(`A5: a frame ${what} ends the connection at once`, async () => {
      for (const before of [[], [clientFrame(connect)]]) {
        const log: string[] = [];
        await using broker = await startBroker({webSockets: true, log: (line) => log.push(line)});
        const socket = await openRawWebSocket(Number(new URL(broker.urls.ws!).port));
        socket.resume();
        const closed = once(socket, 'close');
        socket.write(Buffer.concat([...before, frame]));
        await within(closed, 'the end of the connection');
        assert.ok(
          log.some((line) => /disconnected: Invalid WebSocket frame|disconnected: .*payload/i.test(line)),
          log.join('\n'),
        );
      }
    });
  }
});
