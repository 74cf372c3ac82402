/** Many passwords are hashed at once where that is worth it, one after another where it only takes memory. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Hasher} from '../../../../src/commands/passwd/hashing.ts';
import {processIo} from '../../../../src/io/process.ts';
import {type HashScheme, schemes} from '../../../../src/password/hash.ts';

/** A scheme that remembers how many of its hashes were under way at once. */
function counted(scheme: HashScheme): {readonly scheme: HashScheme; most(): number} {
  let now = 0;
  let most = 0;
  const hash = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return 'secret';
  };
  return {scheme: {...scheme, hash}, most: () => most};
}

for (const scheme of schemes) {
  const several = scheme.name === 'sha512-pbkdf2' || scheme.name.startsWith('scram');
  test(`${scheme.name}: ${several ? 'several' : 'one'} at a time, and each once`, async () => {
    const {scheme: watched, most} = counted(scheme);
    const items = Array.from({length: 50}, (_, index) => index);
    const stored: number[] = [];
    using hasher = new Hasher({scheme: watched}, items.length, processIo());
    await hasher.each(
      items,
      () => Buffer.from('x'),
      (item) => stored.push(item),
    );
    assert.ok(several ? most() >= 8 : most() === 1, `${most()} at once`);
    assert.deepEqual(
      stored.sort((a, b) => a - b),
      items,
    );
  });
}

test('a signal is heard while hashing keeps this thread busy', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  setImmediate(() => controller.abort(reason));
  const busy = async () => {
    for (const end = performance.now() + 1; performance.now() < end; );
    return 'secret';
  };
  const io = {...processIo(), signal: controller.signal};
  using hasher = new Hasher({scheme: {...schemes[0]!, hash: busy}}, 5000, io);
  let stored = 0;
  const all = hasher.each(
    Array.from({length: 5000}),
    () => Buffer.from('x'),
    () => stored++,
  );
  await assert.rejects(all, reason);
  assert.ok(stored < 5000, `${stored} were hashed`);
});
