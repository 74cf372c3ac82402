/** Users with several lines are found without keeping the names of all. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {Census, Duplicates, nameNumber} from '../../../src/password/census.ts';
import {type PasswordFile, parsePasswordFile, usersOf} from '../../../src/password/file.ts';

/** What two readings find: the line numbers of each user who has several. */
function duplicates(file: PasswordFile): ReadonlyMap<string, readonly number[]> {
  const census = new Census();
  census.take(file);
  const found = new Duplicates(census.repeated());
  for (const user of usersOf(file)) found.take(user);
  return found.users();
}

describe('a census', () => {
  test('counts lines and users, and notes who cannot log in', () => {
    const census = new Census();
    census.take(parsePasswordFile(Buffer.from('# x\na:plain\nb:\n')));
    census.take(parsePasswordFile(Buffer.from('stray\n:x')));
    assert.deepEqual([census.lines, census.users], [5, 3]);
    assert.deepEqual(census.complaints, [
      {number: 3, reason: 'it has no password'},
      {number: 5, reason: 'it names no user'},
    ]);
    assert.equal(census.repeated().size, 0);
  });

  test('finds users who stand there twice, however often others do', () => {
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
    const found = new Duplicates(new Set([nameNumber('a'), nameNumber('b')]));
    for (const user of usersOf(file)) found.take(user);
    assert.deepEqual([...found.users()], [['b', [2, 3]]]);
  });

  test('gives a hundred thousand names as many numbers', () => {
    const numbers = new Set(Array.from({length: 100_000}, (_, index) => nameNumber(`user${index}`)));
    assert.equal(numbers.size, 100_000);
    for (const number of numbers) assert.ok(Number.isSafeInteger(number) && number >= 0);
  });
});
