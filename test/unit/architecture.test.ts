/** The house keeps its floors: imports go down only, and every package has one importer. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {test} from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const source = join(root, 'src');

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.ts'));

/** Every import, static or not, of every file; relative ones as paths below src/. */
const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(source, from), 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)|require\('([^']+)'\)/g;
  return [...text.matchAll(pattern)].map((match) => {
    const target = (match[2] ?? match[3] ?? match[4])!;
    const to = target.startsWith('.') ? relative(source, join(source, dirname(from), target)) : target;
    return {from, to, typeOnly: match[1] !== undefined};
  });
});

const pureMqtt = new Set(
  [
    'frame',
    'wire',
    'message',
    'connection-options',
    'topic',
    'reason',
    'trace',
    'packet',
    'limits',
    'url',
    'window',
  ].map((name) => `mqtt/${name}.ts`),
);

/** The floor of a file: 0 errors, 1 pure rooms, 2 engines, 3 commands, 4 main. */
function floor(file: string): number {
  if (file === 'errors.ts') return 0;
  if (pureMqtt.has(file) || /^(format|password)\//.test(file)) return 1;
  if (/^(cli|mqtt|broker|io)\//.test(file)) return 2;
  if (file.startsWith('commands/')) return 3;
  return 4;
}

const room = (file: string) => dirname(file);

test('imports go down the floors', () => {
  for (const {from, to} of imports.filter(({to}) => to.endsWith('.ts'))) {
    assert.ok(floor(to) <= floor(from), `${from} imports ${to}, which is above it`);
  }
});

test('rooms of one floor do not import each other', () => {
  const shared = new Set(['io/process.ts', 'mqtt/message.ts', 'mqtt/connection-options.ts']);
  for (const {from, to, typeOnly} of imports.filter(({to}) => to.endsWith('.ts'))) {
    if (floor(from) !== floor(to) || floor(from) > 2 || room(from) === room(to)) continue;
    // The Io type is free to all; the message's types and property table are what both rooms speak of.
    assert.ok(
      shared.has(to) && (typeOnly || floor(to) === 1),
      `${from} imports ${to}, a room on the same floor`,
    );
  }
});

test('the pure floors know no module of node but crypto and buffer', () => {
  for (const {from, to} of imports.filter(({from}) => floor(from) <= 1)) {
    assert.ok(
      !to.startsWith('node:') || ['node:crypto', 'node:buffer'].includes(to),
      `${from} imports ${to}`,
    );
  }
});

test('each package has one importer', () => {
  const packages = new Map<string, Set<string>>();
  for (const {from, to} of imports) {
    if (to.endsWith('.ts') || to.startsWith('node:')) continue;
    const name = to.startsWith('@') ? to.split('/', 2).join('/') : to.split('/', 1)[0]!;
    packages.set(name, (packages.get(name) ?? new Set()).add(from));
  }
  /** Where a package serves two sides that must not know each other, each side has one importer. */
  const sides: Readonly<Record<string, readonly string[]>> = {
    'mqtt-packet': ['mqtt/', 'broker/'],
    ws: ['mqtt/', 'broker/'],
  };
  for (const [name, importers] of packages) {
    const allowed = sides[name] ?? [''];
    for (const side of allowed) {
      const here = [...importers].filter((file) => file.startsWith(side));
      assert.ok(here.length <= 1, `${name} is imported by ${here.join(' and ')}`);
    }
    assert.ok(importers.size <= allowed.length, `${name} is imported by ${[...importers].join(' and ')}`);
  }
});

test('every dependency is declared and used', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const used = new Set(
    imports
      .filter(({to}) => !to.endsWith('.ts') && !to.startsWith('node:'))
      .map(({to}) => to.split('/', 1)[0]!),
  );
  assert.deepEqual([...used].sort(), Object.keys(manifest.dependencies).sort());
});

test('the lock file names no place but the public registry', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  for (const [, url] of lock.matchAll(/"resolved": "([^"]+)"/g)) {
    assert.ok(url!.startsWith('https://registry.npmjs.org/'), url);
  }
});
