/** A project of its own that has tmq installed, as its users have it. */

import {cp, mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {type Finished, run} from './spawn.ts';

const root = join(import.meta.dirname, '..', '..');

export interface UserProject extends AsyncDisposable {
  readonly directory: string;
  /** Writes a file of the project. */
  write(name: string, text: string): Promise<void>;
  /** Runs node in the project, for a minute at most. */
  node(...words: readonly string[]): Promise<Finished>;
}

/** Creates a project with a copy of the built package, and links to these packages of ours. */
export async function openUserProject(packages: readonly string[]): Promise<UserProject> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-project-'));
  const modules = join(directory, 'node_modules');
  await mkdir(modules);
  // A copy: a link would lead compilers and test runners to the packages of this project.
  for (const name of ['package.json', 'dist'])
    await cp(join(root, name), join(modules, 'tmq', name), {recursive: true});
  for (const name of packages) {
    await mkdir(dirname(join(modules, name)), {recursive: true});
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  return {
    directory,
    write: (name, text) => writeFile(join(directory, name), text),
    node: (...words) => run(process.execPath, words, {cwd: directory, timeoutMilliseconds: 60_000}),
    [Symbol.asyncDispose]: () => rm(directory, {recursive: true, force: true}),
  };
}
