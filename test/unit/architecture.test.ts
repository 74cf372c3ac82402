/** The layout of src/: imports go down the floors, there are no circles, and every package has one importer. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {test} from 'node:test';
import {commands} from '../../src/commands/all.ts';

const root = join(import.meta.dirname, '..', '..');
const source = join(root, 'src');

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((name) => /\.tsx?$/.test(name));

/** Every import of every file, type imports included; relative ones as paths below src/. */
const imports: readonly Import[] = files.flatMap((from) => {
  const whole = readFileSync(join(source, from), 'utf8');
  // The examples of tmq-testing(7) import what their readers have.
  const text = from.startsWith('commands/manual/testing-') ? whole.replaceAll(/`[^`]*`/g, '') : whole;
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)|require\('([^']+)'\)/g;
  return [...text.matchAll(pattern)].map((match) => {
    const target = (match[2] ?? match[3] ?? match[4])!;
    const to = target.startsWith('.') ? relative(source, join(source, dirname(from), target)) : target;
    return {from, to, typeOnly: match[1] !== undefined};
  });
});

const isSource = (name: string) => /\.tsx?$/.test(name);
const internal = imports.filter(({to}) => isSource(to));

/**
 * The floors, lowest first. A file belongs to the first floor that has a prefix of its path; it imports files of
 * its own floor and of those below.
 */
const floors: readonly (readonly string[])[] = [
  ['errors.ts', 'defined.ts', 'timers.ts', 'page-interface.ts'],
  ['protocol/'],
  ['condition/', 'format/', 'password/'],
  ['io/', 'cli/', 'client/', 'broker/', 'page/'],
  ['load/', 'testing/'],
  ['commands/'],
  ['main.ts'],
];

/** The floors inside a room, in the same form. */
const innerFloors: Readonly<Record<string, readonly (readonly string[])[]>> = {
  client: [
    ['client/types.ts', 'client/connection-options.ts', 'client/waiting.ts'],
    ['client/transport/'],
    ['client/connection/'],
    ['client/credentials/'],
    ['client/receiving/'],
    ['client/session/'],
    ['client/connect.ts'],
  ],
  broker: [
    ['broker/config/'],
    ['broker/access/', 'broker/wire/'],
    ['broker/persistence/'],
    ['broker/state/'],
    ['broker/forwarding/'],
    ['broker/client/'],
    ['broker/broker.ts'],
    ['broker/web/'],
    ['broker/server/'],
  ],
  load: [['load/plan.ts'], ['load/measuring/'], ['load/session/'], ['load/']],
  page: [
    ['page/state/'],
    ['page/broker/'],
    ['page/model.ts', 'page/ui.ts'],
    ['page/views/'],
    ['page/main.tsx'],
  ],
  testing: [
    ['testing/waits/'],
    ['testing/client/'],
    ['testing/broker/'],
    ['testing/testing.ts'],
    ['testing/node.ts', 'testing/vitest.ts'],
  ],
  commands: [
    ['commands/client/credentials/', 'commands/client/exec/'],
    ['commands/client/', 'commands/manual/'],
    ['commands/sub/conditions/', 'commands/sub/exec/'],
    commands.map(({name}) => `commands/${name}/`),
    ['commands/all.ts'],
    ['commands/help-about.ts'],
  ],
};

/** The index of a file's floor; -1 for a file that has none. */
function floorOf(file: string, plan: readonly (readonly string[])[]): number {
  return plan.findIndex((prefixes) => prefixes.some((prefix) => file.startsWith(prefix)));
}

const room = (file: string) => file.split('/', 1)[0]!;
const folder = (file: string) => dirname(file);

/** As Map.groupBy, which Node 20 does not have. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Files of one folder: more than a reader takes in at a glance hide what belongs together. */
const mostFiles = 16;

test('imports go down the floors', () => {
  for (const {from, to} of internal) {
    assert.ok(floorOf(from, floors) >= 0, `${from} is on no floor`);
    assert.ok(floorOf(to, floors) <= floorOf(from, floors), `${from} imports ${to}, which is above it`);
  }
});

test('imports go down the floors inside a room', () => {
  for (const {from, to} of internal) {
    const plan = innerFloors[room(from)];
    if (plan === undefined || room(from) !== room(to)) continue;
    const [here, there] = [floorOf(from, plan), floorOf(to, plan)];
    assert.ok(here >= 0, `${from} is on no floor of its room`);
    assert.ok(there <= here, `${from} imports ${to}, which is above it`);
    assert.ok(
      there < here || folder(from) === folder(to),
      `${from} imports ${to}, a folder on the same floor`,
    );
  }
});

test('rooms of one floor do not import each other', () => {
  for (const {from, to, typeOnly} of internal) {
    if (room(from) === room(to) || floorOf(from, floors) !== floorOf(to, floors)) continue;
    assert.ok(typeOnly && to === 'io/process.ts', `${from} imports ${to}, a room on the same floor`);
  }
});

/** The circles of the import graph: each a list of files, the last of which imports the first. */
function circles(): readonly (readonly string[])[] {
  const targets = grouped(internal, ({from}) => from);
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push(path.slice(at));
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const {to} of targets.get(file) ?? []) visit(to);
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  return found;
}

test('the import graph has no circles, type imports included', (context) => {
  const found = circles();
  context.diagnostic(`${found.length} circles among ${files.length} files`);
  assert.deepEqual(found, []);
});

test('no folder has too many files side by side', () => {
  for (const [name, members] of grouped(files, folder)) {
    assert.ok(members.length <= mostFiles, `src/${name} has ${members.length} files`);
  }
});

/** The longest file, and the longest class, in lines. */
const mostLines = {file: 400, class: 220};

test('no file and no class is too long', () => {
  for (const file of files) {
    const lines = readFileSync(join(source, file), 'utf8').split('\n');
    assert.ok(lines.length - 1 <= mostLines.file, `src/${file} has ${lines.length - 1} lines`);
    for (const [index, line] of lines.entries()) {
      if (!/^(?:export )?(?:abstract )?class /.test(line)) continue;
      const length = lines.indexOf('}', index) - index + 1;
      assert.ok(length <= mostLines.class, `src/${file}: ${line} has ${length} lines`);
    }
  }
});

test('the pure floors import no module of Node but crypto and buffer', () => {
  for (const {from, to} of imports.filter(({from}) => floorOf(from, floors) <= 2)) {
    assert.ok(
      !to.startsWith('node:') || ['node:crypto', 'node:buffer'].includes(to),
      `${from} imports ${to}`,
    );
  }
});

test('each package has one importer', () => {
  const packages = new Map<string, Set<string>>();
  for (const {from, to} of imports) {
    if (isSource(to) || to.startsWith('node:')) continue;
    const name = to.startsWith('@') ? to.split('/', 2).join('/') : to.split('/', 1)[0]!;
    packages.set(name, (packages.get(name) ?? new Set()).add(from));
  }
  /** Where client, broker and page need a package, each has one importer: they do not import each other. */
  const sides: Readonly<Record<string, readonly string[]>> = {
    mqtt: ['client/', 'page/'],
    'mqtt-packet': ['client/', 'broker/'],
    ws: ['client/', 'broker/'],
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

test('what src/ imports is bundled, so the package depends on nothing', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies?: unknown;
    devDependencies: Record<string, string>;
    scripts: Record<string, string>;
  };
  assert.equal(manifest.dependencies, undefined);
  const packages = new Set(
    imports.filter(({to}) => !isSource(to) && !to.startsWith('node:')).map(({to}) => to.split('/', 1)[0]!),
  );
  const undeclared = [...packages].filter((name) => !(name in manifest.devDependencies));
  assert.deepEqual(undeclared, []);

  /** Where a package for development is named: imported, started by a script, or the types of another. */
  const elsewhere = ['test', 'bin'].flatMap((name) =>
    readdirSync(join(root, name), {recursive: true, encoding: 'utf8'})
      .filter((file) => /\.(?:ts|mjs)$/.test(file))
      .map((file) => readFileSync(join(root, name, file), 'utf8')),
  );
  const text = [...elsewhere, ...Object.values(manifest.scripts)].join('\n');
  const commands: Readonly<Record<string, string>> = {'@biomejs/biome': 'biome', typescript: 'tsc'};
  const unused = Object.keys(manifest.devDependencies).filter((name) => {
    const bare = name.replace('@types/', '');
    if (packages.has(bare) || name === '@types/node') return false;
    const imported = [`from '${name}`, `import('${name}`, `--import ${name}`];
    return ![...imported, `${commands[name] ?? name} `].some((each) => text.includes(each));
  });
  assert.deepEqual(unused, []);
});

test('the lock file names no place but the public registry', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  for (const [, url] of lock.matchAll(/"resolved": "([^"]+)"/g)) {
    assert.ok(url!.startsWith('https://registry.npmjs.org/'), url);
  }
});
