/**
 * `npm run man`: writes the manual pages into man/, as the built program prints them from its tables. They
 * are committed, so that an installed package has them; a test says when they are out of date.
 */

import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

const program = join(import.meta.dirname, '..', 'tmq.js');
const pages = {
  'tmq.1': [],
  'tmq-pub.1': ['pub'],
  'tmq-sub.1': ['sub'],
  'tmq-rr.1': ['rr'],
  'tmq-passwd.1': ['passwd'],
  'tmq-broker.1': ['broker'],
  'tmq-formats.5': ['formats'],
};

for (const [name, words] of Object.entries(pages)) {
  const page = execFileSync(process.execPath, [program, '--manual', ...words]);
  writeFileSync(join(import.meta.dirname, '..', '..', 'man', name), page);
}
