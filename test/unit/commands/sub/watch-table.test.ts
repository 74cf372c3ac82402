import assert from 'node:assert/strict';
import {test} from 'node:test';
import {ageText, WatchTable} from '../../../../src/commands/sub/watch-table.ts';

const plain = {topic: String, dim: String};

/** The lines of the window after a drawing, without the escape sequences, which move and erase only. */
function lines(drawing: string, {rows}: {readonly rows: number}): readonly string[] {
  const shown = drawing.replace(/\u001b\[[?0-9;]*[A-Za-z]/g, '').split('\r\n');
  // The cursor stands on the last one.
  assert.ok(shown.length <= rows, `${shown.length} lines in ${rows}`);
  assert.equal(shown.at(-1), '');
  return shown.slice(0, -1);
}

test('a row for each topic: count, age, topic and message', () => {
  const table = new WatchTable('localhost', plain);
  const size = {rows: 10, columns: 80};
  table.add('home/lamp', 'on', 1000);
  table.add('a', 'x', 2000);
  table.add('home/lamp', 'off', 3000);
  assert.deepEqual(lines(table.draw(size, 5500), size), [
    'Broker: localhost  2 topics, 3 messages',
    '    count    age  topic      message',
    '        2    2 s  home/lamp  off',
    '        1    3 s  a          x',
  ]);
});

test('topics that do not fit are counted, at every height', () => {
  for (const rows of [4, 5, 10, 24]) {
    const table = new WatchTable('h', plain);
    const size = {rows, columns: 80};
    for (let count = 1; count <= 30; count++) {
      table.add(`t${count}`, 'x', 0);
      const shown = lines(table.draw(size, 0), size).slice(2);
      const topics = shown.filter((line) => / {2}t\d/.test(line)).length;
      const hidden = Number(/^(\d+) more topics? do(?:es)? not fit\.$/.exec(shown.at(-1) ?? '')?.[1] ?? 0);
      assert.equal(topics + hidden, count, `${rows} rows, ${count} topics`);
      if (count <= rows - 3) assert.equal(hidden, 0);
    }
  }
});

test('a long topic is cut to its column, and control characters are shown', () => {
  const table = new WatchTable('h', plain);
  const size = {rows: 10, columns: 60};
  table.add(`long/${'x'.repeat(100)}`, 'message', 0);
  table.add('\u001b[31mred', 'm', 0);
  const [, , long = '', control = ''] = lines(table.draw(size, 0), size);
  assert.match(long, / {2}long\/x+… {2}message$/);
  assert.ok(long.length <= 60, long);
  assert.match(control, /\\e\[31mred/);
});

test('columns are aligned behind wide characters and combining marks', () => {
  const table = new WatchTable('h', plain);
  const size = {rows: 10, columns: 60};
  table.add('温度', 'wide', 0);
  table.add('cafe\u0301', 'mark', 0);
  table.add(`🚗${'车'.repeat(20)}`, 'cut', 0);
  const [, , wide, mark, cut] = lines(table.draw(size, 0), size);
  const beginning = '        1    now  ';
  assert.equal(wide, `${beginning}温度${' '.repeat(20)}  wide`);
  assert.equal(mark, `${beginning}cafe\u0301${' '.repeat(20)}  mark`);
  assert.equal(cut, `${beginning}🚗${'车'.repeat(10)}…   cut`);
});

test('ages in the largest unit', () => {
  const hour = 3_600_000;
  const ages = [0, 999, 1000, 59_999, 60_000, hour - 1, hour, 24 * hour, 240 * hour].map(ageText);
  assert.deepEqual(ages, ['now', 'now', '1 s', '59 s', '1 min', '59 min', '1 h', '1 d', '10 d']);
});
