/** Output loses nothing, waits for its reader, and distinguishes a closed pipe from an error: on streams and descriptors. */

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, openSync} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PassThrough, Writable} from 'node:stream';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import fc from 'fast-check';
import {ExitCode, TmqError} from '../../../src/errors.ts';
import {ClosedPipe, Output} from '../../../src/io/output.ts';
import {cleanEnvironment, run} from '../../support/spawn.ts';
import {takeWritten} from '../../support/written.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const module = new URL('../../../src/io/output.ts', import.meta.url).href;

/** A program around an Output on its stdout; how it ended is the last thing on stderr. */
const program = (body: string) => `
import {Output} from ${JSON.stringify(module)};
const output = new Output(process.stdout);
try {
${body}
  console.error('fine');
} catch (error) {
  console.error(error.name, error.exitCode, error.message);
}`;

const nodeArguments = (body: string) => ['--import', 'tsx', '--input-type=module', '-e', program(body)];

/** 20 MB: lines of text, binary chunks, and one chunk that is large. */
const flood = `
for (let round = 0; round < 40; round++) {
  for (let line = 0; line < 5000; line++) {
    output.text('line ' + line + ' of round ' + round + ' – ');
    output.bytes(Uint8Array.from({length: line % 90}, (_, index) => (index * 7 + line) & 255));
  }
  if (round === 20) output.bytes(new Uint8Array(5_000_000).fill(0x7e));
  await output.flush();
}`;

function floodBytes(): Buffer {
  const parts: Uint8Array[] = [];
  for (let round = 0; round < 40; round++) {
    for (let line = 0; line < 5000; line++) {
      parts.push(Buffer.from(`line ${line} of round ${round} – `));
      parts.push(Uint8Array.from({length: line % 90}, (_, index) => (index * 7 + line) & 255));
    }
    if (round === 20) parts.push(new Uint8Array(5_000_000).fill(0x7e));
  }
  return Buffer.concat(parts);
}

/** A stream without a descriptor, slow in taking what it gets. */
function slowStream(): {readonly stream: Writable; readonly written: () => Buffer} {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, callback) {
      // Copied late: the buffer must not be used again before the callback.
      setImmediate(() => {
        chunks.push(Buffer.from(chunk));
        callback();
      });
    },
  });
  return {stream, written: () => Buffer.concat(chunks)};
}

const step = fc.oneof(
  fc.record({text: fc.string({unit: 'grapheme', maxLength: 80})}),
  fc.record({bytes: fc.uint8Array({maxLength: 120})}),
  fc.record({large: fc.integer({min: 128 * 1024 - 1, max: 300 * 1024})}),
  fc.constant('flush' as const),
);

test('what was given is what is written, however it is flushed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, {maxLength: 30}), fc.boolean(), async (steps, wait) => {
      const {stream, written} = slowStream();
      const output = new Output(stream);
      const expected: Uint8Array[] = [];
      const flushes: Promise<void>[] = [];
      const bytes = (value: Uint8Array) => {
        expected.push(value.slice());
        output.bytes(value);
        // The caller may use its memory again.
        value.fill(0);
      };
      for (const each of steps) {
        if (each === 'flush') {
          flushes.push(output.flush());
          if (wait) await flushes.at(-1);
        } else if ('text' in each) {
          output.text(each.text);
          expected.push(Buffer.from(each.text));
        } else if ('bytes' in each) bytes(each.bytes.slice());
        else bytes(new Uint8Array(each.large).fill(each.large & 255));
      }
      await Promise.all(flushes);
      await output.flush();
      assert.equal(Buffer.compare(written(), Buffer.concat(expected)), 0);
    }),
    {numRuns: 150},
  );
});

test('lone surrogates become U+FFFD, at any place', async () => {
  const stream = new PassThrough();
  const output = new Output(stream);
  for (const text of ['a\ud800b', `${'x'.repeat(60)}\udc00`, 'é', '😀'.repeat(40)]) output.text(text);
  await output.flush();
  assert.equal(String(takeWritten(stream)), `a\ufffdb${'x'.repeat(60)}\ufffdé${'😀'.repeat(40)}`);
});

test('flush waits until the stream has taken everything', async () => {
  let release: () => void = () => undefined;
  const stream = new Writable({
    write(_chunk, _encoding, callback) {
      release = callback;
    },
  });
  const output = new Output(stream);
  output.text('one');
  let done = false;
  const flushed = output.flush().then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, false);
  release();
  await flushed;
});

test('what another writer left in the stream comes first', async () => {
  const {stream, written} = slowStream();
  stream.write('first ');
  const output = new Output(stream);
  output.text('second');
  await output.flush();
  assert.equal(String(written()), 'first second');
});

test('a stream that is closed is an ordinary end, known without a write', async () => {
  const stream = new PassThrough();
  const output = new Output(stream);
  output.text('lost');
  stream.destroy();
  await output.closed;
  await assert.rejects(
    output.flush(),
    (error) => error instanceof ClosedPipe && error.exitCode === ExitCode.success,
  );
  const later = new Output(stream);
  await later.closed;
  await assert.rejects(later.flush(), ClosedPipe);
});

test('a stream that closes in the middle of a write ends the wait', async () => {
  const stream = new Writable({write: () => undefined});
  const output = new Output(stream);
  output.text('x');
  const flushed = output.flush();
  stream.destroy();
  await assert.rejects(flushed, ClosedPipe);
});

test('a failing stream is an error with its cause, and stays one', async () => {
  const cause = Object.assign(new Error('EIO: i/o error, write'), {code: 'EIO', errno: -5});
  const output = new Output(new Writable({write: (_chunk, _encoding, callback) => callback(cause)}));
  output.text('x');
  const expected = (error: unknown) =>
    error instanceof TmqError &&
    error.exitCode === ExitCode.failure &&
    error.message === 'Cannot write the output: i/o error.' &&
    error.cause === cause;
  await assert.rejects(output.flush(), expected);
  await output.closed;
  output.bytes(new Uint8Array(1_000_000));
  output.text('y');
  await assert.rejects(output.flush(), expected);
});

test('a pipe with a slow reader gets every byte', async () => {
  const child = spawn(process.execPath, nodeArguments(flood), {
    cwd: root,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) {
    chunks.push(chunk as Buffer);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(Buffer.compare(Buffer.concat(chunks), floodBytes()), 0);
});

test('through a real pipe and into a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-output-'));
  try {
    const file = join(directory, 'file');
    const piped = join(directory, 'piped');
    const shell = '"$0" "$@" > "$FILE" && "$0" "$@" | cat > "$PIPED"';
    const result = await run('sh', ['-c', shell, process.execPath, ...nodeArguments(flood)], {
      cwd: root,
      env: {FILE: file, PIPED: piped},
    });
    assert.equal(result.stderr, 'fine\nfine\n');
    assert.equal(Buffer.compare(await readFile(file), floodBytes()), 0);
    assert.equal(Buffer.compare(await readFile(piped), floodBytes()), 0);
  } finally {
    await rm(directory, {recursive: true});
  }
});

test('a reader that has seen enough is an ordinary end', async () => {
  const endless =
    "for (;;) { output.text('line\\n'); await output.flush(); await new Promise((r) => setImmediate(r)); }";
  const result = await run(
    'sh',
    ['-c', '"$0" "$@" | head -n 1', process.execPath, ...nodeArguments(endless)],
    {cwd: root},
  );
  assert.deepEqual(
    [String(result.stdout), result.stderr, result.timedOut],
    ['line\n', 'ClosedPipe 0 The reader of the output closed it.\n', false],
  );
});

test('a full device is an error', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, nodeArguments("output.text('x'); await output.flush();"), {
      cwd: root,
      env: cleanEnvironment(),
      stdio: ['ignore', full, 'pipe'],
      timeout: 60_000,
    });
    const chunks: Buffer[] = [];
    for await (const chunk of child.stderr ?? []) chunks.push(chunk as Buffer);
    assert.equal(
      String(Buffer.concat(chunks)),
      'FileError 1 Cannot write the output: no space left on the device.\n',
    );
  } finally {
    closeSync(full);
  }
});
