/** `tmq reply --exec` as a process: what becomes of a request whose command is ended. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import type {Running} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

/** Ends a responder while its command runs; `file` ends a command that has survived it. */
type End = (responder: Running, file: string) => Promise<void>;

describe('a request comes to the next responder', {concurrency: true, timeout: 60_000}, () => {
  let broker: TestBroker;
  let directory: string;
  before(async () => {
    broker = await startBroker();
    directory = await mkdtemp(join(tmpdir(), 'tmq-reply-'));
  });
  after(async () => {
    await broker.close();
    await rm(directory, {recursive: true});
  });

  const tmq = (command: string, ...words: readonly string[]) =>
    startTmq([command, '-p', String(broker.port), '-q', '1', ...words]);

  /** A responder with a session that the broker keeps. */
  const reply = (name: string, script: string) =>
    tmq('reply', '-d', '-c', '-i', name, '-t', name, '-C', '1', '-N', '--exec', '--', 'sh', '-c', script);

  async function survives(name: string, end: End): Promise<number | null> {
    const file = join(directory, name);
    const script = `echo running >&2; until [ -e '${file}' ]; do sleep 0.02; done; exit 1`;
    await using first = reply(name, script);
    await first.waitFor('stderr', /received SUBACK/);
    await using asking = tmq('rr', '-t', name, '-n', '-W', '20');
    await first.waitFor('stderr', /^running$/m);
    await end(first, file);
    const {exitCode} = await first.finished;
    await using second = reply(name, 'echo thus');
    const {stdout} = await asking.finished;
    assert.deepEqual([String(stdout), (await second.finished).exitCode], ['thus\n', 0]);
    return exitCode;
  }

  test('when the first one is killed', async () => {
    await survives('killed', async ({child}, file) => {
      child.kill('SIGKILL');
      await writeFile(file, '');
    });
  });

  test('when a second signal ends its command', async () => {
    const status = await survives('signalled', async ({child}) => {
      child.kill('SIGTERM');
      // The first one is seen before the second: a round trip of another process lies between them.
      await runTmq(['pub', '-p', String(broker.port), '-t', 'x', '-n']);
      child.kill('SIGINT');
    });
    assert.equal(status, 143);
  });
});
