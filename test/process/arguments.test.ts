/** Words that are not UTF-8, which Node alone would change without a word. */

import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {run} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
const directory = mkdtempSync(join(tmpdir(), 'tmq-arguments-'));
const entry = join(directory, 'entry.mts');
const main = pathToFileURL(join(root, 'src', 'main.ts'));
writeFileSync(
  entry,
  `import {main, processIo} from '${main}';\nprocess.exitCode = await main(process.argv.slice(2), processIo());\n`,
);
after(() => rmSync(directory, {recursive: true}));

/** Runs tmq with words written as printf writes them: '\\377' is a byte. */
async function tmq(
  ...words: readonly string[]
): Promise<{readonly stderr: string; readonly exitCode: number | null}> {
  const typed = words.map((word) => `"$(printf -- '${word}')"`).join(' ');
  const program = `exec '${process.execPath}' --import tsx '${entry}' ${typed}`;
  const {stderr, exitCode} = await run('sh', ['-c', program], {cwd: root, env: {HOME: directory}});
  return {stderr, exitCode};
}

// Only Linux shows a process its own words as bytes.
test('bytes that are no UTF-8 are refused, not replaced', {skip: process.platform !== 'linux'}, async () => {
  const refused = (place: number) => ({
    stderr: `Error: Malformed UTF-8 in argument ${place}. To send arbitrary bytes, use -f, -s or -l.\n\nUse 'tmq --help' to see usage.\n`,
    exitCode: 1,
  });
  assert.deepEqual(await tmq('pub', '-t', 'a', '-m', 'caf\\351'), refused(5));
  assert.deepEqual(await tmq('pub', '-P', 'x', '-t', '\\303\\050'), refused(5));
});

test('a replacement character that was typed is one like any other', async () => {
  const {stderr} = await tmq('pub', '-t', '\\357\\277\\275', '-m', '\\303\\251', '-q', '7');
  assert.match(stderr, /^Error: Invalid QoS given: 7\. It is 0, 1 or 2\.\n/);
});
