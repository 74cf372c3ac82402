/**
 * `tmq passwd` as processes: many at once, killed ones, and what others can see of them. TMQ_PASSWD_KILLS sets how many
 * are killed.
 */

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {watch} from 'node:fs';
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, beforeEach, describe, test} from 'node:test';
import {parsePasswordFile, usersOf} from '../../src/password/file.ts';
import {verifySecret} from '../../src/password/hash.ts';
import {run} from '../support/spawn.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

const hash =
  '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==';

let directory: string;
let file: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-passwd-'));
  file = join(directory, 'passwd');
});
after(() => rm(directory, {recursive: true, force: true}));
beforeEach(() => rm(file, {force: true}));

/** The users who can log in, in order; fails when a line is not whole. */
async function users(): Promise<readonly string[]> {
  const lines = usersOf(parsePasswordFile(await readFile(file)));
  for (const {line} of lines) assert.equal(line.kind, 'entry', line.text);
  return lines.map(({line}) => line.username);
}

/** Does the work with so many at a time. */
async function pool<Item>(items: readonly Item[], size: number, work: (item: Item) => Promise<void>) {
  const remaining = items.values();
  const worker = async () => {
    for (const item of remaining) await work(item);
  };
  await Promise.all(Array.from({length: size}, worker));
}

const numbers = (count: number) => Array.from({length: count}, (_, index) => index);

describe('many processes at once', () => {
  test('50 that add leave 50 users', async () => {
    await writeFile(file, `# head\nfirst:${hash}`, {mode: 0o600});
    await Promise.all(
      numbers(50).map(async (index) => {
        const {stderr, exitCode} = await runTmq(['passwd', '-b', file, `user${index}`, 'x'], {
          timeoutMilliseconds: 60_000,
        });
        assert.deepEqual([stderr, exitCode], ['', 0]);
      }),
    );
    const expected = ['first', ...numbers(50).map((index) => `user${index}`)];
    assert.deepEqual([...(await users())].sort(), expected.sort());
    assert.deepEqual(await readdir(directory), ['passwd']);
  });
});

describe('killed processes', () => {
  /** Resolves when something of the given kind appears in the directory. */
  function appears(watcher: ReturnType<typeof watch>, pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const look = (_: string, name: string | Buffer | null) => {
        if (!pattern.test(String(name))) return;
        watcher.off('change', look);
        resolve();
      };
      watcher.on('change', look);
    });
  }

  test('updates that are killed, each at some moment, lose no user and leave nothing behind', async () => {
    const kills = Number(process.env.TMQ_PASSWD_KILLS ?? 60);
    // Some pieces of a file, so that writing it takes several steps.
    const first = numbers(2000).map((index) => `user${index}`);
    await writeFile(file, first.map((name) => `${name}:${hash}\n`).join(''), {mode: 0o600});
    const watcher = watch(directory);
    watcher.setMaxListeners(0);
    let killed = 0;
    // The lock, the new file beside, the rename: a process dies at any of them, or a little later.
    const moments = [/tmq-lock$/, /tmq-new/, /^passwd$/];
    await pool(numbers(kills), 4, async (index) => {
      const updating = startTmq(['passwd', '-b', file, `user${index % 100}`, `x${index}`], {
        timeoutMilliseconds: 60_000,
      });
      const moment = appears(watcher, moments[index % moments.length]!);
      await Promise.race([moment, updating.finished]);
      for (let turns = index % 5; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      const {signal, exitCode, stderr} = await updating.stop('SIGKILL');
      if (signal === 'SIGKILL') killed++;
      else assert.deepEqual([exitCode, stderr], [0, '']);
      assert.deepEqual(await users(), first);
    });
    watcher.close();
    assert.ok(killed > kills / 10, `only ${killed} were killed in time`);

    const {stderr, exitCode} = await runTmq(['passwd', '-b', file, 'last', 'x']);
    assert.deepEqual([stderr, exitCode], ['', 0]);
    assert.deepEqual(await users(), [...first, 'last']);
    assert.deepEqual(await readdir(directory), ['passwd']);
  });
});

describe('what comes between', () => {
  test('a line that appears while -U is hashing is hashed as well, and nothing is lost', async () => {
    const before = numbers(5).map((index) => `early${index}:x\n`);
    await writeFile(file, before.join(''), {mode: 0o600});
    const lock = join(directory, '.passwd.tmq-lock');
    await writeFile(lock, '');
    await using upgrading = startTmq(['passwd', '-H', 'sha512-crypt', '-U', file]);
    // It has read the file once, and says how it is going to hash.
    await upgrading.waitFor('stderr', /mosquitto cannot read sha512-crypt/);
    const changed = ['late1:y\n', ...before.slice(1), 'late2:z\n', '# end\n'];
    await writeFile(file, changed.join(''));
    await rm(lock);
    assert.equal((await upgrading.finished).exitCode, 0);
    const names = ['late1', 'early1', 'early2', 'early3', 'early4', 'late2'];
    assert.deepEqual(await users(), names);
    const entries = usersOf(parsePasswordFile(await readFile(file)));
    for (const {line} of entries) {
      const password = {late1: 'y', late2: 'z'}[line.username] ?? 'x';
      assert.ok(line.kind === 'entry' && (await verifySecret(line.secret, password)), line.username);
    }
  });
});

describe('a signal', () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`${signal} ends a long -U at once, and the file is as it was`, async () => {
      // This takes minutes; the test does not wait for the end.
      const content = numbers(5000)
        .map((index) => `user${index}:x\n`)
        .join('');
      await writeFile(file, content, {mode: 0o600});
      await using upgrading = startTmq(['passwd', '-H', 'sha512-crypt', '-U', file]);
      await upgrading.waitFor('stderr', /mosquitto cannot read sha512-crypt/);
      const {exitCode, timedOut} = await upgrading.stop(signal);
      assert.deepEqual([exitCode, timedOut], [status, false]);
      assert.equal(await readFile(file, 'utf8'), content);
      assert.deepEqual(await readdir(directory), ['passwd']);
    });
  }
});

describe('a large file', () => {
  test('passes through a memory that could not hold it', async () => {
    const count = 200_000;
    const text = numbers(count).map((index) => `user${index}:${hash}\n`);
    await writeFile(file, `# head\n${text.join('')}`, {mode: 0o600});
    const small = async (words: readonly string[], status = 0) => {
      const argv = ['--max-old-space-size=20', program, 'passwd', ...words];
      const {stdout, stderr, exitCode} = await run(process.execPath, argv, {timeoutMilliseconds: 60_000});
      assert.deepEqual([stderr.slice(0, 500), exitCode], ['', status], words.join(' '));
      return stdout;
    };
    await small(['-b', file, 'last', 'x']);
    await small(['-b', file, 'user7', 'x']);
    await small(['-D', file, 'user8']);
    await small(['--verify', '-b', file, 'last', 'x']);
    assert.match(
      (await small(['--list', file])).toString().slice(-40),
      /last\tsha512\titerations=1\t200001\n$/,
    );
    assert.equal((await small(['--weak', file], 1)).toString().split('\n').length, count + 1);
    await small(['-U', file]);
    const left = (await readFile(file, 'utf8')).split('\n');
    assert.equal(left.length, count + 2);
    const expected = ['# head\n', ...text.filter((_, index) => index !== 8)].map((line) => line.slice(0, -1));
    assert.deepEqual(
      expected.flatMap((line, index) => (left[index] === line ? [] : [index])),
      [8],
    );
    assert.match(left[8]!, /^user7:\$6\$/);
  });
});

/** Runs a shell script in a namespace of its own, where $0 is the file, and "$@" is `tmq passwd …`. */
const mounted = (script: string, words: readonly string[]) => {
  const tmq = [process.execPath, program, 'passwd', ...words];
  return run('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, file, ...tmq]);
};
const self = import.meta.filename;
const noMounting =
  spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '--bind', self, self]).status !== 0 &&
  'no mount namespaces here';

describe('a file that is mounted by itself', {skip: noMounting}, () => {
  const bind = 'mount --bind "$0" "$0" && exec "$@"';
  const content = `# head\na:${hash}\nplain:x\n`;
  for (const words of [
    ['-b', 'FILE', 'b', 'x'],
    ['-b', 'FILE', 'a', 'x'],
    ['-c', '-b', 'FILE', 'b', 'x'],
    ['-D', 'FILE', 'a'],
    ['-U', 'FILE'],
  ]) {
    test(`is refused and stays as it is: ${words.join(' ')}`, async () => {
      await writeFile(file, content, {mode: 0o600});
      const {stdout, stderr, exitCode} = await mounted(
        bind,
        words.map((word) => word.replace('FILE', file)),
      );
      assert.equal(
        stderr,
        `Error: ${file} cannot be replaced in one step, for it is mounted by itself, as into a container; mount its directory instead.\n`,
      );
      assert.deepEqual([stdout.toString(), exitCode], ['', 1]);
      assert.equal(await readFile(file, 'utf8'), content);
      assert.deepEqual(await readdir(directory), ['passwd']);
    });
  }

  test('can be read', async () => {
    await writeFile(file, content, {mode: 0o600});
    const {stdout, exitCode} = await mounted(bind, ['--list', file]);
    assert.deepEqual([stdout.toString().split('\n').length, exitCode], [3, 0]);
  });
});

describe('what others can see', () => {
  test('a password on the command line is not in the list of processes while the command works', async () => {
    await writeFile(file, '', {mode: 0o600});
    const lock = join(directory, '.passwd.tmq-lock');
    // Another process holds the lock: passwd waits, and can be inspected.
    await writeFile(lock, '');
    await using waiting = startTmq(['passwd', '-b', file, 'a', 'very-secret']);
    await once(waiting.child, 'spawn');
    const path = `/proc/${waiting.child.pid}/cmdline`;
    let title = await readFile(path, 'utf8');
    while (title.includes('very-secret')) {
      assert.equal(waiting.child.exitCode, null, waiting.stderr());
      await new Promise((resolve) => setImmediate(resolve));
      title = await readFile(path, 'utf8');
    }
    assert.match(title, /tmq passwd/);
    await rm(lock);
    assert.equal((await waiting.finished).exitCode, 0);
    assert.deepEqual(await users(), ['a']);
  });

  test('--help and --version go to stdout with status 0', async () => {
    for (const word of ['--help', '--version']) {
      const {stdout, stderr, exitCode} = await runTmq(['passwd', word]);
      assert.match(stdout.toString(), /tmq passwd/);
      assert.deepEqual([stderr, exitCode], ['', 0]);
    }
  });

  test('a device is no password file', async () => {
    const {stderr, exitCode} = await runTmq(['passwd', '-c', '-b', '/dev/full', 'a', 'x']);
    assert.deepEqual([stderr, exitCode], ['Error: /dev/full is not a regular file.\n', 1]);
  });
});

describe('a disk', {skip: noMounting}, () => {
  /** The mount ends with the processes, so the shell lists what is left there. */
  const onDisk = async (options: string, prepared: string, words: readonly string[]) => {
    const script = `
      directory=$(dirname "$0")
      exec 3<"$0"
      mount -t tmpfs -o ${options} none "$directory" && cat <&3 >"$0" && ${prepared} || exit 99
      "$@"
      status=$?
      cat "$0"
      ls -A "$directory"
      exit $status`;
    const {stdout, stderr, exitCode} = await mounted(script, words);
    return {left: stdout.toString(), stderr, exitCode};
  };
  const content = `# head\n${numbers(300)
    .map((index) => `user${index}:${hash}\n`)
    .join('')}`;
  for (const words of [
    ['-b', 'FILE', 'a', 'x'],
    ['-b', 'FILE', 'user7', 'x'],
    ['-D', 'FILE', 'user7'],
  ]) {
    const named = () => words.map((word) => word.replace('FILE', file));

    test(`that is full leaves the old file: ${words.join(' ')}`, async () => {
      await writeFile(file, content, {mode: 0o600});
      // Room for one file, and not for another beside it.
      const {left, stderr, exitCode} = await onDisk('size=64k', 'true', named());
      assert.deepEqual(
        [stderr, exitCode],
        [`Error: Cannot write the file ${file}: no space left on the device.\n`, 1],
      );
      assert.equal(left, `${content}passwd\n`);
    });

    test(`that is read-only is reported: ${words.join(' ')}`, async () => {
      await writeFile(file, content, {mode: 0o600});
      const remount = 'mount -o remount,ro "$directory"';
      const {left, stderr, exitCode} = await onDisk('size=1m', remount, named());
      assert.deepEqual(
        [stderr, exitCode],
        [`Error: Cannot write into the directory of ${file}: the file system is read-only.\n`, 1],
      );
      assert.equal(left, `${content}passwd\n`);
    });
  }
});
