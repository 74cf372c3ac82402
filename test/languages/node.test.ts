/** The examples of tmq-testing(7) for Node.js, and its reference. */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {symlink} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {
  jestFile,
  nodeFile,
  referenceSection,
  scriptedFile,
  vitestFile,
} from '../../src/commands/manual/testing-node.ts';
import {openExampleProject} from '../support/example-project.ts';

const root = join(import.meta.dirname, '..', '..');

/** A project that has these packages of ours installed, too. */
async function projectWith(packages: readonly string[]) {
  const project = await openExampleProject();
  for (const name of packages) {
    await symlink(join(root, 'node_modules', name), join(project.directory, 'node_modules', name));
  }
  return project;
}

interface Runner {
  /** What a test file's name ends in. */
  readonly ending: string;
  readonly text: string;
  /** The command line, to which the files are added. */
  readonly command: readonly string[];
  readonly packages: readonly string[];
  /** The counts in its output. */
  readonly counts: RegExp;
}

const packageProgram = (path: string) => join(root, 'node_modules', path);

const runners: Readonly<Record<string, Runner>> = {
  'node:test': {
    ending: 'test.mjs',
    text: nodeFile,
    command: ['--test'],
    packages: ['mqtt'],
    counts: /pass 1\b[\s\S]*fail 1\b/,
  },
  vitest: {
    ending: 'test.ts',
    text: vitestFile,
    command: [packageProgram('vitest/vitest.mjs'), 'run'],
    packages: ['mqtt', 'vitest'],
    counts: /Tests +1 failed \| 1 passed/,
  },
  jest: {
    ending: 'test.js',
    text: jestFile,
    command: [packageProgram('jest/bin/jest.js')],
    packages: ['mqtt'],
    counts: /Tests: +1 failed, 1 passed/,
  },
};

describe('a test of the page passes, and fails with another message', {concurrency: true}, () => {
  for (const [name, {ending, text, command, packages, counts}] of Object.entries(runners)) {
    test(`with ${name}, which ends by itself`, async () => {
      await using project = await projectWith(packages);
      await project.write('package.json', '{"name": "lamp"}');
      const files = {on: text, off: text.replace("'home/lamp', 'on'", "'home/lamp', 'off'")};
      for (const [state, source] of Object.entries(files)) await project.write(`${state}.${ending}`, source);
      const words = [...command, `on.${ending}`, `off.${ending}`];
      const options = {env: {NO_COLOR: '1', CI: 'true'}};
      const {stdout, stderr, exitCode} = await project.run(process.execPath, words, options);
      const output = `${stdout}${stderr}`;
      assert.match(output, counts);
      assert.equal(exitCode, 1);
    });
  }
});

test('the example of the scripted client runs', async () => {
  await using project = await openExampleProject();
  await project.write('example.mjs', scriptedFile);
  const {stdout, stderr, exitCode} = await project.run(process.execPath, ['example.mjs']);
  assert.deepEqual([stdout.toString(), stderr, exitCode], ['', '', 0]);
});

test('the types of the examples are right', async () => {
  await using project = await projectWith(['mqtt', 'vitest', '@types']);
  await project.write('package.json', '{"name": "lamp", "type": "module"}');
  const files = {'lamp.test.ts': vitestFile, 'node.test.ts': nodeFile, 'scripted.ts': scriptedFile};
  for (const [name, text] of Object.entries(files)) await project.write(name, text);
  const flags = '--noEmit --strict --module nodenext --target es2022 --types node --skipLibCheck';
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const words = [...flags.split(' '), ...Object.keys(files)];
  const {stdout, exitCode} = await project.run(compiler, words);
  assert.deepEqual([stdout.toString(), exitCode], ['', 0]);
  await project.write('scripted.ts', scriptedFile.replace("'suback'", "'subscribed'"));
  assert.match((await project.run(compiler, words)).stdout.toString(), /scripted\.ts.*'"subscribed"'/);
});

/** The names of the members of an exported interface. */
function membersOf(name: string, file: string): readonly string[] {
  const text = readFileSync(join(root, 'src', 'testing', file), 'utf8');
  const [, body = ''] = new RegExp(`^export interface ${name} [^{]*\\{\\n(.*?)^\\}`, 'ms').exec(text) ?? [];
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?:(<]/gm)].map(([, member]) => member!);
}

test('the reference has every option and member', () => {
  const [options, broker, scripted] = referenceSection.parts ?? [];
  const named = (remarks: Readonly<Record<string, string>> = {}) =>
    Object.keys(remarks).flatMap((term) => term.replaceAll(/\([^)]*\)/g, '').split(', '));
  assert.deepEqual(named(options?.remarks).sort(), [...membersOf('StartOptions', 'broker/types.ts')].sort());
  assert.deepEqual(named(broker?.remarks).sort(), [...membersOf('TestBroker', 'broker/types.ts')].sort());
  const functions = membersOf('ScriptedClient', 'client/types.ts').filter(
    (name) => !/^(clientId|protocolVersion|connack)$/.test(name),
  );
  assert.ok(functions.length > 5);
  for (const name of functions) assert.match(scripted?.text[0] ?? '', new RegExp(`\\b${name}\\(`));
});
