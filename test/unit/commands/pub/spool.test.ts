/** The file of --on-outage spool: what is in it after any end, and which files it refuses. */

import assert from 'node:assert/strict';
import {existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {crc32} from 'node:zlib';
import fc from 'fast-check';
import {Spool} from '../../../../src/commands/pub/spool.ts';
import {TmqError} from '../../../../src/errors.ts';
import type {Publication} from '../../../../src/protocol/message.ts';

const directory = mkdtempSync(join(tmpdir(), 'tmq-spool-'));
after(() => rmSync(directory, {recursive: true, force: true}));

let files = 0;
const newPath = () => join(directory, `spool${++files}`);
const io = {signal: new AbortController().signal, pid: process.pid};
const now = () => 0n;
const publication: Publication = {topic: 't', qos: 1, retain: false};
const open = (path: string, broker = 'b:1') => Spool.open({path, broker}, io);

const batch = (...payloads: readonly (string | Uint8Array)[]) => ({
  payloads: payloads.map((payload) => Buffer.from(payload)),
  publications: payloads.map(() => publication),
});

/** All that waits, taken. */
async function takeAll(spool: Spool): Promise<string[]> {
  const found: string[] = [];
  spool.end();
  for await (const each of spool.batches()) {
    assert.ok('payloads' in each);
    found.push(...each.payloads.map((payload) => Buffer.from(payload).toString('latin1')));
  }
  return found;
}

test('what was not settled is there for the next run, and the file goes when nothing is left', async () => {
  const path = newPath();
  const first = await open(path);
  assert.equal(first.found, 0);
  first.append(batch('a', 'b', 'c'), now);
  first.append(batch('d'), now);
  assert.deepEqual(await takeAll(first), ['a', 'b', 'c', 'd']);
  first.settle(2);
  await first.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const second = await open(path);
  assert.equal(second.found, 2);
  second.append(batch('e'), now);
  assert.deepEqual(await takeAll(second), ['c', 'd', 'e']);
  second.settle(1);
  second.settle(3);
  await second.close();
  assert.equal(existsSync(path), false);
});

test('any messages come back as they were, through any number of runs', async () => {
  const message = fc.record({
    payload: fc.oneof(
      fc.uint8Array({maxLength: 30}),
      fc.json({maxDepth: 2}).map((text) => Uint8Array.from(Buffer.from(text))),
    ),
    publication: fc.record(
      {
        topic: fc.constantFrom('a', 'b/c', 'é'),
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        retain: fc.boolean(),
        properties: fc.record({contentType: fc.constantFrom('x', 'y')}, {noNullPrototype: true}),
      },
      {noNullPrototype: true},
    ),
  });
  const runs = fc.array(fc.tuple(fc.array(message, {maxLength: 5}), fc.nat(5)), {maxLength: 4});
  await fc.assert(
    fc.asyncProperty(runs, async (runs) => {
      const path = newPath();
      let expected: {payload: string; publication: Publication}[] = [];
      for (const [messages, settled] of runs) {
        const spool = await open(path);
        assert.equal(spool.found, expected.length);
        const payloads = messages.map(({payload}) => payload);
        if (messages.length > 0)
          spool.append({payloads, publications: messages.map((each) => each.publication)}, now);
        expected.push(
          ...messages.map(({payload, publication}) => ({
            payload: Buffer.from(payload).toString('latin1'),
            publication,
          })),
        );
        spool.end();
        const found: typeof expected = [];
        for await (const each of spool.batches()) {
          assert.ok('payloads' in each);
          for (const [index, payload] of each.payloads.entries()) {
            const publication = each.publications[index]!;
            found.push({payload: Buffer.from(payload).toString('latin1'), publication});
          }
        }
        assert.deepEqual(found, expected);
        spool.settle(settled);
        expected = expected.slice(settled);
        await spool.close();
      }
    }),
    {numRuns: 100},
  );
});

test('a torn end is cut at whatever byte it ends, and what is before it is there', async () => {
  const path = newPath();
  const spool = await open(path);
  spool.append(batch('one'), now);
  const whole = statSync(path).size;
  spool.append(batch('two'), now);
  spool.settle(0);
  await spool.close();
  const bytes = readFileSync(path);
  for (let length = whole; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length));
    const again = await open(path);
    assert.deepEqual(await takeAll(again), ['one'], `${length} bytes`);
    await again.close();
    assert.equal(statSync(path).size, whole);
  }
  // As a file system leaves it after a loss of power: the length is there, the bytes are not.
  writeFileSync(path, Buffer.concat([bytes.subarray(0, whole), Buffer.alloc(40)]));
  const zeros = await open(path);
  assert.equal(zeros.found, 1);
  await zeros.close();
});

test('a spool that is damaged, of another broker, or none at all is refused and left alone', async () => {
  const path = newPath();
  const spool = await open(path);
  spool.append(batch('one', 'two', 'three'), now);
  await spool.close();
  const good = readFileSync(path, 'latin1');
  const refuses = async (text: string, sentence: RegExp, broker?: string) => {
    writeFileSync(path, text, 'latin1');
    await assert.rejects(
      open(path, broker),
      (error) => error instanceof TmqError && error.exitCode === 1 && sentence.test(error.message),
    );
    assert.equal(readFileSync(path, 'latin1'), text);
  };
  await refuses(
    good.replace('"payload":"two"', '"payload":"tvo"'),
    /^Line 3 of the spool .* is damaged, and lines behind it are not\./,
  );
  await refuses(
    good,
    /has messages for b:1, not for c:1: connect there first, or name another file\.$/,
    'c:1',
  );
  const later = Buffer.from('{"tmq-spool":2}');
  const sum = crc32(later).toString(16).padStart(8, '0');
  await refuses(`${sum} ${later}\n`, /is of a later version of tmq: use that, or name another file\.$/);
  await refuses('some text\n', /is no spool of tmq: name another one\.$/);
  await refuses('text without an end', /is no spool of tmq/);
  await assert.rejects(open(directory), /^TmqError|FileError|Cannot write the spool .*: it is a directory\./);
  await assert.rejects(
    open(join(directory, 'missing', 'spool')),
    /Cannot write the spool .*: no such file or directory\./,
  );
});

test('a file has one writer at a time', async () => {
  const path = newPath();
  const spool = await open(path);
  await assert.rejects(
    open(path),
    (error) =>
      error instanceof TmqError &&
      /^The spool .* is in use: give each run a file of its own\. .* is held by process \d+/.test(
        error.message,
      ),
  );
  await spool.close();
  await (await open(path)).close();
});

test('a file that is mostly settled is written anew, and goes on', async () => {
  const path = newPath();
  const spool = await open(path);
  const large = Buffer.alloc(1024 * 1024, 'x');
  const stream = spool.batches();
  let taken = 0;
  for (let round = 0; round < 40; round++) {
    spool.append(
      {payloads: [large, Buffer.from(`small ${round}`)], publications: [publication, publication]},
      now,
    );
    while (spool.waiting > 0) {
      const {value} = await stream.next();
      assert.ok(value !== undefined && 'payloads' in value);
      taken += value.payloads.length;
    }
    // The last two messages stay unsettled.
    spool.settle(taken - 2);
  }
  assert.ok(statSync(path).size < 36 * 1024 * 1024, `${statSync(path).size} bytes`);
  await spool.close();
  const again = await open(path);
  assert.deepEqual(await takeAll(again), [large.toString(), 'small 39']);
  again.settle(2);
  await again.close();
  assert.equal(existsSync(path), false);
});
