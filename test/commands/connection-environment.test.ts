/** The proxy and the key log that the environment names, and the signature for AWS. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {withEnvironmentOfConnection} from '../../src/commands/client/environment.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {startHttpProxy} from '../support/proxies.ts';
import {runMain} from '../support/run.ts';
import {sessionContext, sessionOptions} from '../support/sessions.ts';

const plain = (host: string, port = 1883): Endpoint => ({transport: 'tcp', host, port});
const secure = (host: string, port = 8883): Endpoint => ({...plain(host, port), tls: {}}) as Endpoint;

/** The proxy that an endpoint gets, as a text. */
function proxyOf(endpoint: Endpoint, env: Readonly<Record<string, string>>): string | undefined {
  const found = withEnvironmentOfConnection(endpoint, env);
  return found.transport === 'unix' ? undefined : found.proxy?.href;
}

describe('the proxy of the environment', () => {
  test('HTTPS_PROXY is for TLS, ALL_PROXY for all, and lower case comes first', () => {
    const both = {HTTPS_PROXY: 'http://secure:3128', ALL_PROXY: 'socks5h://all:1080'};
    assert.equal(proxyOf(secure('h'), both), 'http://secure:3128/');
    assert.equal(proxyOf(plain('h'), both), 'socks5h://all:1080');
    assert.equal(proxyOf(secure('h'), {ALL_PROXY: 'socks5h://all'}), 'socks5h://all');
    assert.equal(proxyOf(plain('h'), {HTTPS_PROXY: 'http://secure:3128'}), undefined);
    assert.equal(
      proxyOf(plain('h'), {ALL_PROXY: 'http://upper', all_proxy: 'http://lower'}),
      'http://lower/',
    );
    assert.equal(proxyOf(plain('h'), {ALL_PROXY: ''}), undefined);
  });

  test('a proxy without a scheme is one of HTTP, and socks5 leaves the name to the proxy', () => {
    assert.equal(proxyOf(plain('h'), {ALL_PROXY: 'p:3128'}), 'http://p:3128/');
    assert.equal(proxyOf(plain('h'), {ALL_PROXY: 'socks5://u:p@p:1080'}), 'socks5h://u:p@p:1080');
  });

  test('this machine is never reached through it, nor is a unix socket', () => {
    for (const host of ['localhost', 'LOCALHOST', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])
      assert.equal(proxyOf(plain(host), {ALL_PROXY: 'http://p'}), undefined, host);
    assert.equal(proxyOf({transport: 'unix', path: '/x'}, {ALL_PROXY: 'http://p'}), undefined);
  });

  test('NO_PROXY names hosts, domains, ports, or all', () => {
    const rows: readonly (readonly [noProxy: string, host: string, isWithout: boolean])[] = [
      ['*', 'h', true],
      ['h', 'H', true],
      ['h', 'hh', false],
      ['a, h', 'h', true],
      ['a h', 'h', true],
      ['example.com', 'example.com', true],
      ['example.com', 'mqtt.example.com', true],
      ['.example.com', 'mqtt.example.com', true],
      ['*.example.com', 'mqtt.example.com', true],
      ['example.com', 'badexample.com', false],
      ['h:1883', 'h', true],
      ['h:8883', 'h', false],
      ['*:1883', 'h', true],
      ['10.0.0.1', '10.0.0.1', true],
      ['fe80::1', 'fe80::1', true],
      ['[fe80::1]:1883', '[fe80::1]', true],
      ['', 'h', false],
    ];
    for (const [noProxy, host, isWithout] of rows) {
      const proxy = proxyOf(plain(host), {ALL_PROXY: 'http://p', NO_PROXY: noProxy});
      assert.equal(proxy === undefined, isWithout, `${noProxy} ${host}`);
    }
    assert.equal(proxyOf(plain('h'), {ALL_PROXY: 'http://p', NO_PROXY: '', no_proxy: 'h'}), undefined);
  });

  test('--proxy wins over it', () => {
    const endpoint: Endpoint = {transport: 'tcp', host: 'h', port: 1883, proxy: new URL('http://given')};
    assert.equal(proxyOf(endpoint, {ALL_PROXY: 'http://p', NO_PROXY: '*'}), 'http://given/');
  });

  test('one that cannot be used is an error that names the variable, and shows nothing of it', async () => {
    const env = {HTTPS_PROXY: 'https://user:secret@p'};
    const {stderr, exitCode} = await runMain(['pub', '-h', 'broker.test', '-p', '8883', '-t', 'a', '-n'], {
      env,
    });
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /The environment variable HTTPS_PROXY is wrong\. Unsupported proxy protocol: https:\/\/\. Use socks5h:\/\/ or http:\/\/\./,
    );
    assert.ok(!stderr.includes('secret'));
  });

  test('a connection goes through it, except under the name of a mosquitto program', async () => {
    await using proxy = await startHttpProxy();
    await using broker = await startBroker();
    const env = {ALL_PROXY: `http://127.0.0.1:${proxy.port}`};
    const port = String(broker.port);
    const {exitCode} = await runMain(['pub', '-h', 'broker.test', '-p', port, '-t', 'a', '-n'], {env});
    assert.equal(exitCode, 0);
    assert.deepEqual(
      proxy.requests.map(({host}) => host),
      ['broker.test'],
    );
    const words = ['-h', 'broker.invalid', '-p', port, '-t', 'a', '-n'];
    assert.notEqual((await runMain(words, {env, programName: 'mosquitto_pub'})).exitCode, 0);
    assert.equal(proxy.requests.length, 1);
  });
});

test('SSLKEYLOGFILE is the default of the key log, where TLS is used', () => {
  const env = {SSLKEYLOGFILE: 'keys'};
  assert.equal(withEnvironmentOfConnection(secure('h'), env).tls?.keyLogFile, 'keys');
  assert.equal(withEnvironmentOfConnection(plain('h'), env).tls, undefined);
  const given: Endpoint = {...secure('h'), tls: {keyLogFile: 'own'}};
  assert.equal(withEnvironmentOfConnection(given, env).tls?.keyLogFile, 'own');
});

test('--aws-sigv4: every request has a signature of its own, and messages show none', async () => {
  const urls: string[] = [];
  const server = createServer().on('upgrade', (request, socket) => {
    urls.push(request.url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const awsSigning = {
    region: 'eu-central-1',
    keys: {accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 's3cret', sessionToken: 't0ken'},
  };
  const endpoint: Endpoint = {transport: 'ws', host: '127.0.0.1', port};
  const options = sessionOptions(port, {endpoint, awsSigning});
  const error = await connect(options, sessionContext()).catch((reason: unknown) => reason);
  server.close();
  assert.match(
    (error as Error).message,
    /^ws:\/\/127\.0\.0\.1:\d+\/mqtt refused the WebSocket upgrade: HTTP 403/,
  );
  assert.equal(urls.length, 1);
  assert.match(
    urls[0]!,
    /^\/mqtt\?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F\d{8}%2Feu-central-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=\d{8}T\d{6}Z&X-Amz-SignedHeaders=host&X-Amz-Signature=[\da-f]{64}&X-Amz-Security-Token=t0ken$/,
  );
});
