/** What sub and rr write when stdout is a terminal: messages that would command it are shown instead. */

import assert from 'node:assert/strict';
import {PassThrough} from 'node:stream';
import {test} from 'node:test';
import {toFormatter} from '../../src/commands/client/receive-options.ts';
import {formatView} from '../../src/commands/sub/view.ts';
import {Output} from '../../src/io/output.ts';
import type {Message} from '../../src/protocol/message.ts';
import {takeWritten} from '../support/written.ts';

/** A stream that is a terminal or is not, and what was written to it. */
function stream(isTTY: boolean) {
  const pass = new PassThrough();
  return Object.assign(pass, {isTTY, written: () => takeWritten(pass).toString('latin1')});
}

const payload = Buffer.from('\u001b]0;owned\u0007\nand\u009bmore', 'latin1');
const message: Message = {topic: 'a\u001b[2J', payload, qos: 0, retain: false};

async function shown(values: Parameters<typeof toFormatter>[0], isTTY: boolean) {
  const stdout = stream(isTTY);
  const stderr = stream(isTTY);
  const output = new Output(stdout);
  const format = await toFormatter(values, {env: {}, stdout, stderr}, {quiet: false, color: 'never'});
  format(message, output, () => 0n);
  await output.flush();
  return {stdout: stdout.written(), stderr: stderr.written()};
}

test('a terminal gets escapes instead of controls; a pipe gets the bytes', async () => {
  for (const [values, plain, safe] of [
    [{}, payload.toString('latin1'), '\\e]0;owned\\a\nand\\x9bmore'],
    [{verbose: true}, `a\u001b[2J ${payload.toString('latin1')}`, 'a\\e[2J \\e]0;owned\\a\nand\\x9bmore'],
    [{format: '\\e[1m%t\\e[0m'}, '\u001b[1ma\u001b[2J\u001b[0m', '\u001b[1ma\\e[2J\u001b[0m'],
  ] as const) {
    assert.equal((await shown(values, false)).stdout, `${plain}\n`);
    assert.equal((await shown(values, true)).stdout, `${safe}\n`);
  }
});

test('a line about a message shows its topic, too', async () => {
  const expected = (topic: string) => `Error: Message payload is not valid JSON on topic ${topic}.\n`;
  assert.equal((await shown({format: '%J'}, true)).stderr, expected('a\\e[2J'));
  assert.equal((await shown({format: '%J'}, false)).stderr, expected('a\\e[2J'));
});

test('messages of one batch have one time, those of the next another', async () => {
  const stdout = stream(false);
  const output = new Output(stdout);
  let asked = 0;
  const io = {now: () => BigInt(++asked) * 1_000_000_000n};
  const streams = {env: {}, stdout, stderr: stream(false)};
  const format = await toFormatter({format: '%U'}, streams, {quiet: false, color: 'auto'});
  using view = formatView(format, output, io);
  view.print(message);
  view.print(message);
  view.batchEnds();
  view.print(message);
  await output.flush();
  assert.equal(stdout.written(), '1.000000000\n1.000000000\n2.000000000\n');
});
