/** The queue of password checks: its order, its bound, and who leaves it. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {fileAccess} from '../../../../src/broker/access/access.ts';
import {HashThread} from '../../../../src/broker/access/hash-thread.ts';
import {PasswordQueue} from '../../../../src/broker/access/password-queue.ts';
import {parseBrokerConfig} from '../../../../src/broker/config/parse-config.ts';
import {schemes, verifySecret} from '../../../../src/password/hash.ts';

const here = () => true;

/** A queue whose first check lasts until `begin` is called, and the names of the checks in their order. */
function heldQueue() {
  const order: string[] = [];
  const queue = new PasswordQueue();
  let begin = () => {};
  void queue.run(
    {host: 'first', username: '', isWaiting: here},
    () =>
      new Promise((resolve) => {
        begin = () => resolve(true);
      }),
  );
  const add = (host: string, name: string, isWaiting = here, username = '') =>
    queue.run({host, username, isWaiting}, async () => {
      order.push(name);
      return true;
    });
  return {queue, order, add, begin: () => begin()};
}

describe('C3: the queue of password checks', () => {
  it('takes one at a time, and each host in its turn', async () => {
    const {order, add, begin} = heldQueue();
    const all = [
      add('a', 'a1'),
      add('a', 'a2'),
      add('a', 'a3'),
      add('b', 'b1'),
      add('c', 'c1'),
      add('b', 'b2'),
    ];
    assert.deepEqual(order, []);
    begin();
    await Promise.all(all);
    assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('takes each user name of a host in its turn', async () => {
    const {order, add, begin} = heldQueue();
    const wrong = Array.from({length: 30}, (_, index) => add('a', `wrong ${index}`, here, 'mallory'));
    const all = [...wrong, add('a', 'ann 1', here, 'ann'), add('b', 'b'), add('a', 'ann 2', here, 'ann')];
    begin();
    await Promise.all(all);
    assert.deepEqual(order.slice(0, 6), ['wrong 0', 'b', 'ann 1', 'wrong 1', 'ann 2', 'wrong 2']);
  });

  it('leaves out clients that are gone', async () => {
    const {order, add, begin} = heldQueue();
    let isThere = true;
    const gone = add('a', 'a1', () => isThere);
    const there = add('a', 'a2');
    isThere = false;
    begin();
    assert.deepEqual([await gone, await there], ['busy', true]);
    assert.deepEqual(order, ['a2']);
  });

  it('has a bound: the host with the most checks loses its latest, and others get in', async () => {
    const {queue, order, add, begin} = heldQueue();
    const many = Array.from({length: 300}, (_, index) => add('a', `a${index}`));
    const other = add('b', 'b');
    assert.equal(queue.length, 256);
    begin();
    assert.equal(await other, true);
    const answers = await Promise.all(many);
    assert.equal(answers.filter((answer) => answer === 'busy').length, 45);
    assert.equal(order[1], 'b');
    assert.equal(queue.length, 0);
  });
});

describe('C3: hashes outside this thread', () => {
  for (const scheme of schemes.filter(({name}) => name === 'argon2id' || name === 'sha512-crypt')) {
    it(`${scheme.name} gives the same answers there`, async () => {
      const secret = await scheme.hash(Buffer.from('right'));
      const thread = new HashThread();
      assert.equal(await verifySecret(secret, 'right', thread), true);
      assert.equal(await verifySecret(secret, 'wrong', thread), false);
    });
  }

  it('an unknown user costs one hash of the file, and is refused even with its password', async () => {
    const secret = await schemes[1]!.hash(Buffer.from('pw'), 1000);
    const {listeners} = parseBrokerConfig('listener 1\npassword_file p', {
      path: 'x',
      read: () => assert.fail(),
    });
    const access = fileAccess(listeners, () => Buffer.from(`ann:${secret}\n`));
    const admit = (username: string) =>
      access.admit({clientId: 'c', username, password: Buffer.from('pw')}, listeners[0]!);
    const [known, unknown] = [admit('ann'), admit('bob')];
    // Answered only after a check, as the known user's: a promise.
    assert.ok(known instanceof Promise && unknown instanceof Promise);
    assert.deepEqual([(await known).accepted, (await unknown).accepted], [true, false]);
  });
});
