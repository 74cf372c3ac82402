/** The line that tells how far something is: its words, and the terminals it stays away from. */

import assert from 'node:assert/strict';
import {PassThrough} from 'node:stream';
import {describe, mock, test} from 'node:test';
import {linesText} from '../../src/commands/pub-progress.ts';
import {bytesText, durationText, grouped, statusLine} from '../../src/io/status-line.ts';

test('numbers are written to be read', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(grouped), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 1, 999, 1000, 1234, 268_435_455, 5e15].map(bytesText), [
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1.0 kB',
    '1.2 kB',
    '268.4 MB',
    '5000.0 TB',
  ]);
  assert.deepEqual([0.2, 59, 60, 185, 3723].map(durationText), ['1 s', '59 s', '1:00', '3:05', '1:02:03']);
});

test('lines are told with their rate, what is missing, and the time left of a file', () => {
  const state = {read: 12_000, acknowledged: 12_000, refused: 0, bytes: 24_000, seconds: 2};
  assert.equal(linesText(state), '12,000 lines, 6,000/s');
  assert.equal(linesText({...state, acknowledged: 11_980}), '12,000 lines, 5,990/s, 11,980 acknowledged');
  assert.equal(
    linesText({...state, acknowledged: 11_980, refused: 20}),
    '12,000 lines, 6,000/s, 11,980 acknowledged, 20 refused',
  );
  assert.equal(linesText({...state, total: 96_000}), '12,000 lines, 6,000/s, 25%, 6 s left');
  assert.equal(linesText({...state, total: 24_000}), '12,000 lines, 6,000/s, 100%');
  assert.equal(
    linesText({...state, read: 0, acknowledged: 0, bytes: 0, seconds: 0, total: 9}),
    '0 lines, 0/s',
  );
});

describe('a line of status', () => {
  const stream = (properties: object) => Object.assign(new PassThrough(), properties);
  const drawn = (stderr: PassThrough) => (stderr.read() as Buffer | null)?.toString() ?? '';

  test('is drawn five times a second, kept within the width, and erased', () => {
    mock.timers.enable({apis: ['setInterval']});
    try {
      const stderr = stream({isTTY: true, columns: 10});
      const line = statusLine({env: {}, stderr}, () => 'twelve marks');
      mock.timers.tick(199);
      assert.equal(drawn(stderr), '');
      mock.timers.tick(1);
      assert.equal(drawn(stderr), '\r\u001b[Ktwelve ma');
      line.erase();
      line.erase();
      assert.equal(drawn(stderr), '\r\u001b[K');
      mock.timers.tick(1000);
      assert.equal(drawn(stderr), '\r\u001b[Ktwelve ma'.repeat(5));
      line[Symbol.dispose]();
      mock.timers.tick(1000);
      assert.equal(drawn(stderr), '\r\u001b[K');
    } finally {
      mock.timers.reset();
    }
  });

  for (const [where, properties, env] of [
    ['a pipe', {}, {}],
    ['a terminal without columns', {isTTY: true, columns: 0}, {}],
    ['a dumb terminal', {isTTY: true, columns: 80}, {TERM: 'dumb'}],
  ] as const) {
    test(`stays away from ${where}, and asks nothing`, () => {
      mock.timers.enable({apis: ['setInterval']});
      try {
        const stderr = stream(properties);
        const line = statusLine({env, stderr}, () => assert.fail('was asked'));
        mock.timers.tick(1000);
        line.erase();
        line[Symbol.dispose]();
        assert.equal(drawn(stderr), '');
      } finally {
        mock.timers.reset();
      }
    });
  }
});
