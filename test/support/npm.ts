/**
 * npm with the settings of the user who runs this, and the Nodes of other lines, which are npm packages: kept in the
 * user's cache directory, so that they are fetched once. Needs the network.
 */

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {mkdir} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {type Finished, run} from './spawn.ts';

/** The user's settings of npm, also where HOME is another, and the certificates that npm has to trust. */
const settings = {
  npm_config_userconfig: process.env.npm_config_userconfig ?? join(homedir(), '.npmrc'),
  NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS,
};
const quietly = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

/** Runs npm, for four minutes at most. @throws AssertionError with its output when it fails */
export async function npm(
  words: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  const finished = await run('npm', [...words, ...quietly], {
    cwd,
    env: {...settings, ...env},
    timeoutMilliseconds: 240_000,
  });
  assert.equal(finished.exitCode, 0, `npm ${words.join(' ')}: ${finished.stderr}${finished.stdout}`);
  return finished;
}

/** The folder with the program of a Node, '22' or '20.19.0', fetched the first time. */
export async function nodeOf(line: string): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'tmq-matrix', line);
  const name = `node-${process.platform}-${process.arch}`;
  const programs = join(folder, 'node_modules', name, 'bin');
  await mkdir(folder, {recursive: true});
  if (!existsSync(join(programs, 'node'))) {
    await npm(['install', '--prefix', folder, '--ignore-scripts', `${name}@${line}`], folder);
  }
  return programs;
}
