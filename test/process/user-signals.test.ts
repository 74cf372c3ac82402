/** SIGUSR1 and SIGUSR2, which scripts send to mosquitto, at the built program. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {type Running, start} from '../support/spawn.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

async function portOf(broker: Running): Promise<string> {
  const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  return String(JSON.parse(line).listeners[0].port);
}

describe('C1: user signals', () => {
  it('the broker ignores SIGUSR1, and prints its subscriptions at SIGUSR2', async () => {
    await using broker = startTmq(['broker', '-p', '0', '--ready', 'json']);
    const port = await portOf(broker);
    await using subscriber = startTmq([
      'sub',
      '-p',
      port,
      '-i',
      'me',
      '-q',
      '1',
      '-t',
      'a/b',
      '-t',
      '$share/g/a/#',
      '-d',
    ]);
    await subscriber.waitFor('stderr', /SUBACK/);
    broker.child.kill('SIGUSR1');
    broker.child.kill('SIGUSR2');
    await broker.waitFor(
      'stderr',
      /Subscriptions:\n\d+: {3}a\n\d+: {5}b \(me, 1\)\n\d+: {5}# \(\$share\/g me, 1\)\n/,
    );
    assert.equal((await runTmq(['pub', '-p', port, '-t', 'a/b', '-m', 'x', '-q', '1'])).exitCode, 0);
    assert.doesNotMatch(broker.stderr(), /Debugger/);
    await subscriber.stop();
    assert.equal((await broker.stop('SIGTERM')).exitCode, 0);
  });

  it('a debugger that SIGUSR1 opens before the first line of tmq runs is closed again', async () => {
    // What such a signal does, as far as the program can see it: the debugger is open when it begins.
    const opened = 'data:text/javascript,import {open} from "node:inspector"; open(0);';
    const words = ['--import', opened, program, 'broker', '-p', '0', '--ready', 'json'];
    await using broker = start(process.execPath, words);
    await portOf(broker);
    const [, port] = await broker.waitFor('stderr', /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//);
    for (;;) {
      const socket = connect(Number(port), '127.0.0.1');
      const answer = await once(socket, 'connect').catch((error: NodeJS.ErrnoException) => error.code);
      socket.destroy();
      if (answer === 'ECONNREFUSED') break;
    }
    assert.equal((await broker.stop('SIGTERM')).exitCode, 0);
  });

  it('SIGUSR1 ends a client, as it ends those of mosquitto, and opens no debugger', async () => {
    await using broker = startTmq(['broker', '-p', '0', '--ready', 'json']);
    await using subscriber = startTmq(['sub', '-p', await portOf(broker), '-t', 'a', '-d']);
    await subscriber.waitFor('stderr', /SUBACK/);
    const {signal, stderr} = await subscriber.stop('SIGUSR1');
    assert.equal(signal, 'SIGUSR1');
    assert.doesNotMatch(stderr, /Debugger/);
  });
});

describe('B9: SIGHUP at a broker that has just become ready', () => {
  it('is a reload, and the keys of --tls auto are removed at the end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-hangup-'));
    try {
      await writeFile(join(directory, 'x.conf'), 'listener 0 127.0.0.1\nallow_anonymous true\n');
      const words = ['broker', '-c', join(directory, 'x.conf'), '--tls', 'auto', '--ready', 'json'];
      await using broker = startTmq(words, {env: {...process.env, TMPDIR: directory}});
      // Made before the broker is ready: from here on the signal must not end the process.
      for (;;) if ((await readdir(directory)).some((name) => name.startsWith('tmq-tls-'))) break;
      broker.child.kill('SIGHUP');
      await broker.waitFor('stderr', /Reloaded\./);
      assert.equal((await broker.stop('SIGTERM')).exitCode, 0);
      assert.deepEqual(await readdir(directory), ['x.conf']);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });
});
