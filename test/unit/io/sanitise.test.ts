/** No byte of a message can command a terminal, and ordinary text stays as it is. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {compileFormat} from '../../../src/format/format.ts';
import {sanitise, sanitiseText, sanitisingSink} from '../../../src/io/sanitise.ts';

const latin = (text: string) => sanitise(Buffer.from(text, 'latin1'));
const utf8 = (text: string) => sanitise(Buffer.from(text));

test('ordinary text passes', () => {
  for (const text of [
    '',
    'plain',
    'two\nlines\r\nand\ttabs',
    'Grüße 日本 😀',
    'C:\\new\\x1b',
    '{"a":"\\u001b"}',
  ]) {
    assert.equal(utf8(text), text);
    assert.equal(sanitiseText(text), text);
  }
});

test('controls are shown', () => {
  assert.equal(utf8('\x1b[31mred\x1b]0;title\x07'), '\\e[31mred\\e]0;title\\a');
  assert.equal(utf8('\0\x08\x0b\r\x7f\x9b'), '\\0\\x08\\v\\r\\x7f\\x9b');
  assert.equal(utf8('abc\u202edef'), 'abc\\u202edef');
});

test('bytes that are not UTF-8 are shown one by one, between text that reads on', () => {
  assert.equal(latin('a\xffb\xc3'), 'a\\xffb\\xc3');
  assert.equal(
    sanitise(Buffer.concat([Buffer.from('é'), Uint8Array.of(0x9b, 0x1b), Buffer.from('😀')])),
    'é\\x9b\\e😀',
  );
  assert.equal(latin('\xf0\x9f\x98'), '\\xf0\\x9f\\x98');
});

test('nothing that comes out is a control', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.doesNotMatch(sanitise(bytes), /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)/);
    }),
    {numRuns: 2000},
  );
});

test("the format's own escapes reach the terminal, those of a message do not", () => {
  const formatter = compileFormat('\\e[1m%t\\e[0m %p', {eol: true, pretty: false, guard: sanitisingSink});
  let printed = '';
  const out = {
    text: (value: string) => {
      printed += value;
    },
    bytes: (value: Uint8Array) => {
      printed += Buffer.from(value).toString('latin1');
    },
  };
  formatter({topic: 'a\x1b/b', payload: Buffer.from('\x1b[2J\n'), qos: 0, retain: false}, out, () => 0n);
  assert.equal(printed, '\x1b[1ma\\e/b\x1b[0m \\e[2J\n\n');
});
