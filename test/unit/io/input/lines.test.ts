/** Lines come out the same however the bytes are cut, and nothing in them is changed. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {setImmediate} from 'node:timers/promises';
import fc from 'fast-check';
import {TmqError} from '../../../../src/errors.ts';
import {lines, maximumLineBytes} from '../../../../src/io/input/lines.ts';
import {chunksInOneMemory} from '../../../support/shared-memory.ts';

async function* from(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

interface Limits {
  readonly limit?: number;
  readonly mostLines?: number;
}

async function collect(chunks: Iterable<Uint8Array>, limits: Limits = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of lines(from(chunks), limits)) {
    assert.notEqual(batch.length, 0);
    assert.ok(batch.length <= (limits.mostLines ?? Number.POSITIVE_INFINITY));
    for (const line of batch) found.push(Buffer.from(line).toString('latin1'));
  }
  return found;
}

/** The naive answer. */
function split(bytes: Uint8Array): string[] {
  const parts = Buffer.from(bytes).toString('latin1').split('\n');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

/** Bytes in which LF is common. */
const content = fc
  .array(
    fc.oneof({weight: 2, arbitrary: fc.constant(10)}, {weight: 5, arbitrary: fc.integer({min: 0, max: 255})}),
  )
  .map((bytes) => Uint8Array.from(bytes));

const sizes = fc.array(fc.nat(20), {maxLength: 50});
const most = fc.constantFrom(1, 2, 3, 7, Number.POSITIVE_INFINITY);

test('any chunking gives the same lines, in batches as large as allowed, even when chunks share their memory', async () => {
  await fc.assert(
    fc.asyncProperty(content, sizes, most, async (bytes, sizes, mostLines) => {
      assert.deepEqual(await collect(chunksInOneMemory(bytes, sizes), {mostLines}), split(bytes));
    }),
    {numRuns: 1000},
  );
});

test('CR, NUL, empty lines and a last line without LF are kept', async () => {
  assert.deepEqual(await collect([Buffer.from('one\ntwo\r\n\n\0a\0b\nlast')]), [
    'one',
    'two\r',
    '',
    '\0a\0b',
    'last',
  ]);
  assert.deepEqual(await collect([Buffer.from('\n')]), ['']);
  assert.deepEqual(await collect([]), []);
});

test('lines within a chunk are slices of it', async () => {
  const chunk = Buffer.from('one\ntwo\n');
  for await (const batch of lines(from([chunk]))) {
    assert.deepEqual(
      batch.map((line) => [line.buffer === chunk.buffer, line.byteOffset - chunk.byteOffset]),
      [
        [true, 0],
        [true, 4],
      ],
    );
  }
});

test('a line of many chunks is joined once', async () => {
  const chunk = Buffer.alloc(64, 'x');
  const chunks = Array.from({length: 20_000}, () => chunk);
  const [line, next, ...more] = await collect([...chunks, Buffer.from('\nnext')]);
  assert.deepEqual([line?.length, next, more], [64 * 20_000, 'next', []]);
});

test('the lines before a line that is too long come first; then it is named', async () => {
  const found: string[] = [];
  const read = async (chunks: string[]) => {
    for await (const batch of lines(from(chunks.map((chunk) => Buffer.from(chunk))), {limit: 4})) {
      for (const line of batch) found.push(Buffer.from(line).toString());
    }
  };
  const expected = (error: unknown) =>
    error instanceof TmqError &&
    error.exitCode === 1 &&
    /^Line 3 of the input is longer than 4 bytes/.test(error.message);
  for (const chunks of [
    ['a\nfour\n12345\nb\n'],
    ['a\nfour\n123', '45'],
    ['a\nfour\n1', '2', '345\nb'],
    ['a\nfour\n1234', '5\n'],
  ]) {
    found.length = 0;
    await assert.rejects(read(chunks), expected);
    assert.deepEqual(found, ['a', 'four']);
  }
  found.length = 0;
  await read(['1234', '\n12', '34']);
  assert.deepEqual(found, ['1234', '1234']);
  assert.equal(maximumLineBytes, 2 ** 28 - 1);
});

test('leaving the loop ends the input', async () => {
  let ended = false;
  async function* input() {
    try {
      for (;;) {
        await setImmediate();
        yield Buffer.from('line\n');
      }
    } finally {
      ended = true;
    }
  }
  for await (const batch of lines(input())) {
    assert.equal(batch.length, 1);
    break;
  }
  assert.equal(ended, true);
});
