/** Users with several lines are found without keeping the names of all. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {type PasswordFile, parsePasswordFile, usersOf} from '../../../src/password/file.ts';
import {DuplicateUsers, LineStatistics, nameHash} from '../../../src/password/line-statistics.ts';

/** What two readings find: the line numbers of each user who has several. */
function duplicates(file: PasswordFile): ReadonlyMap<string, readonly number[]> {
  const statistics = new LineStatistics();
  statistics.take(file);
  const found = new DuplicateUsers(statistics.repeated());
  for (const user of usersOf(file)) found.take(user);
  return found.users();
}

describe('a statistics', () => {
  test('counts lines and users, and notes unusable entries', () => {
    const statistics = new LineStatistics();
    statistics.take(parsePasswordFile(Buffer.from('# x\na:plain\nb:\n')));
    statistics.take(parsePasswordFile(Buffer.from('stray\n:x')));
    assert.deepEqual([statistics.lines, statistics.users], [5, 3]);
    assert.deepEqual(statistics.unusable, [
      {number: 3, reason: 'it has no password'},
      {number: 5, reason: 'it names no user'},
    ]);
    assert.equal(statistics.repeated().size, 0);
  });

  test('finds users with two entries, also among many others', () => {
    const names = Array.from({length: 5000}, (_, index) => `user${index}`);
    const text = [...names, 'user7', '', '', 'user4999', 'user7'].map((name) => `${name}:x\n`).join('');
    assert.deepEqual(
      [...duplicates(parsePasswordFile(Buffer.from(text)))],
      [
        ['user7', [8, 5001, 5005]],
        ['user4999', [5000, 5004]],
      ],
    );
  });

  test('finds what a plain count of names finds', () => {
    const name = fc.oneof(fc.constantFrom('a', 'b', 'c', 'zoë'), fc.string({unit: 'grapheme', maxLength: 3}));
    fc.assert(
      fc.property(fc.array(name, {maxLength: 20}), (names) => {
        const file = parsePasswordFile(Buffer.from(names.map((one) => `${one}:x\n`).join('')));
        const expected = new Map<string, number[]>();
        for (const {number, line} of usersOf(file)) {
          if (line.username === '') continue;
          expected.set(line.username, [...(expected.get(line.username) ?? []), number]);
        }
        for (const [known, numbers] of expected) if (numbers.length === 1) expected.delete(known);
        assert.deepEqual(duplicates(file), expected);
      }),
      {numRuns: 1000},
    );
  });

  test('is not deceived by names that have the same number', () => {
    const file = parsePasswordFile(Buffer.from('a:x\nb:x\nb:x\n'));
    const found = new DuplicateUsers(new Set([nameHash('a'), nameHash('b')]));
    for (const user of usersOf(file)) found.take(user);
    assert.deepEqual([...found.users()], [['b', [2, 3]]]);
  });

  test('gives a hundred thousand names as many numbers', () => {
    const numbers = new Set(Array.from({length: 100_000}, (_, index) => nameHash(`user${index}`)));
    assert.equal(numbers.size, 100_000);
    for (const number of numbers) assert.ok(Number.isSafeInteger(number) && number >= 0);
  });
});
