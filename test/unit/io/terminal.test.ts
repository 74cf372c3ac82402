/** Colour and spinner: for terminals only, and only when the user wants them. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import {describe, mock, test} from 'node:test';
import type {Io} from '../../../src/io/process.ts';
import {type ColourChoice, colourLevel, colours, spinner} from '../../../src/io/terminal.ts';

const terminal = {isTTY: true};
const pipe = {};

describe('colour', () => {
  const cases: readonly (readonly [Io['env'], ColourChoice, {isTTY?: boolean}, number])[] = [
    [{TERM: 'xterm'}, 'auto', terminal, 1],
    [{TERM: 'xterm-256color'}, 'auto', terminal, 2],
    [{TERM: 'xterm', COLORTERM: 'truecolor'}, 'auto', terminal, 3],
    [{TERM: 'dumb'}, 'auto', terminal, 0],
    [{TERM: 'xterm'}, 'auto', pipe, 0],
    [{NO_COLOR: '1'}, 'auto', terminal, 0],
    [{NO_COLOR: ''}, 'auto', terminal, 1],
    [{NO_COLOR: '1', FORCE_COLOR: '3'}, 'auto', terminal, 0],
    [{FORCE_COLOR: '1'}, 'auto', pipe, 1],
    [{FORCE_COLOR: ''}, 'auto', pipe, 1],
    [{FORCE_COLOR: '3'}, 'auto', pipe, 3],
    [{FORCE_COLOR: '0'}, 'auto', terminal, 0],
    [{FORCE_COLOR: 'false'}, 'auto', terminal, 0],
    [{NO_COLOR: '1'}, 'always', pipe, 1],
    [{TERM: 'dumb'}, 'always', pipe, 1],
    [{FORCE_COLOR: '2'}, 'always', pipe, 2],
    [{FORCE_COLOR: '3'}, 'never', terminal, 0],
  ];
  for (const [env, choice, stream, level] of cases) {
    test(`${JSON.stringify(env)} ${choice} on ${stream.isTTY === true ? 'a terminal' : 'a pipe'}: ${level}`, async () => {
      assert.equal(colourLevel(env, choice, stream), level);
      const chalk = await colours({env, stderr: new PassThrough()}, choice, stream);
      assert.equal(chalk.red('x'), level === 0 ? 'x' : '\x1b[31mx\x1b[39m');
    });
  }

  test('is judged by stderr unless another stream is named', async () => {
    const stderr = Object.assign(new PassThrough(), terminal);
    assert.equal((await colours({env: {}, stderr})).level, 1);
    assert.equal((await colours({env: {}, stderr: new PassThrough()})).level, 0);
  });
});

describe('the spinner', () => {
  const stream = (properties: object) => {
    const shown: string[] = [];
    // What ora asks of a stream that is a terminal.
    const abilities = {
      clearLine: () => true,
      cursorTo: () => true,
      moveCursor: () => true,
      getColorDepth: () => 1,
    };
    const stderr = Object.assign(new PassThrough(), abilities, properties);
    stderr.on('data', (chunk: Buffer) => shown.push(chunk.toString()));
    return {stderr, shown};
  };

  for (const [where, properties, env] of [
    ['a pipe', {columns: 80}, {}],
    ['a terminal without a width', {isTTY: true, columns: 0}, {}],
    ['a terminal of unknown width', {isTTY: true}, {}],
    ['a dumb terminal', {isTTY: true, columns: 80}, {TERM: 'dumb'}],
  ] as const) {
    test(`never appears on ${where}`, () => {
      mock.timers.enable({apis: ['setTimeout']});
      try {
        const {stderr, shown} = stream(properties);
        using waiting = spinner({env, stderr}, 'Waiting');
        mock.timers.tick(10_000);
        waiting.update('Still waiting');
        assert.deepEqual(shown, []);
      } finally {
        mock.timers.reset();
      }
    });
  }

  test('does not appear when the work is done before 300 ms', async () => {
    mock.timers.enable({apis: ['setTimeout']});
    try {
      const {stderr, shown} = stream({isTTY: true, columns: 80});
      const waiting = spinner({env: {}, stderr}, 'Waiting');
      mock.timers.tick(299);
      waiting.stop();
      mock.timers.tick(1000);
      // Long enough for an import that was wrongly begun.
      await import('ora');
      assert.deepEqual(shown, []);
    } finally {
      mock.timers.reset();
    }
  });

  test('names what is awaited, after 300 ms on a terminal, and is erased', async () => {
    const {stderr, shown} = stream({isTTY: true, columns: 80});
    const waiting = spinner({env: {NO_COLOR: '1'}, stderr}, 'Connecting');
    waiting.update('Connecting to a');
    while (!shown.join('').includes('Connecting to a')) await once(stderr, 'data');
    waiting.update('Connecting to b');
    while (!shown.join('').includes('Connecting to b')) await once(stderr, 'data');
    waiting.stop();
    waiting.stop();
    assert.doesNotMatch(shown.join(''), /\x1b\[3\dm/);
  });
});
