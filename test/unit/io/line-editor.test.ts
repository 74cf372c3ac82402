/** Keys of a terminal and the line that they make. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {lineEditor} from '../../../src/io/line-editor.ts';

/** Types everything, and gives the finished lines and what is left of the last one. */
function type(keys: string | Uint8Array): readonly string[] {
  const editor = lineEditor();
  const lines: string[] = [];
  for (const byte of Buffer.from(keys)) {
    const {kind} = editor.type(byte);
    if (kind === 'line' || kind === 'end') lines.push(editor.take().toString('latin1'));
  }
  return [...lines, editor.take().toString('latin1')].map((line) => Buffer.from(line, 'latin1').toString());
}

describe('the line editor', () => {
  const cases: readonly (readonly [what: string, keys: string, lines: readonly string[]])[] = [
    ['Enter is CR', 'a\rb', ['a', 'b']],
    ['Enter is LF', 'a\nb', ['a', 'b']],
    ['CR LF is one Enter', 'a\r\nb\r\n\nc', ['a', 'b', '', 'c']],
    ['Backspace and Delete take a character', 'abc\x7f\x08d\r', ['ad', '']],
    ['Backspace takes a whole character of UTF-8', 'aä密😀\x7f\x7f\x7fb', ['ab']],
    ['Backspace on nothing is nothing', '\x7f\x7fa', ['a']],
    ['^U takes the line', 'wrong\x15right', ['right']],
    ['^W takes a word and the blanks after it', 'one two  \x17three', ['one three']],
    ['^W takes the only word', 'ön\x17x', ['x']],
    ['^D ends a line that has something', 'a\x04b', ['a', 'b']],
    ['^D on an empty line is the end', '\x04a', ['', 'a']],
    ['a tab is a character, other control characters are none', 'a\tb\x00\x01\x1a\x1cc', ['a\tbc']],
    ['arrow and function keys leave nothing', 'a\x1b[D\x1b[1;5Cb\x1bOPc\x1b[3~d', ['abcd']],
    ['a pasted text in brackets is the text', '\x1b[200~pasted\x1b[201~', ['pasted']],
    ['an Alt key leaves nothing', 'a\x1bfb', ['ab']],
    ['Enter ends an escape sequence too', 'a\x1b\rb\x1b[\rc', ['a', 'b', 'c']],
  ];
  for (const [what, keys, lines] of cases) test(what, () => assert.deepEqual(type(keys), lines));

  test('^C is an interrupt', () => {
    const editor = lineEditor();
    editor.type(0x61);
    assert.deepEqual(editor.type(0x03), {kind: 'interrupt'});
  });

  test('counts characters, not bytes, for an echo', () => {
    const editor = lineEditor();
    for (const byte of Buffer.from('aä😀')) editor.type(byte);
    assert.deepEqual(editor.type(0x15), {kind: 'erased', count: 3});
    assert.deepEqual(editor.type(0x7f), {kind: 'erased', count: 0});
  });

  test('stops growing where no password can be longer', () => {
    const editor = lineEditor();
    for (let index = 0; index < 70_000; index++) editor.type(0x61);
    assert.equal(editor.take().length, 65_536);
  });

  const printable = fc
    .string({unit: 'grapheme', maxLength: 20})
    .map((text) => text.replace(/[\p{Cc}]/gu, ''));

  test('what is typed and not taken back is the line', () => {
    fc.assert(
      fc.property(
        printable,
        printable,
        fc.constantFrom('backspaces', '\x15'),
        (kept, mistyped, correction) => {
          const keys =
            correction === '\x15'
              ? `${mistyped}\x15${kept}`
              : kept + mistyped + '\x7f'.repeat([...mistyped].length);
          assert.deepEqual(type(keys), [kept]);
        },
      ),
      {numRuns: 1000},
    );
  });

  test('no bytes break it, and no control character but a tab gets into a line', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 60}), (keys) => {
        const editor = lineEditor();
        for (const byte of keys) editor.type(byte);
        for (const byte of editor.take()) assert.ok((byte >= 0x20 && byte !== 0x7f) || byte === 0x09);
      }),
      {numRuns: 1000},
    );
  });
});
