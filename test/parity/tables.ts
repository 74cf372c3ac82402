/** All tables of scenarios as one. */

import {connectRows} from './connect-rows.ts';
import type {Row} from './expectation.ts';
import {pubRows} from './pub-rows.ts';
import {resultRows} from './result-rows.ts';
import {rrRows} from './rr-rows.ts';
import {subRows} from './sub-rows.ts';
import {wordRows} from './word-rows.ts';

export const allRows: readonly Row[] = [
  ...wordRows,
  ...connectRows,
  ...pubRows,
  ...resultRows,
  ...subRows,
  ...rrRows,
];
