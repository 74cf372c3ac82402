/** The frames that the broker sends to WebSocket clients, in each form of their length, for batches cut anywhere. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {PacketFrames} from '../../../../src/broker/wire/packet-frames.ts';
import {variableInteger} from '../../../../src/protocol/fixed-header.ts';
import {serverFrame} from '../../../support/stand-ins/web-socket-server.ts';

/** A PUBLISH of about so many bytes. */
function packet(bytes: number): Buffer {
  const length = variableInteger(bytes - 2);
  return Buffer.concat([Buffer.from([0x30]), length, Buffer.alloc(bytes - 2, 'x')]);
}

/** What is sent for the batches, and the frames expected. */
function assertFrames(batches: readonly Buffer[], frames: readonly Buffer[]): void {
  const writer = new PacketFrames();
  const sent = Buffer.concat(batches.map((bytes) => writer.add(bytes)));
  assert.ok(sent.equals(Buffer.concat(frames.map((frame) => serverFrame(frame)))));
}

describe('PacketFrames', () => {
  it('N3: makes a frame of each packet of a batch', () => {
    const packets = [2, 3, 125, 126, 127, 65_532, 65_533, 65_534, 65_535, 200_000, 2].map(packet);
    assertFrames([Buffer.concat(packets)], packets);
  });

  it('keeps to the packets where a batch ends within one', () => {
    const [first, second, third] = [packet(300), packet(80_000), packet(10)] as const;
    const bytes = Buffer.concat([first, second, third]);
    const secondAt = first.length;
    assertFrames(
      [bytes.subarray(0, 100), bytes.subarray(100, 40_000), bytes.subarray(40_000)],
      [
        first.subarray(0, 100),
        first.subarray(100),
        second.subarray(0, 40_000 - secondAt),
        second.subarray(40_000 - secondAt),
        third,
      ],
    );
  });

  it('passes on what is no packet', () => {
    for (const bytes of [Buffer.alloc(9, 0xff), Buffer.from([0x30]), Buffer.from([0x30, 0x80])]) {
      assertFrames([bytes], [bytes]);
    }
  });
});
