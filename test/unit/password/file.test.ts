/** Password files keep all other lines, byte for byte. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {type Edit, Editing, hashPasswords, RemoveUser, SetUsers} from '../../../src/password/edit.ts';
import {
  formatPasswordFile,
  LineReader,
  type PasswordFile,
  parsePasswordFile,
  usersOf,
} from '../../../src/password/file.ts';

const hash =
  '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==';
const other =
  '$6$vRe/NC3ZUloDH78T$iCUhWv+fgw34kA1p2y1/lz5SSYOF8YFVhKLh/QSW+PBf6GEQCvb1gytlBsihEI/Spys2P9SAEKl0qylSJiI6Cw==';

const parse = (text: string) => parsePasswordFile(Buffer.from(text));

/** What an edit makes of a file that is shown in one piece, or in the given ones. */
function edited(edit: Edit, ...pieces: readonly (readonly PasswordFile[number][])[]): PasswordFile {
  const editing = new Editing(edit);
  return [...pieces.flatMap((lines) => editing.take(lines)), ...[...editing.rest()].flat()];
}
const format = (edit: Edit, text: string) => formatPasswordFile(edited(edit, parse(text))).toString();
const set = (text: string, ...users: readonly string[]) =>
  format(new SetUsers(new Map(users.map((user) => [user, other]))), text);
const remove = (text: string, user: string) => format(new RemoveUser(user), text);

describe('reading', () => {
  const kinds: readonly (readonly [line: string, kind: string])[] = [
    [`alice:${hash}`, 'entry'],
    [` alice : ${hash} `, 'entry'],
    [`alice:${hash}:more:fields`, 'entry'],
    [`alice:${hash}\r`, 'entry'],
    ['# a comment', 'comment'],
    [`#alice:${hash}`, 'comment'],
    ['', 'comment'],
    [' \t\r', 'comment'],
    ['no colon here', 'stray'],
    ['alice:secret', 'plain'],
    ['alice:se:cr:et', 'plain'],
    ['alice:$ecret', 'plain'],
    ['alice:$6', 'plain'],
    ['alice:', 'malformed'],
    ['alice: ', 'malformed'],
    ['alice::secret', 'plain'],
    [`:${hash}`, 'malformed'],
    ['alice:$5$saltsalt$hash', 'malformed'],
    ['alice:$2b$12$hash', 'malformed'],
    [`alice:${hash.slice(0, -3)}`, 'malformed'],
  ];
  for (const [line, kind] of kinds) {
    test(`${JSON.stringify(line.slice(0, 30))} is ${kind}`, () => {
      assert.deepEqual(
        parse(`${line}\n`).map((found) => found.kind),
        [kind],
      );
    });
  }

  test('a name is UTF-8, and only ASCII blanks are dropped around it', () => {
    const [line] = usersOf(parse(`\t\u00a0zo\u00eb à :${hash}\n`));
    assert.equal(line!.line.username, '\u00a0zo\u00eb à');
  });

  test('a plain password is everything after the first colon, as bytes', () => {
    const [line] = parsePasswordFile(Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x3a, 0x62, 0x0d, 0x0a]));
    assert.equal(line!.kind, 'plain');
    assert.deepEqual(line!.kind === 'plain' && [...line!.password], [0xff, 0x3a, 0x62]);
  });

  test('numbers count every line', () => {
    const file = parse(`# x\na:${hash}\n\nb:plain\na:broken$\nstray\nb:${hash}\n`);
    assert.deepEqual(
      usersOf(file).map(({number, line}) => `${number} ${line.username} ${line.kind}`),
      ['2 a entry', '4 b plain', '5 a plain', '7 b entry'],
    );
  });

  test('an empty file has no line', () => {
    assert.deepEqual(parse(''), []);
    assert.deepEqual(parse('\n').length, 1);
  });
});

describe('setting', () => {
  test('comments, blank and unknown lines before and after survive, and no user is lost', () => {
    const text = `# head\n\na:${hash}\nunknown line\n#b:${hash}\nb:${hash}\n`;
    assert.equal(set(text, 'c'), `${text}c:${other}\n`);
    assert.equal(set(text, 'b'), text.replace(`\nb:${hash}`, `\nb:${other}`));
  });

  test('a missing last newline glues nothing together', () => {
    assert.equal(set(`a:${hash}`, 'b'), `a:${hash}\nb:${other}\n`);
    assert.equal(set(`a:${hash}`, 'a'), `a:${other}`);
  });

  test('CRLF files stay CRLF', () => {
    assert.equal(set(`a:${hash}\r\nb:${hash}`, 'b', 'c'), `a:${hash}\r\nb:${other}\r\nc:${other}\r\n`);
  });

  test('blanks around a name and fields after a hash stay; after plain text nothing does', () => {
    assert.equal(set(` a :${hash}:x y:\n`, 'a'), ` a :${other}:x y:\n`);
    assert.equal(set('a:pl:ain\n', 'a'), `a:${other}\n`);
    assert.equal(set('a:$5$x$y:z\n', 'a'), `a:${other}\n`);
  });

  test('further lines of an updated user go, so that no old password stays alive', () => {
    const edit = new SetUsers(new Map([['a', other]]));
    assert.equal(format(edit, `a:${hash}\nb:${hash}\na:${hash}\na:x`), `a:${other}\nb:${hash}\n`);
    assert.deepEqual([edit.updated, edit.removed], [1, [3, 4]]);
  });

  test('new users come in the order given', () => {
    assert.equal(set('', 'z', 'ü', 'a'), `z:${other}\nü:${other}\na:${other}\n`);
    const many = Array.from({length: 2500}, (_, index) => `user${index}`);
    assert.equal(set('#', ...many), `#\n${many.map((user) => `${user}:${other}\n`).join('')}`);
  });
});

describe('removing', () => {
  test('takes all lines of the user and nothing else', () => {
    assert.equal(
      remove(`# a\na:${hash}\nb:${hash}\n a:x\n#a:${hash}\n`, 'a'),
      `# a\nb:${hash}\n#a:${hash}\n`,
    );
    assert.equal(remove(`b:${hash}\na:${hash}`, 'a'), `b:${hash}\n`);
  });

  test('reports whether there was any user', () => {
    for (const [user, found] of [
      ['a', true],
      ['A', false],
    ] as const) {
      const edit = new RemoveUser(user);
      assert.equal(format(edit, `a:${hash}\n`), found ? '' : `a:${hash}\n`);
      assert.equal(edit.found, found);
    }
  });
});

describe('hashing plain text', () => {
  test('touches plain lines only', () => {
    const text = `# a:b\na:pl:ain\nb:${hash}\n\nc:$5$x$y\nd:\nstray\ne: x \r\n`;
    const once = format(
      hashPasswords(() => other),
      text,
    );
    assert.equal(once, text.replace('pl:ain', other).replace('e: x ', `e:${other}`));
    assert.equal(
      format(
        hashPasswords(() => assert.fail('hashed twice')),
        once,
      ),
      once,
    );
  });
});

describe('any file', () => {
  const name = fc.constantFrom('a', 'b', 'ü', 'longer name');
  const junk = fc.oneof(
    fc.constantFrom('', '#', '# c', '#a:x', ' ', 'stray', 'x:', ':y', 'c:$5$x', 'd:$6$broken'),
    fc.string({unit: 'binary', maxLength: 12}),
    fc.uint8Array({maxLength: 12}).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const user = fc.tuple(name, fc.constantFrom(hash, 'plain', 'p:q')).map((pair) => pair.join(':'));
  const bytes = fc
    .tuple(
      fc.array(fc.tuple(fc.oneof(junk, user), fc.constantFrom('\n', '\r\n')), {maxLength: 12}),
      // A CR at the very end becomes half of a CRLF when a line is added behind it: no byte is lost, but it is
      // no longer part of the line.
      fc.oneof(junk, user).filter((last) => !last.endsWith('\r')),
    )
    .map(([lines, last]) =>
      Buffer.concat(
        [...lines.flat(), last].map((part) =>
          [...part].every((character) => character <= '\xff' && character !== 'ü')
            ? Buffer.from(part, 'latin1')
            : Buffer.from(part),
        ),
      ),
    );

  /** The lines that are not this user's, as they stand. */
  const withoutMine = (content: Buffer, mine: readonly string[]) =>
    parsePasswordFile(content)
      .filter((line) => !('username' in line && mine.includes(line.username)))
      .map((line) => line.text);

  test('comes out as it went in', () => {
    fc.assert(
      fc.property(bytes, (content) => {
        assert.deepEqual(formatPasswordFile(parsePasswordFile(content)), content);
      }),
      {numRuns: 1000},
    );
  });

  test('is read and edited in pieces as it is in one', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat({max: 60}), {maxLength: 8}), name, (content, cuts, mine) => {
        const places = [
          0,
          ...cuts.filter((cut) => cut < content.length).sort((a, b) => a - b),
          content.length,
        ];
        const reader = new LineReader();
        const pieces = places
          .slice(1)
          .map((end, index) => reader.take(Uint8Array.prototype.slice.call(content, places[index], end)));
        pieces.push(reader.rest());
        const whole = parsePasswordFile(content);
        assert.deepEqual(pieces.flat(), whole);
        const edits = [
          () => new SetUsers(new Map([[mine, other]])),
          () => new RemoveUser(mine),
          () => hashPasswords(() => other),
        ];
        for (const edit of edits) assert.deepEqual(edited(edit(), ...pieces), edited(edit(), whole));
      }),
      {numRuns: 1000},
    );
  });

  test('keeps every line of others, in order, through add, update and delete', () => {
    fc.assert(
      fc.property(bytes, name, (content, mine) => {
        const file = parsePasswordFile(content);
        const after = formatPasswordFile(edited(new SetUsers(new Map([[mine, other]])), file));
        assert.deepEqual(withoutMine(after, [mine]), withoutMine(content, [mine]));
        const lines = usersOf(parsePasswordFile(after)).filter(({line}) => line.username === mine);
        assert.equal(lines.length, 1);
        assert.equal(lines[0]!.line.kind === 'entry' && lines[0]!.line.secret, other);

        const gone = formatPasswordFile(edited(new RemoveUser(mine), file));
        assert.deepEqual(
          parsePasswordFile(gone).map((line) => line.text),
          withoutMine(content, [mine]),
        );
      }),
      {numRuns: 1000},
    );
  });

  test('loses no byte outside plain passwords through an upgrade, which done twice changes nothing', () => {
    fc.assert(
      fc.property(bytes, (content) => {
        const file = parsePasswordFile(content);
        const once = edited(
          hashPasswords(() => other),
          file,
        );
        once.forEach((line, index) => {
          const before = file[index]!;
          if (before.kind === 'plain') {
            assert.equal(line.kind, 'entry');
            assert.equal(line.text, before.text.slice(0, before.text.indexOf(':') + 1) + other);
            assert.equal(line.end, before.end);
          } else assert.equal(line, before);
        });
        const twice = edited(
          hashPasswords(() => hash),
          parsePasswordFile(formatPasswordFile(once)),
        );
        assert.deepEqual(formatPasswordFile(twice), formatPasswordFile(once));
      }),
      {numRuns: 1000},
    );
  });
});
