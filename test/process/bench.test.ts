/** `tmq bench` as a process: what it counts is what the broker counts, and what it says is lost was lost. */
// needs: mosquitto, openssl

import assert from 'node:assert/strict';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import type {Figures, Report} from '../../src/commands/bench/report.ts';
import {payloadOf, stamp} from '../../src/load/measuring/payload-head.ts';
import {type StartOptions, startBroker, type TestBroker} from '../../src/testing/testing.ts';
import {certificates} from '../support/certificates.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {runShell, runTmq, startTmq} from '../support/tmq.ts';

type JsonReport = Report & {readonly figures: Figures};

/** Runs a load, and gives its report. */
async function bench(port: number, ...words: readonly string[]): Promise<JsonReport> {
  const [action = '', ...options] = words;
  const settle = action === 'sub' ? [] : ['--settle', '10s'];
  const result = await runTmq(['bench', action, ...settle, ...options, '-p', String(port), '--json']);
  assert.equal(result.stderr.toString(), '');
  assert.equal(result.exitCode, 0);
  return JSON.parse(result.stdout.toString()) as JsonReport;
}

/** Connects clients, and gives the report. */
async function connections(port: number, ...words: readonly string[]): Promise<JsonReport> {
  const result = await runTmq(['bench', 'conn', ...words, '-p', String(port), '--json']);
  assert.deepEqual([result.stderr.toString(), result.exitCode], ['', 0]);
  return JSON.parse(result.stdout.toString()) as JsonReport;
}

const withBroker = async <Result>(options: StartOptions, use: (broker: TestBroker) => Promise<Result>) => {
  await using broker = await startBroker(options);
  return await use(broker);
};

describe('bench', {concurrency: 3, timeout: 180_000}, () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-bench-test-'));
  });
  after(async () => {
    await rm(directory, {recursive: true});
  });

  for (const version of ['31', '311', '5']) {
    for (const qos of ['0', '1', '2']) {
      test(`MQTT ${version}, QoS ${qos}: all that is sent arrives, once and in order`, async () => {
        await withBroker({}, async (broker) => {
          const words = ['e2e', '--pubs', '3', '--subs', '3', '-q', qos, '-V', version, '--count', '200'];
          const {figures, measurement} = await bench(broker.port, ...words);
          const {connect, acknowledge, message, rate, ...counts} = figures;
          assert.deepEqual(counts, {
            clients: 6,
            connected: 6,
            refused: 0,
            disconnected: 0,
            sent: 600,
            acknowledged: 600,
            unsent: 0,
            rejected: 0,
            received: 600,
            lost: 0,
            twice: 0,
            disordered: 0,
            foreign: 0,
          });
          assert.equal(broker.published.length, 600);
          assert.ok(
            broker.published.every((each) => each.payload.length === 256 && each.qos === Number(qos)),
          );
          assert.equal(measurement.latency.message.count, 600);
          assert.equal(acknowledge === undefined, qos === '0');
          assert.ok(rate! > 0 && connect!.max >= connect!.p50 && message!.max >= message!['p99.9']);
        });
      });
    }
  }

  test('mosquitto has received and sent as many messages as the report says', async () => {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nsys_interval 1\n',
    );
    const {figures} = await bench(
      broker.port,
      'e2e',
      '--pubs',
      '5',
      '--subs',
      '2',
      '-q',
      '1',
      '--count',
      '300',
    );
    assert.deepEqual([figures.sent, figures.received, figures.lost], [1500, 3000, 0]);
    const counted = async (name: string, least: number) => {
      const words = ['-t', `$SYS/broker/publish/messages/${name}`, '--until', `. >= ${least}`, '-W', '20'];
      const {stdout} = await runTmq(['sub', '-p', String(broker.port), ...words]);
      return Number(stdout.toString().trimEnd().split('\n').at(-1));
    };
    assert.equal(await counted('received', 1500), 1500);
    // What mosquitto itself has told this subscriber meanwhile is among it.
    assert.ok((await counted('sent', 3000)) >= 3000);
  });

  test('a rate and a time make a number of messages', async () => {
    await withBroker({}, async (broker) => {
      const report = await bench(
        broker.port,
        'e2e',
        '--pubs',
        '4',
        '--subs',
        '4',
        '--rate',
        '50/s',
        '--for',
        '600ms',
      );
      assert.deepEqual([report.figures.sent, report.figures.lost, report.scheduled], [120, 0, true]);
    });
  });

  test('messages of the warm-up are counted, and their latency is not', async () => {
    await withBroker({}, async (broker) => {
      const words = ['--rate', '100/s', '--count', '50', '--warmup', '195ms', '-q', '1'];
      const {figures, measurement} = await bench(broker.port, 'e2e', ...words);
      const {acknowledge, message} = measurement.latency;
      assert.deepEqual([figures.received, acknowledge.count, message.count], [50, 30, 30]);
    });
  });

  test('the loss that is reported is the loss that the broker was told to inject', async () => {
    await withBroker({faults: ['drop publish in p=0.01'], seed: 7}, async (broker) => {
      const words = ['--pubs', '2', '--subs', '2', '--count', '2000', '--settle', '2s'];
      const {figures} = await bench(broker.port, 'e2e', ...words);
      assert.equal(figures.sent, 4000);
      assert.equal(figures.lost, 4000 - broker.published.length);
      assert.ok(figures.lost! > 0);
    });
    await withBroker(
      {faults: ['drop publish out first=5', 'duplicate publish out after=100 first=7']},
      async (broker) => {
        const {figures} = await bench(broker.port, 'e2e', '--count', '300', '--settle', '2s');
        assert.deepEqual([figures.lost, figures.twice, figures.received], [5, 7, 302]);
      },
    );
  });

  test('messages that wait behind a stall count with all of their wait', async () => {
    // One acknowledgement is late: with a window of one, the messages of the next 400 ms wait for it.
    await withBroker({faults: ['delay puback 400ms first=1']}, async (broker) => {
      const words = ['pub', '-q', '1', '-M', '1', '--rate', '100/s', '--count', '40'];
      const {figures} = await bench(broker.port, ...words);
      assert.ok(figures.acknowledge!.p50 > 100, `p50 is ${figures.acknowledge!.p50} ms`);
    });
  });

  test('what a broker refuses is counted by reason, per client number and message', async () => {
    const passwords = join(directory, 'passwords');
    for (const name of ['u0', 'u1']) {
      const {exitCode} = await runTmq([
        'passwd',
        '-b',
        ...(name === 'u0' ? ['-c'] : []),
        passwords,
        name,
        'secret',
      ]);
      assert.equal(exitCode, 0);
    }
    const acl = join(directory, 'acl');
    await writeFile(acl, 'user u0\ntopic write b/0\nuser u1\ntopic read b/#\n');
    const config = `allow_anonymous false\npassword_file ${passwords}\nacl_file ${acl}\n`;
    await withBroker({config}, async (broker) => {
      const words = ['-n', '3', '-u', 'u{i}', '-P', 'secret', '-V', '5'];
      const {measurement} = await bench(
        broker.port,
        'pub',
        ...words,
        '-q',
        '1',
        '--count',
        '10',
        '-t',
        'b/{i}',
      );
      assert.deepEqual(measurement.refused, {'Not authorized': 1});
      assert.deepEqual([measurement.acknowledged, measurement.refusedMessages], [10, {'Not authorized': 10}]);
    });
  });

  test('TLS, WebSockets, both, and unix sockets carry it', async () => {
    const path = join(directory, 'socket');
    await using _local = await startBroker({config: `listener 0 ${path}\nallow_anonymous true\n`});
    await using broker = await startBroker({tls: 'auto', webSockets: true});
    const {mqtt, mqtts, ws, wss} = broker.urls;
    const words = ['--pubs', '2', '--subs', '2', '-q', '1', '--count', '20', '--size', '70000', '--json'];
    const place = (url: string) => [
      '-L',
      url,
      ...(/^(mqtts|wss):/.test(url) ? ['--cafile', broker.certificates!.caFile] : []),
    ];
    const places = [...[mqtt, mqtts, ws, wss].map((url) => place(url!)), ['--unix', path]];
    for (const each of places) {
      const result = await runTmq(['bench', 'e2e', ...each, ...words]);
      assert.deepEqual([result.stderr.toString(), result.exitCode], ['', 0], each.join(' '));
      const {figures} = JSON.parse(result.stdout.toString()) as JsonReport;
      assert.deepEqual([figures.sent, figures.received, figures.lost], [40, 40, 0], each.join(' '));
    }
  });

  test('threads ask once for the passphrase of a client key', async () => {
    const place = join(directory, 'certificates');
    await mkdir(place);
    const {ca, server, client, encryptedKey, passphrase} = await certificates(place);
    await using broker = await startMosquitto(
      `listener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\ncafile ${ca}\ncertfile ${server.cert}\nkeyfile ${server.key}\n`,
    );
    const tls = ['--cafile', ca, '--cert', client.cert, '--key', encryptedKey, '--keypass', passphrase];
    const {figures} = await connections(broker.port, '-n', '6', '--threads', '2', ...tls);
    assert.equal(figures.connected, 6);
  });

  test('threads share the clients, also the members of a shared subscription', async () => {
    await withBroker({}, async (broker) => {
      const filter = '$share/g/t/+';
      const words = ['--pubs', '5', '--subs', '4', '-t', 't/{i}', '--filter', filter, '--threads', '3'];
      const {figures} = await bench(broker.port, 'e2e', ...words, '-q', '1', '--count', '100');
      assert.deepEqual([figures.connected, figures.sent, figures.received], [9, 500, 500]);
      assert.deepEqual([figures.lost, figures.twice], [0, 0]);
      assert.equal(new Set(broker.published.map((each) => each.clientId)).size, 5);
    });
  });

  test('nodes share the clients evenly', async () => {
    await using one = await startBroker();
    await using other = await startBroker();
    const hosts = `127.0.0.1:${one.port},127.0.0.1:${other.port}`;
    await bench(one.port, 'pub', '-n', '6', '-h', hosts, '--count', '10', '--first', '100');
    const ids = [one, other].map(({published}) => [...new Set(published.map((each) => each.topic))].sort());
    assert.deepEqual(ids, [
      ['tmq-bench/100', 'tmq-bench/102', 'tmq-bench/104'],
      ['tmq-bench/101', 'tmq-bench/103', 'tmq-bench/105'],
    ]);
  });

  test('a connection that is lost is reported, and the rest goes on', async () => {
    await withBroker({faults: ['close publish after=25 first=1 topic=tmq-bench/1']}, async (broker) => {
      const {figures, measurement} = await bench(
        broker.port,
        'pub',
        '-n',
        '2',
        '-q',
        '1',
        '--rate',
        '200',
        '--count',
        '100',
      );
      assert.deepEqual([figures.connected, figures.disconnected], [2, 1]);
      assert.deepEqual(measurement.lost, {'The broker closed the connection.': 1});
      assert.equal(broker.published.filter(({topic}) => topic === 'tmq-bench/0').length, 100);
      assert.ok(figures.unsent! > 0);
    });
  });

  test('reports of pub and sub merge into one that knows what was lost', async () => {
    let subscriptions = 0;
    let onSubscribed: () => void = () => undefined;
    const subscribed = new Promise<void>((resolve) => {
      onSubscribed = resolve;
    });
    const log = (line: string) => {
      if (/ 0 m\/#$/.test(line) && ++subscriptions === 2) onSubscribed();
    };
    const options = {
      faults: ['drop publish out after=10 first=3'],
      config: 'listener 0 127.0.0.1\nallow_anonymous true\nlog_type all\n',
      log,
    };
    await withBroker(options, async (broker) => {
      const place = ['-p', String(broker.port), '--json'];
      await using sub = startTmq(['bench', 'sub', '-n', '2', '-t', 'm/#', '--count', '397', ...place]);
      await Promise.race([subscribed, sub.finished]);
      const words = (first: string) => [
        'bench',
        'pub',
        '--first',
        first,
        '-t',
        'm/{i}',
        '-q',
        '1',
        '--count',
        '100',
      ];
      const parts = await Promise.all(['0', '1'].map((first) => runTmq([...words(first), ...place])));
      const all = [...parts, await sub.finished];
      assert.deepEqual(
        all.map(({exitCode}) => exitCode),
        [0, 0, 0],
      );
      const files = all.map((_, index) => join(directory, `${index}.json`));
      await Promise.all(all.map(({stdout}, index) => writeFile(files[index]!, stdout)));
      const merged = await runTmq(['bench', 'merge', '--json', ...files]);
      const {kind, figures, runs, measurement} = JSON.parse(merged.stdout.toString()) as JsonReport;
      // The clock is that of the machine, so that another process can tell how long each one took.
      assert.equal(measurement.latency.message.count, 397);
      const {sent, acknowledged, received, lost, twice, clients} = figures;
      assert.deepEqual(
        {kind, runs: runs.length, sent, acknowledged, received, lost, twice, clients},
        {kind: 'e2e', runs: 3, sent: 200, acknowledged: 200, received: 397, lost: 3, twice: 0, clients: 4},
      );
      const again = await runTmq(['bench', 'merge', files[0]!, files[0]!]);
      assert.match(again.stderr.toString(), /have the same run: it would count twice/);
      const condition = await runTmq(['bench', 'merge', '--fail-if', 'lost > 2', ...files]);
      assert.equal(condition.exitCode, 50);
    });
  });

  test('messages of another clock have no latency, and those of others are counted apart', async () => {
    await withBroker({}, async (broker) => {
      const strange = payloadOf({run: 'a1'.repeat(8), clock: 'b2'.repeat(8), sender: 3}, 100);
      const counted = [0, 1, 3].map((number) => {
        const payload = Buffer.from(strange);
        stamp(payload, 0, number, 1e9);
        return payload;
      });
      for (const [index, payload] of [...counted, Buffer.from('none of ours')].entries()) {
        broker.publish(`c/${index}`, payload, {retain: true});
      }
      const {measurement, figures} = await bench(broker.port, 'sub', '-t', 'c/#', '--count', '4');
      assert.deepEqual([figures.received, figures.foreign, measurement.otherClock], [4, 1, 3]);
      assert.deepEqual([figures.lost, figures.message], [1, undefined]);
      const words = ['bench', 'sub', '-t', 'c/#', '--count', '4', '-p', String(broker.port)];
      const {stdout} = await runTmq(words);
      assert.match(
        stdout.toString(),
        /^3 messages have no latency: they came from a machine with another clock\.$/m,
      );
    });
  });

  test('an interrupted load tells what was done, and ends with 130', async () => {
    await withBroker({}, async (broker) => {
      await using running = startTmq([
        'bench',
        'e2e',
        '-p',
        String(broker.port),
        '-q',
        '1',
        '--for',
        '1h',
        '--rate',
        '100',
        '--json',
      ]);
      await broker.waitFor('tmq-bench/0', {count: 5});
      running.child.kill('SIGINT');
      const {exitCode, stdout, stderr} = await running.finished;
      assert.deepEqual([exitCode, stderr.toString()], [130, '']);
      const {figures} = JSON.parse(stdout.toString()) as JsonReport;
      assert.ok(figures.sent! >= 5);
      assert.deepEqual([figures.received, figures.lost], [figures.sent, 0]);
      assert.equal(broker.published.length, figures.sent);
    });
  });

  test('--fail-if judges the report', async () => {
    await withBroker({faults: ['drop publish out first=1']}, async (broker) => {
      const run = (condition: string, ...words: readonly string[]) =>
        runTmq(['bench', ...words, '-p', String(broker.port), '--count', '5', '--fail-if', condition]);
      const lossy = await run('p99 > 1h or lost > 0', 'e2e', '--settle', '1s');
      assert.match(lossy.stderr.toString(), /column 7: 'h' is no unit/);
      const failed = await run('p99.9 > 60s or lost > 0', 'e2e', '--settle', '1s');
      assert.equal(failed.exitCode, 50);
      assert.equal(
        failed.stderr.toString(),
        "Error: The report fulfils --fail-if 'p99.9 > 60s or lost > 0'.\n",
      );
      assert.match(failed.stdout.toString(), /^lost +1$/m);
      const unmeasured = await run('p99 > 20ms', 'pub');
      assert.equal(unmeasured.exitCode, 50);
      assert.match(unmeasured.stderr.toString(), /asks for a latency, and none was measured: see the report/);
      const passed = await run('p99 > 60s or lost > 0', 'e2e');
      assert.deepEqual([passed.exitCode, passed.stderr.toString()], [0, '']);
      assert.match(passed.stdout.toString(), /^received +5 in /m);
    });
  });

  test('connections are counted, and held', async () => {
    await using broker = await startMosquitto('listener {port} 127.0.0.1\nallow_anonymous true\n');
    const {figures, measurement} = await connections(
      broker.port,
      '-n',
      '60',
      '--rate',
      '200/s',
      '--for',
      '50ms',
      '-i',
      'held-{i}',
    );
    assert.deepEqual([figures.clients, figures.connected, measurement.latency.connect.count], [60, 60, 60]);
    // 60 connections at 200 a second take 0.295 s at least.
    assert.ok(measurement.connectSeconds >= 0.29);
    await broker.logged(/Client held-59 disconnected/);
    assert.equal(broker.log().match(/New client connected from .* as held-/g)?.length, 60);
  });

  test('a load without any connection left ends with 7', async () => {
    await using broker = await startMosquitto('listener {port} 127.0.0.1\nallow_anonymous true\n');
    const place = ['-p', String(broker.port), '--for', '1h', '--json'];
    await using running = startTmq(['bench', 'sub', '-n', '2', '-i', 'kept-{i}', ...place]);
    await broker.logged(/Sending SUBACK to kept-1/);
    await broker.stop();
    const {exitCode, stdout, stderr} = await running.finished;
    const {figures} = JSON.parse(stdout.toString()) as JsonReport;
    assert.deepEqual([figures.connected, figures.disconnected], [2, 2]);
    assert.deepEqual([exitCode, stderr], [7, 'Error: All 2 connections were lost: the report says why.\n']);
  });

  test('a broker that does not answer SUBSCRIBE refuses, and Ctrl-C does not wait for it', async () => {
    await withBroker({faults: ['drop suback']}, async (broker) => {
      const place = ['bench', 'sub', '-p', String(broker.port), '-i', 'mute-{i}', '--for', '1s'];
      const {exitCode, stdout} = await runTmq([...place, '--connect-timeout', '1']);
      assert.equal(exitCode, 4);
      assert.match(stdout.toString(), /^ +1 The broker did not answer SUBSCRIBE in time\.$/m);

      await using running = startTmq(place);
      await broker.connected('mute-0');
      running.child.kill('SIGINT');
      assert.equal((await running.finished).exitCode, 130);
    });
  });

  test('where no client can connect, the status is that of the first', async () => {
    const {exitCode, stderr, stdout} = await runTmq(['bench', 'pub', '-n', '2', '-p', '1']);
    assert.equal(exitCode, 1);
    assert.match(
      stderr.toString(),
      /^Error: None of 2 clients could connect\. Connection refused by localhost:1\./,
    );
    assert.match(stdout.toString(), /^refused +2$/m);
  });

  test('bench names a limit of file descriptors that is too low before it opens a connection', async () => {
    await withBroker({}, async (broker) => {
      const {exitCode, stderr, stdout} = await runShell(
        `ulimit -n 64; tmq bench conn -n 100 -p ${broker.port}`,
      );
      assert.deepEqual([exitCode, stdout.toString()], [1, '']);
      assert.match(
        stderr.toString(),
        /^Error: 100 connections need 1\d\d file descriptors, and this shell allows 64\. Raise the limit first, as in ulimit -n 1000, as root where the shell refuses; or use several machines with --first\.\n$/,
      );
    });
  });
});
