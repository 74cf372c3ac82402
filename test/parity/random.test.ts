/**
 * Random command lines made from the option tables: one that can be understood ends at a closed port with
 * one line and a status, one that cannot with a sentence, the hint and status 1; none with a stack trace.
 */

import assert from 'node:assert/strict';
import {before, test} from 'node:test';
import fc from 'fast-check';
import type {AnyCommand} from '../../src/cli/command.ts';
import {type OptionTable, spelling} from '../../src/cli/option.ts';
import {parse} from '../../src/cli/parse.ts';
import {pub} from '../../src/commands/pub/pub.ts';
import {reply} from '../../src/commands/reply/reply.ts';
import {rr} from '../../src/commands/rr/rr.ts';
import {sub} from '../../src/commands/sub/sub.ts';
import {UsageError} from '../../src/errors.ts';
import {freePort} from '../support/mosquitto.ts';
import {runMain} from '../support/run.ts';

const clients: Readonly<Record<string, AnyCommand>> = {pub, sub, rr, reply};

/** Words that some option or other takes. */
const values = [
  ...['0', '1', '2', '5', '60', '1883', '50.5', '-1', 'a', 'a/b', '/x', '', 'aabb', '∞', '0x10', '127.0.0.1'],
  ...['mqttv5', 'mqttv311', '31', '5', 'tlsv1.2', 'TLSv1.3', 'pem', 'auto', 'never', 'always', 'new', 'über'],
  ...['socks5h://127.0.0.1:1', 'mqtt://u:p@127.0.0.1/t', '%t %p', '%J', '@H', '/nonexistent', '--help', '-t'],
  ...['s#a#b#', 'skip', '{1}', '{.id}/x', '=', 'u32be', 'drop', 'exit', 'json'],
  ...['.a == 1', 'qos > 0', '.a ='],
  ...['5x', '1s..2s', 'random', 'off', 'SCRAM-SHA-256', 'Name: value', '50m', 'eu-west-1', 'example.com'],
];

const properties = [
  ['publish', 'content-type', 'a'],
  ['publish', 'user-property', 'a', ''],
  ['connect', 'receive-maximum', '7'],
  ['connect', 'session-expiry-interval', '9'],
  ['subscribe', 'subscription-identifier', '3'],
  ['unsubscribe', 'user-property', 'a', 'b'],
  ['will', 'will-delay-interval', '1'],
  ['disconnect', 'reason-string', 'bye'],
];

/** Not for a run: they run commands, write files, wait for ever, or ask other machines. */
const notRun = new Set([
  'passwordCommand',
  'headerCommand',
  'tlsKeyLog',
  'events',
  'retryConnect',
  'srv',
  'optionsFile',
  'readyDescriptor',
  'readyFile',
  'bindAddress',
  'host',
  'url',
]);

/** Each option of a command as the words that give it, with values that the option takes by itself. */
function options(command: AnyCommand): readonly fc.Arbitrary<readonly string[]>[] {
  return Object.entries(command.options as OptionTable)
    .filter(([key]) => !notRun.has(key))
    .map(([, option]) => {
      const {short, long, placeholders} = spelling(option);
      const name = fc.constantFrom(...[short, long].filter((flag) => flag !== undefined));
      if (placeholders.length === 0) return name.map((flag) => [flag]);
      const taken = option.words === undefined ? values.filter((value) => accepts(option, value)) : [];
      const given = option.words === undefined ? taken.map((value) => [value]) : properties;
      return fc.tuple(name, fc.constantFrom(...given)).map(([flag, words]) => [flag, ...words]);
    });
}

function accepts({parse: read, assign}: OptionTable[string], value: string): boolean {
  try {
    read?.(value, undefined);
    assign?.(value);
    return true;
  } catch {
    return false;
  }
}

const needed: Readonly<Record<string, readonly string[]>> = {
  pub: ['-t', 'a', '-n'],
  sub: ['-t', 'a'],
  rr: ['-t', 'a', '-e', 'b', '-n'],
  reply: ['-t', 'a', '--echo'],
};

/** A command and words that are fine one by one, though not always together. */
const line = fc.oneof(
  ...['pub', 'sub', 'rr', 'reply'].map((name) =>
    fc
      .array(fc.oneof(...options(clients[name]!)), {maxLength: 8})
      .map((given) => ({name, words: [...needed[name]!, ...given.flat()]})),
  ),
);

/** The sentence, nothing, or the sentence and the hint; before it what has no effect. Never more. */
function assertReadable(output: string, quiet: boolean): void {
  // --color always
  const plain = output.replaceAll(/\x1b\[\d+m/g, '');
  // -d also shows how it connects.
  const stderr = plain.replaceAll(/^\* .*\n/gm, '');
  assert.doesNotMatch(stderr, /This is a bug|^\s+at /m);
  if (quiet && stderr === '') return;
  assert.match(stderr, /^(Warning: [^\n]+\n)*Error: [^\n]+\n(\nUse '[^'\n]+ --help' to see usage\.\n)?$/);
}

let port: number;
before(async () => {
  port = await freePort();
});

test('any line of understood options is planned, or refused with a sentence', () => {
  fc.assert(
    fc.property(line, ({name, words}) => {
      const command = clients[name]!;
      try {
        const parsed = parse(command, words);
        if (parsed.request === undefined) command.plan(parsed.values, parsed.operands);
      } catch (error) {
        assert.ok(error instanceof UsageError || /engine/.test(String(error)), String(error));
        assert.doesNotMatch((error as Error).message, /\n/);
      }
    }),
    {numRuns: 2000},
  );
});

test('run against a closed port it ends with a status and one line', {timeout: 60_000}, async () => {
  await fc.assert(
    fc.asyncProperty(line, async ({name, words}) => {
      const address = ['-h', '127.0.0.1', '-p', String(port)];
      const {exitCode, stderr, stdout} = await runMain([name, ...words, ...address]);
      assert.ok(Number.isInteger(exitCode) && exitCode > 0 && exitCode < 256, `${exitCode}`);
      assert.equal(stdout.toString(), '');
      assertReadable(stderr, words.includes('--quiet'));
    }),
    {numRuns: 150},
  );
});

test('a line with a mistake in it: a sentence, the hint, status 1', {timeout: 60_000}, async () => {
  const word = fc.oneof(
    fc.string({unit: 'binary', minLength: 1}),
    fc.constantFrom(...values.filter(Boolean)),
  );
  const mistake = fc.oneof(
    word.filter((text) => !text.startsWith('-')).map((text) => [text]),
    word.map((text) => [`--${text}`]).filter(([text]) => !['--help', '--version'].includes(text!)),
    fc.constantFrom(
      ['-q', '3'],
      ['-q', '1x'],
      ['-k', '4'],
      ['-V', '4'],
      ['-p', '65536'],
      ['-t'],
      ['-D', 'publish'],
    ),
  );
  await fc.assert(
    fc.asyncProperty(line, mistake, async ({name, words}, wrong) => {
      const isOption = [...Object.values(clients[name]!.options as OptionTable)].some((option) => {
        const {short, long} = spelling(option);
        return wrong[0] === long || (wrong[0] === short && wrong.length === 1 && wrong[0] !== '-t');
      });
      fc.pre(!isOption);
      const {exitCode, stderr, stdout} = await runMain([name, ...words, ...wrong]);
      assert.deepEqual([exitCode, stdout.toString()], [1, '']);
      assertReadable(stderr, false);
      assert.match(stderr, /--help' to see usage\.\n$/);
    }),
    {numRuns: 300},
  );
});
