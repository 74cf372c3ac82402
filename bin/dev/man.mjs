/**
 * `npm run man`: writes the manual pages into man/, as the built program prints them from its tables, and the
 * same as Markdown for the web. They are committed, so that an installed package has them; a test says when
 * they are out of date.
 */

import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {register} from 'tsx/esm/api';
import {commandNames} from './commands.mjs';

register();
const {manualMarkdown} = await import('./man-markdown.mjs');
const program = join(import.meta.dirname, '..', 'tmq.js');
/** @type {readonly (readonly [file: string, words: readonly string[]])[]} */
const pages = [
  ['tmq.1', []],
  ...commandNames.map((name) => /** @type {const} */ ([`tmq-${name}.1`, [name]])),
  ['tmq-formats.5', ['formats']],
  ['tmq-testing.7', ['testing']],
];

const bareName = (/** @type {string} */ file) => file.replace(/\.\d$/, '');
const names = pages.map(([file]) => bareName(file));
const directory = join(import.meta.dirname, '..', '..', 'man');
for (const [file, words] of pages) {
  const page = execFileSync(process.execPath, [program, '--manual', ...words], {encoding: 'utf8'});
  writeFileSync(join(directory, file), page);
  writeFileSync(join(directory, `${bareName(file)}.md`), manualMarkdown(page, names));
}
