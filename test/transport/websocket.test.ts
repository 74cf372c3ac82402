// needs: mosquitto, openssl
/** WebSockets against the real mosquitto and ws servers, with and without TLS. */

import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer as createHttpServer, type IncomingMessage} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import {createServer as createPlainServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {createWebSocketStream, WebSocketServer} from 'ws';
import type {Endpoint, TlsOptions} from '../../src/client/connection-options.ts';
import {describe} from '../../src/client/transport/transport.ts';
import {type Certificates, certificates} from '../support/certificates.ts';
import {assertBroker, assertEchoes, assertFails, dialBounded, echo, listening} from '../support/dialing.ts';
import {startMosquitto} from '../support/mosquitto.ts';

let directory: string;
let files: Certificates;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-ws-'));
  files = await certificates(directory);
});

after(async () => {
  await rm(directory, {recursive: true, force: true});
});

type HostEndpoint = Extract<Endpoint, {host: string}>;

const to = (port: number, more: Partial<HostEndpoint> = {}): HostEndpoint => ({
  transport: 'ws',
  host: '127.0.0.1',
  port,
  ...more,
});

interface Behaviour {
  /** What the server chooses of the sub-protocols offered; the first unless given. */
  readonly choose?: (offered: Set<string>) => string | false;
  readonly secure?: boolean;
}

/** A ws server that echoes, and remembers the requests. */
async function serve({choose = ([first]) => first ?? false, secure = false}: Behaviour = {}) {
  const [cert, key] = await Promise.all([readFile(files.server.cert), readFile(files.server.key)]);
  const server = secure ? createHttpsServer({cert, key}) : createHttpServer();
  const requests: IncomingMessage[] = [];
  const webSockets = new WebSocketServer({server, handleProtocols: choose, perMessageDeflate: true});
  webSockets.on('connection', (webSocket, request) => {
    requests.push(request);
    echo(createWebSocketStream(webSocket));
  });
  return Object.assign(await listening(server), {requests, webSockets});
}

test('upgrades at /mqtt with the sub-protocol of the version, without compression', async () => {
  await using server = await serve();
  await assertEchoes(await dialBounded(to(server.port)));
  await assertEchoes(await dialBounded(to(server.port, {path: '/a b/?x=1&y=#z'}), {protocolVersion: 5}));
  await assertEchoes(await dialBounded(to(server.port, {path: 'old'}), {protocolVersion: 3}));
  assert.deepEqual(
    server.requests.map(({url, headers}) => [url, headers['sec-websocket-protocol']]),
    [
      ['/mqtt', 'mqtt'],
      ['/a%20b/?x=1&y=%23z', 'mqtt'],
      ['/old', 'mqttv3.1'],
    ],
  );
  for (const {headers} of server.requests) {
    assert.equal(headers.host, `127.0.0.1:${server.port}`);
    assert.equal(headers['sec-websocket-extensions'], undefined);
  }
  await server.idle();
});

test('a large message comes through whole, and backpressure both ways', async () => {
  await using server = await serve();
  const stream = await dialBounded(to(server.port));
  const sent = randomBytes(5_000_000);
  stream.write(sent);
  const received: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    received.push(chunk);
    length += chunk.length;
    if (length >= sent.length) break;
  }
  assert.ok(Buffer.concat(received).equals(sent));
});

test('the end of the stream arrives on both sides', async () => {
  await using server = await serve();
  const stream = await dialBounded(to(server.port));
  stream.end('farewell');
  let received = '';
  for await (const chunk of stream) received += String(chunk);
  assert.equal(received, 'farewell');
  await server.idle();
});

test('bytes that come right behind the upgrade are not lost', async () => {
  await using server = await serve();
  server.webSockets.on('connection', (webSocket) => webSocket.send(Buffer.from('early')));
  const stream = await dialBounded(to(server.port));
  await new Promise((resolve) => setImmediate(resolve));
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'early');
  stream.destroy();
});

test('over TLS the certificate is verified first', async () => {
  await using server = await serve({secure: true});
  const tls: TlsOptions = {caFile: files.ca};
  await assertEchoes(await dialBounded(to(server.port, {tls})));
  await assertEchoes(await dialBounded(to(server.port, {tls, host: 'localhost'})));
  await assertFails(to(server.port, {tls: {caFile: files.otherCa}}), {
    exitCode: 8,
    message: new RegExp(
      `^The certificate of wss://127\\.0\\.0\\.1:${server.port}/mqtt was issued by "Test CA"`,
    ),
  });
  assert.equal(server.requests.length, 2);
  await server.idle();
});

test('a refused upgrade names the HTTP status in words, and leaves no socket', async () => {
  const statuses = [
    [401, 'HTTP 401 Unauthorized. It asks for credentials of HTTP: give them with --header.'],
    [403, 'HTTP 403 Forbidden. Is it an MQTT broker?'],
    [404, 'HTTP 404 Not Found. Is the path right?'],
    [302, 'HTTP 302 Found. Redirects are not followed.'],
    [200, 'HTTP 200 OK. Is it an MQTT broker?'],
    [599, 'HTTP 599. Is it an MQTT broker?'],
  ] as const;
  for (const [status, words] of statuses) {
    const answer = createHttpServer((_request, response) =>
      response.writeHead(status, 'Gone\u00a0Fishing').end('no'),
    );
    answer.on('upgrade', (_request, socket) => socket.end(`HTTP/1.1 ${status} Words Of A Stranger\r\n\r\n`));
    await using server = await listening(answer);
    await assertFails(to(server.port), {
      exitCode: 13,
      message: `${describe(to(server.port))} refused the WebSocket upgrade: ${words}`,
    });
    await server.idle();
  }
});

test('a server without the sub-protocol is an error', async () => {
  await using server = await serve({choose: () => false});
  await assertFails(to(server.port), {
    exitCode: 13,
    message: /but not the sub-protocol "mqtt": is it an MQTT broker\?$/,
  });
  await server.idle();
});

test('a server that speaks no HTTP, hangs up, or keeps silent', async () => {
  await using talking = await listening(createPlainServer((socket) => socket.end('\x20\x02\x00\x00')));
  await assertFails(to(talking.port), {
    exitCode: 13,
    message: /does not speak HTTP: is this its port for WebSockets\?$/,
  });
  await using closing = await listening(createPlainServer((socket) => socket.resume().end()));
  await assertFails(to(closing.port), {
    exitCode: 7,
    message: /closed the connection during the WebSocket handshake/,
  });
  await using silent = await listening(createPlainServer((socket) => socket.resume()));
  await assertFails(
    to(silent.port),
    {
      exitCode: 27,
      message: `Timed out waiting for the WebSocket handshake with ws://127.0.0.1:${silent.port}/mqtt.`,
    },
    {signal: AbortSignal.timeout(150)},
  );
  await silent.idle();
});

test('mosquitto: WebSockets with and without TLS, and its ordinary port', async () => {
  // 2.0.11 does not start with nothing but a WebSocket listener, and takes an interface instead of an address.
  const listener =
    'allow_anonymous true\nlistener 0 {directory}/mqtt.sock\nlistener {port} lo\nprotocol websockets\n';
  await using broker = await startMosquitto(listener);
  await assertBroker(await dialBounded(to(broker.port)));
  const {cert, key} = files.server;
  await using secured = await startMosquitto(
    `${listener}cafile ${files.ca}\ncertfile ${cert}\nkeyfile ${key}\n`,
  );
  await assertBroker(await dialBounded(to(secured.port, {tls: {caFile: files.ca}})));
  await using ordinary = await startMosquitto();
  await assertFails(to(ordinary.port), {
    exitCode: 7,
    message: /Is this its port for WebSockets, without TLS\?$/,
  });
});
