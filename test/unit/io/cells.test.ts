import assert from 'node:assert/strict';
import {test} from 'node:test';
import {cellCount, firstCells} from '../../../src/io/cells.ts';

test('a wide character takes two cells, a combining mark none', () => {
  const counts: readonly (readonly [text: string, cells: number])[] = [
    ['', 0],
    ['home/lamp', 9],
    ['温度', 4],
    ['센서', 4],
    ['ｆｕｌｌ', 8],
    ['e\u0301', 1],
    ['é', 1],
    ['🌡', 1],
    ['🚗🚗', 4],
    ['🇩🇪', 2],
    ['a\u200bb', 2],
    ['ก็', 1],
    ['…', 1],
  ];
  for (const [text, cells] of counts) assert.equal(cellCount(text), cells, text);
});

test('a text is cut before the character that does not fit, and behind the marks of the last one', () => {
  assert.equal(firstCells('温度计', 5), '温度');
  assert.equal(firstCells('温度计', 4), '温度');
  assert.equal(firstCells('e\u0301e\u0301', 1), 'e\u0301');
  assert.equal(firstCells('abc', 0), '');
  assert.equal(firstCells('abc', 9), 'abc');
});
