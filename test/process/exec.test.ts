/** `sub --exec` as a process: what its command gets, what becomes of failures, outputs and signals. */

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {Properties} from '../../src/protocol/properties.ts';
import {startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';
import type {Finished, Running, SpawnOptions} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

describe('a command for each message', {concurrency: 3}, () => {
  let broker: TestBroker;
  let directory: string;
  let used = 0;
  before(async () => {
    broker = await startBroker();
    directory = await mkdtemp(join(tmpdir(), 'tmq-exec-'));
  });
  after(async () => {
    await broker.close();
    await rm(directory, {recursive: true});
  });

  /** A topic, a client identifier and a file that no other test uses. */
  const fresh = () => {
    const name = `n${used++}`;
    return {topic: `${name}/a`, filter: `${name}/#`, name, file: join(directory, name)};
  };

  async function publish(
    topic: string,
    payloads: readonly (string | Uint8Array)[],
    more: {readonly qos?: 0 | 1 | 2; readonly retain?: boolean; readonly properties?: Properties} = {},
  ): Promise<void> {
    const options = sessionOptions(broker.port, {clientId: `publisher-${used++}`});
    const session = await connect(options, sessionContext());
    for (const payload of payloads)
      await session.publish(Buffer.from(payload), publication(topic, {qos: 1, ...more}));
    await session.end();
  }

  const sub = (words: readonly string[], script: string, options: SpawnOptions = {}): Running =>
    startTmq(['sub', '-p', String(broker.port), ...words, '--exec', '--', 'sh', '-c', script], options);

  /** Makes the session, so that what is published from now on is kept for it. */
  async function keepSession(words: readonly string[]): Promise<void> {
    assert.equal((await runTmq(['sub', '-p', String(broker.port), ...words, '-E'])).exitCode, 0);
  }

  /** What a worker with a persistent session makes of these messages. */
  async function work(
    payloads: readonly string[],
    more: readonly string[],
    script: string,
    given = fresh(),
  ): Promise<Finished> {
    const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
    await keepSession(words);
    await publish(given.topic, payloads);
    return await sub([...words, ...more], script).finished;
  }

  test('its payload is standard input, its topic and properties are variables', async () => {
    const {topic, filter} = fresh();
    const script = 'env | LC_ALL=C sort | grep ^MQTT_; cat /dev/stdin; echo';
    const env = {MQTT_USER_OLD: 'x', MQTT_CONTENT_TYPE: 'x', MQTT_URL: `mqtt://u:p@localhost:${broker.port}`};
    await using running = sub(['-t', filter, '-V', '5', '-q', '2', '-C', '2', '-d'], script, {env});
    await running.waitFor('stderr', /received SUBACK/);
    const userProperties = [
      ['trace-id', '1'],
      ['trace-id', 'zwei\nö'],
    ] as const;
    const properties = {
      contentType: 'text/plain',
      responseTopic: 'r',
      correlationData: Buffer.of(0, 255),
      userProperties,
    };
    await publish(topic, ['pay\0load'], {qos: 2, properties});
    await publish(topic, ['']);
    const {stdout, exitCode} = await running.finished;
    const url = `MQTT_URL=mqtt://u:p@localhost:${broker.port}`;
    const first = [
      'MQTT_CONTENT_TYPE=text/plain',
      'MQTT_CORRELATION_DATA=AP8=',
      'MQTT_QOS=2',
      'MQTT_RESPONSE_TOPIC=r',
      'MQTT_RETAIN=0',
      `MQTT_TOPIC=${topic}`,
      url,
      'MQTT_USER_TRACE_ID=1',
      'pay\0load',
    ];
    const second = ['MQTT_QOS=1', 'MQTT_RETAIN=0', `MQTT_TOPIC=${topic}`, url, '', ''];
    assert.deepEqual([stdout.toString(), exitCode], [[...first, ...second].join('\n'), 0]);
  });

  test('outputs of commands that run at the same time stay together', async () => {
    const script =
      'read -r x; for i in 1 2 3; do head -c 70000 /dev/zero | tr "\\0" $x; printf $x >&2; sleep 0.02; done; echo; echo >&2';
    const {stdout, stderr, exitCode} = await work(
      ['1', '2', '3', '4', '5'],
      ['-C', '5', '--jobs', '3'],
      script,
    );
    const records = stdout.toString().trimEnd().split('\n').sort();
    assert.deepEqual(
      records.map((record) => [record.length, record === record[0]!.repeat(record.length)]),
      records.map(() => [210_000, true]),
    );
    assert.deepEqual(stderr.trimEnd().split('\n').sort(), ['111', '222', '333', '444', '555']);
    assert.deepEqual([records.length, exitCode], [5, 0]);
  });

  test('one after the other, they run in the order of the messages, and write as they go', async () => {
    const {stdout, exitCode} = await work(['a', 'b', 'c'], ['-C', '3'], 'cat; echo');
    assert.deepEqual([stdout.toString(), exitCode], ['a\nb\nc\n', 0]);
  });

  test('-T and -R drop messages without running it, and they are acknowledged', async () => {
    const {name} = fresh();
    const words = ['-t', `${name}/#`, '-q', '1', '-c', '-i', name];
    await keepSession(words);
    await publish(`${name}/dropped`, ['x']);
    await publish(`${name}/taken`, ['y']);
    const one = await sub([...words, '-T', `${name}/dropped`, '-C', '1'], 'cat').finished;
    const next = await sub([...words, '-W', '1'], 'cat').finished;
    assert.deepEqual([one.stdout.toString(), next.stdout.toString(), next.exitCode], ['y', '', 27]);
  });

  test('--where chooses the messages for it, and --idle ends when none came and none runs', async () => {
    const script = 'read -r x; sleep 1.2; echo $x';
    const more = ['--where', '. > 1', '--idle', '1'];
    const {stdout, stderr, exitCode} = await work(['1\n', '2\n', '3\n'], more, script);
    assert.deepEqual([stdout.toString(), stderr, exitCode], ['2\n3\n', '', 0]);
  });

  describe('that fails', {concurrency: 3}, () => {
    test('is run again, in its turn, until it succeeds', async () => {
      const given = fresh();
      const script = `read -r x; echo $x >>${given.file}; [ $x != b ] || [ "$(grep -c b ${given.file})" = 3 ]`;
      const {stderr, exitCode} = await work(['a\n', 'b\n', 'c\n'], ['-C', '3'], script, given);
      assert.deepEqual([await readFile(given.file, 'utf8'), exitCode], ['a\nb\nb\nb\nc\n', 0]);
      const failed = `The command failed with status 1 for a message of ${given.topic}: once more in`;
      assert.equal(stderr, `${failed} 0.2 s.\n${failed} 0.4 s.\n`);
    });

    test('stop: leaves the message to the next worker, and ends with its status', async () => {
      const given = fresh();
      const script = `read -r x; echo $x >>${given.file}; [ $x != b ] || exit 7`;
      const policy = ['--on-failure', 'stop'];
      const first = await work(['a\n', 'b\n', 'c\n'], policy, script, given);
      const message = `The command failed with status 7 for a message of ${given.topic}: the message is not acknowledged.`;
      assert.deepEqual([first.stderr, first.exitCode], [`Error: ${message}\n`, 7]);
      const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
      const second = await sub([...words, '-C', '2'], 'cat').finished;
      assert.equal(second.stdout.toString(), 'b\nc\n');
      assert.equal(await readFile(given.file, 'utf8'), 'a\nb\n');
    });

    test('stop: commands that run meanwhile finish, and their messages are acknowledged', async () => {
      const given = fresh();
      const script = `read -r x; [ $x != a ] || { while [ ! -e ${given.file} ]; do sleep 0.02; done; exit 3; }; touch ${given.file}; sleep 0.3; echo $x`;
      const more = ['--on-failure', 'stop', '--jobs', '2'];
      const {stdout, exitCode} = await work(['a\n', 'b\n', 'c\n'], more, script, given);
      assert.deepEqual([stdout.toString(), exitCode], ['b\n', 3]);
      const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
      assert.equal((await sub([...words, '-C', '2'], 'cat').finished).stdout.toString(), 'a\nc\n');
    });

    test('retry:N is run so often again, and then stops', async () => {
      const given = fresh();
      const script = `echo x >>${given.file}; kill -9 $$`;
      const {exitCode} = await work(['a'], ['--on-failure', 'retry:2'], script, given);
      assert.deepEqual([await readFile(given.file, 'utf8'), exitCode], ['x\nx\nx\n', 137]);
    });

    test('skip: goes on, acknowledges, and the status is that of the first that failed', async () => {
      const given = fresh();
      const script = 'read -r x; [ $x = c ] && exit 0; [ $x != a ] || exit 4; exit 5';
      const {stderr, exitCode} = await work(
        ['a\n', 'b\n', 'c\n'],
        ['--on-failure', 'skip', '-C', '3'],
        script,
        given,
      );
      const line = (status: number) =>
        `The command failed with status ${status} for a message of ${given.topic}: skipped.\n`;
      assert.deepEqual([stderr, exitCode], [`${line(4)}${line(5)}`, 4]);
      const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
      assert.equal((await sub([...words, '-W', '1'], 'cat').finished).exitCode, 27);
    });

    test('or that cannot be run, ends sub: the message is not acknowledged', async () => {
      const {topic, filter, name} = fresh();
      const words = ['sub', '-p', String(broker.port), '-t', filter, '-q', '1', '-c', '-i', name];
      assert.equal((await runTmq([...words, '-E'])).exitCode, 0);
      await publish(topic, ['x']);
      const {stderr, exitCode} = await runTmq([...words, '--exec', '--', 'no-such-command']);
      assert.deepEqual(
        [stderr, exitCode],
        ['Error: Cannot run no-such-command: there is no such command.\n', 127],
      );
      assert.equal((await runTmq([...words, '-C', '1'])).stdout.toString(), 'x\n');
    });
  });

  test('a signal lets the commands that run finish, and starts no other one', async () => {
    const given = fresh();
    const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
    await keepSession(words);
    await publish(given.topic, ['a\n', 'b\n']);
    const script = `read -r x; echo begin $x; while [ ! -e ${given.file} ]; do sleep 0.02; done; echo end $x`;
    await using running = sub(words, script);
    await running.waitFor('stdout', /begin/);
    running.child.kill('SIGINT');
    await runTmq(['pub', '-p', String(broker.port), '-t', 'x', '-n']);
    assert.equal(existsSync(given.file), false);
    await writeFile(given.file, '');
    const {stdout, stderr, exitCode} = await running.finished;
    assert.deepEqual([stdout.toString(), stderr, exitCode], ['begin a\nend a\n', '', 0]);
    assert.equal((await sub([...words, '-C', '1'], 'cat').finished).stdout.toString(), 'b\n');
  });

  test('a second signal ends them, and the messages are not acknowledged', async () => {
    const given = fresh();
    const words = ['-t', given.filter, '-q', '1', '-c', '-i', given.name];
    await keepSession(words);
    await publish(given.topic, ['a\n', 'b\n']);
    const script =
      'read -r x; trap "echo ended $x; exit 1" TERM; echo begin $x; while :; do sleep 0.02; done';
    await using running = sub([...words, '--jobs', '2'], `echo >&2; ${script}`);
    await running.waitFor('stderr', /\n\n/);
    running.child.kill('SIGINT');
    // The first one is seen before the second: a round trip of another process lies between them.
    await runTmq(['pub', '-p', String(broker.port), '-t', 'x', '-n']);
    running.child.kill('SIGTERM');
    const {stdout, exitCode} = await running.finished;
    const records = stdout.toString().match(/begin (\w)\nended \1\n/g) ?? [];
    assert.deepEqual([records.sort(), exitCode], [['begin a\nended a\n', 'begin b\nended b\n'], 130]);
    assert.equal((await sub([...words, '-C', '2'], 'cat').finished).stdout.toString(), 'a\nb\n');
  });

  test('-W tells that all messages came and a command does not succeed', async () => {
    const {stderr, exitCode} = await work(['a\n'], ['-W', '1', '-C', '1', '--quiet'], 'exit 1');
    assert.deepEqual([stderr, exitCode], ['', 27]);
    const told = await work(['a\n'], ['-W', '1', '-C', '1'], 'exit 1');
    assert.match(told.stderr, /Error: 1 message came, and not all were handled within 1 s\.\n$/);
  });

  test('-W lets them finish, too, and its status stays', async () => {
    const given = fresh();
    const script = 'read -r x; sleep 1.2; echo $x';
    const {stdout, exitCode} = await work(['a\n', 'b\n'], ['-W', '1'], script, given);
    assert.deepEqual([stdout.toString(), exitCode], ['a\n', 27]);
  });
});
