/**
 * A directory with the files that the configurations of test/fixtures name: certificate, key, password file,
 * ACL files. Of a fixture that is copied there only {directory} and the like change.
 */

import {chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {tutorialCertificate} from './four-listeners.ts';
import {run} from './spawn.ts';
import {runTmq} from './tmq.ts';

export const fixtures = join(import.meta.dirname, '..', 'fixtures');

export interface ConfigurationPlace extends AsyncDisposable {
  readonly directory: string;
  /** Copies a file of test/fixtures, with {directory} and more of the kind filled in; its path here. */
  copy(path: string, fill?: Readonly<Record<string, string>>): Promise<string>;
  /** Writes a file; its path here. */
  write(name: string, text: string): Promise<string>;
}

const files: Readonly<Record<string, string>> = {
  acl: 'user alice\ntopic readwrite alice/#\npattern read clients/%c/#\n',
  'acl-patterns': 'pattern read home/%u/#\npattern readwrite public/#\n',
  psk: 'alice:0123456789abcdef\n',
  'dynamic-security.json': '{}\n',
  'conf.d/default.conf': 'allow_anonymous false\npassword_file {directory}/passwd\n',
  'conf.d/listeners.conf': 'listener 1883 127.0.0.1\nlistener 1884\n',
  'conf.d/README': 'Not a configuration file: its name does not end with .conf.\n',
};

/** Makes it. One user, alice, with the password "secret". */
export async function openConfigurationPlace(): Promise<ConfigurationPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-fixtures-'));
  await mkdir(join(directory, 'conf.d'));
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await writeFile(path, text.replaceAll('{directory}', directory));
    return path;
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const certificate = await tutorialCertificate(directory);
  await copyFile(certificate, join(directory, 'ca.crt'));
  const key = ['pkey', '-in', join(directory, 'server.key'), '-outform', 'DER'];
  for (const command of [
    await run('openssl', [...key, '-out', join(directory, 'server.der')]),
    await runTmq(['passwd', '-c', '-b', join(directory, 'passwd'), 'alice', 'secret']),
  ]) {
    if (command.exitCode !== 0) throw new Error(command.stderr);
  }
  // mosquitto, started by root, becomes a user of its own.
  await chmod(directory, 0o777);
  for (const name of await readdir(directory)) {
    await chmod(join(directory, name), name === 'conf.d' ? 0o755 : 0o644);
  }
  let copies = 0;
  return {
    directory,
    write,
    async copy(path, fill = {}) {
      // Byte by byte: some of them are not UTF-8.
      const text = await readFile(join(fixtures, path), 'latin1');
      const target = join(directory, `${++copies}-${basename(path)}`);
      const filled = text.replace(
        /\{(\w+)\}/g,
        (word, name) => ({directory, ...fill})[name as string] ?? word,
      );
      await writeFile(target, filled, 'latin1');
      return target;
    },
    [Symbol.asyncDispose]: () => rm(directory, {recursive: true, force: true}),
  };
}
