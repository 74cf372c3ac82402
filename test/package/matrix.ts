/**
 * `npm run matrix`: the package as npm packs it, installed into an empty project and globally, under the
 * oldest Node that package.json allows and each later line. The Nodes are npm packages, kept in the user's
 * cache directory; without network this fails, so it is no part of `npm test`.
 */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {delimiter, join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {nodeOf, npm} from '../support/npm.ts';
import {run} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
const lines = ['20.19.0', '22', '24', '26'];

/** Asks through the broker of tmq/testing, whose events say when there is a subscriber. */
const asking = `
import {spawn} from 'node:child_process';
import {startBroker} from 'tmq/testing';
const broker = await startBroker();
const tmq = (words) => spawn('tmq', [...words.split(' '), '-p', broker.port], {stdio: 'inherit'});
const over = (child) => new Promise((resolve) => child.once('close', resolve));
const answered = over(tmq('rr -t ask -e answer -m ping -W 20'));
await broker.waitFor('ask', {timeout: 60_000});
await over(tmq('pub -t answer -m pong'));
process.exitCode = await answered;
await broker.close();
`;

/** What each installation has to do: a line of shell, and what it prints. */
const deeds: readonly (readonly [line: string, printed: string])[] = [
  [
    'tmq broker --quiet --exec -- sh -c \'tmq pub -L "$MQTT_URL/a" -m hello -q 2 -r && tmq sub -L "$MQTT_URL/a" -V 5 -C 1 -W 20\'',
    'hello\n',
  ],
  [
    'tmq broker --quiet --ws --exec -- sh -c \'seq 1 3 | tmq pub -l -q 1 -L "$MQTT_WS_URL/n" && tmq pub -r -L "$MQTT_WS_URL/a" -m ws && tmq sub -L "$MQTT_WS_URL/a" -C 1 -W 20 -F "%t %p"\'',
    'a ws\n',
  ],
  [
    'tmq broker --quiet --tls auto --exec -- sh -c \'tmq pub -r -L "$MQTTS_URL/a" --cafile "$MQTT_CA_FILE" -m tls && tmq sub -L "$MQTTS_URL/a" --cafile "$MQTT_CA_FILE" -C 1 -W 20\'',
    'tls\n',
  ],
  ...['sha512', 'sha512-pbkdf2', 'argon2id', 'sha512-crypt'].map(
    (scheme) =>
      [
        `tmq passwd -H ${scheme} -b -c ${scheme}.txt alice secret >/dev/null 2>&1 && tmq passwd --verify -b ${scheme}.txt alice secret && ! tmq passwd --verify -b ${scheme}.txt alice wrong 2>/dev/null; echo $?`,
        '0\n',
      ] as const,
  ),
  ['tmq sub 2>&1 >/dev/null | head -1 | cut -c 1-6', 'Error:\n'],
];

/** What is installed is tmq alone, and at most 3 MB. */
function assertOnePackage(modules: string): void {
  assert.deepEqual(
    readdirSync(modules).filter((name) => !name.startsWith('.')),
    ['tmq'],
  );
  const files = readdirSync(join(modules, 'tmq'), {recursive: true, withFileTypes: true});
  assert.ok(files.every(({name}) => name !== 'node_modules'));
  const sizes = files.map(({parentPath, name}) => statSync(join(parentPath, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total < 3_000_000, `${total} bytes`);
}

describe('the package', () => {
  let directory = '';
  let tarball = '';
  let version = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-matrix-'));
    const packed = await npm(['pack', '--json', '--pack-destination', directory], root);
    const text = packed.stdout.toString();
    const [{filename = ''} = {}] = JSON.parse(text.slice(text.indexOf('[\n'))) as {filename?: string}[];
    tarball = join(directory, filename);
    ({version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string});
  });
  after(() => rm(directory, {recursive: true, force: true}));

  for (const line of lines) {
    describe(`with Node ${line}`, () => {
      let base = '';
      let node = '';
      before(async () => {
        node = await nodeOf(line);
        base = join(directory, line);
        for (const name of ['home', 'project', 'global', 'empty']) {
          await mkdir(join(base, name), {recursive: true});
        }
      });

      const environment = (programs: readonly string[] = []) => ({
        HOME: join(base, 'home'),
        XDG_CONFIG_HOME: undefined,
        XDG_CACHE_HOME: undefined,
        PATH: [...programs, node, process.env.PATH].join(delimiter),
      });
      const shell = async (text: string, cwd: string, programs: readonly string[] = []) =>
        await run('sh', ['-c', text], {cwd, env: environment(programs), timeoutMilliseconds: 60_000});

      /** Everything that it does, run as a user who installed it there would. */
      async function works(cwd: string, programs: string): Promise<void> {
        for (const [text, printed] of deeds) {
          const {stdout, stderr} = await shell(text, cwd, [programs]);
          assert.deepEqual([stdout.toString(), stderr], [printed, ''], text);
        }
      }

      test('is that Node', async () => {
        assert.match((await shell('node --version', base)).stdout.toString(), new RegExp(`^v${line}`));
      });

      test('in an empty project: npx, every command, and tmq/testing', async () => {
        const project = join(base, 'project');
        await npm(['init', '-y'], project, environment());
        await npm(['install', tarball], project, environment());
        assertOnePackage(join(project, 'node_modules'));
        const npx = ['npx tmq', `npm exec --yes --loglevel=error --package='${tarball}' -- tmq`];
        for (const [index, words] of npx.entries()) {
          const {stdout} = await shell(`${words} --version`, join(base, ['project', 'empty'][index]!));
          assert.equal(stdout.toString(), `tmq version ${version}\n`, words);
        }
        const programs = join(project, 'node_modules', '.bin');
        await works(project, programs);
        await writeFile(join(project, 'asking.mjs'), asking);
        const answer = await shell('node asking.mjs', project, [programs]);
        assert.deepEqual([answer.stdout.toString(), answer.stderr, answer.exitCode], ['pong\n', '', 0]);
      });

      test('globally: every command, the manual, and the code cache', async () => {
        const prefix = join(base, 'global');
        await npm(['install', '--global', '--prefix', prefix, tarball], join(base, 'empty'), environment());
        assertOnePackage(join(prefix, 'lib', 'node_modules'));
        assert.ok(existsSync(join(prefix, 'share', 'man', 'man1', 'tmq-pub.1')));
        await rm(join(base, 'home', '.cache'), {recursive: true, force: true});
        await works(join(base, 'empty'), join(prefix, 'bin'));
        const kept = readdirSync(join(base, 'home', '.cache', 'tmq')).sort();
        const major = `v${line.split('.')[0]}.`;
        for (const name of ['broker', 'passwd', 'pub', 'sub']) {
          assert.ok(
            kept.some((each) => each.startsWith(`command-${name}-${major}`)),
            name,
          );
        }
        assert.ok(kept.every((each) => each.includes(`-${major}`)));
        // A second round writes nothing: what was kept is what is taken.
        const state = () => kept.map((name) => statSync(join(base, 'home', '.cache', 'tmq', name)).mtimeMs);
        const before = state();
        await works(join(base, 'empty'), join(prefix, 'bin'));
        assert.deepEqual(state(), before);
      });
    });
  }

  describe('from its source, which npm builds', () => {
    const clone = async (name: string) => {
      const path = join(directory, name);
      const {exitCode, stderr} = await run('git', ['clone', '--quiet', '--depth=1', `file://${root}`, path]);
      assert.equal(exitCode, 0, stderr);
      return path;
    };
    const assertVersion = async (programs: string) => {
      const {stdout, stderr} = await run(join(programs, 'tmq'), ['--version']);
      assert.deepEqual([stdout.toString(), stderr], [`tmq version ${version}\n`, '']);
    };

    test('a git address, in a project', async () => {
      const project = join(directory, 'git-project');
      await mkdir(project);
      await npm(['init', '-y'], project);
      await npm(['install', `git+file://${await clone('git-address')}`], project);
      assertOnePackage(join(project, 'node_modules'));
      await assertVersion(join(project, 'node_modules', '.bin'));
    });

    test('a clone, globally', async () => {
      const prefix = join(directory, 'clone-global');
      await npm(['install', '--global', '--prefix', prefix, '.'], await clone('clone'));
      await assertVersion(join(prefix, 'bin'));
    });

    test('a clone that npm install makes ready', async () => {
      const path = await clone('ready');
      await npm(['install'], path);
      const {stdout} = await run(process.execPath, [join(path, 'bin', 'tmq.js'), '--version']);
      assert.equal(stdout.toString(), `tmq version ${version}\n`);
    });
  });
});
