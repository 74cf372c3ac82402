/** --then, --ready-fd and --ready-file of sub, as processes: what waits for a subscription, and its exit status. */

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {freePort} from '../support/mosquitto.ts';
import {runShell, runTmq, startTmq} from '../support/tmq.ts';

const subscribedToA = '{"event":"subscribed","filters":[{"filter":"a","qos":1}]}\n';

describe('what waits for a subscription', () => {
  let broker: TestBroker;
  let directory: string;
  let at: string[];
  before(async () => {
    broker = await startBroker();
    directory = await mkdtemp(join(tmpdir(), 'tmq-ready-'));
    at = ['-p', String(broker.port)];
  });
  after(async () => {
    await broker.close();
    await rm(directory, {recursive: true});
  });
  const sub = (words: readonly string[], input = '') => runTmq(['sub', ...at, '-t', 'a', ...words], {input});

  test('--then starts the command when the filters are granted, beside the streams of sub', async () => {
    const script = 'read -r line; echo "output $line"; tmq pub -t a -m "$MQTT_URL"';
    const {stdout, stderr, exitCode} = await runShell(
      `export -f tmq; tmq sub -p ${broker.port} -t a -C 1 -W 20 --then -- bash -c '${script}'`,
      {input: 'typed\n'},
    );
    const url = `mqtt://localhost:${broker.port}`;
    assert.deepEqual([stdout.toString(), stderr, exitCode], [`${url}\n`, 'output typed\n', 0]);
  });

  test('a command of --then that fails ends sub with its status', async () => {
    for (const [script, status, message] of [
      ['exit 3', 3, 'The command of --then failed with status 3.'],
      ['kill -9 $$', 137, 'The command of --then failed with status 137.'],
    ] as const) {
      const {stderr, exitCode} = await sub(['--then', '--', 'sh', '-c', script]);
      assert.deepEqual([stderr, exitCode], [`Error: ${message}\n`, status]);
    }
    const {stderr, exitCode} = await sub(['--then', '--', 'no-such-command']);
    assert.deepEqual(
      [stderr, exitCode],
      ['Error: Cannot run no-such-command: there is no such command.\n', 127],
    );
  });

  test('sub decides the status when it ends first, and waits for the command of --then', async () => {
    const script = `${process.execPath} ${join(import.meta.dirname, '../../bin/tmq.js')} pub -t a -m x; sleep 0.3; echo done; exit 9`;
    const {stdout, stderr, exitCode} = await sub(['-C', '1', '--then', '--', 'sh', '-c', script]);
    assert.deepEqual([stdout.toString(), stderr, exitCode], ['x\n', 'done\n', 0]);
  });

  test('a time limit ends the command of --then, and a signal is passed on to it', async () => {
    const script =
      'trap "echo TERM; exit" TERM; trap "echo INT; exit" INT; echo up; while :; do sleep 0.02; done';
    const limited = await sub(['-W', '1', '--then', '--', 'sh', '-c', script]);
    assert.deepEqual([limited.stderr, limited.exitCode], ['up\nTERM\nError: No message within 1 s.\n', 27]);
    await using running = startTmq(['sub', ...at, '-t', 'a', '--then', '--', 'sh', '-c', script]);
    await running.waitFor('stderr', /up/);
    const {stderr, exitCode} = await running.stop('SIGINT');
    assert.deepEqual([stderr, exitCode], ['up\nINT\n', 0]);
  });

  test('one denied filter keeps the command of --then from starting', async () => {
    const deny = async (connection: FakeConnection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0, 128]});
      await connection.idle();
    };
    await using fake = await startFakeBroker(deny);
    const file = join(directory, 'started');
    const words = ['sub', '-p', String(fake.port), '-t', 'a', '-t', 'b', '--then', '--', 'touch', file];
    const {stderr, exitCode} = await runTmq(words);
    assert.deepEqual([stderr, exitCode], ["Error: The broker denied the subscription to 'b'.\n", 128]);
    assert.equal(existsSync(file), false);
  });

  test('--ready-fd writes one line, and closes the descriptor', async () => {
    // Without a function of the shell, which would keep the descriptor.
    const line = `"$TMQ_NODE" "$TMQ_PROGRAM" sub -p ${broker.port} -q 1 -t a -C 1 --ready-fd 3 3>&1 >${directory}/messages | { cat; tmq pub -p ${broker.port} -t a -m now; }`;
    const {stdout, stderr, exitCode} = await runShell(line);
    assert.deepEqual([stdout.toString(), stderr, exitCode], [subscribedToA, '', 0]);
    assert.equal(await readFile(join(directory, 'messages'), 'utf8'), 'now\n');
  });

  test('--ready-file is there only when the filters are granted, and whole', async () => {
    const file = join(directory, 'ready');
    await writeFile(file, 'of an earlier run');
    const seen: boolean[] = [];
    await using fake = await startFakeBroker(async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('subscribe');
      seen.push(existsSync(file));
      connection.send({cmd: 'suback', messageId, granted: [1]});
      await connection.idle();
    });
    const words = ['sub', '-p', String(fake.port), '-q', '1', '-t', 'a', '-E', '--ready-file', file];
    const {stderr, exitCode} = await runTmq(words);
    assert.deepEqual([stderr, exitCode, seen], ['', 0, [false]]);
    assert.equal(await readFile(file, 'utf8'), subscribedToA);
  });

  test('a place that cannot be written to is an error before connecting', async () => {
    const port = await freePort();
    for (const [words, message] of [
      [
        '--ready-fd 9',
        /descriptor 9 is not open for writing\. Open it in the shell, as in --ready-fd 9 9>ready/,
      ],
      // Of Node's own.
      ['--ready-fd 3', /descriptor 3 is not open for writing/],
      ['--ready-fd 4', /descriptor 4 is not open for writing/],
      ['--ready-fd 5', /descriptor 5 is not open for writing/],
      ['--ready-fd 3 3</dev/null', /descriptor 3 is not open for writing/],
      [`--ready-file ${directory}/none/ready`, /Cannot write the ready file .*: no such file or directory\./],
      ['--ready-file /dev/null', /\/dev\/null exists, and is not a regular file\./],
      [`--ready-file ${directory}`, /exists, and is not a regular file\./],
    ] as const) {
      const {stderr, exitCode} = await runShell(`tmq sub -p ${port} -t a ${words}`);
      assert.match(stderr, message);
      assert.equal(exitCode, 1);
    }
    assert.ok(existsSync('/dev/null'));
  });
});

test('words that are no options need -- before them where a command runs, and are refused elsewhere', async () => {
  for (const [words, message] of [
    [
      'sub -t a --then true',
      "Unknown option 'true'. The command of --then needs -- before it, as in --then -- true",
    ],
    ['sub -t a -- true', "Unknown option '--'."],
    ['sub -t a --then', '--then needs a command after --, such as --then -- tmq pub -t request -m now'],
    [
      'broker --exec sh -c true',
      'The command sh has options of its own: put -- before it, as in --exec -- sh …',
    ],
    [
      'broker --exec sh -p 1',
      'The command sh has options of its own: put -- before it, as in --exec -- sh …',
    ],
  ] as const) {
    const {stderr, exitCode} = await runTmq(words.split(' '));
    assert.deepEqual([stderr.split('\n')[0], exitCode], [`Error: ${message}`, 1], words);
  }
});
