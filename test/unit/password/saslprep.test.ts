/** SASLprep against the examples of RFC 4013, section 3, and the rules of its section 2. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {saslprep} from '../../../src/password/saslprep.ts';

const examples: readonly (readonly [text: string, prepared: string])[] = [
  ['I\u00adX', 'IX'],
  ['user', 'user'],
  ['USER', 'USER'],
  ['\u00aa', 'a'],
  ['\u2168', 'IX'],
  ['a\u00a0b', 'a b'],
  ['a\u200bb', 'a b'],
  ['pa\u0308ss', 'p\u00e4ss'],
  ['\u0627\u0628', '\u0627\u0628'],
  ['密码😀', '密码😀'],
  ['', ''],
];

test('prepares the examples of RFC 4013 as it says', () => {
  for (const [text, prepared] of examples) assert.equal(saslprep(text), prepared, JSON.stringify(text));
});

test('refuses controls, and writing directions that RFC 3454 does not allow together', () => {
  for (const text of ['\u0007', 'a\u0000', '\ue000', '\ud800', '\u{e0001}']) {
    assert.throws(() => saslprep(text), /prohibits one of its characters/, JSON.stringify(text));
  }
  for (const text of ['\u0627\u0031', '\u0031\u0627', '\u0627a\u0627', 'a\u0627']) {
    assert.throws(() => saslprep(text), /writing directions/, JSON.stringify(text));
  }
});
