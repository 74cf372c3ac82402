/** A command started by a shell gets the same as one that Node starts: every byte of its words and variables. */

import assert from 'node:assert/strict';
import {tmpdir} from 'node:os';
import {test} from 'node:test';
import {CommandRunner} from '../../../../../src/commands/client/exec/command-runner.ts';
import {shellWords} from '../../../../../src/commands/client/exec/shell-slot.ts';
import {chunksOf} from '../../../../../src/io/command/temporary-file.ts';
import type {Message} from '../../../../../src/protocol/message.ts';

const env = {PATH: process.env.PATH, HOME: '/', PWD: process.cwd()};

/** A program that prints its words, its variables and its input as JSON. */
const program = `const {env} = process; delete env._; delete env.SHLVL; delete env.OLDPWD; delete env.TMQ_NO_FASTPATH;
  process.stdout.write(JSON.stringify([process.argv.slice(1), Object.entries(env).sort(), require('fs').readFileSync(0, 'hex')]));`;

/** What the program prints for each message, with a shell or without, and what went to standard error. */
async function outputs(
  words: readonly string[],
  messages: readonly Message[],
  withShell: boolean,
): Promise<readonly string[]> {
  const errors: Uint8Array[] = [];
  const runner = new CommandRunner({
    words,
    env: {...env, ...(withShell ? {} : {TMQ_NO_FASTPATH: '1'})},
    directory: tmpdir(),
    pid: process.pid,
    platform: 'linux',
    stderr: {write: (bytes: Uint8Array) => errors.push(Buffer.from(bytes))} as never,
  });
  const printed: string[] = [];
  for (const message of messages) {
    const status = await runner.run(message, async (descriptor) => {
      const chunks: Buffer[] = [];
      for (const chunk of chunksOf(descriptor)) chunks.push(Buffer.from(chunk));
      printed.push(Buffer.concat(chunks).toString());
    });
    printed.push(String(status));
  }
  await runner.ended();
  // A process that Node starts may have its last line read while the next one runs already.
  const lines =
    Buffer.concat(errors)
      .toString()
      .match(/.*\n|.+$/g) ?? [];
  return [...printed, lines.sort().join('')];
}

const message = (
  topic: string,
  payload = '',
  user: readonly (readonly [string, string])[] = [],
): Message => ({
  topic,
  payload: Buffer.from(payload),
  qos: 0,
  retain: false,
  properties: {userProperties: user, contentType: topic},
});

/** Every code unit up to U+04FF but NUL, and what shells have meanings for. */
const characters = Array.from({length: 0x4ff}, (_, code) => String.fromCharCode(code + 1)).join('');
const hostile = `'"\\$(echo x)\`echo x\`\n;&|<>*?~!#{}[] \t\r\x7f\x81\u0081😀 $__tmq_mark`;

test('words, variables and input are the same', {skip: process.platform !== 'linux'}, async () => {
  const words = [process.execPath, '-e', program, hostile, characters, ''];
  assert.notEqual(shellWords(words, {env, platform: 'linux'}), undefined);
  const messages = [
    message(characters, characters, [['a b', hostile]]),
    message(hostile, ''),
    message('x', 'x'.repeat(100_000), [['x', 'y'.repeat(60_000)]]),
  ];
  const [byShell, byNode] = [await outputs(words, messages, true), await outputs(words, messages, false)];
  assert.deepEqual(byShell, byNode);
  assert.equal(byShell.length, 7);
});

test('statuses are the same, and so are lines on standard error', {
  skip: process.platform !== 'linux',
}, async () => {
  const script =
    'case $MQTT_TOPIC in a) exit 3;; b) kill -9 $$;; c) printf "no newline" >&2;; d) echo line >&2; exit 255;; e) kill 0;; esac';
  const messages = ['a', 'b', 'c', 'd', 'e', 'f'].map((topic) => message(topic));
  const words = ['sh', '-c', script];
  const [byShell, byNode] = [await outputs(words, messages, true), await outputs(words, messages, false)];
  assert.deepEqual(byShell, byNode);
  assert.deepEqual(byShell, [
    '',
    '3',
    '',
    '137',
    '',
    '0',
    '',
    '255',
    '',
    '143',
    '',
    '0',
    'line\nno newline\n',
  ]);
});

test('a shell is not asked where it might see another command than Node', () => {
  const at = (words: readonly string[], more: Readonly<Record<string, string>> = {}, platform = 'linux') =>
    shellWords(words, {env: {...env, ...more}, platform: platform as NodeJS.Platform});
  assert.deepEqual(at(['sh', '-c', 'x'])?.slice(1), ['-c', 'x']);
  assert.match(at(['sh'])?.[0] ?? '', /^\/.*\/sh$/);
  assert.equal(at(['no-such-command']), undefined);
  assert.equal(at(['/etc/passwd']), undefined);
  assert.equal(at(['sh'], {PATH: `:${env.PATH}`}), undefined);
  assert.equal(at(['sh'], {'a-b': 'x'}), undefined);
  assert.equal(at(['sh'], {TMQ_NO_FASTPATH: '1'}), undefined);
  assert.equal(at(['sh'], {}, 'darwin'), undefined);
});
