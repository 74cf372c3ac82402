/** The names and passwords that may stand in a password file. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {TmqError} from '../../../src/errors.ts';
import {parsePasswordFile} from '../../../src/password/file.ts';
import {
  checkPassword,
  checkReadableName,
  checkUsername,
  passwordOfWord,
  UserList,
} from '../../../src/password/user.ts';

const hash =
  '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==';

describe('a user name', () => {
  const refused: readonly (readonly [name: string, message: RegExp])[] = [
    ['', /must not be empty/],
    ['a:b', /must not contain the ':' character/],
    ['a\nb', /must not contain control characters/],
    ['a\tb', /control characters/],
    ['a\x7f', /control characters/],
    ['a\u0085', /control characters/],
    ['#a', /must not begin with '#'/],
    [' a', /blank/],
    ['a ', /blank/],
    ['a\ufffd', /valid UTF-8/],
    ['a'.repeat(65_536), /less than 65536 characters/],
  ];
  for (const [name, message] of refused) {
    test(`${JSON.stringify(name.slice(0, 9))} is refused`, () =>
      assert.throws(() => checkUsername(name), message));
  }

  test('may have blanks inside, other letters, and be as long as MQTT allows', () => {
    for (const name of ['a b', 'zoë', '密码', 'a#', '\u00a0a', 'a'.repeat(65_535)]) checkUsername(name);
  });

  test('that can only be found may look worse', () => {
    checkReadableName('#a\t ');
    for (const name of ['', 'a:b', '\ufffd']) assert.throws(() => checkReadableName(name), TmqError);
  });

  test('which is accepted reads back as the same name', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme', maxLength: 10}), (name) => {
        try {
          checkUsername(name);
        } catch {
          return;
        }
        const [line] = parsePasswordFile(Buffer.from(`${name}:${hash}\n`));
        assert.deepEqual([line?.kind, line && 'username' in line && line.username], ['entry', name]);
      }),
      {numRuns: 1000},
    );
  });
});

describe('a password', () => {
  test('has at most 65535 bytes and no NUL', () => {
    checkPassword(Buffer.alloc(65_535, 'x'));
    assert.throws(() => checkPassword(Buffer.alloc(65_536, 'x')), /less than 65536 characters/);
    assert.throws(() => checkPassword(Buffer.from('a\0b')), /NUL/);
  });

  test('of the command line may be empty, but has lost bytes when it was no UTF-8', () => {
    assert.deepEqual(passwordOfWord('pä'), Buffer.from('pä'));
    assert.equal(passwordOfWord('').length, 0);
    assert.throws(() => passwordOfWord('a\ufffd'), /standard input/);
  });
});

describe('a list of users', () => {
  const read = (text: string | Uint8Array) => {
    const list = new UserList();
    const lines = Buffer.from(text).toString('latin1').split('\n');
    for (const line of lines) list.add(Buffer.from(line, 'latin1'));
    return {secrets: [...list.secrets], passwords: [...list.passwords]};
  };

  test('takes everything after the first colon, skips comments, and keeps hashes', () => {
    assert.deepEqual(read(`# users\n\na:p:w \r\nb:${hash}\nzoë: x`), {
      secrets: [
        ['a', ''],
        ['b', hash],
        ['zoë', ''],
      ],
      passwords: [
        ['a', 'p:w '],
        ['zoë', ' x'],
      ],
    });
  });

  test('keeps the bytes of a password that is no UTF-8', () => {
    assert.deepEqual(read(Buffer.from([0x61, 0x3a, 0xff, 0xfe])).passwords, [['a', '\xff\xfe']]);
  });

  for (const [what, text, message] of [
    ['without a colon', 'a:x\nb\n', /^Line 2 cannot be imported, so none was: It has no ':'/],
    ['without a password', 'a:\n', /^Line 1 .*Empty password\./],
    ['without a user', ':x\n', /^Line 1 .*empty\. Is a variable of the shell unset\?$/],
    ['with a user who was there', 'a:x\nb:y\na:z\n', /^Line 3 .*there before/],
    ['with a name that is no UTF-8', Buffer.from([0xff, 0x3a, 0x61]), /^Line 1 .*UTF-8/],
    ['with a NUL in the password', 'a:x\0y\n', /^Line 1 .*NUL/],
  ] as const) {
    test(`is refused as a whole for a line ${what}`, () => {
      assert.throws(() => read(text), {name: 'TmqError', message});
    });
  }
});
