/** The standard streams and signals as shells hand them over: inputs that fail, readers that leave, lost terminals. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, createServer} from 'node:net';
import {after, before, describe, test} from 'node:test';
import {startBroker, type TestBroker} from '../support/brokers.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {start} from '../support/spawn.ts';
import {program, runShell, runTmq, startTmq} from '../support/tmq.ts';

let broker: TestBroker;
let port: string;
before(async () => {
  broker = await startBroker('bundled');
  port = String(broker.port);
});
after(() => broker[Symbol.asyncDispose]());

describe('standard input that cannot be read', () => {
  const commands = [
    `pub -t a -q 1 -l -p PORT`,
    `pub -t a -l -p PORT`,
    `pub -t a -s -p PORT`,
    'passwd -c /nonexistent/x u',
    'passwd --import - /nonexistent/x',
  ];
  for (const command of commands) {
    test(`B6: a directory is an error: ${command}`, async () => {
      const {stderr, exitCode} = await runShell(`tmq ${command.replace('PORT', port)} < /tmp`);
      assert.match(stderr, /Error: Cannot read standard input: it is a directory\.\n$/);
      assert.equal(exitCode, 14);
    });
  }

  test('B6: a connection that is reset is named, with the count', async () => {
    const server = createServer((socket) => {
      socket.write('one\ntwo\n');
      void broker.logged(/PUBLISH.*'reset'/).then(() => socket.resetAndDestroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const input = `/dev/tcp/127.0.0.1/${(server.address() as AddressInfo).port}`;
    const {stderr, exitCode} = await runShell(`tmq pub -t reset -q 1 -l -p ${port} 0<> ${input}`);
    server.close();
    assert.match(stderr, /of the 2 lines read were not acknowledged\.\n/);
    assert.match(stderr, /Error: Cannot read standard input: its other end reset the connection\.\n$/);
    assert.equal(exitCode, 14);
  });
});

describe('signals', () => {
  for (const [signal, status] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGALRM', 142],
    ['SIGTERM', 143],
  ] as const) {
    test(`B9: ${signal} ends pub -l with DISCONNECT and the count`, async () => {
      await using running = startTmq(['pub', '-d', '-p', port, '-t', 'a', '-q', '1', '-l']);
      running.child.stdin?.write('x\n');
      await running.waitFor('stderr', /PUBACK/);
      const {stderr, exitCode} = await running.stop(signal);
      assert.match(stderr, /sending DISCONNECT/);
      assert.match(stderr, /0 of the 1 lines read were not acknowledged\.\n$/);
      assert.equal(exitCode, status);
    });
  }

  test('B9: SIGHUP right after the ready line does not end the broker', async () => {
    await using running = startTmq(['broker', '-p', '0', '--ready', 'json']);
    await running.waitFor('stdout', /"ready"/);
    running.child.kill('SIGHUP');
    const {exitCode, stderr} = await running.stop();
    assert.deepEqual([exitCode, stderr.match(/Error.*/)], [0, null]);
  });

  for (const words of [
    ['sub', '-d', '-t', 'quiet'],
    ['pub', '-d', '-t', 'a', '-l'],
  ]) {
    test(`B9: a terminal that goes away ends ${words[0]} without SIGABRT`, async () => {
      const options = {env: {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined}};
      await using terminal = startOnTerminal(process.execPath, [program, ...words, '-p', port], options);
      await terminal.shows(/CONNACK/);
      terminal.hangUp();
      const {exitCode, signal} = await terminal.finished;
      assert.equal(signal, 0);
      assert.ok(exitCode === 129 || exitCode === 0, String(exitCode));
    });
  }

  for (const [how, line] of [
    ['nohup', 'nohup "$@" & echo "pid $!" >&2; wait $!'],
    ['a shell that ignores it', `trap '' HUP; "$@" & echo "pid $!" >&2; wait $!`],
  ] as const) {
    test(`B10: SIGHUP stays ignored under ${how}`, async () => {
      const words = [process.execPath, program, 'sub', '-d', '-p', port, '-t', 'q'];
      await using shell = start('/bin/bash', ['-c', line, 'bash', ...words]);
      const pid = Number((await shell.waitFor('stderr', /pid (\d+)/))[1]);
      await shell.waitFor('stderr', /SUBACK/);
      process.kill(pid, 'SIGHUP');
      await runTmq(['pub', '-p', port, '-t', 'q', '-m', 'alive']);
      await shell.waitFor('stdout', /alive/);
      process.kill(pid, 'SIGTERM');
      assert.equal((await shell.finished).exitCode, 0);
    });
  }
});

describe('a reader that goes away while nothing is written', () => {
  test('B11: sub ends when a pipe is closed', async () => {
    const {exitCode} = await runShell(
      `set -o pipefail; tmq sub -p ${port} -t quiet -W 15 | head -c 0; exit "\${PIPESTATUS[0]}"`,
    );
    assert.equal(exitCode, 0);
  });

  test('B11: sub ends when a socket is closed', async () => {
    await using running = startTmq(['sub', '-d', '-p', port, '-t', 'quiet', '-W', '15']);
    await running.waitFor('stderr', /SUBACK/);
    running.child.stdout?.destroy();
    assert.equal((await running.finished).exitCode, 0);
  });

  test('B11: rr ends, too', async () => {
    const {exitCode} = await runShell(
      `set -o pipefail; tmq rr -p ${port} -t quiet -e none -m x -W 15 | head -c 0; exit "\${PIPESTATUS[0]}"`,
    );
    assert.equal(exitCode, 0);
  });
});

describe('streams that take nothing', () => {
  test('B12: diagnostics that cannot be written are dropped', async () => {
    await runTmq(['pub', '-p', port, '-t', 'kept', '-r', '-m', 'x']);
    const {stdout, exitCode} = await runShell(`tmq sub -d -p ${port} -t kept -C 1 2>/dev/full`);
    assert.equal(String(stdout), 'x\n');
    assert.equal(exitCode, 0);
  });

  test('B12: a ready line that cannot be written is an error', async () => {
    const {stderr, exitCode} = await runShell('tmq broker -p 0 --ready json >/dev/full');
    assert.match(stderr, /Error: Cannot write the ready line: no space left on the device\.\n$/);
    assert.equal(exitCode, 1);
  });
});

test('C9: no control character of a broker reaches standard error', async () => {
  const topic = 'a\u001b[31m\nError: forged\r\u009b';
  await using fake = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    connection.send({cmd: 'connack', reasonCode: 0, sessionPresent: false});
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
    connection.send({cmd: 'publish', topic, payload: Buffer.from('x'), qos: 0, dup: false, retain: false});
    connection.send({cmd: 'disconnect', reasonCode: 0x8e, properties: {reasonString: 'b\u001b[2J\nforged'}});
    await connection.closed;
  });
  const words = ['sub', '-V', '5', '-d', '-p', String(fake.port), '-t', '#', '-F', '%J'];
  const {stderr} = await runTmq([...words, '-W', '5', '-v']);
  assert.match(stderr, /PUBLISH .*a\\e\[31m\\nError: forged/);
  assert.match(stderr, /b\\e\[2J\\nforged/);
  assert.doesNotMatch(stderr, /[\x00-\x08\x0b-\x1f\x7f-\x9f]|^(Error: )?forged/m);
});

describe('E10: --retained-only', () => {
  test('ends with 0 on a quiet broker', async () => {
    await runTmq(['pub', '-p', port, '-t', 'remaining/1', '-r', '-m', 'one', '-q', '1']);
    for (const words of [[], ['-C', '9'], ['-q', '1'], ['-V', '5']]) {
      const {stdout, exitCode} = await runTmq([
        'sub',
        '-p',
        port,
        '-t',
        'remaining/#',
        '--retained-only',
        ...words,
      ]);
      assert.deepEqual([String(stdout), exitCode], ['one\n', 0]);
    }
  });

  test('waits for the answer to a PINGREQ behind SUBACK', async () => {
    await using fake = await startFakeBroker(async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0]});
      connection.send({cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: true});
      await connection.idle();
    });
    const {stdout, exitCode} = await runTmq(['sub', '-p', String(fake.port), '-t', 'a', '--retained-only']);
    assert.deepEqual([String(stdout), exitCode], ['x\n', 0]);
    const kinds = new Set(fake.connections[0]?.packets.map(({cmd}) => cmd));
    assert.deepEqual([...kinds], ['connect', 'subscribe', 'pingreq', 'disconnect']);
  });
});

test('G8: a rule of POSIX in TZ that would be taken for UTC is named, where a time is printed', async () => {
  await runTmq(['pub', '-p', port, '-t', 'timed', '-r', '-m', 'x']);
  const warned = async (TZ: string, format: string) => {
    const words = ['sub', '-p', port, '-t', 'timed', '-C', '1', '-F', format];
    return (await runTmq(words, {env: {TZ}})).stderr;
  };
  const text = 'Warning: times are in UTC: the rule TZ=';
  for (const zone of ['EST5EDT,M3.2.0,M11.1.0', 'CET-1CEST', 'IST-5:30', '<+0330>-3:30']) {
    assert.ok((await warned(zone, '%I')).startsWith(`${text}${zone} is not known. Name a zone`), zone);
    assert.equal(await warned(zone, '%p'), '');
  }
  for (const zone of ['EST5EDT', 'UTC0', 'JST-9', 'Europe/Berlin', 'Etc/GMT+5', '']) {
    assert.equal(await warned(zone, '%I'), '', zone);
  }
});
