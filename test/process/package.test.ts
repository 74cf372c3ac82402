// needs: tar
/** What npm would publish: these files, not many bytes, nothing run at installation, and it works from there. */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {copyFile, mkdir, mkdtemp, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import {after, before, describe, test} from 'node:test';
import type {Option} from '../../src/cli/option.ts';
import {commands} from '../../src/commands/all.ts';
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
      /\.[157]$|^CHANGELOG\.md$/.test(name) ? [`man/${name}`] : [],
    );
    assert.deepEqual(
      packed.files.map(({path}) => path).sort(),
      ['LICENSE', 'README.md', 'bin/package.json', 'bin/tmq.js', 'package.json', ...bundles, ...pages].sort(),
    );
    const others = bundles.filter((path) => !/\.(cjs|mjs|d\.cts|d\.mts)$/.test(path));
    assert.deepEqual(others.sort(), ['dist/THIRD-PARTY-NOTICES', 'dist/page.html.br']);
    assert.equal(packed.files.find(({path}) => path === 'bin/tmq.js')!.mode & 0o111, 0o111);
  });

  test('is small', () => {
    assert.ok(packed.size < 1_050_000, `${packed.size} bytes packed`);
    assert.ok(packed.unpackedSize < 3_000_000, `${packed.unpackedSize} bytes unpacked`);
  });

  test('has the documents of a command once: not in the bundle that runs it', async () => {
    const documents = readFileSync(join(root, 'dist', 'tmq.cjs'), 'latin1');
    let found = 0;
    for (const {name, load} of commands) {
      const path = join(root, 'dist', `command-${name}.cjs`);
      if (!existsSync(path)) continue;
      const bundle = readFileSync(path, 'latin1');
      const command = await load();
      const details = Object.values<Option<unknown>>(command.options).flatMap((row) => row.details ?? []);
      const sections = command.sections?.flatMap(({text}) => text) ?? [];
      const texts = [...command.description, ...(command.differences ?? []), ...sections, ...details];
      for (const text of [...texts, ...Object.values<string>(command.examples)]) {
        // A part that has no values in it, nor characters that are written in another way.
        const [start = ''] = /^[ -&(-[\]-_a-~]{0,40}/.exec(text)!;
        if (start.length < 30) continue;
        assert.ok(!bundle.includes(start), `${name}: ${text}`);
        found += documents.includes(start) ? 1 : 0;
      }
    }
    assert.ok(found > 150, `${found} texts in dist/tmq.cjs`);
  });

  test('is one package that runs no install script, and names the Nodes that it supports', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    for (const name of ['preinstall', 'install', 'postinstall'])
      assert.ok(!(name in manifest.scripts!), name);
    for (const name of ['dependencies', 'optionalDependencies']) assert.equal(manifest[name], undefined);
    // The fixture of a test runner is for those who have it: npm installs no optional peer.
    const peers = Object.keys(manifest.peerDependencies!);
    assert.deepEqual(
      manifest.peerDependenciesMeta,
      Object.fromEntries(peers.map((name) => [name, {optional: true}])),
    );
    assert.deepEqual([manifest.engines!.node, manifest.bin], ['>=20.19.0', {tmq: 'bin/tmq.js'}]);
    // What is bundled is what was tested.
    for (const [name, version] of Object.entries(manifest.devDependencies!))
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
  });

  test('has the licence of each package whose code it holds', () => {
    const notices = readFileSync(join(root, 'dist', 'THIRD-PARTY-NOTICES'), 'utf8');
    const titles = [...notices.matchAll(/^-{80}\n\n(\S+) (\S+) \((.+)\)\n\n(.*)\n/gm)];
    for (const [, name, version, licence, first] of titles) {
      const installed = JSON.parse(
        readFileSync(join(root, 'node_modules', name!, 'package.json'), 'utf8'),
      ) as {version: string; license: string};
      assert.deepEqual([version, licence], [installed.version, installed.license], name);
      assert.match(first!, /licen[cs]e|copyright|^MIT$/i, name);
    }
    const named = new Set(titles.map(([, name]) => name));
    const wanted = [
      'chalk',
      'commander',
      'hash-wasm',
      'mqtt',
      'mqtt-packet',
      'ora',
      'preact',
      'readable-stream',
      'sha512-crypt-ts',
      'socks',
    ];
    for (const name of [...wanted, 'ws', 'smart-buffer', 'bl', 'lru-cache']) assert.ok(named.has(name), name);
    // Tools for development are in no bundle, nor is what bin/dev/shims/ replaces.
    for (const name of ['esbuild', 'typescript', 'tsx', 'debug', 'playwright-core', 'worker-timers'])
      assert.ok(!named.has(name), name);
    // The words that several have are there once.
    const others = [...notices.matchAll(/word for word, that of (\S+ \S+)\.$/gm)].map(([, title]) => title!);
    assert.ok(others.length > 10);
    for (const title of others) assert.ok(notices.includes(`\n${title} (`), title);
    assert.equal(notices.match(/Permission is hereby granted, free of charge/g)!.length < 15, true);
    assert.match(notices, /Apache License\s+Version 2\.0/);
  });

  test('without its bundles says in one line what to do', async () => {
    const bare = join(directory, 'bare', 'bin');
    await mkdir(bare, {recursive: true});
    for (const name of ['tmq.js', 'package.json']) await copyFile(join(root, 'bin', name), join(bare, name));
    for (const words of [[], ['pub', '-t', 'a', '-m', 'x']]) {
      const {stdout, stderr, exitCode} = await run(process.execPath, [join(bare, 'tmq.js'), ...words]);
      const line = `Error: tmq is not built. Run 'npm install' in ${join(directory, 'bare')}, then try again.\n`;
      assert.deepEqual([stdout.toString(), stderr, exitCode], ['', line, 1]);
    }
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
