/**
 * `npm run figures -- [RUN.json…]`: takes what `npm run bench -- --json` printed into figures.json, and
 * writes FIGURES.md and README.md's section on speed from it. Without a file it only writes them anew.
 */

import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {figuresPage, readmeSection, withSection} from './page.ts';
import {type Recorded, type Run, withRun} from './record.ts';

const recordPath = join(import.meta.dirname, 'figures.json');
const readmePath = join(import.meta.dirname, '..', '..', 'README.md');

const parsed = <Value>(path: string): Value => JSON.parse(readFileSync(path, 'utf8')) as Value;
const before = existsSync(recordPath) ? parsed<Recorded>(recordPath) : undefined;
// One run in several files is one run: only together they are compared with what was there.
const runs = process.argv.slice(2).map((path) => parsed<Run>(path));
const [first] = runs;
for (const {environment} of runs) {
  if (JSON.stringify(environment) !== JSON.stringify(first?.environment)) {
    throw new Error('These runs come from different machines or versions.');
  }
}
const recorded =
  first === undefined
    ? before
    : withRun(before, {environment: first.environment, benches: runs.flatMap(({benches}) => benches)});
if (recorded === undefined) throw new Error('There are no figures yet: name a run of the benches.');

// Everything first, then the files: where something is missing, none of them is half done.
const page = figuresPage(recorded);
const readme = withSection(readFileSync(readmePath, 'utf8'), readmeSection(recorded));
writeFileSync(recordPath, `${JSON.stringify(recorded, null, 2)}\n`);
writeFileSync(join(import.meta.dirname, 'FIGURES.md'), page);
writeFileSync(readmePath, readme);
