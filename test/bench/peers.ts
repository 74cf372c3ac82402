/**
 * The programs tmq is measured against: Debian's mosquitto, and two npm packages in exact versions,
 * installed into the user's cache directory so that they never become dependencies of the project.
 */

import {execFileSync, spawnSync} from 'node:child_process';
import {accessSync, constants, existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {homedir} from 'node:os';
import {delimiter, join} from 'node:path';
import {nodeOf} from '../support/npm.ts';
import type {Invocation} from './measure.ts';

const packages = {mqtt: '5.16.0', 'aedes-cli': '1.0.2'} as const;

/** Programs and the Debian packages that hold them. */
const tools: Readonly<Record<string, string>> = {
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  openssl: 'openssl',
  time: 'time',
};

function isInstalled(name: string): boolean {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin'].some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what is missing where that is possible. @throws Error naming the Debian packages otherwise */
export function installTools(progress: (line: string) => void): void {
  const missing = Object.keys(tools).filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((name) => tools[name]!))];
  progress(`installing ${names.join(' ')}`);
  const quietly = {stdio: 'ignore', env: {...process.env, DEBIAN_FRONTEND: 'noninteractive'}} as const;
  spawnSync('apt-get', ['update'], quietly);
  spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...names], quietly);
  const still = missing.filter((name) => !isInstalled(name));
  if (still.length > 0)
    throw new Error(`The benches need ${still.join(', ')}: apt-get install ${names.join(' ')}`);
}

/** Where the npm peers are, installed on first use. */
function npmPeers(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const directory = join(cache, 'tmq-bench', Object.entries(packages).flat().join('-'));
  if (!existsSync(join(directory, 'complete'))) {
    mkdirSync(directory, {recursive: true});
    const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
    const words = [
      'install',
      '--prefix',
      directory,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      ...wanted,
    ];
    // npm keeps its environment: where the registry's certificates are, for one.
    execFileSync('npm', words, {stdio: ['ignore', 'ignore', 'inherit'], timeout: 120_000});
    writeFileSync(join(directory, 'complete'), '');
  }
  return join(directory, 'node_modules');
}

/** The `mqtt` program of the npm package of that name. */
export function mqttCli(...args: readonly string[]): Pick<Invocation, 'command' | 'args'> {
  return {command: process.execPath, args: [join(npmPeers(), 'mqtt', 'build', 'bin', 'mqtt.js'), ...args]};
}

/** The `aedes` program of the npm package aedes-cli. */
export function aedesCli(...args: readonly string[]): Pick<Invocation, 'command' | 'args'> {
  return {command: process.execPath, args: [join(npmPeers(), 'aedes-cli', 'bin', 'aedes'), ...args]};
}

/** The newest Node of a line, '22', which npm has as a package, and what it calls itself, 'v22.1.0'. */
export async function nodeProgram(
  line: string,
): Promise<{readonly command: string; readonly version: string}> {
  const command = join(await nodeOf(line), 'node');
  return {command, version: spawnSync(command, ['--version'], {encoding: 'utf8'}).stdout.trim()};
}

/** Versions of all peers, as they say themselves. */
export function versions(): Readonly<Record<string, string>> {
  const help = spawnSync('mosquitto_pub', ['--version'], {encoding: 'utf8'}).stdout;
  const mosquitto = /version (\S+)/.exec(help)?.[1] ?? 'unknown';
  return {mosquitto, ...packages};
}
