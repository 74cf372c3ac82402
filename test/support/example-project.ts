/** A directory in which examples of tmq-testing(7) run: tmq is installed there, as npm would do it, and in the PATH. */

import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {delimiter, dirname, join} from 'node:path';
import {type Finished, run, type SpawnOptions} from './spawn.ts';

const root = join(import.meta.dirname, '..', '..');

export interface ExampleProject extends AsyncDisposable {
  readonly directory: string;
  /** Writes a file; its folder is made. */
  write(name: string, text: string): Promise<void>;
  /** Runs a program there, without the user's options and broker. */
  run(command: string, words: readonly string[], options?: SpawnOptions): Promise<Finished>;
}

export async function openExampleProject(): Promise<ExampleProject> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-example-'));
  const programs = join(directory, 'node_modules', '.bin');
  await mkdir(programs, {recursive: true});
  await symlink(root, join(directory, 'node_modules', 'tmq'));
  await symlink(join('..', 'tmq', 'bin', 'tmq.js'), join(programs, 'tmq'));
  const env = {
    PATH: [programs, dirname(process.execPath), process.env.PATH].join(delimiter),
    XDG_CONFIG_HOME: join(directory, '.config'),
    MQTT_URL: undefined,
    npm_config_update_notifier: 'false',
  };
  return {
    directory,
    async write(name, text) {
      const path = join(directory, name);
      await mkdir(dirname(path), {recursive: true});
      await writeFile(path, text);
    },
    run: (command, words, options = {}) =>
      run(command, words, {
        cwd: directory,
        timeoutMilliseconds: 60_000,
        ...options,
        env: {...env, ...options.env},
      }),
    [Symbol.asyncDispose]: () => rm(directory, {recursive: true, force: true}),
  };
}
