/**
 * `npm run man`: writes the manual pages into man/, as the built program prints them from its tables. They
 * are committed, so that an installed package has them; a test says when they are out of date.
 */

import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {commandNames} from './commands.mjs';

const program = join(import.meta.dirname, '..', 'tmq.js');
/** @type {readonly (readonly [file: string, words: readonly string[]])[]} */
const pages = [
  ['tmq.1', []],
  ...commandNames.map((name) => /** @type {const} */ ([`tmq-${name}.1`, [name]])),
  ['tmq-formats.5', ['formats']],
];

for (const [name, words] of pages) {
  const page = execFileSync(process.execPath, [program, '--manual', ...words]);
  writeFileSync(join(import.meta.dirname, '..', '..', 'man', name), page);
}
