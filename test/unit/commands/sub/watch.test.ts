import assert from 'node:assert/strict';
import {test} from 'node:test';
import {createWatch} from '../../../../src/commands/sub/watch.ts';

const esc = '\u001b';

/** What a terminal shows after the given bytes: enough of one for what a watch writes. */
function screen(written: string, rows: number): string[] {
  const lines = Array.from({length: rows}, () => '');
  let row = 0;
  let column = 0;
  for (const [, command, text] of written.matchAll(/(\u001b\[[?0-9;]*[A-Za-z])|([^\u001b]+)/g)) {
    if (command === `${esc}[2J`) lines.fill('');
    else if (command === `${esc}[K`) lines[row] = lines[row]!.slice(0, column);
    else if (command?.endsWith('H')) {
      row = Number(command.slice(2).split(';')[0]) - 1;
      column = 0;
      assert.ok(row < rows, `row ${row} of ${rows}`);
    } else if (text !== undefined) {
      for (const character of text) {
        if (character === '\n') {
          row = Math.min(row + 1, rows - 1);
          column = 0;
          continue;
        }
        lines[row] = lines[row]!.slice(0, column).padEnd(column) + character + lines[row]!.slice(column + 1);
        column++;
      }
    }
  }
  return lines;
}

test('each topic keeps its line, in order of first arrival', () => {
  const watch = createWatch('localhost', () => 10);
  const written = [
    watch.start(),
    watch.show('b', 'one'),
    watch.show('a', 'two'),
    watch.show('b', 'three'),
  ].join('');
  assert.deepEqual(screen(written, 10).slice(0, 4), ['Broker: localhost', 'three', 'two', '']);
});

test('Q14: a shorter text leaves no tail of the longer one before it', () => {
  const watch = createWatch('h', () => 10);
  const written = [watch.start(), watch.show('a', 'a long text'), watch.show('a', 'short')].join('');
  assert.equal(screen(written, 10)[1], 'short');
});

test('more topics than rows do not scroll the others away', () => {
  const watch = createWatch('h', () => 4);
  const written = [watch.start(), ...['a', 'b', 'c', 'd', 'e'].map((topic) => watch.show(topic, topic))].join(
    '',
  );
  assert.deepEqual(screen(written, 4).slice(0, 3), ['Broker: h', 'a', 'b']);
});

test('after a resize the whole screen is drawn again', () => {
  let rows = 3;
  const watch = createWatch('h', () => rows);
  const before = [watch.start(), watch.show('a', '1'), watch.show('b', '2'), watch.show('c', '3')].join('');
  assert.deepEqual(screen(before, 3).slice(0, 2), ['Broker: h', '1']);
  rows = 10;
  assert.deepEqual(screen(watch.start(), 10).slice(0, 5), ['Broker: h', '1', '2', '3', '']);
});
