/** Replacing a file: the old content or the new one at every moment, whatever fails and whichever process dies. */

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {setMaxListeners} from 'node:events';
import * as promises from 'node:fs/promises';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {TmqError} from '../../../src/errors.ts';
import {type Chunks, type FileSystem, fileStatus, readChunks, updateFile} from '../../../src/io/files.ts';
import {run, start} from '../../support/spawn.ts';

const never = new AbortController().signal;
// Many of these tests wait at once, each listening to it.
setMaxListeners(0, never);
const context = {pid: process.pid, signal: never};

interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly file: string;
}

/** A directory of its own with a file that holds 'old'. */
async function place(content: string | null = 'old\n'): Promise<Place> {
  const directory = await promises.mkdtemp(join(tmpdir(), 'tmq-files-'));
  const file = join(directory, 'passwd');
  if (content !== null) await promises.writeFile(file, content, {mode: 0o640});
  return {
    directory,
    file,
    [Symbol.asyncDispose]: () => promises.rm(directory, {recursive: true, force: true}),
  };
}

const text = (path: string) => promises.readFile(path, 'utf8');

/** What a file holds, read in chunks. */
async function read(chunks: Chunks | undefined): Promise<string> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks ?? []) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies).toString();
}

/** A new content in several chunks, some of them while the old content is still unread. */
const set = (value: string) =>
  async function* (old: Chunks | undefined) {
    yield Buffer.from(value.slice(0, 1));
    await read(old);
    yield Buffer.from(value.slice(1));
  };
const append = (value: string) =>
  async function* (old: Chunks | undefined) {
    yield* old ?? [];
    yield Buffer.from(value);
  };

/** The calls that change something or make it durable, as `name` and, for a handle's, `handle.name`. */
const changing = ['symlink', 'open', 'rename', 'unlink'];
const changingHandle = ['read', 'writeFile', 'chown', 'chmod', 'sync', 'close'];

/** The real file system, which asks `before` ahead of every call that changes something. */
function watched(before: (call: string) => Promise<void> | void): FileSystem {
  type Call = (...words: unknown[]) => unknown;
  const wrap = <Target extends object>(target: Target, names: readonly string[], prefix: string): Target =>
    new Proxy(target, {
      get(_, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        const call = value.bind(target) as Call;
        if (!names.includes(String(property))) return call;
        return async (...words: unknown[]) => {
          // A close that fails has closed nevertheless.
          if (property === 'close') await call();
          await before(`${prefix}${String(property)}`);
          if (property === 'close') return;
          const result = await call(...words);
          return property === 'open' ? wrap(result as object, changingHandle, 'handle.') : result;
        };
      },
    });
  return wrap({...promises} as FileSystem, changing, '');
}

const systemError = (code: string, errno: number) =>
  Object.assign(new Error(`${code}: injected`), {code, errno});

describe('replacing', () => {
  test('keeps the mode, the owner and the group', async () => {
    await using here = await place();
    const asRoot = process.getuid?.() === 0;
    if (asRoot) await promises.chown(here.file, 12_345, 54_321);
    const before = await promises.stat(here.file);
    await updateFile(here.file, set('new\n'), context);
    const after = await promises.stat(here.file);
    assert.equal(await text(here.file), 'new\n');
    assert.equal(after.mode, before.mode);
    assert.deepEqual([after.uid, after.gid], [before.uid, before.gid]);
    assert.notEqual(after.ino, before.ino);
  });

  test('a new file has mode 0600, and nothing else is left in the directory', async () => {
    await using here = await place(null);
    await updateFile(
      here.file,
      (old) => {
        assert.equal(old, undefined);
        return set('first\n')(old);
      },
      context,
    );
    assert.equal((await promises.stat(here.file)).mode & 0o7777, 0o600);
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });

  test('the temporary file is readable by its owner only until it has the mode of the old one', async () => {
    await using here = await place();
    await promises.chmod(here.file, 0o666);
    const modes: number[] = [];
    const fs = watched(async (call) => {
      if (call !== 'handle.writeFile' && call !== 'handle.chmod') return;
      const name = (await promises.readdir(here.directory)).find((found) => found.includes('-new.'));
      modes.push((await promises.stat(join(here.directory, name!))).mode & 0o777);
    });
    await updateFile(here.file, set('new\n'), {...context, fs});
    assert.deepEqual(modes, [0o600, 0o600, 0o600]);
    assert.equal((await promises.stat(here.file)).mode & 0o777, 0o666);
  });

  test('follows links to the real file, over several steps and also to one that is not there yet', async () => {
    await using here = await place();
    await promises.mkdir(join(here.directory, 'sub'));
    await promises.symlink('../passwd', join(here.directory, 'sub', 'second'));
    await promises.symlink('sub/second', join(here.directory, 'first'));
    await updateFile(join(here.directory, 'first'), set('new\n'), context);
    assert.equal(await text(here.file), 'new\n');
    assert.equal(await promises.readlink(join(here.directory, 'first')), 'sub/second');

    await promises.symlink('sub/later', join(here.directory, 'dangling'));
    await updateFile(join(here.directory, 'dangling'), set('later\n'), context);
    assert.equal(await text(join(here.directory, 'sub', 'later')), 'later\n');
    assert.equal(await promises.readlink(join(here.directory, 'dangling')), 'sub/later');
  });

  test('replaces nothing when nothing changes', async () => {
    await using here = await place();
    const {ino, mtimeMs} = await promises.stat(here.file);
    for (const change of [set('old\n'), append('')]) {
      await updateFile(here.file, change, context);
      const after = await promises.stat(here.file);
      assert.deepEqual([after.ino, after.mtimeMs], [ino, mtimeMs]);
      assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
    }
  });

  test('distinguishes a file that was not read to its end from one that stays the same', async () => {
    await using here = await place();
    await updateFile(here.file, async function* () {}, context);
    assert.equal(await text(here.file), '');
    const long = 'x'.repeat(200_000);
    await promises.writeFile(here.file, long);
    async function* firstChunk(old: Chunks | undefined): AsyncGenerator<Uint8Array> {
      for await (const chunk of old ?? []) return yield chunk;
    }
    await updateFile(here.file, firstChunk, context);
    const left = await text(here.file);
    assert.ok(left.length > 0 && left.length < long.length);
  });

  test('passes a large file through in chunks, with every byte in its place', async () => {
    const content = Buffer.alloc(1_000_003, 'line 0123456789\n').toString();
    await using here = await place(content);
    let chunks = 0;
    await updateFile(
      here.file,
      async function* (old) {
        yield Buffer.from('first\n');
        for await (const chunk of old!) {
          chunks++;
          yield chunk;
        }
      },
      context,
    );
    assert.ok(chunks > 10, `${chunks} chunks`);
    assert.equal(await text(here.file), `first\n${content}`);
  });

  test('writes nothing when the change throws, or when the signal aborts meanwhile', async () => {
    await using here = await place();
    const refusal = new TmqError('no');
    const refuse = () => {
      throw refusal;
    };
    await assert.rejects(updateFile(here.file, refuse, context), refusal);
    const controller = new AbortController();
    async function* abort() {
      yield Buffer.from('new\n');
      controller.abort(refusal);
    }
    await assert.rejects(updateFile(here.file, abort, {...context, signal: controller.signal}), refusal);
    async function* refuseLate(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('new\n');
      throw refusal;
    }
    await assert.rejects(updateFile(here.file, refuseLate, context), refusal);
    assert.equal(await text(here.file), 'old\n');
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });

  test('refuses a file that cannot be renamed over, such as a mount point, and leaves it as it is', async () => {
    await using here = await place('a much longer old content\n');
    const {ino, mtimeMs} = await promises.stat(here.file);
    const fs = watched((call) => {
      if (call === 'rename') throw systemError('EBUSY', -16);
    });
    await assert.rejects(
      updateFile(here.file, set('new\n'), {...context, fs}),
      new TmqError(
        `${here.file} cannot be replaced in one step, for it is mounted by itself, as into a container; mount its directory instead.`,
      ),
    );
    const after = await promises.stat(here.file);
    assert.deepEqual([after.ino, after.mtimeMs], [ino, mtimeMs]);
    assert.equal(await text(here.file), 'a much longer old content\n');
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });

  test('works where symbolic links do not exist', async () => {
    await using here = await place();
    const fs = watched((call) => {
      if (call === 'symlink') throw systemError('EPERM', -1);
    });
    await updateFile(here.file, set('new\n'), {...context, fs});
    assert.equal(await text(here.file), 'new\n');
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });
});

describe('on Windows', () => {
  const windows = {...context, platform: 'win32'} as const;

  test('locks with a file, because symbolic links need a privilege, and leaves nothing behind', async () => {
    await using here = await place();
    const fs = watched((call) => {
      if (call === 'symlink') assert.fail('a symbolic link');
    });
    await Promise.all(
      Array.from({length: 20}, (_, index) => updateFile(here.file, append(`${index}\n`), {...windows, fs})),
    );
    const left = (await text(here.file)).trim().split('\n');
    assert.deepEqual(left.sort(), ['old', ...Array.from({length: 20}, (_, index) => String(index))].sort());
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });

  test('takes over the lock of a process that is dead', async () => {
    await using here = await place();
    const dead = spawnSync(process.execPath, ['-e', '']);
    const namespace = await promises.readlink('/proc/self/ns/pid').catch(() => '');
    const holder = `tmq:0123456789abcdef:${dead.pid}::${hostname()}/${namespace.replace(/\D/g, '')}`;
    await promises.writeFile(join(here.directory, '.passwd.tmq-lock'), holder);
    await updateFile(here.file, set('new\n'), windows);
    assert.equal(await text(here.file), 'new\n');
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });

  test('waits for a program that has the file open, and names the cause when it stays open', async () => {
    await using here = await place();
    for (const refusals of [3, Number.POSITIVE_INFINITY]) {
      let left = refusals;
      const calls: string[] = [];
      const fs = watched((call) => {
        calls.push(call);
        if (call === 'rename' && left-- > 0) throw systemError('EPERM', -1);
      });
      const outcome = updateFile(here.file, set(`${refusals}\n`), {...windows, fs});
      if (refusals === 3) await outcome;
      else {
        await assert.rejects(
          outcome,
          new TmqError(`${here.file} cannot be replaced: another program has it open.`),
        );
      }
      // The old and the new one are closed before the rename.
      const before = calls.slice(0, calls.indexOf('rename'));
      const count = (name: string) => before.filter((call) => call === name).length;
      assert.equal(count('handle.close'), count('open'));
      assert.equal(await text(here.file), '3\n');
      assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
    }
  });
});

describe('messages', () => {
  const message = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => assert.fail('did not fail'),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof TmqError);
    return error.message;
  };

  test('name the file and the reason', async () => {
    await using here = await place();
    const missing = join(here.directory, 'no', 'file');
    assert.equal(
      await message(read(readChunks(missing, 'password file'))),
      `Cannot read the password file ${missing}: no such file or directory.`,
    );
    assert.equal(
      await message(updateFile(missing, set(''), context)),
      `Cannot write the file ${missing}: no such file or directory.`,
    );
    assert.equal(
      await message(read(readChunks(here.directory, 'x'))),
      `${here.directory} is a directory, not a file.`,
    );
    assert.equal(
      await message(updateFile(here.directory, set(''), context)),
      `${here.directory} is a directory, not a file.`,
    );
  });

  test('say that the directory must be writable', async () => {
    await using here = await place();
    const fs = watched((call) => {
      if (call === 'symlink') throw Object.assign(systemError('EACCES', -13), {syscall: 'symlink'});
    });
    assert.equal(
      await message(updateFile(here.file, set('new'), {...context, fs})),
      `Cannot write into the directory of ${here.file}: permission denied.`,
    );
  });

  test('say that owner and mode cannot be kept, and change nothing', async () => {
    await using here = await place();
    const fs = watched((call) => {
      if (call === 'handle.chmod') throw systemError('EPERM', -1);
    });
    assert.equal(
      await message(updateFile(here.file, set('new'), {...context, fs})),
      `Cannot keep the owner and mode of ${here.file}: operation not permitted.`,
    );
    assert.equal(await text(here.file), 'old\n');
  });

  test('fileStatus distinguishes absence from refusal', async () => {
    await using here = await place();
    assert.deepEqual(await fileStatus(here.file).then((status) => status?.size), 4);
    assert.equal(await fileStatus(join(here.directory, 'none')), undefined);
    assert.match(await message(fileStatus(join(here.file, 'below'))), /not a directory\.$/);
  });
});

/** The changing calls of one successful replacement. */
async function stepsOf(content: string | null): Promise<readonly string[]> {
  await using here = await place(content);
  const steps: string[] = [];
  await updateFile(here.file, set('new\n'), {...context, fs: watched((call) => void steps.push(call))});
  return steps;
}

describe('a step that fails', () => {
  for (const content of [null, 'old\n']) {
    test(`leaves ${content === null ? 'nothing' : 'the old file'} or the new file, and no lock that stops the next`, async () => {
      const steps = await stepsOf(content);
      assert.ok(steps.length >= 11, steps.join(' '));
      for (const [index, step] of steps.entries()) {
        await using here = await place(content);
        let number = 0;
        const fs = watched(() => {
          if (number++ === index) throw systemError('ENOSPC', -28);
        });
        const outcome = await updateFile(here.file, set('new\n'), {...context, fs}).then(
          () => 'done',
          (error: unknown) => {
            assert.ok(error instanceof TmqError, `${step}: ${error}`);
            assert.match(error.message, /no space left on the device\.$/);
            return 'failed';
          },
        );
        const left = await text(here.file).catch(() => null);
        assert.ok(left === 'new\n' || (outcome === 'failed' && left === content), `${step}: ${left}`);
        // What could not be removed is not in the way of another process once this one is gone.
        const names = (await promises.readdir(here.directory)).filter((name) => name !== 'passwd');
        assert.ok(names.length === 0 || step === 'unlink', `${step}: ${names}`);
      }
    });
  }

  test('a disk that is full in the middle of writing leaves the old file', async () => {
    await using here = await place();
    let writes = 0;
    const fs = watched(async (call) => {
      if (call !== 'handle.writeFile' || ++writes === 1) return;
      const name = (await promises.readdir(here.directory)).find((found) => found.includes('-new.'));
      assert.equal(await text(join(here.directory, name!)), 'n');
      throw systemError('ENOSPC', -28);
    });
    await assert.rejects(
      updateFile(here.file, set('new\n'), {...context, fs}),
      /no space left on the device/,
    );
    assert.equal(await text(here.file), 'old\n');
    assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
  });
});

/** A process of its own that replaces `file`, and kills itself ahead of the numbered changing call. */
const suicide = (file: string, index: number) => `
  import * as promises from 'node:fs/promises';
  import {updateFile} from ${JSON.stringify(join(import.meta.dirname, '../../../src/io/files.ts'))};
  let number = 0;
  const step = () => { if (number++ === ${index}) process.kill(process.pid, 'SIGKILL'); };
  const wrap = (target, names) => new Proxy(target, {get(_, property) {
    const value = target[property];
    if (typeof value !== 'function') return value;
    if (!names.includes(property)) return value.bind(target);
    return async (...words) => {
      step();
      const result = await value.apply(target, words);
      return property === 'open' ? wrap(result, ${JSON.stringify(changingHandle)}) : result;
    };
  }});
  const change = async function* (old) {
    yield Buffer.from('n');
    for await (const _ of old);
    yield Buffer.from('ew\\n');
  };
  await updateFile(${JSON.stringify(file)}, change,
    {pid: process.pid, signal: new AbortController().signal, fs: wrap({...promises}, ${JSON.stringify(changing)})});
`;

const script = (source: string) => ['--import', 'tsx', '--input-type=module', '-e', source];

describe('a process that dies', () => {
  test('at any step leaves the old file or the new one, and the next one cleans up after it', async () => {
    const steps = await stepsOf('old\n');
    await Promise.all(
      steps.map(async (step, index) => {
        await using here = await place();
        const {signal, stderr} = await run(process.execPath, script(suicide(here.file, index)));
        assert.equal(signal, 'SIGKILL', `${step}: ${stderr}`);
        assert.match(await text(here.file), /^(old|new)\n$/, step);
        await updateFile(here.file, append('next\n'), {...context, timeoutMilliseconds: 5_000});
        assert.match(await text(here.file), /^(old|new)\nnext\n$/, step);
        assert.deepEqual(await promises.readdir(here.directory), ['passwd'], step);
      }),
    );
  });
});

describe('the lock', () => {
  const lockOf = (here: Place) => join(here.directory, '.passwd.tmq-lock');
  const machine = async () =>
    `${hostname()}/${(await promises.readlink('/proc/self/ns/pid').catch(() => '')).replace(/\D/g, '')}`;

  test('lets changes of one process and of many take turns', async () => {
    await using here = await place('');
    await Promise.all(
      Array.from({length: 40}, (_, index) => updateFile(here.file, append(`${index}\n`), context)),
    );
    const lines = (await text(here.file)).trimEnd().split('\n').map(Number);
    assert.deepEqual(
      lines.sort((a, b) => a - b),
      Array.from({length: 40}, (_, index) => index),
    );
  });

  test('of a dead process goes to exactly one of those who want it, also when successors died too', async () => {
    const {child, stop} = start(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = child.pid!;
    await stop('SIGKILL');
    const dead = async (id: string) => `tmq:${id}:${pid}::${await machine()}`;
    for (let round = 0; round < 10; round++) {
      await using here = await place('');
      await promises.symlink(await dead('aaaaaaaaaaaaaaaa'), lockOf(here));
      await promises.symlink(await dead('bbbbbbbbbbbbbbbb'), `${lockOf(here)}.aaaaaaaaaaaaaaaa`);
      await promises.writeFile(join(here.directory, '.passwd.tmq-new.bbbbbbbbbbbbbbbb'), 'half');
      await promises.symlink(await dead('dddddddddddddddd'), `${lockOf(here)}.cccccccccccccccc`);
      let inside = 0;
      async function* change(old: Chunks | undefined) {
        assert.equal(inside++, 0, 'two hold the lock');
        await new Promise((resolve) => setImmediate(resolve));
        yield* append('x')(old);
        inside--;
      }
      await Promise.all(Array.from({length: 12}, () => updateFile(here.file, change, context)));
      assert.equal(await text(here.file), 'x'.repeat(12));
      assert.deepEqual(await promises.readdir(here.directory), ['passwd']);
    }
  });

  test('of a process number that was given to another process is a dead one', async () => {
    await using here = await place();
    await promises.symlink(`tmq:aaaaaaaaaaaaaaaa:${process.pid}:1:${await machine()}`, lockOf(here));
    await updateFile(here.file, set('new\n'), {...context, timeoutMilliseconds: 5_000});
    assert.equal(await text(here.file), 'new\n');
  });

  test('of a living process, of another machine and of a stranger is waited for, and named', async () => {
    const alive = `tmq:aaaaaaaaaaaaaaaa:${process.pid}::${await machine()}`;
    for (const [target, who] of [
      [alive, `process ${process.pid} on ${hostname()}`],
      ['tmq:aaaaaaaaaaaaaaaa:999999:5:elsewhere/1', 'process 999999 on elsewhere'],
      ['somebody@host.1', 'something else'],
    ] as const) {
      await using here = await place();
      await promises.symlink(target, lockOf(here));
      await assert.rejects(
        updateFile(here.file, set('new\n'), {...context, timeoutMilliseconds: 20}),
        new TmqError(`${lockOf(here)} is held by ${who}; remove it if no process is changing the file.`),
      );
      assert.equal(await promises.readlink(lockOf(here)), target);
      assert.equal(await text(here.file), 'old\n');
    }
  });

  test('is no longer waited for when the signal aborts', async () => {
    await using here = await place();
    await promises.writeFile(lockOf(here), 'no link');
    const controller = new AbortController();
    const reason = new TmqError('stop');
    const waiting = updateFile(here.file, set('new\n'), {pid: process.pid, signal: controller.signal});
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    assert.equal(await text(here.file), 'old\n');
  });
});
