/** Signs in place of characters that change how text is shown. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {visibleLine, visibleLines} from '../../../../src/page/state/visible-text.ts';

test('control characters, directions and characters without width are seen', () => {
  for (const [text, expected] of [
    ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['a\u0000b\u007fc\u0085', 'a\\x00b\\x7fc\\x85'],
    ['user\u202egnp.exe\u2066x\u200f', 'user\\u202egnp.exe\\u2066x\\u200f'],
    ['in\u200bvisible\ufeff', 'in\\u200bvisible\\ufeff'],
    ['back\b\rover', 'back\\x08\\x0dover'],
    ['plain ünd 日本 😀 \ufffd', 'plain ünd 日本 😀 \ufffd'],
  ] as const) {
    assert.equal(visibleLine(text), expected);
    assert.equal(visibleLines(text), expected);
  }
});

test('lines and tabs stay, or are signs in one line', () => {
  assert.equal(visibleLines('a\n\tb'), 'a\n\tb');
  assert.equal(visibleLine('a\n\tb'), 'a\u21b5\u21e5b');
});
