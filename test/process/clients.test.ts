// needs: mosquitto, mosquitto_pub
/** The clients as processes: pipes, signals, exit statuses, and what other processes can see. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readFile, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker} from '../../src/testing/testing.ts';
import {freePort, type Mosquitto, startMosquitto} from '../support/mosquitto.ts';
import {run, start} from '../support/spawn.ts';
import {program, runShell, runTmq, startTmq} from '../support/tmq.ts';

describe('the clients as processes', () => {
  let broker: Mosquitto;
  let at: string[];
  before(async () => {
    broker = await startMosquitto();
    at = ['-p', String(broker.port)];
  });
  after(() => broker[Symbol.asyncDispose]());

  test('a closed pipe ends sub quietly', async () => {
    // POSIX reports a closed pipe only to a write: so there must be a next message, and one more.
    const {stdout, stderr, exitCode} = await runShell(
      `( set -o pipefail; tmq sub -p ${broker.port} -t pipe/closed -q 1 | head -1 ) & pipeline=$!
       while kill -0 $pipeline 2>/dev/null; do tmq pub -p ${broker.port} -t pipe/closed -q 1 -m one; done
       wait $pipeline`,
    );
    assert.equal(stdout.toString(), 'one\n');
    assert.deepEqual([stderr, exitCode], ['', 0]);
  });

  test('megabytes through a slow pipe arrive whole', async () => {
    const bytes = 3_000_000;
    const subscriber = startTmq(['sub', ...at, '-t', 'pipe/large', '-C', '1', '-N', '-d']);
    subscriber.child.stdout?.pause();
    await subscriber.waitFor('stderr', /received SUBACK/);
    const {exitCode} = await runTmq(['pub', ...at, '-t', 'pipe/large', '-s'], {
      input: Buffer.alloc(bytes, 'x'),
    });
    assert.equal(exitCode, 0);
    await subscriber.waitFor('stderr', /received PUBLISH/);
    subscriber.child.stdout?.resume();
    const finished = await subscriber.finished;
    assert.deepEqual([finished.stdout.length, finished.exitCode], [bytes, 0]);
  });

  test('pub to a closed port prints host, port and reason in one line', async () => {
    const port = await freePort();
    const {stdout, stderr, exitCode} = await runTmq(['pub', '-p', String(port), '-t', 'a', '-m', 'x']);
    assert.match(
      stderr,
      new RegExp(`^Error: Connection refused by (localhost|127\\.0\\.0\\.1):${port}\\..*\\n$`),
    );
    assert.deepEqual([stdout.length, exitCode], [0, 1]);
  });

  test('--quiet prints nothing, and the status stays', async () => {
    const {stderr, exitCode} = await runTmq([
      'pub',
      '-p',
      String(await freePort()),
      '-t',
      'a',
      '-m',
      'x',
      '--quiet',
    ]);
    assert.deepEqual([stderr, exitCode], ['', 1]);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} lets sub leave with DISCONNECT and 0`, async () => {
      const id = `leaver-${signal}`;
      const subscriber = startTmq(['sub', ...at, '-i', id, '-t', 'a', '-d']);
      await subscriber.waitFor('stderr', /received SUBACK/);
      const {exitCode} = await subscriber.stop(signal);
      assert.equal(exitCode, 0);
      await broker.logged(new RegExp(`Received DISCONNECT from ${id}`));
    });
  }

  test('SIGTERM ends pub -l with 143 and prints how many lines were not acknowledged', async () => {
    // A server that accepts the connection and acknowledges nothing.
    const {createServer} = await import('node:net');
    const server = createServer((socket) => {
      socket.once('data', () => socket.write(Buffer.from([0x20, 2, 0, 0])));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as {port: number};
    const publisher = startTmq(['pub', '-p', String(port), '-t', 'a', '-q', '1', '-l', '-d']);
    publisher.child.stdin?.write('one\ntwo\n');
    await publisher.waitFor('stderr', /m2,/);
    const {exitCode, stderr} = await publisher.stop('SIGTERM');
    server.close();
    assert.equal(exitCode, 143);
    assert.match(stderr, /2 of the 2 lines read were not acknowledged/);
  });

  test('no secret is left on the list of processes', async () => {
    await using webSockets = await startBroker({webSockets: true});
    const overWebSockets = ['-L', `${webSockets.urls.ws}/a`];
    for (const words of [
      [...at, '-t', 'a', '-u', 'rajan', '-P', 'password123'],
      [...at, '-t', 'a', '-u', 'rajan', '--pw-command', 'echo password123'],
      [...overWebSockets, '--header', 'Authorization: Bearer password123'],
      [...overWebSockets, '--header-command', 'echo X-Token: password123'],
    ]) {
      const subscriber = startTmq(['sub', ...words, '-d']);
      await subscriber.waitFor('stderr', /received SUBACK/);
      const seen = await readFile(`/proc/${subscriber.child.pid}/cmdline`, 'utf8');
      const {stderr} = await subscriber.stop();
      assert.doesNotMatch(seen + stderr, /password123/);
      assert.match(seen, /tmq sub/);
    }
  });

  test('started through a link called mosquitto_pub it is that program', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-link-'));
    const link = join(directory, 'mosquitto_pub');
    await symlink(program, link);
    try {
      const wrong = await run(process.execPath, [link, '-t'], {env: {HOME: directory}});
      assert.match(
        wrong.stderr,
        /^Error: -t argument given but no topic specified\.\n\n+Use 'mosquitto_pub --help' to see usage\.\n$/,
      );
      assert.equal(wrong.exitCode, 1);
      await using subscriber = start('mosquitto_sub', [...at, '-i', 'for-link', '-t', 'link', '-C', '1']);
      await broker.logged(/Sending SUBACK to for-link/);
      const {exitCode} = await run(process.execPath, [link, ...at, '-t', 'link', '-m', 'through'], {
        env: {HOME: directory},
      });
      assert.equal(exitCode, 0);
      assert.equal((await subscriber.finished).stdout.toString(), 'through\n');
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });

  test('an options file may name the topic; without one the error of pub shows how to give -t', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-options-'));
    try {
      const {writeFile, mkdir} = await import('node:fs/promises');
      const missing = await runTmq(['pub', ...at, '-r', '-d', '-m', 'Hello'], {
        env: {XDG_CONFIG_HOME: directory},
      });
      assert.equal(missing.exitCode, 1);
      assert.match(missing.stderr, /topic is missing.*-t/);
      await mkdir(join(directory, 'tmq'));
      await writeFile(join(directory, 'tmq', 'pub'), '# where things go\n-t options/file\n');
      const found = await runTmq(['pub', ...at, '-r', '-d', '-m', 'Hello'], {
        env: {XDG_CONFIG_HOME: directory},
      });
      assert.equal(found.exitCode, 0);
      assert.match(found.stderr, /sending PUBLISH \(d0, q0, r1, m1, 'options\/file', \.\.\. \(5 bytes\)\)/);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });
});
