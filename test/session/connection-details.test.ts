/** The lines of -d about the connection itself, on stderr beside those of the packets. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startBroker} from '../../src/testing/testing.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startHttpProxy, startSocksProxy} from '../support/proxies.ts';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {runMain} from '../support/run.ts';
import {program} from '../support/tmq.ts';

const publish = ['-t', 'a', '-m', 'x', '-d'];

/** The lines about the connection, in their order. */
const details = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('* '));

test('-d shows the address of a name, and the connection', async () => {
  await using broker = await startBroker();
  const {port} = new URL(broker.url);
  const {stderr, exitCode} = await runMain(['pub', '-h', 'localhost', '-p', port, ...publish]);
  assert.equal(exitCode, 0);
  const [name, attempt, connected] = details(stderr);
  assert.equal(name, '* localhost is 127.0.0.1');
  assert.equal(attempt, `* Trying 127.0.0.1:${port}`);
  assert.match(
    connected ?? '',
    new RegExp(`^\\* Connected to 127\\.0\\.0\\.1:${port} from 127\\.0\\.0\\.1:\\d+$`),
  );
  assert.match(stderr, /^Client (tmq|mosq)-\w{18} sending CONNECT$/m);
  const linked = await runMain(['-p', port, ...publish], {programName: 'mosquitto_pub'});
  assert.deepEqual(details(linked.stderr), []);
  assert.match(linked.stderr, /^Client (tmq|mosq)-\w{18} sending CONNECT$/m);
  assert.deepEqual(details((await runMain(['pub', '-p', port, '-t', 'a', '-m', 'x'])).stderr), []);
});

test('-d shows TLS: version, cipher, subject, issuer, names, expiry and whether it was verified', async () => {
  await using broker = await startBroker({tls: 'auto'});
  const {port} = new URL(broker.urls.mqtts!);
  const verified = await runMain(['pub', '-p', port, '--cafile', broker.certificates!.caFile, ...publish]);
  assert.match(
    details(verified.stderr).join('\n'),
    /^\* TLSv1\.3, cipher TLS_\w+\n\* {2}subject: CN=localhost\n\* {2}issuer: CN=tmq test authority \w+\n\* {2}names: DNS:localhost, .*\n\* {2}expires: \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in 36\d days\)\n\* {2}verified$/m,
  );
  const insecure = await runMain(['pub', '-p', port, '--tls-use-os-certs', '--insecure', ...publish]);
  assert.match(insecure.stderr, /^\* {2}not verified \(--insecure\): \w+$/m);
});

test('-d shows the certificate also where it is refused', async () => {
  await using broker = await startBroker({tls: 'auto'});
  const {port} = new URL(broker.urls.mqtts!);
  const refused = await runMain(['pub', '-p', port, '--tls-use-os-certs', ...publish]);
  assert.equal(refused.exitCode, 8);
  assert.match(
    details(refused.stderr).join('\n'),
    /^\* {2}subject: CN=localhost\n\* {2}issuer: .*\n\* {2}names: .*\n\* {2}expires: .*\n\* {2}not verified: [A-Z_]+$/m,
  );
  assert.match(refused.stderr, /\nError: The certificate of localhost:\d+ was issued by .*\n$/);
});

test('-d names what is looked up before the lookup fails', async () => {
  const {stderr, exitCode} = await runMain(['pub', '-h', 'a..b', ...publish]);
  assert.deepEqual(details(stderr), ['* Looking up a..b']);
  assert.equal(exitCode, 1);
});

test('-d shows what a proxy is asked for, without the password', async () => {
  await using broker = await startBroker();
  const {port} = new URL(broker.url);
  const proxies = [
    ['http', await startHttpProxy({credentials: 'ann:geheim'})],
    ['socks5h', await startSocksProxy({credentials: {username: 'ann', password: 'geheim'}})],
  ] as const;
  for (const [scheme, proxy] of proxies) {
    await using _proxy = proxy;
    const url = `${scheme}://ann:geheim@127.0.0.1:${proxy.port}`;
    const {stderr, exitCode} = await runMain(['pub', '-p', port, '--proxy', url, ...publish]);
    assert.equal(exitCode, 0, stderr);
    assert.match(
      details(stderr).join('\n'),
      new RegExp(
        `Connected to 127\\.0\\.0\\.1:${proxy.port} .*\n\\* Asking the \\w+ proxy for localhost:${port}, as ann\n\\* The proxy has connected to localhost:${port}$`,
      ),
    );
    assert.doesNotMatch(stderr, /geheim/);
  }
});

test('on a terminal a reason code has its name beside it', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('publish');
    connection.send({cmd: 'puback', messageId, reasonCode: 16});
    await connection.next('disconnect');
  });
  const words = ['pub', '-V', '5', '-q', '1', '-p', String(broker.port), ...publish];
  await using terminal = startOnTerminal(process.execPath, [program, ...words], {
    env: {HOME: '/nonexistent', NO_COLOR: '1'},
    columns: 120,
  });
  await terminal.finished;
  assert.match(terminal.screen(), /received PUBACK \(Mid: 1, RC:16 No matching subscribers\)/);
});
