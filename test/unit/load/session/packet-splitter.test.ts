import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {PacketSplitter} from '../../../../src/load/session/packet-splitter.ts';
import {publishEncoder} from '../../../../src/protocol/publish-writer.ts';

/** A PUBLISH with a payload of so many bytes. */
function packet(size: number): Buffer {
  const header = publishEncoder({topic: 'a', qos: 0, retain: false}, 4).header(size, 0, false);
  return Buffer.concat([header, Buffer.alloc(size, size & 0xff)]);
}

test('gives every packet whole, however the bytes are cut', () => {
  const sizes = fc.array(fc.oneof(fc.nat(5), fc.integer({min: 120, max: 130}), fc.nat(40_000)), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(), {maxLength: 12}), (all, cuts) => {
      const packets = all.map(packet);
      const bytes = Buffer.concat(packets);
      const places = [...cuts.map((cut) => (bytes.length === 0 ? 0 : cut % bytes.length)), 0, bytes.length];
      places.sort((one, other) => one - other);
      const splitter = new PacketSplitter();
      const found: Buffer[] = [];
      for (const [index, end] of places.entries()) {
        // Memory that the next read overwrites.
        const chunk = Buffer.from(bytes.subarray(places[index - 1] ?? 0, end));
        splitter.push(chunk, (whole, at, to) => found.push(Buffer.from(whole.subarray(at, to))));
        chunk.fill(0);
      }
      assert.deepEqual(found, packets);
    }),
  );
});

test('a length of more than four bytes is malformed', () => {
  const push = () => new PacketSplitter().push(Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff), () => undefined);
  assert.throws(push, /malformed length/);
});
