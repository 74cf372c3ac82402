/** The web server of `tmq broker --web`: who gets an answer, and what the JSON interface does. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {request as httpRequest, type IncomingHttpHeaders} from 'node:http';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {describe, it} from 'node:test';
import {runTmq, startTmq} from '../support/tmq.ts';
import {nextClose, startWebBroker, type WebBroker} from '../support/web-broker.ts';

interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends one request to a path as it is, '..' included. */
async function ask(url: string, {method = 'GET', headers = {}, body}: Request = {}): Promise<Response> {
  const {hostname, port} = new URL(url);
  const path = url.slice(url.indexOf('/', 'http://'.length));
  const request = httpRequest({host: hostname, port, path, method, headers, agent: false});
  request.end(body);
  const [kind, value] = await Promise.race([
    once(request, 'response').then(([response]) => ['response', response] as const),
    once(request, 'upgrade').then(([response, socket]) => {
      socket.destroy();
      return ['upgrade', response] as const;
    }),
  ]);
  return {
    status: value.statusCode,
    headers: value.headers,
    body: kind === 'response' ? await text(value) : '',
  };
}

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'mqtt',
};

/** What a page needs: each request to it that is answered. */
const requests: readonly (readonly [path: string, Request])[] = [
  ['', {}],
  ['api/broker', {}],
  ['api/clients', {}],
  ['api/faults', {}],
  ['api/faults', {method: 'PUT', body: '{"faults": []}'}],
  ['mqtt', {headers: upgrade}],
];

/** The request with other headers, too. */
const withHeaders = (request: Request, headers: Readonly<Record<string, string>>): Request => ({
  ...request,
  headers: {...request.headers, ...headers},
});

const basic = (user: string) => ({authorization: `Basic ${Buffer.from(user).toString('base64')}`});

async function jsonOf(broker: WebBroker, path: string, request?: Request) {
  const {status, body} = await ask(broker.page + path, request);
  return [status, body === '' ? undefined : JSON.parse(body)] as const;
}

describe('the web server', () => {
  it('answers requests of its own page, and of programs that know the token', async () => {
    await using broker = await startWebBroker();
    const {host, port} = new URL(broker.page);
    for (const [path, request] of requests) {
      for (const headers of [
        {},
        {origin: `http://${host}`},
        {host: `localhost:${port}`, origin: `http://localhost:${port}`},
        {host: `[::1]:${port}`},
      ]) {
        const {status} = await ask(broker.page + path, withHeaders(request, headers));
        assert.equal(status, path === 'mqtt' ? 101 : 200, `${path} ${JSON.stringify(headers)}`);
      }
    }
  });

  it('gives nothing to a foreign origin, a wrong host, and without the token', async () => {
    await using broker = await startWebBroker();
    const {origin, host, port, pathname} = new URL(broker.page);
    const token = pathname.slice(1, -1);
    for (const [path, request] of requests) {
      const refused = [
        ...[
          {origin: 'https://example.org'},
          {origin: 'null'},
          {origin: `https://${host}`},
          {origin: `http://localhost:${port}`},
          {host: 'example.org'},
          {host: `example.org:${port}`},
          {host: `127.0.0.1.example.org:${port}`},
          {host: '127.0.0.1'},
          {host: `127.0.0.1:${Number(port) + 1}`},
          {host: `rebound.example.org:${port}`, origin: `http://rebound.example.org:${port}`},
        ].map((headers) => [broker.page, withHeaders(request, headers)] as const),
        ...[
          '',
          'x/',
          `${token}x/`,
          `${token.slice(0, -1)}/`,
          `${token.toUpperCase()}/`,
          `x/../${token}/`,
        ].map((wrong) => [`${origin}/${wrong}`, request] as const),
        [`${origin}/?token=${token}`, request] as const,
      ];
      for (const [base, words] of refused) {
        const {status, body, headers} = await ask(base + path, words);
        assert.deepEqual([status, body], [403, ''], `${base}${path} ${JSON.stringify(words)}`);
        assert.ok(!JSON.stringify(headers).includes(token));
      }
    }
  });

  it('listens on 127.0.0.1 only, and its page lets nothing foreign in', async () => {
    await using broker = await startWebBroker();
    assert.match(broker.page, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{24}\/$/);
    const {headers, body} = await ask(broker.page);
    const policy = String(headers['content-security-policy']);
    const sources = policy
      .replaceAll(/'sha256-[\w+/=]{44}'/g, 'HASH')
      .replaceAll(new URL(broker.page).host, 'HOST');
    assert.equal(
      sources,
      "default-src 'none'; script-src HASH; style-src HASH; img-src data:; connect-src 'self' ws://HOST; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.doesNotMatch(body, /(?:src|href)=["']?(?:https?:)?\/\//);
    const {status, headers: moved} = await ask(broker.page.slice(0, -1));
    assert.deepEqual([status, moved.location], [308, new URL(broker.page).pathname]);
  });

  it('tells what is wrong with a request', async () => {
    await using broker = await startWebBroker();
    assert.deepEqual(await jsonOf(broker, 'api/other'), [404, undefined]);
    assert.deepEqual(await jsonOf(broker, 'constructor'), [404, undefined]);
    assert.deepEqual(await jsonOf(broker, 'api/clients', {method: 'DELETE'}), [405, undefined]);
    assert.deepEqual(await jsonOf(broker, '', {method: 'POST'}), [405, undefined]);
    const put = (body: string) => jsonOf(broker, 'api/faults', {method: 'PUT', body});
    assert.deepEqual(await put('{'), [400, {problem: 'The body is no JSON object.'}]);
    const rule = 'The body has to be {"faults": [{"rule": "...", "isOn": true}]}.';
    for (const body of [
      '{}',
      '{"faults": 1}',
      '{"faults": [null]}',
      '{"faults": [{"rule": 1, "isOn": true}]}',
    ])
      assert.deepEqual(await put(body), [400, {problem: rule}], body);
    assert.deepEqual(await put(`{"faults": "${'x'.repeat(70_000)}"}`), [413, undefined]);
    const invalid =
      '{"faults": [{"rule": "drop publish", "isOn": true}, {"rule": "break it", "isOn": false}]}';
    const sentence =
      "A fault begins with drop, delay, duplicate, close, connack, disconnect, not with 'break'.";
    assert.deepEqual(await put(invalid), [422, {problem: sentence}]);
    assert.deepEqual(await jsonOf(broker, 'api/faults'), [200, {faults: []}]);
    const post = (body: string) => jsonOf(broker, 'api/disconnect', {method: 'POST', body});
    assert.deepEqual(await post('{}'), [400, {problem: 'The body has to be {"clientId": "..."}.'}]);
    assert.deepEqual(await post('{"clientId": "x"}'), [404, {problem: 'No client "x" is connected.'}]);
  });

  it('gives clients and addresses, and disconnects a client', async () => {
    await using broker = await startWebBroker();
    assert.deepEqual(await jsonOf(broker, 'api/broker'), [200, {urls: [broker.url], clientIdPrefix: ''}]);
    const client = await broker.connect({clientId: 'one', keepalive: 10});
    await client.subscribeAsync({'a/#': {qos: 2}});
    const [status, {total, clients}] = await jsonOf(broker, 'api/clients');
    assert.deepEqual([status, total], [200, 1]);
    const [{address, ...rest}] = clients;
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(rest, {
      ...{clientId: 'one', protocolVersion: 5, keepAliveSeconds: 10, cleanStart: true},
      subscriptions: [{filter: 'a/#', qos: 2}],
      subscriptionCount: 1,
    });
    const closed = nextClose(client);
    const body = '{"clientId": "one"}';
    assert.deepEqual(await jsonOf(broker, 'api/disconnect', {method: 'POST', body}), [200, {}]);
    await closed;
  });

  it('needs a user where the broker has users, for as long as it has that user', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-web-'));
    try {
      const passwords = join(directory, 'passwords');
      await runTmq(['passwd', '-b', '-c', passwords, 'ann', 'secret:word']);
      await writeFile(
        join(directory, 'mosquitto.conf'),
        `listener 0 127.0.0.1\npassword_file ${passwords}\nclientid_prefixes dev-\n`,
      );
      await using broker = await startWebBroker(['-c', join(directory, 'mosquitto.conf'), '--web', '0']);
      for (const headers of [
        {},
        basic('ann:wrong'),
        basic('bob:secret:word'),
        basic('ann'),
        {authorization: 'Basic %'},
      ])
        assert.deepEqual(
          await jsonOf(broker, 'api/broker', {headers}),
          [401, undefined],
          JSON.stringify(headers),
        );
      const headers = basic('ann:secret:word');
      const answer = [200, {urls: [broker.url], clientIdPrefix: 'dev-'}];
      for (let count = 0; count < 2; count++)
        assert.deepEqual(await jsonOf(broker, 'api/broker', {headers}), answer);
      // The page itself has nothing to hide.
      assert.equal((await ask(broker.page)).status, 200);

      const client = await broker.connect({clientId: 'dev-1', username: 'ann', password: 'secret:word'});
      const closed = nextClose(client);
      await runTmq(['passwd', '-b', '-c', passwords, 'carl', 'other']);
      broker.running.child.kill('SIGHUP');
      await closed;
      assert.deepEqual(await jsonOf(broker, 'api/broker', {headers}), [401, undefined]);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });
});

describe('tmq broker --web', () => {
  it('prints the address of the page on standard error, also with --exec', async () => {
    const print = ['--exec', '--', 'sh', '-c', 'env'];
    const {stdout, stderr, exitCode} = await runTmq(['broker', '--web', '--verbose', '--trace', ...print]);
    const [, token = ''] =
      /^The broker's page, for this user only: http:\/\/127\.0\.0\.1:\d+\/([\w-]+)\/$/m.exec(stderr) ?? [];
    assert.deepEqual([exitCode, token.length], [0, 24]);
    // Neither the command nor the log has it.
    assert.equal(stderr.split(token).length, 2);
    assert.ok(!stdout.toString().includes(token));
  });

  it('takes a free port where the usual one is in use, and an error for a port that was given', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const {port} = other.address() as {port: number};
    const given = await runTmq(['broker', '-p', '0', '--web', String(port)]);
    const problem = `Error: Cannot serve the page on port ${port}: it is in use; give --web 0 for a free port.\n`;
    assert.deepEqual([given.exitCode, given.stderr.endsWith(problem)], [1, true], given.stderr);
    other.close();

    // Two brokers with fixed ports: at most one of them gets the usual port of the page.
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const {port: brokerPort} = free.address() as {port: number};
    free.close();
    await using first = await startWebBroker(['-p', String(brokerPort), '--web']);
    await using second = await startWebBroker();
    assert.notEqual(new URL(first.page).port, new URL(second.page).port);
  });

  it('keeps the token of TMQ_WEB_TOKEN, and refuses one that is too short', async () => {
    await using broker = await startWebBroker(undefined, {TMQ_WEB_TOKEN: 'stays-the-same_01'});
    assert.match(broker.page, /\/stays-the-same_01\/$/);
    const {exitCode, stderr} = await runTmq(['broker', '-p', '0', '--web', '0'], {
      env: {TMQ_WEB_TOKEN: 'short'},
    });
    assert.equal(exitCode, 1);
    assert.match(stderr, /^Error: TMQ_WEB_TOKEN has to be 16 to 200 letters, digits, - and _\.$/m);
  });

  it('needs a listener that knows its users by their names', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tmq-web-'));
    try {
      await writeFile(join(directory, 'keys'), 'ann:0123456789abcdef\n');
      await writeFile(
        join(directory, 'mosquitto.conf'),
        `listener 0 127.0.0.1\npsk_hint x\npsk_file ${join(directory, 'keys')}\nuse_identity_as_username true\nallow_anonymous false\n`,
      );
      const {exitCode, stderr} = await runTmq([
        'broker',
        '-c',
        join(directory, 'mosquitto.conf'),
        '--web',
        '0',
      ]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /--web needs a listener that knows its users by their names/);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });

  it('ends with the broker, with open connections to the page', async () => {
    const running = startTmq(['broker', '-p', '0', '--web', '0', '--ready', 'json']);
    const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    const request = httpRequest(`${JSON.parse(line).web}mqtt`, {headers: upgrade});
    request.end();
    const [, socket] = await once(request, 'upgrade');
    const {exitCode, timedOut} = await running.stop();
    assert.deepEqual([exitCode, timedOut], [0, false]);
    socket.destroy();
  });
});
