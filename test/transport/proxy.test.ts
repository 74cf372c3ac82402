// needs: mosquitto, openssl
/** SOCKS5 and HTTP proxies on loopback, beneath TCP, TLS and WebSockets. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer as createHttpServer} from 'node:http';
import {createServer as createPlainServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {createServer as createTlsServer} from 'node:tls';
import {createWebSocketStream, WebSocketServer} from 'ws';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {parseProxy} from '../../src/client/transport/proxy.ts';
import {UsageError} from '../../src/errors.ts';
import {type Certificates, certificates} from '../support/certificates.ts';
import {assertBroker, assertEchoes, assertFails, dialBounded, echo, listening} from '../support/dialing.ts';
import {freePort, startMosquitto} from '../support/mosquitto.ts';
import {startHttpProxy, startSocksProxy} from '../support/proxies.ts';

let directory: string;
let files: Certificates;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-proxy-'));
  files = await certificates(directory);
});

after(async () => {
  await rm(directory, {recursive: true, force: true});
});

type HostEndpoint = Extract<Endpoint, {host: string}>;

const through = (proxy: string, port: number, more: Partial<HostEndpoint> = {}): HostEndpoint => ({
  transport: 'tcp',
  host: '127.0.0.1',
  port,
  proxy: new URL(proxy),
  ...more,
});

const socks = (port: number, user = '') => `socks5h://${user}127.0.0.1:${port}`;
const http = (port: number, user = '') => `http://${user}127.0.0.1:${port}`;

test('the URL of a proxy: scheme, default ports, percent-encoding, IPv6', () => {
  const cases = [
    ['socks5h://h', {protocol: 'socks5', host: 'h', port: 1080}],
    ['socks5://h:99', {protocol: 'socks5', host: 'h', port: 99}],
    ['socks5h://[::1]:99', {protocol: 'socks5', host: '::1', port: 99}],
    ['http://h', {protocol: 'http', host: 'h', port: 80}],
    ['http://[::1]:3128', {protocol: 'http', host: '::1', port: 3128}],
    ['socks5h://u@h', {protocol: 'socks5', host: 'h', port: 1080, username: 'u'}],
    ['http://%C3%BC%25:%3Ap%40@h', {protocol: 'http', host: 'h', port: 80, username: 'ü%', password: ':p@'}],
  ] as const;
  for (const [url, proxy] of cases) assert.deepEqual(parseProxy(new URL(url)), proxy);
  for (const url of [
    'ftp://h',
    'https://h',
    'socks4://h',
    'socks5h://u%:p@h',
    `socks5h://${'u'.repeat(256)}@h`,
  ]) {
    assert.throws(() => parseProxy(new URL(url)), UsageError, url);
  }
});

test('SOCKS5: names are passed on, addresses are sent as such', async () => {
  await using server = await listening(createPlainServer(echo));
  await using six = await listening(createPlainServer(echo), '::1');
  await using proxy = await startSocksProxy();
  await assertEchoes(await dialBounded(through(socks(proxy.port), server.port)));
  // No resolver on this machine knows the name: only the proxy is asked.
  await assertEchoes(await dialBounded(through(socks(proxy.port), server.port, {host: 'broker.invalid'})));
  await assertEchoes(await dialBounded(through(socks(proxy.port), six.port, {host: '::1'})));
  const {port} = server;
  assert.deepEqual(proxy.requests, [
    {host: '127.0.0.1', port, addressType: 1},
    {host: 'broker.invalid', port, addressType: 3},
    {host: '00000000000000000000000000000001', port: six.port, addressType: 4},
  ]);
  await server.idle();
});

test('SOCKS5: user and password, with characters that a URL must encode', async () => {
  await using server = await listening(createPlainServer(echo));
  const credentials = {username: 'ann@example', password: 'p:w%/ü'};
  await using proxy = await startSocksProxy({credentials});
  await assertEchoes(
    await dialBounded(through(socks(proxy.port, 'ann%40example:p%3Aw%25%2F%C3%BC@'), server.port)),
  );
  assert.deepEqual(proxy.requests, [{host: '127.0.0.1', port: server.port, addressType: 1, ...credentials}]);
  await assertFails(through(socks(proxy.port, 'ann%40example:wrong@'), server.port), {
    exitCode: 16,
    message: `The proxy 127.0.0.1:${proxy.port} refused the user name or password. Check them in the URL of --proxy.`,
  });
  await assertFails(through(socks(proxy.port, 'ann@'), server.port), {
    exitCode: 16,
    message: /refused the user name/,
  });
  await assertFails(through(socks(proxy.port), server.port), {
    exitCode: 11,
    message: /wants another authentication/,
  });
});

test('SOCKS5: each reply has its status and its reason', async () => {
  const replies = [
    [1, 16, 'general failure'],
    [2, 11, 'not allowed by its rules'],
    [3, 4, 'network unreachable'],
    [4, 4, 'host unreachable'],
    [5, 4, 'connection refused'],
    [6, 16, 'time to live expired'],
    [7, 16, 'command not supported'],
    [8, 16, 'address type not supported'],
    [99, 3, 'a reply that SOCKS5 does not have'],
  ] as const;
  for (const [reply, exitCode, reason] of replies) {
    await using proxy = await startSocksProxy({reply});
    await assertFails(through(socks(proxy.port), 1883, {host: 'broker.invalid'}), {
      exitCode,
      message: `The proxy 127.0.0.1:${proxy.port} cannot connect to broker.invalid:1883: ${reason}.`,
    });
  }
});

test('a proxy that is not there, not one, silent or gone', async () => {
  const closed = await freePort();
  const refused = {
    exitCode: 1,
    message: `Connection refused by the proxy 127.0.0.1:${closed}. Is it running, and is this its port?`,
  };
  await assertFails(through(socks(closed), 1883), refused);
  await assertFails(through(http(closed), 1883), refused);
  await assertFails(through('http://proxy.invalid', 1883), {
    exitCode: 1,
    message: /host name proxy\.invalid/,
  });
  await using other = await listening(
    createPlainServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n')),
  );
  await assertFails(through(socks(other.port), 1883), {
    exitCode: 16,
    message: /does not speak SOCKS5\. If it is an HTTP proxy: /,
  });
  await assertFails(through(http(other.port), 1883), {
    exitCode: 16,
    message: /does not speak HTTP\. If it is a SOCKS5 proxy: /,
  });
  await using deafSocks = await startSocksProxy({mood: 'hang up'});
  await using deafHttp = await startHttpProxy({mood: 'hang up'});
  await assertFails(through(socks(deafSocks.port), 1883), {exitCode: 16, message: /closed the connection/});
  await assertFails(through(http(deafHttp.port), 1883), {exitCode: 16, message: /closed the connection/});
});

test('a silent proxy runs into the deadline, and no socket is left', async () => {
  for (const start of [startSocksProxy, startHttpProxy]) {
    await using server = await listening(createPlainServer((socket) => socket.resume()));
    const url = start === startSocksProxy ? socks : http;
    await assertFails(
      through(url(server.port), 1883),
      {exitCode: 27, message: `Timed out waiting for an answer from the proxy 127.0.0.1:${server.port}.`},
      {signal: AbortSignal.timeout(150)},
    );
    await server.idle();
  }
});

test('HTTP CONNECT: names and IPv6 addresses, Basic credentials, an answer in crumbs', async () => {
  await using server = await listening(createPlainServer(echo));
  await using six = await listening(createPlainServer(echo), '::1');
  await using proxy = await startHttpProxy({credentials: 'ann:p:w%/ü', dribble: true});
  const url = http(proxy.port, 'ann:p%3Aw%25%2F%C3%BC@');
  await assertEchoes(await dialBounded(through(url, server.port, {host: 'broker.invalid'})));
  await assertEchoes(await dialBounded(through(url, six.port, {host: '::1'})));
  assert.deepEqual(
    proxy.requests.map(({host, port}) => [host, port]),
    [
      ['broker.invalid', server.port],
      ['[::1]', six.port],
    ],
  );
  assert.match(proxy.requests[0]!.head!, new RegExp(`\r\nHost: broker\\.invalid:${server.port}\r\n`));
  await server.idle();
});

test('HTTP CONNECT: what a refusal means', async () => {
  await using closed = await startHttpProxy({credentials: 'ann:secret'});
  const name = `The proxy 127.0.0.1:${closed.port}`;
  await assertFails(through(http(closed.port), 1883), {
    exitCode: 11,
    message: `${name} wants user and password: http://user:password@host`,
  });
  const wrong = await assertFails(through(http(closed.port, 'ann:guess@'), 1883), {
    exitCode: 11,
    message: `${name} refused the user name or password. Check them in the URL of --proxy.`,
  });
  assert.ok(!wrong.message.includes('guess'));
  const answers = [
    [
      'HTTP/1.1 403 No\x1b[31m Way\r\n\r\n',
      16,
      /does not permit a connection to b\.invalid:1883: HTTP 403 Forbidden\.$/,
    ],
    ['HTTP/1.1 502 \r\n\r\n', 4, /cannot connect to b\.invalid:1883: HTTP 502 Bad Gateway\.$/],
    ['HTTP/1.0 504\r\n\r\n', 4, /HTTP 504 Gateway Timeout\.$/],
    ['HTTP/1.1 200', 16, /does not speak HTTP\. If it is a SOCKS5 proxy: /],
    ['x'.repeat(70_000), 16, /does not speak HTTP\. If it is a SOCKS5 proxy: /],
  ] as const;
  for (const [response, exitCode, message] of answers) {
    await using proxy = await startHttpProxy({response});
    await assertFails(through(http(proxy.port), 1883, {host: 'b.invalid'}), {exitCode, message});
  }
});

test('bytes that come in one packet with the answer of the proxy are not lost', async () => {
  await using server = await listening(createPlainServer(echo));
  await using first = await startSocksProxy({greeting: 'early '});
  await using second = await startHttpProxy({greeting: 'early '});
  for (const proxy of [socks(first.port), http(second.port)]) {
    const stream = await dialBounded(through(proxy, server.port));
    // A reader that comes late finds everything, in order.
    await new Promise((resolve) => setImmediate(resolve));
    stream.write('bird');
    let received = '';
    for await (const chunk of stream) {
      received += String(chunk);
      if (received.length >= 10) break;
    }
    assert.equal(received, 'early bird');
  }
});

test('what comes later reaches a listener for data', async () => {
  await using server = await listening(createPlainServer(echo));
  await using first = await startSocksProxy();
  await using second = await startHttpProxy();
  for (const proxy of [socks(first.port), http(second.port)]) {
    const stream = await dialBounded(through(proxy, server.port));
    stream.write('ping');
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'ping');
    stream.destroy();
  }
});

test('TLS and WebSockets go through either proxy, and the certificate of the broker is verified', async () => {
  const [cert, key] = await Promise.all([readFile(files.server.cert), readFile(files.server.key)]);
  const tlsServer = createTlsServer({cert, key}, echo);
  tlsServer.on('tlsClientError', () => undefined);
  await using secure = await listening(tlsServer);
  const httpServer = createHttpServer();
  new WebSocketServer({server: httpServer}).on('connection', (each) => echo(createWebSocketStream(each)));
  await using web = await listening(httpServer);
  await using first = await startSocksProxy();
  await using second = await startHttpProxy();
  const tls = {caFile: files.ca};
  for (const proxy of [socks(first.port), http(second.port)]) {
    await assertEchoes(await dialBounded(through(proxy, secure.port, {tls, host: 'localhost'})));
    await assertFails(through(proxy, secure.port, {tls, host: 'broker.invalid'}), {
      exitCode: 8,
      message: /does not name broker\.invalid\. Connect by a name it has: localhost, 127\.0\.0\.1/,
    });
    await assertEchoes(
      await dialBounded(through(proxy, web.port, {transport: 'ws', host: 'broker.invalid'})),
    );
  }
  assert.equal(first.requests[0]!.host, 'localhost');
});

test('mosquitto through either proxy', async () => {
  await using broker = await startMosquitto();
  await using first = await startSocksProxy();
  await using second = await startHttpProxy();
  await assertBroker(await dialBounded(through(socks(first.port), broker.port)));
  await assertBroker(await dialBounded(through(http(second.port), broker.port)));
});
