// needs: mosquitto, openssl
/** Waits that end when they should, and failures that name what helps: name servers, proxies, certificates. */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createServer as createHttpServer} from 'node:http';
import {type AddressInfo, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {startBroker} from '../support/brokers.ts';
import {type Certificates, certificates} from '../support/certificates.ts';
import {dialBounded} from '../support/dialing.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {startNameServer} from '../support/name-server.ts';
import {listenLoopback} from '../support/proxies.ts';
import {run} from '../support/spawn.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

let directory: string;
let files: Certificates;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-remedies-'));
  files = await certificates(directory);
});
after(() => rm(directory, {recursive: true, force: true}));

describe('A6: a silent name server', () => {
  /** A program that asks the system's resolver, and gets no answer. */
  const silent = async () => {
    const path = join(directory, 'getent');
    await writeFile(path, '#!/bin/sh\nexec sleep 600\n');
    await chmod(path, 0o755);
    return {env: {PATH: `${directory}:${process.env.PATH}`}};
  };

  test('-W and --connect-timeout hold', async () => {
    const late = await runTmq(['sub', '-h', 'slow.test', '-t', 'a', '-W', '1'], await silent());
    assert.deepEqual(
      [late.stderr, late.exitCode],
      ['Error: No connection to slow.test:1883 within 1 s.\n', 27],
    );
    const words = ['pub', '-h', 'slow.test', '-t', 'a', '-m', 'x', '--connect-timeout', '1'];
    const unanswered = await runTmq(words, await silent());
    assert.match(unanswered.stderr, /^Error: No answer from slow\.test:1883 within 1 seconds\.\n$/);
    assert.equal(unanswered.exitCode, 19);
  });

  test('a signal ends the wait', async () => {
    await using waiting = startTmq(['sub', '-h', 'slow.test', '-t', 'a'], await silent());
    const child = `/proc/${waiting.child.pid}/task/${waiting.child.pid}/children`;
    while (readFileSync(child, 'utf8') === '') await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await waiting.stop('SIGINT')).exitCode, 130);
  });
});

describe('A7: proxies of the other kind', () => {
  test('one that waits for a request of HTTP is named when the time is over', async () => {
    await using proxy = await listenLoopback((socket) => void socket.resume());
    const words = ['pub', '-h', 'b.test', '-t', 'a', '-m', 'x', '--connect-timeout', '1'];
    const {stderr} = await runTmq([...words, '--proxy', `socks5h://127.0.0.1:${proxy.port}`]);
    const text = `Error: The proxy 127.0.0.1:${proxy.port} does not answer in SOCKS5. If it is an HTTP proxy: --proxy http://…\n`;
    assert.equal(stderr, text);
  });

  test('one that refuses with 401 wants a password', async () => {
    const server = createHttpServer().on('connect', (_request, socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const {stderr, exitCode} = await runTmq(['pub', '-h', 'b.test', '-t', 'a', '-m', 'x', '--proxy', proxy]);
    server.close();
    assert.match(stderr, /wants user and password: http:\/\/user:password@host\n$/);
    assert.equal(exitCode, 11);
  });
});

test('G7: a host of -S that does not answer leaves the next one its time', async () => {
  await using broker = await startBroker('bundled');
  await using silent = await listenLoopback((socket) => void socket.resume());
  const target = 'localhost';
  await using names = await startNameServer({
    '_secure-mqtt._tcp.example.test': [
      {priority: 1, weight: 0, port: silent.port, target},
      {priority: 2, weight: 0, port: broker.port, target},
    ],
  });
  const notices: string[] = [];
  // The first one does not answer the TLS handshake; the second refuses it, so it was tried.
  const dialing = dialBounded(
    {transport: 'tcp', host: 'example.test', port: 8883, srv: true, tls: {}},
    {nameServers: [names.address], timeoutMilliseconds: 1000, notice: (line) => void notices.push(line)},
  );
  await assert.rejects(dialing);
  assert.match(notices[0] ?? '', /^Timed out waiting for the TLS handshake with localhost:/);
  assert.match(notices[1] ?? '', new RegExp(`localhost:${broker.port}`));
});

describe('C11: a client certificate that the broker does not trust', () => {
  const demanding = () =>
    `listener {port} 127.0.0.1\nallow_anonymous true\ncafile ${files.ca}\ncertfile ${files.server.cert}\nkeyfile ${files.server.key}\nrequire_certificate true\n`;
  const pub = (port: number, ...more: readonly string[]) =>
    runTmq(['pub', '-p', String(port), '-t', 'a', '-m', 'x', '-q', '1', '--cafile', files.ca, ...more]);

  for (const kind of ['mosquitto', 'bundled'] as const) {
    test(`${kind}: status 8, and the option that helps`, async () => {
      await run('chmod', ['-R', 'a+rX', directory]);
      await using broker =
        kind === 'mosquitto' ? await startMosquitto(demanding()) : await startBroker(kind, demanding());
      const strange = await pub(
        broker.port,
        '--cert',
        files.strangeClient.cert,
        '--key',
        files.strangeClient.key,
      );
      assert.match(strange.stderr, /trust .*client certificate.*strange/);
      assert.equal(strange.exitCode, 8);
      const none = await pub(broker.port);
      assert.match(none.stderr, /client certificate.*--cert/);
      assert.equal(none.exitCode, 8);
    });
  }
});

test('E7: a CA and a server certificate with one subject', async () => {
  const shell = [
    'openssl req -x509 -newkey rsa:2048 -nodes -keyout same-ca.key -out same-ca.crt -days 30 -subj /CN=localhost',
    'openssl req -newkey rsa:2048 -nodes -keyout same.key -out same.csr -subj /CN=localhost',
    'openssl x509 -req -in same.csr -CA same-ca.crt -CAkey same-ca.key -CAcreateserial -out same.crt -days 20',
    'chmod a+r same*',
  ].join(' && ');
  assert.equal((await run('/bin/sh', ['-c', shell], {cwd: directory})).exitCode, 0);
  const [cert, key] = [join(directory, 'same.crt'), join(directory, 'same.key')];
  const lines = `listener {port} 127.0.0.1\nallow_anonymous true\ncertfile ${cert}\nkeyfile ${key}\n`;
  await using broker = await startBroker('bundled', lines);
  const words = ['pub', '-p', String(broker.port), '-t', 'a', '-m', 'x', '--cafile'];
  const {stderr, exitCode} = await runTmq([...words, join(directory, 'same-ca.crt')]);
  assert.match(stderr, /and that of its CA have the same subject, "localhost".*another common name/);
  assert.equal(exitCode, 8);
});

describe('secrets', () => {
  for (const words of [
    ['-D', 'connect', 'authentication-method', 'x', '-D', 'connect', 'authentication-data', 'geheim'],
    ['-u', 'u', '-Pgeheim'],
    ['-u', 'u', '-dP', 'geheim'],
  ]) {
    test(`C10: ${words.join(' ')} is not in the list of processes`, async () => {
      const silence = createServer((socket) => void socket.on('error', () => undefined).resume());
      await new Promise<void>((resolve) => silence.listen(0, '127.0.0.1', resolve));
      const {port} = silence.address() as AddressInfo;
      const connected = new Promise((resolve) => silence.once('connection', resolve));
      await using waiting = startTmq(['sub', '-V', '5', '-p', String(port), '-t', 'a', ...words]);
      await connected;
      const seen = readFileSync(`/proc/${waiting.child.pid}/cmdline`, 'utf8');
      await waiting.stop();
      silence.close();
      assert.doesNotMatch(seen, /geheim/);
    });
  }

  test('E12: an encrypted key without a terminal names itself and the options', async () => {
    const words = ['pub', '-t', 'a', '-m', 'x', '--cafile', files.ca, '--cert', files.client.cert];
    const asked = await run('setsid', [process.execPath, program, ...words, '--key', files.encryptedKey]);
    const text = `Error: The key ${files.encryptedKey} is encrypted, and there is no terminal to ask for its passphrase.`;
    assert.ok(
      asked.stderr.startsWith(`${text} Give it with --keypass-file, --keypass-env or --keypass.`),
      asked.stderr,
    );
    // With the passphrase it goes on to connect.
    const file = join(directory, 'passphrase');
    await writeFile(file, `${files.passphrase}\n`);
    const given = [...words, '--key', files.encryptedKey, '-p', '1'];
    const byFile = await runTmq([...given, '--keypass-file', file]);
    assert.match(byFile.stderr, /Connection refused/);
    const byName = await runTmq([...given, '--keypass-env', 'PASS'], {env: {PASS: files.passphrase}});
    assert.match(byName.stderr, /Connection refused/);
    assert.match(
      (await runTmq([...given, '--keypass-env', 'NONE'])).stderr,
      /NONE of --keypass-env is not set/,
    );
  });
});
