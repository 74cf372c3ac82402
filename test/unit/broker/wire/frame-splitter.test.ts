/** The frames of a stream of bytes, however it is cut [MQTT 5, 2.1]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import fc from 'fast-check';
import {FrameSplitter} from '../../../../src/broker/wire/frame-splitter.ts';
import {frameOf} from '../../../support/packet-client.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const frame = fc
  .record({first: fc.nat(255), size: fc.oneof(fc.nat(40), fc.nat(40_000))})
  .map(({first, size}) => frameOf(first, Buffer.alloc(size, first + size)));

describe('FrameSplitter', () => {
  it('gives the frames that were pushed, in pieces of any size', () => {
    const sizes = fc.array(fc.oneof(fc.integer({min: 1, max: 9}), fc.integer({min: 1, max: 5000})), {
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.array(frame, {minLength: 1, maxLength: 8}), sizes, (frames, pieces) => {
        const bytes = Buffer.concat(frames);
        const splitter = new FrameSplitter(1_000_000);
        const found: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + pieces[turn % pieces.length]!;
          splitter.push(Buffer.from(bytes.subarray(at, end)));
          at = end;
          for (let next = splitter.next(); next !== undefined; next = splitter.next()) found.push(next);
        }
        assert.deepEqual(found, frames);
        assert.equal(splitter.length, 0);
      }),
    );
  });

  it('F7: takes little more memory than the bytes that wait, when they come one by one', () => {
    const splitter = new FrameSplitter(1_000_000);
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const before = used();
    const count = 390_000;
    splitter.push(Buffer.from([0x10, 0xf0, 0xf0, 0x17]));
    for (let index = 0; index < count; index++) {
      splitter.push(Buffer.from([index & 0xff]));
      if (index % 1000 === 0) assert.equal(splitter.next(), undefined);
    }
    collectGarbage();
    assert.ok(used() - before < 20_000_000, `${used() - before}`);
    assert.equal(splitter.length, count + 4);
  });
});
