/**
 * Makes a fresh clone ready: installs exactly what package-lock.json says, unless that is what is there
 * already, and builds. `npm start` and `npm test` both begin here, and npm itself (`prepare`) when it installs tmq
 * from a clone or a git address.
 */

import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tmq needs Node.js 20.19 or later; this is ${process.version}.`);
  process.exit(1);
}

const stamp = join(root, 'node_modules', '.installed-for');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.version} ${process.platform} ${process.arch}`)
  .digest('hex');

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
// Where npm has installed the packages itself before it prepares, they stay as they are.
const preparing = process.env.npm_lifecycle_event === 'prepare';
const buildable = ['esbuild', 'typescript'].every((name) => existsSync(join(root, 'node_modules', name)));

if (!installed && !(preparing && buildable)) {
  // The npm that runs this script; npm on the PATH where it was started by hand.
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  // Scripts are left out: `prepare` would build twice. `npm install --global` of a clone hands its flag on.
  const words = ['ci', '--no-global', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync(command, [...first, ...words], {cwd: root, stdio: 'inherit'});
  writeFileSync(stamp, wanted);
}

execFileSync(process.execPath, [join(root, 'bin', 'dev', 'build.mjs')], {cwd: root, stdio: 'inherit'});
