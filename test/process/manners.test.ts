// needs: script
/** What a terminal gets: spinner, progress line, colour; and that pipes and files get none of it. */

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, open, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker, type TestBroker} from '../support/brokers.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startOnTerminal, type TerminalOptions, type TerminalRun} from '../support/pseudo-terminal.ts';
import {run} from '../support/spawn.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

const home = {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined};

function onTerminal(words: readonly string[], options: TerminalOptions = {}): TerminalRun {
  return startOnTerminal(process.execPath, [program, ...words], {...options, env: {...home, ...options.env}});
}

/** Accepts connections and says nothing; `accepted` resolves when it has one. */
async function startSilence(): Promise<
  {readonly port: number; readonly accepted: Promise<unknown>; close(): void} & Disposable
> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).resume();
  });
  const accepted = once(server, 'connection');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return {port: (server.address() as AddressInfo).port, accepted, close, [Symbol.dispose]: close};
}

/** Without the lines of -d about the connection, which has another port each time. */
function packetLines(text: string): string {
  return text.replace(/^(\u001b\[2m)?\* .*\r?\n/gm, '');
}

/** Without the line that says what sub has subscribed to. */
function withoutSubscribed(screen: string): string {
  return screen.replace(/^.*Subscribed to .*\r\n/m, '');
}

/** What is left on the screen of what a terminal got, where a slow start let the spinner turn. */
function withoutSpinner(screen: string): string {
  return screen.replaceAll(/\u001b\[\?2026h.*?\u001b\[\?2026l/gs, '').replaceAll('\u001b[1G\u001b[0K', '');
}

describe('the spinner', {concurrency: 4}, () => {
  test('names what is awaited, and is erased before the error', async () => {
    using silence = await startSilence();
    await using terminal = onTerminal(['pub', '-p', String(silence.port), '-t', 'a', '-m', 'x']);
    await terminal.shows(new RegExp(`Connecting to .*:${silence.port}`));
    silence.close();
    assert.equal((await terminal.finished).exitCode, 7);
    assert.match(terminal.screen(), /\u001b\[0K\u001b\[31mError:\u001b\[39m [^\n]+\r\n$/);
  });

  test('is erased at once on Ctrl-C', async () => {
    using silence = await startSilence();
    await using terminal = onTerminal(['sub', '-p', String(silence.port), '-t', 'a']);
    await terminal.shows(/Connecting to/);
    terminal.send('\u0003');
    await terminal.finished;
    // The cursor was never hidden.
    assert.doesNotMatch(terminal.screen(), /\u001b\[\?25l/);
  });

  const silent: readonly (readonly [why: string, words: readonly string[], options: TerminalOptions])[] = [
    ['--quiet', ['--quiet'], {}],
    ['-d', ['-d'], {}],
    ['a dumb terminal', [], {env: {TERM: 'dumb'}}],
  ];
  for (const [why, words, options] of silent) {
    test(`does not turn with ${why}`, async () => {
      using silence = await startSilence();
      await using terminal = onTerminal(
        ['rr', '-p', String(silence.port), '-t', 'a', '-e', 'b', '-n', '--connect-timeout', '1', ...words],
        options,
      );
      await terminal.finished;
      assert.doesNotMatch(terminal.screen(), /Connecting/);
    });
  }

  test('does not turn where the user types the messages', async () => {
    using silence = await startSilence();
    await using terminal = onTerminal([
      'pub',
      '-l',
      '-p',
      String(silence.port),
      '-t',
      'a',
      '--connect-timeout',
      '1',
    ]);
    await terminal.finished;
    assert.match(terminal.screen(), /Error:/);
    assert.doesNotMatch(terminal.screen(), /Connecting to [^\n]*\r(?!\n)/);
  });

  test('a terminal without columns does without it, and comes to an end', async () => {
    using silence = await startSilence();
    const words = `sub -p ${silence.port} -t a --connect-timeout 1`;
    const {stdout, timedOut} = await run(
      'script',
      ['-qec', `stty cols 0 rows 0; '${process.execPath}' '${program}' ${words}`, '/dev/null'],
      {env: {...home, TERM: 'xterm'}},
    );
    assert.equal(timedOut, false);
    assert.match(stdout.toString(), /Error:/);
    assert.doesNotMatch(stdout.toString(), /Connecting/);
  });
});

describe('with a broker', {concurrency: 4}, () => {
  let broker: TestBroker;
  let directory: string;
  before(async () => {
    broker = await startBroker('bundled');
    directory = await mkdtemp(join(tmpdir(), 'tmq-manners-'));
  });
  after(async () => {
    await broker[Symbol.asyncDispose]();
    await rm(directory, {recursive: true, force: true});
  });

  test('pub -l shows its progress on one line, which is erased', async () => {
    const fifo = join(directory, 'lines');
    execFileSync('mkfifo', [fifo]);
    const shell = `'${process.execPath}' '${program}' pub -l -q 1 -t a -p ${broker.port} < ${fifo}`;
    await using terminal = startOnTerminal('/bin/sh', ['-c', shell], {env: home});
    const input = await open(fifo, 'w');
    await input.write('x\n'.repeat(1234));
    await terminal.shows(/\r\u001b\[K1,234 lines, [\d,]+\/s/);
    await input.close();
    assert.equal((await terminal.finished).exitCode, 0);
    assert.match(terminal.screen(), /\r\u001b\[K$/);
    assert.doesNotMatch(terminal.screen(), /\n/);
  });

  test('pub -s shows how much it has read, and --repeat how often it has sent', async () => {
    const fifo = join(directory, 'message');
    execFileSync('mkfifo', [fifo]);
    const words = `pub -s -t a -p ${broker.port} --repeat 3 --repeat-delay 0.4`;
    await using terminal = startOnTerminal(
      '/bin/sh',
      ['-c', `'${process.execPath}' '${program}' ${words} < ${fifo}`],
      {env: home},
    );
    const input = await open(fifo, 'w');
    await input.write(Buffer.alloc(20_000));
    await terminal.shows(/Reading standard input, 20\.0 kB/);
    await input.close();
    await terminal.shows(/Sending 20\.0 kB, 1 of 3 sent/);
    assert.equal((await terminal.finished).exitCode, 0);
    assert.match(terminal.screen(), /\r\u001b\[K$/);
  });

  for (const [option, source] of [
    ['-f', '-f large'],
    ['-s', '-s < large'],
  ] as const) {
    test(`pub ${option} shows how much of a large message is sent, the rate, and the time left`, async () => {
      const content = Buffer.alloc(40_000_000, 'all of it, and in order');
      await writeFile(join(directory, 'large'), content);
      await using reader = await startFakeBroker(async (connection) => {
        await connection.accept();
        // Takes a megabyte more each time that the line was drawn, until it has shown everything.
        for (let drawings = 1; !/ left\r/.test(terminal.screen()); drawings++) {
          connection.socket.pause();
          await terminal.shows(new RegExp(`( of 40\\.0 MB sent[^]*?){${drawings}}`));
          connection.socket.resume();
          for (let pieces = 0; pieces < 16; pieces++) await once(connection.socket, 'data');
        }
        const {messageId, payload} = await connection.next('publish');
        assert.ok(content.equals(payload as Buffer));
        await terminal.shows(/\r\u001b\[K40\.0 MB sent, waiting for the broker/);
        connection.send({cmd: 'puback', messageId});
        await connection.idle();
      });
      const words = `pub -t a -q 1 -p ${reader.port} ${source}`;
      await using terminal = startOnTerminal(
        '/bin/sh',
        ['-c', `cd '${directory}' && '${process.execPath}' '${program}' ${words}`],
        {env: {...home, TMQ_NO_FASTPATH: ''}},
      );
      assert.equal((await terminal.finished).exitCode, 0);
      assert.match(
        terminal.screen(),
        /\r\u001b\[K\d+\.\d MB of 40\.0 MB sent, \d+%, \d+\.\d [kM]B\/s, [\d:]+( s)? left\r/,
      );
      assert.match(terminal.screen(), /\r\u001b\[K$/);
      assert.doesNotMatch(terminal.screen(), /\n/);
    });
  }

  test('a terminal of no size still watches topics', async () => {
    const words = `sub -w -t small -C 1 -p ${broker.port} -i small`;
    const watching = run(
      'script',
      ['-qec', `stty cols 0 rows 0; '${process.execPath}' '${program}' ${words}`, '/dev/null'],
      {env: {...home, TERM: 'xterm'}},
    );
    await broker.logged(/SUBACK to small/);
    await runTmq(['pub', '-t', 'small', '-m', 'seen', '-p', String(broker.port)]);
    assert.match((await watching).stdout.toString(), /seen/);
  });

  for (const [how, words, status] of [
    ['Ctrl-C', [], 0],
    ['-W', ['-W', '3'], 27],
    ['-C', ['-C', '1'], 0],
  ] as const) {
    test(`a watch that is ended by ${how} leaves the terminal as it was`, async () => {
      const id = `watch-${how}`;
      await using watching = onTerminal([
        ...['sub', '-w', '-t', id, '-p', String(broker.port), '-i', id],
        ...words,
      ]);
      // On a machine that is busy, the time of -W may end before.
      await Promise.race([broker.logged(new RegExp(`SUBACK to ${id}`)), watching.finished]);
      if (how !== '-W') {
        await runTmq(['pub', '-t', id, '-m', 'seen', '-p', String(broker.port)]);
        await watching.shows(/seen/);
      }
      if (how === 'Ctrl-C') watching.send('\u0003');
      assert.equal((await watching.finished).exitCode, status);
      // Lines are wrapped again.
      const [, unwrapped = '', ...rest] = watching.screen().split(/\u001b\[\?7[lh]/);
      assert.match(unwrapped, /Broker: localhost/);
      assert.equal(rest.length, 1);
      assert.match(watching.screen(), /\u001b\[\?7h/);
    });
  }

  test('off a terminal, no progress is shown', async () => {
    const input = 'x\n'.repeat(10_000);
    const words = ['pub', '-l', '-q', '1', '-t', 'a', '-p', String(broker.port)];
    const {stdout, stderr, exitCode} = await runTmq(words, {input});
    assert.deepEqual([stdout.length, stderr, exitCode], [0, '', 0]);
  });

  const evil = '\u001b]0;owned\u0007\u001b[2J\u001b[31mred\u009bK\r';

  test('sub -v colours topics, and no payload commands the terminal', async () => {
    const words = ['sub', '-v', '-t', 'looks/#', '-C', '1', '-p', String(broker.port), '-i', 'on-terminal'];
    await using terminal = onTerminal(words);
    await broker.logged(/SUBACK to on-terminal/);
    await writeFile(join(directory, 'evil'), evil);
    await runTmq(['pub', '-t', 'looks/a', '-f', join(directory, 'evil'), '-p', String(broker.port)]);
    await terminal.finished;
    assert.equal(
      withoutSubscribed(withoutSpinner(terminal.screen())),
      '\u001b[36mlooks/a\u001b[39m \\e]0;owned\\a\\e[2J\\e[31mred\\x9bK\\r\r\n',
    );
  });

  for (const [why, env, color] of [
    ['NO_COLOR', {NO_COLOR: '1'}, []],
    ['--color never', {}, ['--color', 'never']],
  ] as const) {
    test(`sub -v colours nothing with ${why}`, async () => {
      const id = `plain-${why.length}`;
      const words = ['sub', '-v', '-t', 'plain', '-C', '1', '-p', String(broker.port), '-i', id, ...color];
      await using terminal = onTerminal(words, {env});
      await broker.logged(new RegExp(`SUBACK to ${id}`));
      await runTmq(['pub', '-t', 'plain', '-m', 'x', '-p', String(broker.port)]);
      await terminal.finished;
      assert.equal(withoutSubscribed(withoutSpinner(terminal.screen())), 'plain x\r\n');
    });
  }

  test('through a pipe every byte is unchanged, also with FORCE_COLOR', async () => {
    await using subscriber = startTmq(
      ['sub', '-v', '-t', 'raw', '-C', '1', '-p', String(broker.port), '-i', 'on-pipe'],
      {env: {FORCE_COLOR: '1'}},
    );
    await broker.logged(/SUBACK to on-pipe/);
    await runTmq(['pub', '-t', 'raw', '-m', evil, '-p', String(broker.port)]);
    assert.equal((await subscriber.finished).stdout.toString(), `raw ${evil}\n`);
  });

  test('-d is aligned and coloured on a terminal, and mosquitto’s to the byte elsewhere', async () => {
    const words = ['pub', '-d', '-t', 'a', '-m', 'x', '-q', '1', '-i', 'me', '-p', String(broker.port)];
    const run = await runTmq(words, {env: {FORCE_COLOR: '1'}});
    const stderr = packetLines(run.stderr);
    assert.equal(
      stderr,
      [
        'Client me sending CONNECT',
        'Client me received CONNACK (0)',
        "Client me sending PUBLISH (d0, q1, r0, m1, 'a', ... (1 bytes))",
        'Client me received PUBACK (Mid: 1, RC:0)',
        'Client me sending DISCONNECT',
        '',
      ].join('\n'),
    );
    await using plain = onTerminal(words, {env: {NO_COLOR: '1'}});
    await plain.finished;
    assert.equal(
      packetLines(plain.screen()),
      stderr.replaceAll(' sending ', ' sending  ').replaceAll('\n', '\r\n'),
    );
    await using coloured = onTerminal(words);
    await coloured.finished;
    assert.match(
      packetLines(coloured.screen()),
      /^\u001b\[2mClient me\u001b\[22m \u001b\[32msending \u001b\[39m \u001b\[1mCONNECT\u001b\[22m\r\n/,
    );
    assert.equal(packetLines(coloured.screen()).replace(/\u001b\[\d+m/g, ''), packetLines(plain.screen()));
    const nameless = words.filter((word) => word !== '-i' && word !== 'me');
    await using unnamed = onTerminal(nameless, {env: {NO_COLOR: '1'}});
    await unnamed.finished;
    assert.equal(
      packetLines(unnamed.screen()).replaceAll(/^Client tmq-[0-9A-Za-z]{18} /gm, 'Client me '),
      packetLines(plain.screen()),
    );
  });
});
