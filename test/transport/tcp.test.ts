// needs: mosquitto
/** Plain sockets: addresses, names, unix paths, aborts, and the words for what went wrong. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {createServer, Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {describe, dial, explain} from '../../src/client/transport/transport.ts';
import {Interrupted, TmqError} from '../../src/errors.ts';
import {assertBroker, assertEchoes, assertFails, dialBounded, echo, listening} from '../support/dialing.ts';
import {freePort, startMosquitto} from '../support/mosquitto.ts';

type HostEndpoint = Extract<Endpoint, {host: string}>;

const to = (host: string, port: number, more: Partial<HostEndpoint> = {}): HostEndpoint => ({
  transport: 'tcp',
  host,
  port,
  ...more,
});

test('describe names every kind of endpoint', () => {
  const cases: readonly (readonly [Endpoint, string])[] = [
    [to('127.0.0.1', 1883), '127.0.0.1:1883'],
    [to('h', 8883, {tls: {}}), 'h:8883'],
    [to('::1', 1883), '[::1]:1883'],
    [to('[::1]', 1883), '[::1]:1883'],
    [{transport: 'unix', path: '/run/x.sock'}, '/run/x.sock'],
    [to('h', 8080, {transport: 'ws'}), 'ws://h:8080/mqtt'],
    [to('h', 8884, {transport: 'ws', tls: {}, path: '/a'}), 'wss://h:8884/a'],
    [to('h', 8884, {transport: 'ws', path: 'a'}), 'ws://h:8884/a'],
    [to('example.org', 1, {srv: true}), 'example.org'],
  ];
  for (const [endpoint, expected] of cases) assert.equal(describe(endpoint), expected);
});

test('connects to addresses of both families, and to mosquitto', async () => {
  await using four = await listening(createServer(echo));
  await using six = await listening(createServer(echo), '::1');
  await assertEchoes(await dialBounded(to('127.0.0.1', four.port)));
  await assertEchoes(await dialBounded(to('::1', six.port)));
  await assertEchoes(await dialBounded(to('[::1]', six.port)));
  await four.idle();
  await using broker = await startMosquitto();
  await assertBroker(await dialBounded(to('127.0.0.1', broker.port)));
});

test('localhost is either loopback address, whichever listens', async () => {
  await using four = await listening(createServer(echo));
  await using six = await listening(createServer(echo), '::1');
  for (const host of ['localhost', 'LOCALHOST']) {
    await assertEchoes(await dialBounded(to(host, four.port)));
    await assertEchoes(await dialBounded(to(host, six.port)));
  }
  const closed = await freePort();
  await assertFails(to('localhost', closed), {
    exitCode: 1,
    message: `Connection refused by localhost:${closed}. Is a broker running? Try: tmq broker`,
  });
});

test('connects from the local address that is asked for', async () => {
  const from: (string | undefined)[] = [];
  await using four = await listening(createServer(echo));
  await using six = await listening(createServer(echo), '::1');
  for (const {server} of [four, six])
    server.on('connection', (socket: Socket) => from.push(socket.remoteAddress));
  await assertEchoes(await dialBounded(to('127.0.0.1', four.port, {bindAddress: '127.0.0.2'})));
  await assertEchoes(await dialBounded(to('localhost', six.port, {bindAddress: '::1'})));
  await assertEchoes(await dialBounded(to('127.0.0.1', four.port, {bindAddress: 'localhost'})));
  assert.deepEqual(from, ['127.0.0.2', '::1', '127.0.0.1']);
  await assertFails(to('127.0.0.1', four.port, {bindAddress: '192.0.2.1'}), {
    exitCode: 1,
    message: 'Cannot connect from 192.0.2.1: it is not an address of this machine.',
  });
  await assertFails(to('127.0.0.1', four.port, {bindAddress: '::1'}), {
    exitCode: 1,
    message: `Cannot connect to 127.0.0.1:${four.port} from ::1: no route leads from one to the other.`,
  });
  await assertFails(to('127.0.0.1', four.port, {bindAddress: 'nosuch.invalid'}), {
    exitCode: 1,
    // Where there is no name server at all, that is said, too.
    message: /^Cannot find the host name nosuch\.invalid \(lookup error/,
  });
});

test('a refusal and an unknown name are errors with their remedy', async () => {
  const closed = await freePort();
  await assertFails(to('127.0.0.1', closed), {
    exitCode: 1,
    message: `Connection refused by 127.0.0.1:${closed}. Is a broker running? Try: tmq broker`,
  });
  await assertFails(to('::1', closed), {
    exitCode: 1,
    message: /^Connection refused by \[::1\]:\d+\. Is a broker running/,
  });
  await assertFails(to('nosuch.invalid', 1883), {
    exitCode: 1,
    // Where there is no name server at all, that is said, too.
    message: /^Cannot find the host name nosuch\.invalid \(lookup error/,
  });
  for (const port of [0, 65536, -1, 1.5]) {
    await assertFails(to('127.0.0.1', port), {exitCode: 1, message: /is not a port to connect to/});
  }
});

test('unix sockets: mosquitto, a missing one, a dead one, what is none, a path too long', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-unix-'));
  const at = (name: string): Endpoint => ({transport: 'unix', path: join(directory, name)});
  try {
    await using broker = await startMosquitto(
      'listener {port} 127.0.0.1\nallow_anonymous true\nlistener 0 {directory}/mqtt.sock\n',
    );
    await broker.logged(/ running/);
    await assertBroker(await dialBounded({transport: 'unix', path: join(broker.directory, 'mqtt.sock')}));
    const missing = at('missing');
    await assertFails(missing, {
      exitCode: 1,
      message: `There is no unix socket ${describe(missing)}. Is its broker running?`,
    });
    await broker.stop('SIGKILL');
    const dead: Endpoint = {transport: 'unix', path: join(broker.directory, 'mqtt.sock')};
    await assertFails(dead, {
      exitCode: 1,
      message: /^Nothing listens on .*mqtt\.sock \(connection refused\)/,
    });
    await writeFile(join(directory, 'file'), '');
    await symlink(directory, join(directory, 'link'));
    for (const name of ['file', 'link', '.']) {
      await assertFails(at(name), {exitCode: 1, message: /is not a socket\.$/});
    }
    await assertFails(at('file/inside'), {exitCode: 1, message: /a part of its path is not a directory/});
    const long = `/${'ü'.repeat(60)}`;
    await assertFails(
      {transport: 'unix', path: long},
      {exitCode: 1, message: `The unix socket path ${long} is too long: 121 bytes, 107 are allowed.`},
    );
    await assertFails(
      {transport: 'unix', path: ''},
      {exitCode: 1, message: 'The path of the unix socket is empty.'},
    );
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
});

test('an abort before and during connecting rejects with its TmqError, and leaves nothing', async () => {
  await using server = await listening(createServer(echo));
  const reason = new Interrupted('SIGINT');
  const endpoint = to('127.0.0.1', server.port);
  await assert.rejects(
    dialBounded(endpoint, {signal: AbortSignal.abort(reason)}),
    (error) => error === reason,
  );
  const controller = new AbortController();
  const dialing = dialBounded(endpoint, {signal: controller.signal});
  controller.abort(reason);
  await assert.rejects(dialing, (error) => error === reason);
  await server.idle();
  const other = new Error('private');
  await assertFails(endpoint, {exitCode: 1, message: /was given up\.$/}, {signal: AbortSignal.abort(other)});
});

test('after connecting, the signal and its listeners are let go', async () => {
  await using server = await listening(createServer(echo));
  const controller = new AbortController();
  const stream = await dial(to('127.0.0.1', server.port), {signal: controller.signal, protocolVersion: 4});
  controller.abort();
  for (const event of ['error', 'close', 'connect']) assert.equal(stream.listenerCount(event), 0, event);
  await assertEchoes(stream);
});

test('noDelay is set where it is asked for', async (context) => {
  await using server = await listening(createServer(echo));
  const {mock} = context.mock.method(Socket.prototype, 'setNoDelay');
  for (const noDelay of [true, false]) {
    await assertEchoes(await dialBounded(to('127.0.0.1', server.port, {noDelay})));
  }
  assert.deepEqual(
    mock.calls.map(({arguments: [on]}) => on),
    [true],
  );
});

test('explain turns what happens to a stream later into TmqErrors', async () => {
  await using server = await listening(
    createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
  );
  const endpoint = to('127.0.0.1', server.port);
  const stream = await dialBounded(endpoint);
  stream.write('x');
  const error = await once(stream, 'close').then(
    () => assert.fail('no error'),
    (reason: unknown) => reason,
  );
  const told = explain(error, endpoint);
  assert.equal(told.exitCode, 7);
  assert.equal(told.message, `127.0.0.1:${server.port} closed the connection.`);
  const mine = new TmqError('said already', 5);
  assert.equal(explain(mine, endpoint), mine);
  const codes = {ETIMEDOUT: /^No answer from/, EHOSTUNREACH: /unreachable/, EACCES: /^No permission/};
  for (const [code, sentence] of Object.entries(codes)) {
    assert.match(explain(Object.assign(new Error('x'), {code}), endpoint).message, sentence);
  }
  const both = new AggregateError([
    Object.assign(new Error('a'), {code: 'ENETUNREACH'}),
    Object.assign(new Error('b'), {code: 'ECONNREFUSED'}),
  ]);
  assert.match(
    explain(both, to('far.example', 1883)).message,
    /^Connection refused by far\.example:1883\. Is it running/,
  );
});

test('a peer that resets the connection at once is an error, whatever was to be put upon it', async () => {
  await using server = await listening(createServer((socket) => socket.resetAndDestroy()));
  await using hesitant = await listening(
    createServer((socket) => setImmediate(() => setImmediate(() => socket.resetAndDestroy()))),
  );
  for (const {port} of [server, hesitant]) {
    const host = '127.0.0.1';
    const layered: readonly HostEndpoint[] = [
      to(host, port, {transport: 'ws'}),
      to(host, port, {tls: {insecure: true}}),
      to(host, port, {transport: 'ws', tls: {insecure: true}}),
      to(host, 1883, {proxy: new URL(`socks5h://${host}:${port}`)}),
      to(host, 1883, {proxy: new URL(`http://${host}:${port}`)}),
    ];
    for (const endpoint of layered) {
      for (let attempt = 0; attempt < 10; attempt++) {
        const error = await dialBounded(endpoint).then(
          () => assert.fail(`connected to ${describe(endpoint)}`),
          (reason: unknown) => reason,
        );
        assert.ok(error instanceof TmqError, String(error));
      }
    }
  }
});
