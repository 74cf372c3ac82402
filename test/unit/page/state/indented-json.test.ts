/** JSON with a line for each member. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {indentedJson} from '../../../../src/page/state/indented-json.ts';

test('it is indented as by JSON.stringify', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.equal(indentedJson(text), JSON.stringify(JSON.parse(text), null, 2));
    }),
  );
});

test('numbers, escapes, the order of names and doubled names stay', () => {
  const text = '{"b":1.50,"a":12345678901234567890,"b":"\\u0041\\"{","2":[ ] , "1":{ }}';
  assert.equal(
    indentedJson(text),
    '{\n  "b": 1.50,\n  "a": 12345678901234567890,\n  "b": "\\u0041\\"{",\n  "2": [],\n  "1": {}\n}',
  );
});

test('what is no JSON is refused', () => {
  for (const text of ['', '{', 'x', '{"a":1,}', '[1] 2'])
    assert.throws(() => indentedJson(text), SyntaxError);
});
