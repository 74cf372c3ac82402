// needs: mosquitto_pub
/** mosquitto's own clients on our broker, over real sockets. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {describe, it} from 'node:test';
import {openAccess} from '../../src/broker/access/access.ts';
import {Broker} from '../../src/broker/broker.ts';
import {defaultLimits} from '../../src/broker/config/settings.ts';
import {plainListener} from '../support/packet-client.ts';
import {run, start} from '../support/spawn.ts';

/** Our broker on a free port of the loopback interface. */
async function served() {
  const log: string[] = [];
  const waiting = new Set<() => void>();
  const broker = new Broker(
    {limits: defaultLimits, sysInterval: 10},
    {
      access: openAccess,
      now: () => BigInt(Date.now()) * 1_000_000n,
      log: (type, line) => {
        assert.notEqual(type, 'error', line);
        log.push(line);
        for (const wake of waiting) wake();
      },
    },
  );
  const server = createServer({noDelay: true}, (socket: Socket) =>
    broker.accept(socket, plainListener, {address: `${socket.remoteAddress}:${socket.remotePort}`}),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: String((server.address() as AddressInfo).port),
    /** Resolves when the line is in the log. */
    async logged(line: string) {
      while (!log.includes(line)) {
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await broker.close();
    },
  };
}

describe("mosquitto's clients", () => {
  for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
    for (const qos of ['0', '1', '2']) {
      it(`${version} at QoS ${qos}`, async () => {
        await using broker = await served();
        const shared = ['-p', broker.port, '-V', version, '-q', qos];
        await using subscriber = start('mosquitto_sub', [
          ...shared,
          '-t',
          'a/#',
          '-v',
          '-C',
          '3',
          '-i',
          'sub',
        ]);
        await broker.logged(`sub ${qos} a/#`);
        const lines = await run('mosquitto_pub', [...shared, '-t', 'a/lines', '-l'], {input: 'one\ntwo\n'});
        assert.deepEqual([lines.exitCode, lines.stderr], [0, '']);
        const one = await run('mosquitto_pub', [...shared, '-t', 'a/one', '-m', 'three']);
        assert.deepEqual([one.exitCode, one.stderr], [0, '']);
        const {stdout, exitCode} = await subscriber.finished;
        assert.deepEqual([stdout.toString(), exitCode], ['a/lines one\na/lines two\na/one three\n', 0]);
      });
    }
  }

  it('request and response', async () => {
    await using broker = await served();
    const shared = ['-p', broker.port, '-V', 'mqttv5'];
    await using responder = start('mosquitto_sub', [
      ...shared,
      '-t',
      'ask',
      '-C',
      '1',
      '-F',
      '%R %D %p',
      '-i',
      'responder',
    ]);
    await broker.logged('responder 0 ask');
    const correlation = ['-D', 'publish', 'correlation-data', 'c1'];
    await using asking = start('mosquitto_rr', [
      ...shared,
      '-t',
      'ask',
      '-e',
      'answer',
      '-m',
      'q',
      '-W',
      '10',
      ...correlation,
    ]);
    assert.equal((await responder.finished).stdout.toString(), 'answer c1 q\n');
    await run('mosquitto_pub', [...shared, '-t', 'answer', '-m', 'reply']);
    const {stdout, exitCode} = await asking.finished;
    assert.deepEqual([stdout.toString(), exitCode], ['reply\n', 0]);
  });

  it('a persistent session gets what it missed', async () => {
    await using broker = await served();
    const sub = ['-p', broker.port, '-i', 'keeper', '-c', '-q', '1', '-t', 't'];
    assert.equal((await run('mosquitto_sub', [...sub, '-E'])).exitCode, 0);
    await run('mosquitto_pub', ['-p', broker.port, '-t', 't', '-q', '1', '-l'], {input: 'a\nb\n'});
    const {stdout} = await run('mosquitto_sub', [...sub, '-C', '2', '-W', '10']);
    assert.equal(stdout.toString(), 'a\nb\n');
  });

  it('10,000 lines at QoS 1 arrive, in order and each once', async () => {
    await using broker = await served();
    const shared = ['-p', broker.port, '-q', '1', '-t', 'many'];
    await using subscriber = start('mosquitto_sub', [...shared, '-C', '10000', '-i', 'sub']);
    await broker.logged('sub 1 many');
    const input = Array.from({length: 10_000}, (_, index) => `${index}\n`).join('');
    assert.equal((await run('mosquitto_pub', [...shared, '-l'], {input})).exitCode, 0);
    assert.equal((await subscriber.finished).stdout.toString(), input);
  });

  it('the will of a client that is killed is published', async () => {
    await using broker = await served();
    await using watcher = start('mosquitto_sub', [
      '-p',
      broker.port,
      '-t',
      'wills/#',
      '-C',
      '1',
      '-v',
      '-i',
      'watcher',
    ]);
    await broker.logged('watcher 0 wills/#');
    const will = ['--will-topic', 'wills/x', '--will-payload', 'gone', '-i', 'mortal'];
    await using mortal = start('mosquitto_sub', ['-p', broker.port, '-t', 'none', ...will]);
    await broker.logged('mortal 0 none');
    await mortal.stop('SIGKILL');
    assert.equal((await watcher.finished).stdout.toString(), 'wills/x gone\n');
  });

  it('$SYS can be read', async () => {
    await using broker = await served();
    const {stdout} = await run('mosquitto_sub', [
      '-p',
      broker.port,
      '-t',
      '$SYS/broker/version',
      '-C',
      '1',
      '-W',
      '10',
    ]);
    assert.equal(stdout.toString(), 'tmq\n');
  });
});
