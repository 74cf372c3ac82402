/** The layout of test/: each file names the tools it starts, and test/unit has the shape of src. */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';

const tests = join(import.meta.dirname, '..');
const source = join(tests, '..', 'src');
const files = readdirSync(tests, {recursive: true, encoding: 'utf8'}).filter((name) =>
  name.endsWith('.test.ts'),
);

/** What a file that uses a tool has in it: the program's start, or the function of test/support that starts it. */
const uses: Readonly<Record<string, RegExp>> = {
  mosquitto:
    /\b(?:startMosquitto|openConfigurationPlace|openMistakePlace)\(|\bbrokerKinds\b|\b(?:run|start|startBroker)\(\s*'mosquitto(?:_passwd)?'|\bplay\([^)]*'mosquitto'/,
  mosquitto_pub:
    /\b(?:run|start)\(\s*'mosquitto_(?:pub|sub|rr)'|\bplay\([^)]*'mosquitto'|(?:\brun\(|=> \[)`mosquitto_\$\{/,
  openssl:
    /\b(?:certificates|openConfigurationPlace|openMistakePlace|startFourListeners|tutorialCertificate)\(|\b(?:run|start)\(\s*'openssl'/,
  mandoc: /\brun\(\s*'mandoc'/,
  man: /\brun\(\s*'man'/,
  jq: /\bopenPlayground\(/,
  tar: /\brun\(\s*'tar'/,
  zsh: /\bstartOnTerminal\([^)]*'zsh'|\bshells = \[[^\]]*'zsh'/,
  fish: /\brun\(\s*'fish'/,
  script: /\b(?:run|start)\(\s*'script'/,
  chromium: /\b(?:run|start)\(\s*'chromium'|\bstartBrowser\(/,
  'paho-mqtt': /paho-exercise\.py|\bpytestFile\b/,
  argon2: /import sys, argon2/,
  pytest: /'-m', 'pytest'/,
  yaml: /\bimport json, sys, yaml\b/,
  go: /\brun\('go'/,
  'paho-go': /\bgoFile\b/,
};

function declared(text: string): readonly string[] {
  return /^\/\/ needs: (.*)$/m.exec(text)?.[1]?.split(', ') ?? [];
}

test('a test file names the tools it starts in its line of needs, and no others', () => {
  for (const file of files) {
    const text = readFileSync(join(tests, file), 'utf8');
    // This file names all of them, and starts none.
    if (file === 'unit/test-files.test.ts') continue;
    const used = Object.keys(uses).filter((tool) => uses[tool]!.test(text));
    assert.deepEqual([...declared(text)].sort(), used.sort(), `// needs: of test/${file}`);
  }
});

test('the runner knows how to install each of these tools', () => {
  const runner = readFileSync(join(tests, '..', 'bin', 'dev', 'test.mjs'), 'utf8');
  const table = /^const tools = \{\n([\s\S]*?)^\};/m.exec(runner)![1]!;
  const known = [...table.matchAll(/^ {2}'?([\w-]+)'?: /gm)].map(([, tool]) => tool!);
  assert.deepEqual(known.sort(), Object.keys(uses).sort());
});

/** Tests of the whole source, not of one file. */
const ofTheWhole = ['architecture', 'errors', 'figures', 'guides', 'prose', 'test-files'];
/** Tests of something that several files of their folder do, or that one of a larger file does. */
const ofAFolder: readonly string[] = [
  'file-error',
  'broker/persistence/full-disk',
  'broker/persistence/kill',
  'commands/client/client-warnings',
  'commands/pub/progress',
];

test('test/unit has the folders and files of src', () => {
  for (const file of files.filter((name) => name.startsWith('unit/'))) {
    const name = file.slice('unit/'.length, -'.test.ts'.length);
    if (ofTheWhole.includes(name) || ofAFolder.includes(name)) continue;
    assert.ok(existsSync(join(source, `${name}.ts`)), `test/${file} stands for no src/${name}.ts`);
  }
});
