// needs: mosquitto, openssl
/**
 * The known faults of mosquitto's clients, by their numbers: each test shows that tmq does not have one. Those
 * that the tables of scenarios show are not repeated; coverage.test.ts knows where every number is.
 */

import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {parse} from '../../src/cli/parse.ts';
import {pub} from '../../src/commands/pub/pub.ts';
import {type Certificates, certificates} from '../support/certificates.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {freePort, startMosquitto} from '../support/mosquitto.ts';
import {startSocksProxy} from '../support/proxies.ts';
import {startRecorder} from '../support/recorder.ts';
import {runMain, startMain} from '../support/run.ts';
import {runShell} from '../support/tmq.ts';

const limit = {timeout: 60_000};

const at = ({port}: {readonly port: number}) => ['-h', '127.0.0.1', '-p', String(port)];

test('Q1: pub -l waits for every acknowledgement, however late', limit, async () => {
  for (const qos of ['1', '2']) {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      const ids: unknown[] = [];
      while (ids.length < 3) ids.push((await connection.next('publish')).messageId);
      // The input is at its end by now; only then, one after the other, in reverse.
      for (const messageId of ids.reverse()) {
        connection.send({cmd: qos === '1' ? 'puback' : 'pubrec', messageId});
        if (qos === '2')
          connection.send({cmd: 'pubcomp', messageId: (await connection.next('pubrel')).messageId});
      }
      await connection.next('disconnect');
    });
    const {exitCode, stderr} = await runMain(['pub', ...at(broker), '-t', 'a', '-q', qos, '-l'], {
      input: '1\n2\n3',
    });
    assert.deepEqual([exitCode, stderr], [0, '']);
    await broker.finished(0);
    assert.equal(broker.connections.length, 1);
  }
});

test('Q1: more lines than there are packet identifiers', limit, async () => {
  await using broker = await startMosquitto();
  const input = Array.from({length: 66_000}, (_, index) => `${index}\n`).join('');
  const words = ['pub', ...at(broker), '-i', 'many', '-t', 'a', '-q', '1', '-l'];
  const {exitCode, stderr} = await runMain(words, {input});
  assert.deepEqual([exitCode, stderr], [0, '']);
  await broker.logged(/Received DISCONNECT from many/);
  assert.equal(broker.log().match(/Received PUBLISH from many/g)?.length, 66_000);
});

test(
  'Q3: DISCONNECT is sent behind a late acknowledgement, and by rr, so no will is published',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      const {messageId} = await connection.next('publish');
      await new Promise((resolve) => setImmediate(resolve));
      connection.send({cmd: 'puback', messageId});
      await connection.next('disconnect');
    });
    const words = ['-t', 'a', '-q', '1', '-m', 'x', '--will-topic', 'w'];
    assert.equal((await runMain(['pub', ...at(broker), ...words])).exitCode, 0);
    await broker.finished(0);
    await using real = await startMosquitto();
    await using asker = startMain([
      'rr',
      ...at(real),
      '-i',
      'asker',
      '-t',
      'q',
      '-e',
      'e',
      '-n',
      '--will-topic',
      'w',
    ]);
    await real.logged(/Received PUBLISH from asker/);
    await runMain(['pub', ...at(real), '-t', 'e', '-m', 'x']);
    assert.equal((await asker.finished).exitCode, 0);
    await real.logged(/Received DISCONNECT from asker/);
  },
);

test(
  'Q13: --message-rate ends when the connection is refused, and is flushed each second',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', returnCode: 5, sessionPresent: false});
      await connection.closed;
    });
    const refused = await runMain(['sub', ...at(broker), '-t', 'a', '--message-rate']);
    assert.equal(refused.exitCode, 5);
    await using real = await startMosquitto();
    await using counting = startMain([
      'sub',
      ...at(real),
      '-i',
      'counter',
      '-t',
      'a',
      '--message-rate',
      '-C',
      '3',
    ]);
    await real.logged(/Sending SUBACK to counter/);
    for (const text of ['1', '2']) await runMain(['pub', ...at(real), '-t', 'a', '-m', text]);
    await counting.waitFor('stdout', /^2 msgs\/s$/m);
    await runMain(['pub', ...at(real), '-t', 'a', '-m', '3']);
    const {stdout, exitCode} = await counting.finished;
    assert.equal(exitCode, 0);
    assert.match(stdout.toString(), /^(\d+ msgs\/s\n)+$/);
  },
);

test('Q20: a proxy gets what its URL says, and all of CONNECT goes through it', limit, async () => {
  await using broker = await startMosquitto();
  await using recorder = await startRecorder(broker.port);
  await using proxy = await startSocksProxy({credentials: {username: 'a@b', password: 'c:d%'}});
  const url = `socks5h://a%40b:c%3ad%25@127.0.0.1:${proxy.port}`;
  const words = ['-t', 'a', '-m', 'x', '-q', '1', '-D', 'connect', 'user-property', 'k', 'v'];
  const {exitCode, stderr} = await runMain(['pub', ...at(recorder), '--proxy', url, ...words]);
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.deepEqual(
    proxy.requests.map(({username, password}) => ({username, password})),
    [{username: 'a@b', password: 'c:d%'}],
  );
  assert.deepEqual(recorder.sent()[0]?.properties, ['user-property k=v', 'receive-maximum 20']);
});

test('Q20: a user without a password is refused by the proxy, not a crash', limit, async () => {
  await using proxy = await startSocksProxy({credentials: {username: 'ann', password: 'x'}});
  const url = `socks5h://ann@127.0.0.1:${proxy.port}`;
  const {exitCode, stderr} = await runMain(['pub', '-t', 'a', '-m', 'x', '--proxy', url]);
  assert.match(stderr, /^Error: .*\n$/);
  assert.ok(exitCode === 11 || exitCode === 16, `${exitCode}`);
});

test('Q24: --no-tls with --cafile leaves the port 1883', () => {
  const {values, operands} = parse(pub, ['-t', 'a', '-m', 'x', '--cafile', 'c', '--no-tls']);
  const {endpoint} = pub.plan(values, operands).client.connection;
  assert.deepEqual(endpoint, {transport: 'tcp', host: 'localhost', port: 1883});
});

test('Q27: an options file that is not there is an error', limit, async () => {
  const {exitCode, stderr} = await runMain(['pub', '-o', '/nonexistent/options', '-t', 'a', '-m', 'x']);
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /^Error: Cannot read the options file \/nonexistent\/options: no such file or directory\.\n$/,
  );
});

test('Q30: --help and --version succeed, on stdout', limit, async () => {
  for (const command of ['pub', 'sub', 'rr']) {
    for (const option of ['--help', '--version']) {
      const {exitCode, stderr, stdout} = await runMain([command, option]);
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.match(
        stdout.toString(),
        new RegExp(option === '--help' ? '^Usage: ' : `^tmq ${command} version `),
      );
    }
  }
});

test('Q31: a long --repeat-delay is a long one', limit, async () => {
  const {values, operands} = parse(pub, ['-t', 'a', '-m', 'x', '--repeat', '2', '--repeat-delay', '3000.5']);
  const plan = pub.plan(values, operands);
  assert.ok(plan.kind === 'message');
  assert.equal(plan.repeat.delayMilliseconds, 3_000_500);
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    for (;;) connection.send({cmd: 'puback', messageId: (await connection.next('publish')).messageId});
  });
  // Node's timers cut a delay beyond 2^31 ms to 1 ms.
  const repeat = ['--repeat', '2', '--repeat-delay', '3000000'];
  await using publisher = startMain(['pub', ...at(broker), '-d', '-t', 'a', '-q', '1', '-m', 'x', ...repeat]);
  await publisher.waitFor('stderr', /received PUBACK/);
  // Timers of one delay fire in their order: when this later one has fired, a cut one would have.
  const repeatSoon = ['--repeat', '2', '--repeat-delay', '0.001'];
  const soon = await runMain(['pub', ...at(broker), '-t', 'a', '-q', '1', '-m', 'x', ...repeatSoon]);
  assert.equal(soon.exitCode, 0);
  const {exitCode, stderr} = await publisher.interrupt();
  assert.equal(exitCode, 130);
  assert.equal(stderr.match(/sending PUBLISH/g)?.length, 1);
});

test('Q34: sub says when the connection is lost, and when it is there again', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
    if (connection.number === 0) connection.send({cmd: 'disconnect', reasonCode: 0x8b});
    else await connection.idle();
  });
  await using subscriber = startMain(['sub', ...at(broker), '-V', '5', '-t', 'a']);
  await subscriber.waitFor('stderr', /: Server shutting down\. Connecting again\.\n/);
  await subscriber.waitFor(
    'stderr',
    /Connected again to 127\.0\.0\.1:\d+\. It has not kept the session: .*\n/,
  );
  assert.equal((await subscriber.interrupt()).exitCode, 0);
});

test('Q37: with stdout closed nothing is written into the connection', limit, async () => {
  await using broker = await startMosquitto();
  const {exitCode, stderr} = await runShell(
    `tmq sub -p ${broker.port} -t a -C 1 -W 20 >&- & pid=$!
     until ! kill -0 $pid 2>/dev/null; do tmq pub -p ${broker.port} -t a -q 1 -m x; done
     wait $pid`,
  );
  assert.deepEqual([exitCode, stderr], [0, '']);
});

test('Q38: an answer that is not MQTT ends the run at once, and silence ends it in time', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    connection.sendBytes('HTTP/1.1 400 Bad Request\r\n\r\n');
    await connection.closed;
  });
  const wrong = await runMain(['pub', ...at(broker), '-t', 'a', '-m', 'x']);
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.stderr, /^Error: 127\.0\.0\.1:\d+ speaks HTTP, not MQTT\./);
  await using silent = await startFakeBroker(async (connection) => {
    await connection.closed;
  });
  const words = ['pub', ...at(silent), '-t', 'a', '-m', 'x', '--connect-timeout', '1'];
  const late = await runMain(words);
  assert.equal(late.exitCode, 19);
  assert.match(late.stderr, /^Error: No answer from 127\.0\.0\.1:\d+ within 1 seconds?\.\n$/);
});

describe('TLS', () => {
  let directory: string;
  let made: Certificates;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-quirks-'));
    made = await certificates(directory);
  });
  after(() => rm(directory, {recursive: true, force: true}));

  const server = (more = '') =>
    startMosquitto(
      `listener {port} 127.0.0.1\nallow_anonymous true\ncertfile ${made.server.cert}\nkeyfile ${made.server.key}\n${more}`,
    );
  const message = ['-t', 'a', '-q', '1', '-m', 'x'];

  test('Q8: --insecure verifies nothing', limit, async () => {
    await using broker = await server();
    const words = ['pub', ...at(broker), '--cafile', made.otherCa, ...message];
    const refused = await runMain(words);
    assert.notEqual(refused.exitCode, 0);
    const {exitCode, stderr} = await runMain([...words, '--insecure']);
    assert.deepEqual([exitCode, stderr], [0, '']);
  });

  test('Q25: --tls-version in any case', limit, async () => {
    await using broker = await server();
    for (const version of ['TLSv1.3', 'tlsv1.3', 'TLSV1.2']) {
      const words = ['pub', ...at(broker), '--cafile', made.ca, '--tls-version', version, ...message];
      const {exitCode, stderr} = await runMain(words);
      assert.deepEqual([exitCode, stderr], [0, ''], version);
    }
  });

  test('Q26: a TLS failure always has the same status', limit, async () => {
    await using broker = await server();
    const words = ['pub', ...at(broker), '--cafile', made.otherCa, ...message];
    const statuses = new Set<number>();
    for (let count = 0; count < 5; count++) statuses.add((await runMain(words)).exitCode);
    assert.deepEqual([...statuses], [8]);
  });

  test('Q40: the client certificate is shown, also with the system certificates', limit, async () => {
    await using broker = await server(`cafile ${made.ca}\nrequire_certificate true\n`);
    const own = ['--cert', made.client.cert, '--key', made.client.key];
    const port = String(broker.port);
    const line = ['pub', '-p', port, '--tls-use-os-certs', ...own, ...message].map((word) => `'${word}'`);
    const {exitCode, stderr} = await runShell(`tmq ${line.join(' ')}`, {env: {SSL_CERT_FILE: made.ca}});
    assert.deepEqual([exitCode, stderr], [0, '']);
  });
});

test('Q22: IPv6, percent-encoding and / in a password of -L', limit, async () => {
  await using broker = await startMosquitto(
    'listener {port} 127.0.0.1\nlistener {port} ::1\nallow_anonymous true\n',
  );
  const {exitCode, stderr} = await runMain([
    'pub',
    '-L',
    `mqtt://u%40x:a%2Fb@[::1]:${broker.port}/t`,
    '-m',
    'x',
  ]);
  assert.deepEqual([exitCode, stderr], [0, '']);
  await broker.logged(/u'u@x'/);
});

test('Q23: the ports of ws and wss are those of mqtt and mqtts, as the manual documents', async () => {
  const plan = (url: string) => {
    const {values, operands} = parse(pub, ['-L', url, '-m', 'x']);
    return pub.plan(values, operands).client.connection.endpoint;
  };
  for (const [scheme, port] of [
    ['ws', 1883],
    ['wss', 8883],
  ] as const) {
    const endpoint = plan(`${scheme}://h/t`);
    assert.equal('port' in endpoint && endpoint.port, port);
  }
  const {stdout} = await runMain(['--manual', 'pub']);
  assert.match(stdout.toString().replaceAll('\\-', '-'), /1883 for mqtt and ws, 8883 for mqtts and wss/);
});

test('Q36: -D will without a will topic is ignored', limit, async () => {
  await using broker = await startMosquitto();
  const words = ['-t', 'a', '-m', 'x', '-D', 'will', 'will-delay-interval', '5'];
  const {exitCode, stderr} = await runMain(['pub', ...at(broker), ...words]);
  assert.deepEqual([exitCode, stderr], [0, '']);
});

test('Q5: what could not be connected to, and why', limit, async () => {
  const port = await freePort();
  const refused = await runMain(['pub', '-h', '127.0.0.1', '-p', String(port), '-t', 'a', '-m', 'x']);
  assert.match(refused.stderr, new RegExp(`^Error: Connection refused by 127\\.0\\.0\\.1:${port}\\.`));
});

test('Q39: a keepalive of 0 cannot be asked for under a name of mosquitto', async () => {
  const words = ['-p', '1', '-t', 'a', '-m', 'x', '-k', '0'];
  const {exitCode, stderr} = await runMain(words, {programName: 'mosquitto_pub'});
  assert.match(stderr, /^Error: Invalid keepalive given, it must be between 5 and 65535 inclusive: 0\n/);
  assert.equal(exitCode, 1);
});
