/** The guides for developers: every path that they name exists. */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {test} from 'node:test';

const root = join(import.meta.dirname, '..', '..');

/** The paths in a guide: what is between backticks and has a slash or the ending of a file. */
function pathsIn(text: string): readonly string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([\w./-]+)`/g)]
    .map(([, path]) => path!)
    .filter((path) => path.includes('/') || /\.(?:ts|mjs|js|md|json)$/.test(path))
    .filter((path) => !path.startsWith('/') && !path.startsWith('tmq/testing'));
}

for (const guide of ['src/README.md', 'test/README.md', '.github/CONTRIBUTING.md', '.github/SECURITY.md']) {
  test(`${guide} names paths that exist`, () => {
    const absent = pathsIn(readFileSync(join(root, guide), 'utf8')).filter(
      (path) => !existsSync(join(root, path)) && !existsSync(join(root, dirname(guide), path)),
    );
    assert.deepEqual(absent, []);
  });
}

test('src/README.md has each folder and each file beside them in its map', () => {
  const source = join(root, 'src');
  const map = readFileSync(join(source, 'README.md'), 'utf8').split('## Four walks')[0]!;
  const folders = ['', 'client', 'broker'].flatMap((folder) =>
    readdirSync(join(source, folder), {withFileTypes: true}).map((entry) =>
      join(folder, entry.isDirectory() ? `${entry.name}/` : entry.name),
    ),
  );
  const wanted = folders.filter((name) => name.endsWith('/') || /^\w+\.ts$/.test(name));
  const absent = wanted.filter((name) => !map.includes(`\`${name}\``));
  assert.deepEqual(absent, []);
});

test('test/README.md has a row for each folder of tests', () => {
  const rows = readFileSync(join(root, 'test', 'README.md'), 'utf8').matchAll(/^\| `(\w+)\/` \|/gm);
  const folders = readdirSync(join(root, 'test'), {withFileTypes: true}).filter((entry) =>
    entry.isDirectory(),
  );
  assert.deepEqual([...rows].map(([, name]) => name!).sort(), folders.map(({name}) => name).sort());
});
