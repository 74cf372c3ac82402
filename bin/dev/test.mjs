/**
 * Checks types, lint and format, then runs every *.test.ts, the slow folders first; `npm test -- PATTERN…` runs
 * only the files whose path contains a pattern. Installs missing tools such as mosquitto if it can; otherwise it
 * names the suites that need them and leaves them out, which is an error in CI.
 */

import {execFileSync, spawn} from 'node:child_process';
import {accessSync, constants, existsSync, readdirSync, readFileSync} from 'node:fs';
import {delimiter, join, relative} from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const patterns = process.argv.slice(2);
const inCi = process.env.CI === 'true';

/** What the tests need beyond Node, and the Debian package that has it. @type {Record<string, string>} */
const tools = {
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  openssl: 'openssl',
  mandoc: 'mandoc',
  man: 'man-db',
  jq: 'jq',
  tar: 'tar',
  zsh: 'zsh',
  fish: 'fish',
  script: 'bsdutils',
  chromium: 'chromium',
  'paho-mqtt': 'python3-paho-mqtt',
  argon2: 'python3-argon2',
  pytest: 'python3-pytest',
  yaml: 'python3-yaml',
  go: 'golang-go',
  'paho-go': 'golang-github-eclipse-paho.mqtt.golang-dev',
};

/** Packages of hundreds of megabytes, which are installed only where nothing may be left out. */
const large = new Set([tools.go, tools['paho-go']]);

/** Tools that are no commands, and a file of theirs. @type {Record<string, string>} */
const places = {
  'paho-mqtt': '/usr/lib/python3/dist-packages/paho/mqtt/client.py',
  argon2: '/usr/lib/python3/dist-packages/argon2/low_level.py',
  pytest: '/usr/lib/python3/dist-packages/pytest/__init__.py',
  yaml: '/usr/lib/python3/dist-packages/yaml/__init__.py',
  'paho-go': '/usr/share/gocode/src/github.com/eclipse/paho.mqtt.golang/client.go',
};

/** @param {string} name */
function isInstalled(name) {
  const place = places[name];
  if (place !== undefined) return existsSync(place);
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'].some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function installMissingTools() {
  const packages = [
    ...new Set(Object.entries(tools).flatMap(([tool, name]) => (isInstalled(tool) ? [] : [name]))),
  ].filter((name) => inCi || !large.has(name));
  if (packages.length === 0 || process.getuid?.() !== 0 || !isInstalled('apt-get')) return;
  const quietly = /** @type {const} */ ({
    stdio: 'ignore',
    env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'},
  });
  console.log(`Installing for the tests: ${packages.join(' ')}`);
  try {
    execFileSync('apt-get', ['update'], quietly);
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], quietly);
  } catch (error) {
    console.error(`apt-get could not install them: ${error instanceof Error ? error.message : error}`);
  }
}

/** @returns {string[]} */
function testFiles() {
  return readdirSync(join(root, 'test'), {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test', name))
    .sort();
}

/** The tools a test file names in a line '// needs: mosquitto, openssl'. @param {string} file */
function needs(file) {
  const line = readFileSync(join(root, file), 'utf8').match(/^\/\/ needs: (.*)$/m);
  return line?.[1]?.split(/,\s*/) ?? [];
}

/** @param {string} command @param {string[]} args */
function execute(command, args) {
  const env = {...process.env};
  // They change how every process started by a test behaves.
  for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'FORCE_COLOR', 'NO_COLOR']) delete env[name];
  return new Promise((resolve) => {
    spawn(command, args, {cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env}).once('close', (code) =>
      resolve(code ?? 1),
    );
  });
}

/** @param {string} name */
const binary = (name) => join(root, 'node_modules', '.bin', name);

if (patterns.length === 0) {
  for (const project of ['.', 'src/page'])
    if ((await execute(binary('tsc'), ['--noEmit', '-p', project])) !== 0) process.exit(1);
  if ((await execute(binary('biome'), ['check', '--error-on-warnings', '.'])) !== 0) process.exit(1);
}

installMissingTools();
const chosen = testFiles().filter(
  (file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)),
);
const missing = Object.keys(tools).filter((tool) => !isInstalled(tool));
const skipped = chosen.filter((file) => needs(file).some((tool) => missing.includes(tool)));
const files = chosen.filter((file) => !skipped.includes(file));

if (skipped.length > 0) {
  console.error(`Not installed: ${missing.join(', ')}. Left out:`);
  for (const file of skipped)
    console.error(`  ${relative(root, join(root, file))} needs ${needs(file).join(', ')}`);
  if (inCi) {
    console.error('Under CI=true nothing may be left out.');
    process.exit(1);
  }
}
if (files.length === 0) {
  console.error('No test file matches.');
  process.exit(1);
}

process.exitCode = await execute(process.execPath, [
  '--import',
  'tsx',
  '--test',
  '--test-reporter=spec',
  '--test-concurrency=3',
  '--test-timeout=180000',
  ...files,
]);
