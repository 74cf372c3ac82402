/**
 * Makes a fresh clone ready: installs exactly what package-lock.json says, unless that is what is there
 * already, and builds. `npm start` and `npm test` both begin here.
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

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  // The npm that runs this script; npm on the PATH where it was started by hand.
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  execFileSync(command, [...first, 'ci', '--no-audit', '--no-fund'], {cwd: root, stdio: 'inherit'});
  writeFileSync(stamp, wanted);
}

execFileSync(process.execPath, [join(root, 'bin', 'dev', 'build.mjs')], {cwd: root, stdio: 'inherit'});
