// needs: mosquitto, openssl
/**
 * The catalogue of mistakes: each command line is run, and says in one line what is wrong and what to do. Nothing of
 * it goes to standard output.
 */

import assert from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {type MistakePlace, openMistakePlace} from '../support/mistake-place.ts';
import {runMain} from '../support/run.ts';
import {runShell} from '../support/tmq.ts';
import {commandLines} from './mistakes/command-lines.ts';
import {configurations} from './mistakes/configurations.ts';
import {connections} from './mistakes/connections.ts';
import type {Mistake, MistakeOptions} from './mistakes/mistake.ts';
import {passwordFiles} from './mistakes/password-files.ts';
import {shells} from './mistakes/shells.ts';

/** Words as a shell splits them, with quotes of both kinds and nothing else. */
function wordsOf(line: string): readonly string[] {
  return (line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^(['"])(.*)\1$/s, '$2'));
}

let place: MistakePlace;
let files = 0;
before(async () => {
  place = await openMistakePlace();
});
after(() => place[Symbol.asyncDispose]());

/** Writes the file of a row; its path. */
async function writeFiles({file, acl}: MistakeOptions): Promise<string> {
  const path = join(place.directory, `file${++files}`);
  const fill = (text: string) => place.fill(text).replaceAll('{file}', path);
  if (file !== undefined) await writeFile(path, fill(file), {mode: 0o600});
  if (acl !== undefined) await writeFile(`${path}.acl`, acl, {mode: 0o600});
  return path;
}

/** Passwords of the rows and their files. */
const secrets = /geheim|alice:[^…]/;

/** What a sentence does for its reader: asks, says what to do, or says what the thing has to be. */
const remedy =
  /\?|['\s](?:add|check|convert|connect|give|leave|lists|make|name|run|see|set|show|take|try|type|use|write)s?\b|\b(?:as in|begins|belongs|between|cannot|comes|from|goes|has|have|holds|is|are|may|missing|must|needs?|no|not|perhaps|starts|such|takes|wants|within)\b/i;

/** MQTT.js reads what is no MQTT in the general way, and has words of its own for it. */
function withoutReader(line: string): string {
  const isGeneral = process.env.TMQ_NO_FASTPATH !== undefined;
  return isGeneral ? line.replace(/(?<=as an MQTT broker does )\([^)]*\)/, '') : line;
}

async function check(
  [line, says, options = {}]: Mistake,
  run: (line: string, input: string) => Promise<{stdout: Buffer; stderr: string; exitCode: number | null}>,
): Promise<void> {
  const path = await writeFiles(options);
  const fill = (text: string) => place.fill(text.replaceAll('{file}', path));
  const {stdout, stderr, exitCode} = await run(fill(line), options.input ?? '');
  const [first, ...rest] = stderr.split('\n');
  assert.equal(withoutReader(first!), withoutReader(`Error: ${fill(says)}`));
  const pointer = options.brief
    ? /^\nUsage: /
    : options.usage
      ? /^\nUse '[^']+ --help' to see usage\.\n$/
      : /^$/;
  assert.match(rest.join('\n'), pointer);
  assert.deepEqual([stdout.toString(), exitCode], ['', options.status ?? 1]);
  assert.doesNotMatch(stderr, secrets);
  assert.match(says, remedy);
}

const inProcess: Readonly<Record<string, readonly Mistake[]>> = {
  'command lines': commandLines,
  connections,
  configurations,
  'password files': passwordFiles,
};

// All at once: some wait a second or more for an answer that does not come.
describe('each mistake', {concurrency: true}, () => {
  for (const [title, rows] of Object.entries(inProcess)) {
    describe(title, {concurrency: 4}, () => {
      for (const row of rows) {
        const [line, , {file = ''} = {}] = row;
        test(`tmq ${line}${file === '' ? '' : `: ${file.trim().replaceAll('\n', ', ')}`}`, () =>
          check(row, (words, input) => runMain(wordsOf(words), {input})));
      }
    });
  }
  describe('lines of a shell', {concurrency: 3}, () => {
    for (const row of shells) {
      test(row[0], () => check(row, (line, input) => runShell(line, {input})));
    }
  });
});

test('there are at least 150, and no line is there twice', () => {
  const rows = [...Object.values(inProcess).flat(), ...shells];
  assert.ok(rows.length >= 150, `${rows.length}`);
  const keys = rows.map(([line, , {file, acl, input} = {}]) => JSON.stringify([line, file, acl, input]));
  assert.equal(new Set(keys).size, keys.length);
});
