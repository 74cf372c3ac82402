/**
 * The program that starts tmq: it runs the right bundle, keeps V8's code cache where no other user can
 * write, and does without it, silently, whenever something is not as it should be.
 */

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, beforeEach, describe, test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {run, type SpawnOptions} from '../support/spawn.ts';
import {program} from '../support/tmq.ts';

let home = '';
/** Where the cache of the home is. */
let folder = '';

before(() => {
  home = mkdtempSync(join(tmpdir(), 'tmq-loader-'));
  folder = join(home, '.cache', 'tmq');
});
after(() => rmSync(home, {recursive: true, force: true}));
beforeEach(() => rmSync(join(home, '.cache'), {recursive: true, force: true}));

/** A short run that succeeds: what is cached is the bundle of everything. */
async function version(env: SpawnOptions['env'] = {}) {
  const environment = {HOME: home, XDG_CACHE_HOME: undefined, ...env};
  return await run(process.execPath, [program, '--version'], {env: environment});
}

/** The run did its work and said nothing else. */
async function assertRuns(env: SpawnOptions['env'] = {}): Promise<void> {
  const {stdout, stderr, exitCode} = await version(env);
  assert.match(stdout.toString(), /^tmq version \d+\.\d+\.\d+\n$/);
  assert.deepEqual({stderr, exitCode}, {stderr: '', exitCode: 0});
}

const caches = () => (existsSync(folder) ? readdirSync(folder).map((entry) => join(folder, entry)) : []);

/** Runs once, and gives the file that this made. */
async function makeCache(): Promise<string> {
  await assertRuns();
  const [path] = caches();
  assert.ok(path !== undefined);
  return path;
}

/** Which bytes and which file: a cache that is used stays the same one. */
const identity = (path: string) => ({inode: lstatSync(path).ino, bytes: readFileSync(path)});

describe('the code cache', () => {
  test('is made by the first run, readable by its user only, and used by the next', async () => {
    const path = await makeCache();
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const made = identity(path);
    await assertRuns();
    assert.deepEqual(caches(), [path]);
    assert.deepEqual(identity(path), made);
  });

  test('is below XDG_CACHE_HOME where that is an absolute path', async () => {
    const given = join(home, 'elsewhere');
    mkdirSync(given);
    await assertRuns({XDG_CACHE_HOME: given});
    assert.equal(readdirSync(join(given, 'tmq')).length, 1);
    await assertRuns({XDG_CACHE_HOME: 'relative'});
    assert.equal(caches().length, 1);
  });

  test('can be switched off', async () => {
    await assertRuns({TMQ_NO_CODE_CACHE: '1'});
    assert.equal(existsSync(join(home, '.cache')), false);
  });

  test('is one for each set of flags', async () => {
    const path = await makeCache();
    const made = identity(path).bytes;
    await assertRuns({NODE_OPTIONS: '--max-old-space-size=300'});
    assert.notDeepEqual(identity(path).bytes, made);
  });

  test('leaves nothing but itself, and removes what was not used for long', async () => {
    const path = await makeCache();
    const stale = join(folder, 'of-an-old-version');
    writeFileSync(stale, '');
    utimesSync(stale, 0, 0);
    rmSync(path);
    await assertRuns();
    assert.deepEqual(caches(), [path]);
  });

  test('is not made by a run that failed, nor by --help', async () => {
    for (const words of [
      ['pub', '--no-such-option'],
      ['pub', '--help'],
    ]) {
      await run(process.execPath, [program, ...words], {env: {HOME: home, XDG_CACHE_HOME: undefined}});
    }
    assert.deepEqual(caches(), []);
  });

  test('holds MQTT.js apart, for runs that need it', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.idle();
    });
    // The general way needs it always.
    const env = {HOME: home, XDG_CACHE_HOME: undefined, TMQ_NO_FASTPATH: undefined};
    const publish = async (...words: readonly string[]) => {
      const args = [program, 'pub', '-p', String(broker.port), '-t', 'a', '-m', 'x', ...words];
      const {stderr, exitCode} = await run(process.execPath, args, {env});
      assert.deepEqual({stderr, exitCode}, {stderr: '', exitCode: 0});
      return readdirSync(folder)
        .map((name) => name.replace(/-v\d.*/, ''))
        .sort();
    };
    assert.deepEqual(await publish(), ['command-pub']);
    assert.deepEqual(await publish('-V', '5'), ['command-pub', 'library-mqttjs']);
    const made = caches().map(identity);
    await publish('-V', '5');
    assert.deepEqual(caches().map(identity), made);
  });
});

describe('without a place for the cache', () => {
  test('a home that is not there', async () => {
    await assertRuns({HOME: join(home, 'missing')});
    assert.equal(existsSync(join(home, 'missing')), false);
  });

  test('no home at all', async () => {
    await assertRuns({HOME: undefined});
  });

  test('a path below which nothing can be made', async () => {
    await assertRuns({XDG_CACHE_HOME: '/proc/1/tmq-cache'});
  });

  test('a file where the directory should be', async () => {
    mkdirSync(join(home, '.cache'));
    writeFileSync(folder, 'mine');
    await assertRuns();
    assert.equal(readFileSync(folder, 'utf8'), 'mine');
  });

  test('a directory that others can enter', async () => {
    mkdirSync(folder, {recursive: true});
    chmodSync(folder, 0o755);
    await assertRuns();
    assert.deepEqual(caches(), []);
  });

  test('a symbolic link to a directory', async () => {
    const target = mkdtempSync(join(home, 'target-'));
    mkdirSync(join(home, '.cache'));
    symlinkSync(target, folder);
    await assertRuns();
    assert.deepEqual(readdirSync(target), []);
  });

  test('a directory of another user', async () => {
    if (process.getuid?.() !== 0) {
      await assertRuns({XDG_CACHE_HOME: '/'});
      assert.equal(existsSync('/tmq'), false);
      return;
    }
    mkdirSync(folder, {recursive: true});
    chmodSync(folder, 0o700);
    chownSync(folder, 12_345, 12_345);
    await assertRuns();
    assert.deepEqual(caches(), []);
    // Nor is one made in the home of another user, who could not write it.
    rmSync(folder, {recursive: true});
    chownSync(join(home, '.cache'), 12_345, 12_345);
    await assertRuns();
    assert.equal(existsSync(folder), false);
  });

  test('a directory where the file should be', async () => {
    const path = await makeCache();
    rmSync(path);
    mkdirSync(path);
    await assertRuns();
    assert.deepEqual(caches(), [path]);
    assert.equal(lstatSync(path).isDirectory(), true);
  });
});

describe('a cache that is not as it was written', () => {
  /** The damage is survived and repaired. */
  async function assertRepaired(damage: (path: string, bytes: Buffer) => void): Promise<void> {
    const path = await makeCache();
    const {length} = identity(path).bytes;
    damage(path, Buffer.from(identity(path).bytes));
    const damaged = identity(path);
    await assertRuns();
    assert.notDeepEqual(identity(path), damaged);
    assert.equal(lstatSync(path).isFile(), true);
    // The next run finds a whole one. Compiled code may differ by a few bytes from run to run.
    const repaired = identity(path);
    assert.ok(Math.abs(repaired.bytes.length - length) < length / 2);
    await assertRuns();
    assert.deepEqual(identity(path), repaired);
  }

  test('one bit turned over, anywhere', async () => {
    for (const where of [0.1, 0.3, 0.7, 0.999]) {
      await assertRepaired((path, bytes) => {
        bytes[Math.floor(bytes.length * where)]! ^= 1;
        writeFileSync(path, bytes);
      });
    }
  });

  test('cut short, empty, and of zeros', async () => {
    await assertRepaired((path, bytes) => writeFileSync(path, bytes.subarray(0, bytes.length >> 1)));
    await assertRepaired((path) => writeFileSync(path, ''));
    await assertRepaired((path, bytes) => writeFileSync(path, Buffer.alloc(bytes.length)));
  });

  test('of another bundle', async () => {
    await assertRepaired((path, bytes) => {
      const text = bytes.toString('latin1');
      writeFileSync(path, text.replace(/tmq \d+\.\d+\.\d+/, 'tmq 0.0.0'), 'latin1');
    });
  });

  test('writable by others', async () => {
    await assertRepaired((path) => chmodSync(path, 0o666));
  });

  test('a symbolic link', async () => {
    await assertRepaired((path) => {
      const target = join(home, 'planted');
      copyFileSync(path, target);
      rmSync(path);
      symlinkSync(target, path);
    });
  });
});

describe('the name it was started by', () => {
  test('mosquitto_pub, _sub, _rr and _passwd are the commands', async () => {
    for (const name of ['pub', 'sub', 'rr', 'passwd']) {
      const link = join(home, `mosquitto_${name}`);
      symlinkSync(program, link);
      const {stdout, exitCode} = await run(link, ['--help'], {env: {HOME: home}});
      assert.equal(exitCode, 0);
      assert.match(stdout.toString(), new RegExp(`mosquitto_${name} `));
    }
  });

  test('any other name is tmq', async () => {
    const link = join(home, 'mq');
    symlinkSync(program, link);
    const {stdout} = await run(link, ['pub', '--help'], {env: {HOME: home}});
    assert.match(stdout.toString(), /tmq pub /);
  });
});

test("the bundle of one command knows whose option a word is that it doesn't know", async () => {
  const environment = {HOME: home, XDG_CACHE_HOME: undefined};
  const errors = [];
  for (const option of ['--watch', '--xyzzy']) {
    const {stderr, exitCode} = await run(process.execPath, [program, 'pub', option], {env: environment});
    assert.equal(exitCode, 1);
    errors.push(stderr.toString().split('\n')[0]);
  }
  assert.deepEqual(errors, [
    "Error: Unknown option '--watch'. It is an option of tmq sub.",
    "Error: Unknown option '--xyzzy'.",
  ]);
});
