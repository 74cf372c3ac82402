/** The progress line: its texts, and when it is not shown. */

import assert from 'node:assert/strict';
import {PassThrough} from 'node:stream';
import {describe, mock, test} from 'node:test';
import {linesText} from '../../../../src/commands/pub/line-progress.ts';
import {messagesText} from '../../../../src/commands/pub/message-progress.ts';
import {bytesText, durationText, grouped, recentRate, statusLine} from '../../../../src/io/status-line.ts';
import {takeWritten} from '../../../support/written.ts';

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

test('lines: their rate, the unacknowledged, and the time left of a file', () => {
  const state = {
    read: 12_000,
    acknowledged: 12_000,
    refused: 0,
    bytes: 24_000,
    perSecond: 6000,
    bytesPerSecond: 12_000,
    total: undefined,
  };
  assert.equal(linesText(state), '12,000 lines, 6,000/s');
  assert.equal(linesText({...state, perSecond: undefined}), '12,000 lines');
  assert.equal(linesText({...state, acknowledged: 11_980}), '12,000 lines, 6,000/s, 11,980 acknowledged');
  assert.equal(
    linesText({...state, acknowledged: 11_980, refused: 20}),
    '12,000 lines, 6,000/s, 11,980 acknowledged, 20 refused',
  );
  assert.equal(linesText({...state, total: 96_000}), '12,000 lines, 6,000/s, 25%, 6 s left');
  assert.equal(linesText({...state, total: 96_000, bytesPerSecond: 0}), '12,000 lines, 6,000/s, 25%');
  assert.equal(linesText({...state, total: 24_000}), '12,000 lines, 6,000/s, 100%');
  // Without a newline at its end, a file has one byte less than was counted.
  assert.equal(linesText({...state, total: 23_999}), '12,000 lines, 6,000/s, 100%');
  assert.equal(
    linesText({...state, read: 0, acknowledged: 0, bytes: 0, perSecond: 0, bytesPerSecond: 0, total: 9}),
    '0 lines, 0/s',
  );
});

test('a large message: the bytes sent, the rate, and the time left', () => {
  const state = {sent: 0, count: 1, bytes: 45_000_000, written: 0, bytesPerSecond: undefined};
  assert.equal(messagesText(state), 'Sending 45.0 MB');
  assert.equal(messagesText({...state, written: 12_200_000}), '12.2 MB of 45.0 MB sent, 27%');
  assert.equal(
    messagesText({...state, written: 12_200_000, bytesPerSecond: 3_400_000}),
    '12.2 MB of 45.0 MB sent, 27%, 3.4 MB/s, 10 s left',
  );
  assert.equal(
    messagesText({...state, written: 44_999_999, bytesPerSecond: 0}),
    '45.0 MB of 45.0 MB sent, 99%, 0 bytes/s',
  );
  assert.equal(messagesText({...state, written: 45_000_000}), '45.0 MB sent, waiting for the broker');
  const repeated = {...state, sent: 1, count: 3};
  assert.equal(messagesText({...repeated, bytes: 0}), 'Sending 0 bytes, 1 of 3 sent');
  assert.equal(
    messagesText({...repeated, written: 12_200_000}),
    'Sending 45.0 MB, 1 of 3 sent, 27% of the next',
  );
});

test('the rate is that of the last five seconds, and begins anew with the next message', () => {
  const rateOf = recentRate();
  assert.equal(rateOf(4_000_000, 100), undefined);
  assert.equal(rateOf(4_000_500, 101), 500);
  // The four million before are not in it.
  assert.equal(rateOf(4_002_000, 104), 500);
  assert.equal(rateOf(4_002_000, 106), 300);
  assert.equal(rateOf(4_002_000, 110), 0);
  assert.equal(rateOf(100, 111), undefined);
  assert.equal(rateOf(300, 113), 100);
});

describe('a line of status', () => {
  const stream = (properties: object) => Object.assign(new PassThrough(), properties);
  const drawn = (stderr: PassThrough) => takeWritten(stderr).toString();

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
