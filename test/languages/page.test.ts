/** tmq-testing(7) shows no file that the tests here do not run. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {testingFiles, testingSections} from '../../src/commands/manual/testing-page.ts';

const folder = import.meta.dirname;

test('every file of the page is one that a test here runs', () => {
  const tests = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  for (const name of Object.keys(testingFiles)) {
    const uses = new RegExp(`import \\{[^}]*\\b${name}\\b`);
    assert.ok(
      tests.some((text) => uses.test(text)),
      name,
    );
  }
  const texts: readonly string[] = Object.values(testingFiles);
  const literals = testingSections
    .flatMap((section) => [section, ...(section.parts ?? [])])
    .flatMap(({literal}) => (literal === undefined ? [] : [literal.join('\n')]));
  // Commands of one line are in test/process/examples.test.ts.
  const files = literals.filter((text) => text.includes('\n'));
  assert.deepEqual(files.sort(), [...texts].sort());
});
