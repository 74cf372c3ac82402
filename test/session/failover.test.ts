/** Several hosts, refusals and ends of connections while a session runs, redirection, and packets that are in vain. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {ConnectionOptions, Endpoint} from '../../src/client/connection-options.ts';
import {disconnectConsequences, refusalConsequences} from '../../src/client/session/consequences.ts';
import {failureCodes} from '../../src/protocol/reason-codes.ts';
import {type FakeBroker, type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {
  collector,
  failsWith,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';

const limit = {timeout: 60_000};

function endpointOf({port}: {readonly port: number}, host = '127.0.0.1'): Endpoint {
  return {transport: 'tcp', host, port};
}

/** Options for several brokers, in their order. */
function optionsFor(
  brokers: readonly {readonly port: number}[],
  overrides: Partial<ConnectionOptions> = {},
): ConnectionOptions {
  const [, ...others] = brokers;
  return sessionOptions(brokers[0]!.port, {
    alternatives: others.map((each) => endpointOf(each)),
    ...overrides,
  });
}

/** A context whose notices are kept. */
function watched(policy: Parameters<typeof sessionContext>[0] = {reconnect: persistent}) {
  const notices: string[] = [];
  return {notices, context: sessionContext({notice: (line) => notices.push(line), ...policy})};
}

/** Accepts, acknowledges what is published and answers SUBSCRIBE, until the other side leaves. */
async function serve(connection: FakeConnection): Promise<void> {
  await connection.accept();
  for (;;) {
    const {cmd, messageId, qos} = await connection.any();
    if (cmd === 'subscribe') connection.send({cmd: 'suback', messageId, granted: [0]});
    if (cmd === 'publish' && qos === 1) connection.send({cmd: 'puback', messageId, reasonCode: 0});
  }
}

async function refuse(connection: FakeConnection, connack: Readonly<Record<string, unknown>>): Promise<void> {
  await connection.next('connect');
  connection.send({cmd: 'connack', returnCode: 0, sessionPresent: false, ...connack});
  await connection.closed;
}

async function aPortThatRefuses(): Promise<number> {
  await using broker = await startFakeBroker(async () => undefined);
  return broker.port;
}

test('the first host that accepts is taken, in the order given', limit, async () => {
  await using second = await startFakeBroker(serve);
  await using third = await startFakeBroker(serve);
  const {notices, context} = watched({});
  const closed = {port: await aPortThatRefuses()};
  await using session = await connect(optionsFor([closed, second, third]), context);
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('a', {qos: 1})), {reasonCode: 0});
  assert.equal(third.connections.length, 0);
  assert.match(
    notices[0]!,
    new RegExp(`^Connection refused by .* Trying 127\\.0\\.0\\.1:${second.port}\\.$`),
  );
  assert.equal(notices[1], `Connected to 127.0.0.1:${second.port}.`);
});

test('where no host accepts, the error is that of the last one', limit, async () => {
  const closed = [{port: await aPortThatRefuses()}, {port: await aPortThatRefuses()}];
  await assert.rejects(
    connect(optionsFor(closed), sessionContext()),
    failsWith(1, new RegExp(`^Connection refused by 127\\.0\\.0\\.1:${closed[1]!.port}\\.`)),
  );
});

test('a long outage names the hosts that are tried once', limit, async () => {
  const hosts = [{port: await aPortThatRefuses()}, {port: await aPortThatRefuses()}];
  const reconnect = {...persistent, atStart: true, attempts: 5};
  const {notices, context} = watched({reconnect});
  await assert.rejects(connect(optionsFor(hosts), context), failsWith(1, /^Connection refused by /));
  assert.equal(notices.filter((line) => line.includes(' Trying ')).length, 2, notices.join('\n'));
});

test('a silent host has its share of the time, then the next one is tried', limit, async () => {
  await using silent = await startFakeBroker((connection) => connection.closed);
  await using other = await startFakeBroker(serve);
  const options = optionsFor([silent, other], {connectTimeoutSeconds: 2});
  const {notices, context} = watched({});
  await using session = await connect(options, context);
  assert.equal(session.connections, 1);
  assert.match(notices[0]!, /^No answer from 127\.0\.0\.1:\d+ within 1 seconds\. Trying /);
});

test('a refusal that will not pass ends the attempt at the host that gave it', limit, async () => {
  await using first = await startFakeBroker((connection) => refuse(connection, {reasonCode: 0x86}));
  await using second = await startFakeBroker(serve);
  await assert.rejects(
    connect(optionsFor([first, second]), sessionContext()),
    failsWith(0x86, /Bad User Name/),
  );
  assert.equal(second.connections.length, 0);
});

test('after a loss the next host takes over, and a notice names it', limit, async () => {
  await using second = await startFakeBroker(serve);
  let first: FakeBroker | undefined = await startFakeBroker(serve);
  const {notices, context} = watched();
  const session = await connect(optionsFor([first, second]), context);
  await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
  await first[Symbol.asyncDispose]();
  first = undefined;
  await session.publish(Buffer.from('y'), publication('a', {qos: 1}));
  await session.end();
  assert.ok(notices.includes(`Connected again to 127.0.0.1:${second.port}.`), notices.join('\n'));
});

interface CodeCase {
  readonly packet: 'connack' | 'disconnect';
  readonly protocolVersion: 4 | 5;
  readonly code: number;
  readonly consequence: string;
}

const codeCases: readonly CodeCase[] = [
  ...failureCodes.flatMap((code): readonly CodeCase[] => [
    {packet: 'connack', protocolVersion: 5, code, consequence: refusalConsequences.get(code) ?? 'end'},
    {
      packet: 'disconnect',
      protocolVersion: 5,
      code,
      consequence: disconnectConsequences.get(code) ?? 'repeat',
    },
  ]),
  ...[1, 2, 3, 4, 5].map(
    (code): CodeCase => ({
      packet: 'connack',
      protocolVersion: 4,
      code,
      consequence: code === 3 ? 'retry' : 'end',
    }),
  ),
];

for (const {packet, protocolVersion, code, consequence} of codeCases) {
  const goesOn = consequence === 'retry' || consequence === 'repeat';
  const name = `${packet} ${code}, MQTT ${protocolVersion}: ${goesOn ? 'the session goes on' : 'the session ends with the code'}`;
  test(name, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      if (connection.number === 0) {
        await connection.accept();
        if (packet === 'disconnect') connection.send({cmd: 'disconnect', reasonCode: code});
      } else if (connection.number === 1 && packet === 'connack')
        await refuse(connection, protocolVersion === 5 ? {reasonCode: code} : {returnCode: code});
      else await serve(connection);
    });
    const session = await connect(sessionOptions(broker.port, {protocolVersion}), watched().context);
    await broker.finished(0);
    const published = session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    if (goesOn) assert.deepEqual(await published, {reasonCode: 0});
    else await assert.rejects(published, failsWith(code, /./));
    await session.end();
  });

  if (packet === 'connack') {
    test(`${name.split(':')[0]}: the first connection fails with it`, limit, async () => {
      await using broker = await startFakeBroker((connection) =>
        refuse(connection, protocolVersion === 5 ? {reasonCode: code} : {returnCode: code}),
      );
      const options = sessionOptions(broker.port, {protocolVersion});
      await assert.rejects(connect(options, watched().context), failsWith(code, /./));
    });
  }
}

test(
  'a connection that is closed in place of CONNACK is tried again while a session runs',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      if (connection.number === 0) await connection.accept();
      else if (connection.number < 5) await connection.next('connect');
      else await serve(connection);
    });
    const session = await connect(sessionOptions(broker.port), watched().context);
    assert.deepEqual(await session.publish(Buffer.from('x'), publication('a', {qos: 1})), {reasonCode: 0});
    assert.equal(broker.connections.length, 6);
    await session.end();
  },
);

test('with --retry-connect the first connection waits for a broker that is busy', limit, async () => {
  await using broker = await startFakeBroker((connection) =>
    connection.number < 3 ? refuse(connection, {reasonCode: 0x89}) : serve(connection),
  );
  const {context} = watched({reconnect: {...persistent, atStart: true}});
  await using session = await connect(sessionOptions(broker.port), context);
  assert.equal(session.connections, 1);
});

test('a policy with a number of attempts ends with the last error', limit, async () => {
  const broker = await startFakeBroker(serve);
  const {context} = watched({reconnect: {...persistent, attempts: 3}});
  const session = await connect(sessionOptions(broker.port), context);
  const ending = assert.rejects(
    session.receive(collector(() => false)),
    failsWith(1, /^Connection refused by /),
  );
  await broker[Symbol.asyncDispose]();
  await ending;
});

test('the same message in vain on three connections ends the session, and is named', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({sessionPresent: false});
    for (;;) {
      const {messageId, payload} = await connection.next('publish');
      if ((payload as Buffer).length === 500) {
        connection.send({cmd: 'disconnect', reasonCode: 0x95});
        return;
      }
      connection.send({cmd: 'puback', messageId, reasonCode: 0});
    }
  });
  const payloads = async function* () {
    yield ['1', '2', '3'].map((each) => Buffer.from(each));
    yield [Buffer.alloc(500, 'x')];
    yield* numbered(50);
  };
  const progress = {read: 0, acknowledged: 0, refused: 0};
  const session = await connect(sessionOptions(broker.port), watched().context);
  await assert.rejects(
    session.publishAll(payloads(), publication('a/b', {qos: 1}), progress),
    failsWith(0x95, /ended 3 connections running at message 4, 500 bytes to a\/b\. .*Packet too large/),
  );
  assert.equal(progress.acknowledged, 3);
  assert.ok(broker.connections.length <= 4, `${broker.connections.length} connections`);
  await session.end();
});

test('a broker that shuts down, or is busy, on many connections running is tried again', limit, async () => {
  const codes = [...disconnectConsequences].flatMap(([code, then]) => (then === 'retry' ? [code] : []));
  assert.ok(codes.length > 3);
  await using broker = await startFakeBroker(async (connection) => {
    const code = codes[connection.number];
    if (code === undefined) return await serve(connection);
    await connection.accept();
    await connection.next('publish');
    connection.send({cmd: 'disconnect', reasonCode: code});
  });
  const {notices, context} = watched();
  const session = await connect(sessionOptions(broker.port), context);
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('a', {qos: 1})), {reasonCode: 0});
  assert.equal(broker.connections.length, codes.length + 1);
  assert.doesNotMatch(notices.join('\n'), /client identifier/);
  await session.end();
});

test('a SUBSCRIBE that is larger than the server takes is not sent [MQTT-3.2.2-15]', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({properties: {maximumPacketSize: 30}});
    await connection.idle();
  });
  const session = await connect(sessionOptions(broker.port), watched().context);
  await assert.rejects(
    session.subscribe(['a'.repeat(10), 'b'.repeat(10)], {qos: 0}),
    failsWith(25, /^SUBSCRIBE larger than supported by the server: 31 bytes, it takes 30\.$/),
  );
  await session.end();
  const [{packets} = {packets: []}] = broker.connections;
  assert.deepEqual(
    packets.map(({cmd}) => cmd),
    ['connect'],
  );
  assert.equal(broker.connections.length, 1);
});

for (const protocolVersion of [4, 5] as const) {
  test(`a SUBSCRIBE in vain ends the session with 7, MQTT ${protocolVersion}`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.next('subscribe');
    });
    const session = await connect(sessionOptions(broker.port, {protocolVersion}), watched().context);
    await assert.rejects(
      session.subscribe(['$share/x/a', 'b', 'c', 'd', 'e'], {qos: 0}),
      failsWith(7, /at the subscription to \$share\/x\/a, b, c and 2 more\./),
    );
    assert.equal(broker.connections.length, 3);
    await session.end();
  });
}

test('a session that another client takes over ends with 142 and says why', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    connection.send({cmd: 'disconnect', reasonCode: 0x8e});
  });
  const session = await connect(sessionOptions(broker.port), watched().context);
  await assert.rejects(
    session.receive(collector(() => false)),
    failsWith(142, /Another client uses this client identifier, tester: give each its own with -i\.$/),
  );
  assert.equal(broker.connections.length, 1);
});

test('connections that end at once three times running are said to share an identifier', limit, async () => {
  const controller = new AbortController();
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    if (connection.number === 4) controller.abort(new Error('enough'));
  });
  const {notices, context} = watched({reconnect: persistent, signal: controller.signal});
  const session = await connect(sessionOptions(broker.port, {protocolVersion: 4}), context);
  await assert.rejects(session.receive(collector(() => false)));
  await session.end();
  const hints = notices.filter((line) => /another client uses the client identifier tester/.test(line));
  assert.equal(hints.length, 1, notices.join('\n'));
});

test('a subscription without its session says how long messages may be missing', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    if (connection.number > 0) return await serve(connection);
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
  });
  const {notices, context} = watched();
  const session = await connect(sessionOptions(broker.port), context);
  await session.subscribe(['a'], {qos: 0});
  await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
  await session.end();
  assert.match(
    notices.at(-1)!,
    /^Connected again to .*\. It has not kept the session: messages of the [\d.]+ s between may be missing\.$/,
  );
});

/** A broker that sends its clients on to the other one. */
function redirecting(to: () => string, code = 0x9c): Promise<FakeBroker> {
  return startFakeBroker((connection) =>
    refuse(connection, {reasonCode: code, properties: {serverReference: to()}}),
  );
}

test('CONNACK with a Server Reference is followed, before and within a session', limit, async () => {
  await using target = await startFakeBroker(serve);
  for (const reference of [`127.0.0.1:${target.port}`, `127.0.0.1:${target.port} other:1`]) {
    await using first = await redirecting(() => reference);
    const {notices, context} = watched({});
    await using session = await connect(sessionOptions(first.port), context);
    await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    assert.deepEqual(notices, [
      `127.0.0.1:${first.port} sends this client to 127.0.0.1:${target.port} (Use another server).`,
      `Connected to 127.0.0.1:${target.port}.`,
    ]);
  }
});

test('DISCONNECT with a Server Reference is followed at once', limit, async () => {
  await using target = await startFakeBroker(serve);
  await using first = await startFakeBroker(async (connection) => {
    await connection.accept();
    const properties = {serverReference: `127.0.0.1:${target.port}`};
    connection.send({cmd: 'disconnect', reasonCode: 0x9c, properties});
  });
  const {context} = watched({reconnect: {...persistent, delayMilliseconds: 60_000}});
  const session = await connect(sessionOptions(first.port), context);
  await first.finished(0);
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('a', {qos: 1})), {reasonCode: 0});
  assert.equal(target.connections.length, 1);
  await session.end();
});

test('three references are followed, a fourth ends with the code', limit, async () => {
  let port = 0;
  await using broker = await redirecting(() => `127.0.0.1:${port}`, 0x9d);
  port = broker.port;
  await assert.rejects(
    connect(sessionOptions(broker.port), sessionContext()),
    failsWith(0x9d, /after 3 other servers/),
  );
  assert.equal(broker.connections.length, 4);
});

test('a reference is not followed with --redirect off, nor where it is none', limit, async () => {
  await using target = await startFakeBroker(serve);
  for (const [reference, overrides, message] of [
    [`127.0.0.1:${target.port}`, {followsRedirection: false}, /Use another server/],
    ['mqtt://127.0.0.1:1', {}, /that is no host and port/],
    ['h:99999', {}, /that is no host and port/],
  ] as const) {
    await using first = await redirecting(() => reference);
    await assert.rejects(
      connect(sessionOptions(first.port, overrides), sessionContext()),
      failsWith(0x9c, message),
    );
  }
  assert.equal(target.connections.length, 0);
});

test('without TLS a password goes only to a host that the user has named', limit, async () => {
  await using target = await startFakeBroker(serve);
  const credentials = {username: 'me', password: 'secret'};
  await using first = await redirecting(() => `localhost:${target.port}`);
  await assert.rejects(
    connect(sessionOptions(first.port, {credentials}), sessionContext()),
    failsWith(0x9c, /the password goes only to hosts that -h or -L names/),
  );
  assert.equal(target.connections.length, 0);
  const alternatives = [endpointOf({port: 1}, 'localhost')];
  await using session = await connect(
    sessionOptions(first.port, {credentials, alternatives}),
    sessionContext(),
  );
  await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
  const [connection] = target.connections;
  assert.equal(connection?.packets[0]?.username, 'me');
});

test('of several hosts, one that says to use another server without naming it is left', limit, async () => {
  await using first = await startFakeBroker((connection) => refuse(connection, {reasonCode: 0x9c}));
  await using second = await startFakeBroker(serve);
  await using session = await connect(optionsFor([first, second]), sessionContext());
  assert.equal(session.connections, 1);
  await using alone = await startFakeBroker((connection) => refuse(connection, {reasonCode: 0x9c}));
  await assert.rejects(connect(sessionOptions(alone.port), sessionContext()), failsWith(0x9c, /Use another/));
});
