/**
 * Every row of what mosquitto's clients do, in a few words, and where it is shown: by scenarios of the
 * tables, by a test elsewhere, or as a difference that the manual documents. A row without proof fails here.
 */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {pub} from '../../src/commands/pub/pub.ts';
import {rr} from '../../src/commands/rr/rr.ts';
import {sub} from '../../src/commands/sub/sub.ts';
import {declaredTests} from '../support/declarations.ts';
import {faults, type Proof, reference} from './coverage-table.ts';
import {allRows} from './tables.ts';

const root = join(import.meta.dirname, '..');
const known = new Map<string, readonly string[]>();

function testsOf(file: string): readonly string[] {
  const names = known.get(file) ?? declaredTests(join(root, file));
  known.set(file, names);
  return names;
}

const differences = [pub, sub, rr].flatMap((command) => command.differences ?? []);

function assertProof(what: string, proof: Proof): void {
  if (typeof proof === 'string') {
    const told = differences.some((each) => each.includes(proof));
    assert.ok(told, `${what}: no manual tells the difference "${proof}"`);
    return;
  }
  const [file, name] = proof;
  assert.ok(
    testsOf(file).some((declared) => declared.includes(name)),
    `${what}: ${file} has no test "${name}"`,
  );
}

const shown = new Set(allRows.flatMap(({shows}) => shows));

test('every row has its proof', () => {
  for (const [section, rows] of Object.entries(reference)) {
    for (const row of rows) {
      if (typeof row === 'string')
        assert.ok(shown.has(`${section}: ${row}`), `${section}: ${row} has no scenario`);
      else for (const proof of row.slice(1)) assertProof(`${section}: ${row[0]}`, proof as Proof);
    }
  }
});

test('every scenario shows a row that is there', () => {
  const known = new Set(
    Object.entries(reference).flatMap(([section, rows]) =>
      rows.map((row) => `${section}: ${typeof row === 'string' ? row : row[0]}`),
    ),
  );
  for (const each of shown) {
    assert.ok(known.has(each) || /^9: Q\d+b?$/.test(each), `${each} is no row`);
  }
});

test('each of the known faults has a test that shows that tmq does not have it', () => {
  const numbers = [...Array.from({length: 42}, (_, index) => `Q${index + 1}`), 'Q2b', 'Q16b'];
  const named = readFileSync(join(root, 'parity', 'quirks.test.ts'), 'utf8');
  const scenarios = new Set(
    allRows.flatMap(({name, shows}) => [
      ...shows.filter((each) => each.startsWith('9: ')).map((each) => each.slice(3)),
      ...[...name.matchAll(/Q\d+b?/g)].map(([number]) => number),
    ]),
  );
  for (const number of numbers) {
    const proof = faults[number];
    if (proof !== undefined) assertProof(number, proof);
    else assert.ok(scenarios.has(number) || named.includes(`'${number}: `), `${number} is shown nowhere`);
  }
});
