/** Frames come out the same however the bytes are cut, and a length that cannot be is refused. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {ExitCode, TmqError} from '../../../../src/errors.ts';
import {lengthFrames} from '../../../../src/io/input/length-frames.ts';
import {views} from '../../../../src/io/input/lines.ts';
import {chunksInOneMemory} from '../../../support/shared-memory.ts';

const frame = (payload: Uint8Array) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(payload.length);
  return Buffer.concat([head, payload]);
};

async function collect(chunks: Iterable<Uint8Array>, limits = {}): Promise<string[]> {
  const found: string[] = [];
  async function* input() {
    yield* chunks;
  }
  for await (const batch of views(lengthFrames(input(), limits))) {
    assert.notEqual(batch.length, 0);
    for (const payload of batch) found.push(Buffer.from(payload).toString('latin1'));
  }
  return found;
}

test('any chunking gives the same payloads, even when chunks share their memory', async () => {
  const payloads = fc.array(fc.uint8Array({maxLength: 12}), {maxLength: 12});
  const sizes = fc.array(fc.nat(9), {maxLength: 50});
  await fc.assert(
    fc.asyncProperty(payloads, sizes, fc.constantFrom(1, 3, 100), async (payloads, sizes, mostLines) => {
      const bytes = Buffer.concat(payloads.map(frame));
      assert.deepEqual(
        await collect(chunksInOneMemory(bytes, sizes), {mostLines}),
        payloads.map((each) => Buffer.from(each).toString('latin1')),
      );
    }),
    {numRuns: 1000},
  );
});

test('a length beyond the limit, and an input that ends too early, are refused behind what came before', async () => {
  const good = frame(Buffer.from('good'));
  const refusals: readonly (readonly [Uint8Array, RegExp])[] = [
    [
      Buffer.from('text instead'),
      /^Message 2 of the input has 1952807028 bytes, and a message has at most 100\./,
    ],
    [Buffer.from([0, 0]), /^The input ends within message 2\.$/],
    [Buffer.from([0, 0, 0, 3, 1, 2]), /^The input ends within message 2\.$/],
    [Buffer.from([0, 0, 0, 3]), /^The input ends within message 2\.$/],
  ];
  for (const [rest, message] of refusals) {
    const found: string[] = [];
    const run = async () => {
      async function* input() {
        yield Buffer.concat([good, rest]);
      }
      for await (const batch of views(lengthFrames(input(), {limit: 100}))) {
        found.push(...batch.map((payload) => Buffer.from(payload).toString()));
      }
    };
    await assert.rejects(
      run(),
      (error) =>
        error instanceof TmqError && error.exitCode === ExitCode.invalid && message.test(error.message),
    );
    assert.deepEqual(found, ['good']);
  }
});
