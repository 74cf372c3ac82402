/** The words of the source, the manuals and the names of tests: each sentence names who acts. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {declaredTests} from '../support/declarations.ts';

const root = join(import.meta.dirname, '..', '..');
const vague = /\b(?:whoever|nobody|somebody|everybody)\b|unless told/i;

function filesBelow(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), {recursive: true, withFileTypes: true})
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
}

test('source, programs, manuals and README name who acts', () => {
  const paths = [...filesBelow('src', 'bin', 'man'), join(root, 'README.md')];
  const lines = paths.flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line, index) => (vague.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(lines, []);
});

test('manuals and README tell nothing in the passive', () => {
  const passive = /\b(?:is|are|be|being) told\b|\bsays (?:so|otherwise)\b/i;
  for (const path of [...filesBelow('man'), join(root, 'README.md')].filter((each) => !each.endsWith('.svg')))
    assert.doesNotMatch(readFileSync(path, 'utf8'), passive, path);
});

test('so do the names of tests', () => {
  const names = filesBelow('test')
    .filter((path) => path.endsWith('.test.ts'))
    .flatMap((path) => declaredTests(path).map((name) => `${path}: ${name}`))
    .filter((name) => vague.test(name));
  assert.deepEqual(names, []);
});
