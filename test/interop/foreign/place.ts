/** Where other people's programs are installed and run: a directory that goes with the run, free ports, a certificate. */

import {once} from 'node:events';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {tutorialCertificate} from '../../support/four-listeners.ts';
import {freePort} from '../../support/mosquitto.ts';
import {npm} from '../../support/npm.ts';
import {type Running, run} from '../../support/spawn.ts';

export interface Place extends AsyncDisposable {
  readonly directory: string;
  /** PEM files: certificate, key, and both in one. */
  readonly cert: string;
  readonly key: string;
  readonly both: string;
}

export async function openPlace(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-interop-'));
  const cert = await tutorialCertificate(directory);
  const key = join(directory, 'server.key');
  const both = join(directory, 'server.pem');
  await writeFile(both, `${await readFile(key, 'utf8')}${await readFile(cert, 'utf8')}`);
  return {
    ...{directory, cert, key, both},
    [Symbol.asyncDispose]: () => rm(directory, {recursive: true, force: true}),
  };
}

/** Installs a Debian package unless it is there; its version. @throws Error with apt's words when it is not to be had */
export async function debian(name: string): Promise<string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills it in
  const format = '${Status} ${Version}';
  const query = async () => await run('dpkg-query', ['-W', '-f', format, name]);
  let found = (await query()).stdout.toString();
  if (!found.startsWith('install ok installed')) {
    const installed = await run('apt-get', ['install', '-y', '--no-install-recommends', name], {
      env: {DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1'},
      timeoutMilliseconds: 400_000,
    });
    if (installed.exitCode !== 0) throw new Error(`apt-get install ${name}: ${lastLine(installed.stderr)}`);
    found = (await query()).stdout.toString();
  }
  return found.split(' ').at(-1)!;
}

/** Installs an npm package in a folder of its own below the place, with others that it needs; the folder. */
export async function npmPackage(place: Place, specifier: string, ...others: string[]): Promise<string> {
  const folder = join(place.directory, specifier.replace('@', '-'));
  await mkdir(folder);
  await npm(['install', '--prefix', folder, specifier, ...others], folder);
  return folder;
}

/** The version of a package that `npmPackage` installed. */
export async function npmVersion(folder: string, name: string): Promise<string> {
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** So many ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Resolves when each port accepts connections. @throws Error when the process ends first, or after 90 s */
export async function accepting(ports: readonly number[], process: Running): Promise<void> {
  let ended = false;
  void process.finished.then(() => {
    ended = true;
  });
  const deadline = AbortSignal.timeout(90_000);
  for (const port of ports) {
    for (let open = false; !open; ) {
      const socket = connect(port, '127.0.0.1');
      open = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (ended) throw new Error(`it ended: ${errorLine(process.stderr() + process.stdout())}`);
      if (deadline.aborted) throw new Error(`it does not listen on port ${port}`);
      if (!open) await delay(100);
    }
  }
}

/** The first line that speaks of an error; the last one where none does. */
const errorLine = (text: string): string => /^.*error.*$/im.exec(text)?.[0] ?? lastLine(text);

export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
