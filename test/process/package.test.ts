// needs: tar
/** What npm would publish: these files, not many bytes, nothing run at installation, and it works from there. */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {mkdtemp, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {run} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly {readonly path: string; readonly mode: number}[];
}

describe('the package', () => {
  let directory: string;
  let packed: Packed;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-package-'));
    // Not built anew: other tests are using what is built.
    const words = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
    const {stdout, stderr} = await run('npm', words, {
      cwd: root,
      env: {npm_config_cache: join(directory, 'cache')},
    });
    const [result] = JSON.parse(stdout.toString()) as Packed[];
    assert.ok(result !== undefined, stderr);
    packed = result;
  });
  after(() => rm(directory, {recursive: true, force: true}));

  test('has the program, its bundles, the manual, and nothing else', () => {
    const bundles = readdirSync(join(root, 'dist'), {recursive: true, withFileTypes: true})
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
    const pages = readdirSync(join(root, 'man')).flatMap((name) =>
      /\.[15]$/.test(name) ? [`man/${name}`] : [],
    );
    assert.deepEqual(
      packed.files.map(({path}) => path).sort(),
      ['LICENSE', 'README.md', 'bin/package.json', 'bin/tmq.js', 'package.json', ...bundles, ...pages].sort(),
    );
    assert.ok(bundles.every((path) => /\.(cjs|d\.ts)$/.test(path)));
    assert.equal(packed.files.find(({path}) => path === 'bin/tmq.js')!.mode & 0o111, 0o111);
  });

  test('is small', () => {
    assert.ok(packed.size < 1_500_000, `${packed.size} bytes packed`);
    assert.ok(packed.unpackedSize < 4_500_000, `${packed.unpackedSize} bytes unpacked`);
  });

  test('runs no install script, and names the Nodes that it supports', () => {
    const {scripts, engines, bin, dependencies} = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as Record<'scripts' | 'engines' | 'bin' | 'dependencies', Record<string, string>>;
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.ok(!(name in scripts), name);
    assert.deepEqual([engines.node, bin], ['>=20.19.0', {tmq: 'bin/tmq.js'}]);
    // What is installed is what was tested.
    for (const [name, version] of Object.entries(dependencies))
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
  });

  test('works from the tarball alone: what it imports is in it', async () => {
    const {exitCode} = await run('tar', ['-xzf', join(directory, packed.filename), '-C', directory]);
    assert.equal(exitCode, 0);
    const link = join(directory, 'tmq');
    await symlink(join(directory, 'package', 'bin', 'tmq.js'), link);
    const env = {HOME: directory, PATH: `${directory}:${dirname(process.execPath)}:${process.env.PATH}`};
    const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string};
    const shell = async (line: string) => await run('sh', ['-c', line], {env, cwd: directory});
    assert.equal((await shell('tmq --version')).stdout.toString(), `tmq version ${version}\n`);
    const exchange = 'tmq pub -L $MQTT_URL/a -m hello -r -q 1 && tmq sub -L $MQTT_URL/a -V 5 -C 1 -W 10';
    for (const url of ['MQTT_URL', 'MQTT_WS_URL']) {
      const line = exchange.replaceAll('MQTT_URL', url);
      const {stdout, stderr} = await shell(`tmq broker --ws --quiet --exec -- sh -c '${line}'`);
      assert.deepEqual([stdout.toString(), stderr], ['hello\n', '']);
    }
    for (const scheme of ['sha512', 'sha512-pbkdf2', 'argon2id', 'sha512-crypt']) {
      const made = await shell(`tmq passwd -H ${scheme} -b -c ${scheme}.txt alice secret`);
      assert.equal(made.exitCode, 0, made.stderr);
      const right = await shell(`tmq passwd --verify -b ${scheme}.txt alice secret`);
      assert.equal(right.exitCode, 0, right.stderr);
    }
    assert.match(
      (await shell('FORCE_COLOR=1 tmq pub --color always -t a -f nosuch')).stderr,
      /^\u001b\[31mError:/,
    );
    assert.ok(existsSync(join(directory, 'package', 'man', 'tmq.1')));
  });
});
