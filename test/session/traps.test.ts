// needs: mosquitto
/**
 * The ways in which MQTT.js, used as it comes, loses messages, hangs or misleads: one test for each, so
 * that a new release of it cannot bring one back unnoticed.
 */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {ExitCode, TmqError} from '../../src/errors.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {freePort, startMosquitto} from '../support/mosquitto.ts';
import {
  collector,
  failsWith,
  numbered,
  persistent,
  publication,
  sessionContext,
  sessionOptions,
} from '../support/sessions.ts';
import {run} from '../support/spawn.ts';

const limit = {timeout: 60_000};

test('T1: end sends what QoS 0 only handed to the stream', limit, async () => {
  await using broker = await startMosquitto();
  await using subscriber = await connect(sessionOptions(broker.port, {clientId: 'sub'}), sessionContext());
  await subscriber.subscribe(['t1/#'], {qos: 0});
  const received = collector((_, count) => count === 20 + 1000);
  const all = subscriber.receive(received);
  const payload = Buffer.alloc(1000, 'x');
  await Promise.all(
    Array.from({length: 20}, async (_, index) => {
      const session = await connect(sessionOptions(broker.port, {clientId: `p${index}`}), sessionContext());
      await session.publish(Buffer.from('x'), publication('t1/one'));
      await session.end();
    }),
  );
  const session = await connect(sessionOptions(broker.port, {clientId: 'many'}), sessionContext());
  const batch = async function* () {
    yield Array.from({length: 1000}, () => payload);
  };
  await session.publishAll(batch(), publication('t1/many'));
  await session.end();
  await all;
  assert.equal(received.messages.length, 1020);
  assert.doesNotMatch(broker.log(), /Client (p\d+|many) closed its connection/);
});

test('T2a: end does not wait for an acknowledgement that never comes', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.next('disconnect');
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  const published = assert.rejects(session.publish(Buffer.from('x'), publication('a', {qos: 1})), TmqError);
  await session.end();
  await published;
  await broker.finished(0);
});

test('T2b: giving up before CONNACK closes the socket at once', limit, async () => {
  const controller = new AbortController();
  const reason = new TmqError('enough', 130);
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    controller.abort(reason);
    await connection.closed;
  });
  const attempt = connect(sessionOptions(broker.port), sessionContext({signal: controller.signal}));
  await assert.rejects(attempt, (error) => error === reason);
  await broker.finished(0);
});

test('T2c: end does not wait for a peer that never closes', limit, async () => {
  await using broker = await startFakeBroker(
    async (connection) => {
      await connection.accept();
      await connection.next('disconnect');
    },
    {neverCloses: true},
  );
  const session = await connect(sessionOptions(broker.port), sessionContext());
  await session.end();
  await broker.finished(0);
});

test('T2d: no publish is forgotten by end', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.idle();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  const outcomes = Promise.allSettled(
    ([0, 1, 2] as const).map((qos) => session.publish(Buffer.from('x'), publication('a', {qos}))),
  );
  await session.end();
  const settled = await outcomes;
  assert.equal(settled.length, 3);
  assert.equal(settled[1]!.status, 'rejected');
  assert.equal(settled[2]!.status, 'rejected');
});

/** Acknowledges at QoS 2, and counts how many were unacknowledged at a time. */
async function acknowledgeAll(connection: FakeConnection, count: number): Promise<number> {
  let most = 0;
  let inFlight = 0;
  while (count > 0) {
    const {cmd, messageId} = await connection.any();
    if (cmd === 'publish') {
      most = Math.max(most, ++inFlight);
      connection.send({cmd: 'pubrec', messageId, reasonCode: 0});
    } else if (cmd === 'pubrel') {
      inFlight--;
      count--;
      connection.send({cmd: 'pubcomp', messageId, reasonCode: 0});
    }
  }
  return most;
}

test("T3: the server's Receive Maximum limits what is in flight", limit, async () => {
  let most = 0;
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({properties: {receiveMaximum: 5}});
    most = await acknowledgeAll(connection, 200);
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const all = Array.from({length: 200}, () => session.publish(Buffer.from('x'), publication('a', {qos: 2})));
  assert.deepEqual(new Set((await Promise.all(all)).map(({reasonCode}) => reasonCode)), new Set([0]));
  assert.ok(most <= 5, `${most} were in flight`);
});

test('T4: reason codes and reason strings of acknowledgements arrive', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const answers = [
      {cmd: 'puback', reasonCode: 16},
      {cmd: 'puback', reasonCode: 135, properties: {reasonString: 'not on this topic'}},
      {cmd: 'pubrec', reasonCode: 151, properties: {reasonString: 'full'}},
    ] as const;
    for (const answer of answers) {
      const {messageId} = await connection.next('publish');
      connection.send({...answer, messageId});
    }
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const payload = Buffer.from('x');
  assert.deepEqual(await session.publish(payload, publication('a', {qos: 1})), {reasonCode: 16});
  await assert.rejects(
    session.publish(payload, publication('a', {qos: 1})),
    failsWith(135, /^Publish refused: Not authorized \(not on this topic\)\.$/),
  );
  await assert.rejects(
    session.publish(payload, publication('a', {qos: 2})),
    failsWith(151, /^Publish refused: Quota exceeded \(full\)\.$/),
  );
});

test('T5: a PUBACK with a code that MQTT.js does not know is a refusal like any other', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('publish');
    connection.sendBytes(Buffer.from([0x40, 3, 0, Number(messageId), 0x95]));
    const second = await connection.next('publish');
    connection.send({cmd: 'puback', messageId: second.messageId, reasonCode: 0});
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const message = publication('a', {qos: 1});
  await assert.rejects(session.publish(Buffer.from('x'), message), failsWith(149, /Packet too large/));
  assert.deepEqual(await session.publish(Buffer.from('y'), message), {reasonCode: 0});
});

for (const [what, bytes] of [
  ['PUBACK', [0x40, 3, 0, 1, 0x42]],
  ['SUBACK', [0x90, 4, 0, 1, 0, 0x42]],
  ['DISCONNECT', [0xe0, 1, 0x42]],
] as const) {
  test(`T5: a ${what} with an impossible code ends the run instead of hanging it`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.next('publish');
      connection.sendBytes(Buffer.from(bytes));
      await connection.closed;
    });
    const session = await connect(sessionOptions(broker.port), sessionContext());
    await assert.rejects(
      session.publish(Buffer.from('x'), publication('a', {qos: 1})),
      failsWith(ExitCode.protocol, /sent what is not allowed in MQTT/),
    );
    await broker.finished(0);
  });
}

test('T5: an answer that is not MQTT is reported as such', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    connection.sendBytes('HTTP/1.1 400 Bad Request\r\n\r\n');
    await connection.closed;
  });
  await assert.rejects(
    connect(sessionOptions(broker.port), sessionContext()),
    failsWith(ExitCode.protocol, /^127\.0\.0\.1:\d+ speaks HTTP, not MQTT\./),
  );
});

test('T7: the last message is acknowledged before DISCONNECT, those behind it are not', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    const publish = {cmd: 'publish', topic: 'a', payload: 'x', qos: 1} as const;
    connection.send(
      {cmd: 'suback', messageId, granted: [1]},
      ...[1, 2, 3].map((messageId) => ({...publish, messageId})),
    );
    await connection.next('disconnect');
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['a'], {qos: 1});
  await session.receive(collector(() => true));
  await session.end();
  await broker.finished(0);
  const after = broker.connections[0]!.packets.map(({cmd}) => cmd);
  assert.deepEqual(after.filter((cmd) => cmd !== 'pingreq').slice(2), ['puback', 'disconnect']);
});

test('T8: the connection survives a receiver that is slow for longer than the keepalive', limit, async () => {
  await using broker = await startMosquitto();
  const options = sessionOptions(broker.port, {clientId: 'slow', keepaliveSeconds: 1});
  await using session = await connect(options, sessionContext());
  await session.subscribe(['t8'], {qos: 1});
  await using publisher = await connect(sessionOptions(broker.port), sessionContext());
  await publisher.publishAll(numbered(10), publication('t8', {qos: 1}));
  const received = collector((_, count) => count === 10);
  let slow = true;
  await session.receive({
    message: (message) => received.message(message),
    async flush() {
      // Not to wait for something: the time is what is tested.
      if (slow) await new Promise((resolve) => setTimeout(resolve, 2600));
      slow = false;
    },
  });
  assert.equal(received.messages.length, 10);
  assert.doesNotMatch(broker.log(), /slow (has exceeded timeout|closed its connection)/);
});

test('T8: a broker that is silent for two keepalives is given up', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.closed;
  });
  const session = await connect(sessionOptions(broker.port, {keepaliveSeconds: 1}), sessionContext());
  await assert.rejects(
    session.receive(collector(() => false)),
    failsWith(ExitCode.keepalive, /keepalive exceeded/),
  );
});

test('T9: a receiver that throws ends the reception with its error, not in silence', limit, async () => {
  await using broker = await startMosquitto();
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['t9'], {qos: 1});
  await session.publish(Buffer.from('x'), publication('t9', {qos: 1}));
  const oops = new Error('oops');
  const reception = session.receive({
    message() {
      throw oops;
    },
    async flush() {},
  });
  await assert.rejects(reception, (error) => error === oops);
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('other', {qos: 1})), {reasonCode: 16});
});

test('T9: so does one that cannot flush', limit, async () => {
  await using broker = await startMosquitto();
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['t9'], {qos: 1});
  await session.publish(Buffer.from('x'), publication('t9', {qos: 1}));
  const oops = new Error('oops');
  const reception = session.receive({
    message: () => 'more',
    async flush() {
      throw oops;
    },
  });
  await assert.rejects(reception, (error) => error === oops);
});

test('T10: an error of the codec, which has no code, is reported', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.closed;
  });
  await assert.rejects(
    connect(sessionOptions(broker.port, {keepaliveSeconds: 70_000}), sessionContext()),
    failsWith(ExitCode.protocol, /Invalid keepalive/),
  );
});

test('T11: a refused connection names the broker, also after several addresses', limit, async () => {
  const port = await freePort();
  for (const host of ['127.0.0.1', 'localhost']) {
    const endpoint = {transport: 'tcp', host, port} as const;
    await assert.rejects(
      connect(sessionOptions(port, {endpoint}), sessionContext()),
      failsWith(ExitCode.failure, /^Connection refused by \S+:\d+/),
    );
  }
});

test('T11: a connection closed without DISCONNECT is lost', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  await assert.rejects(
    session.receive(collector(() => false)),
    failsWith(ExitCode.connectionLost, /was lost/),
  );
});

for (const [protocolVersion, remedy] of [
  [
    4,
    /closed the connection without accepting it\. Is that port for TLS \(--cafile\) or WebSockets \(--ws\)\?$/,
  ],
  [5, /closed the connection without accepting it\. Does it know MQTT 5\? If not, -V 311 helps\.$/],
] as const) {
  for (const end of ['destroySoon', 'resetAndDestroy'] as const) {
    test(
      `T11: a connection closed instead of accepted (${end}), version ${protocolVersion}`,
      limit,
      async () => {
        await using broker = await startFakeBroker(async (connection) => {
          await connection.next('connect');
          connection.socket[end]();
        });
        const opened = connect(sessionOptions(broker.port, {protocolVersion}), sessionContext());
        await assert.rejects(opened, failsWith(ExitCode.connectionLost, remedy));
      },
    );
  }
}

test('T11: a connection that is reset is lost, once it was there', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.next('publish');
    connection.socket.resetAndDestroy();
  });
  const session = await connect(sessionOptions(broker.port), sessionContext());
  await assert.rejects(
    session.publish(Buffer.from('x'), publication('a', {qos: 1})),
    failsWith(ExitCode.connectionLost, /closed the connection|was lost/),
  );
});

test(
  'a connection that ends at a message: before MQTT 5, the error names it and what may be wrong with it',
  limit,
  async () => {
    for (const version of [4, 5] as const) {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        await connection.next('publish');
        connection.socket.end();
      });
      const options = sessionOptions(broker.port, {protocolVersion: version});
      await using session = await connect(options, sessionContext());
      const hint =
        'Not answered: message 1, 5 bytes to a/b\\. Perhaps the broker allows no such size or topic: with -V 5';
      await assert.rejects(
        session.publish(Buffer.from('hello'), publication('a/b', {qos: 1})),
        failsWith(ExitCode.connectionLost, version === 5 ? /was lost\.$/ : new RegExp(`was lost\\. ${hint}`)),
      );
    }
  },
);

test("T11: the server's DISCONNECT is reported in words, whatever its code", limit, async () => {
  for (const [reasonCode, text] of [
    [142, /ended the connection: Session taken over \(elsewhere\)\.$/],
    [0, /ended the connection: Success \(elsewhere\)\.$/],
  ] as const) {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      connection.send({cmd: 'disconnect', reasonCode, properties: {reasonString: 'elsewhere'}});
      await connection.closed;
    });
    const conversation = async () => {
      const session = await connect(sessionOptions(broker.port), sessionContext());
      await session.receive(collector(() => false));
    };
    await assert.rejects(conversation(), failsWith(ExitCode.noConnection, text));
  }
});

test('T11: a refusal while reconnecting ends the session with its code', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    if (connection.number === 0) await connection.accept();
    else {
      await connection.next('connect');
      connection.send({cmd: 'connack', sessionPresent: false, reasonCode: 135});
      await connection.closed;
    }
  });
  const notices: string[] = [];
  const context = sessionContext({reconnect: persistent, notice: (line) => notices.push(line)});
  const session = await connect(sessionOptions(broker.port), context);
  await assert.rejects(
    session.receive(collector(() => false)),
    failsWith(135, /^Connection error: Not authorized\. Check user name /),
  );
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /^The connection to 127\.0\.0\.1:\d+ was lost\b.*\. Connecting again\.$/);
});

test(
  'T12: a message that stays unacknowledged does not keep the next connection from working',
  limit,
  async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({sessionPresent: connection.number > 0});
      await connection.next('publish');
      if (connection.number === 0) return;
      const {messageId} = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId, granted: [0]});
      await connection.idle();
    });
    const options = sessionOptions(broker.port, {clean: false});
    const session = await connect(options, sessionContext({reconnect: persistent}));
    const published = session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    published.catch(() => undefined);
    await broker.finished(0);
    assert.deepEqual(await session.subscribe(['b'], {qos: 0}), [0]);
    await session.end();
  },
);

test('T13: a broker on only one of the addresses of a name is found', limit, async () => {
  await using broker = await startMosquitto();
  const endpoint = {transport: 'tcp', host: 'localhost', port: broker.port} as const;
  await using session = await connect(sessionOptions(broker.port, {endpoint}), sessionContext());
  assert.deepEqual(await session.publish(Buffer.from('x'), publication('a')), {reasonCode: 0});
});

test('T14: the environment changes nothing and makes nothing talk', limit, async () => {
  await using broker = await startMosquitto();
  const program = `
    import {connect} from '${new URL('../../src/client/connect.ts', import.meta.url)}';
    import {sessionContext, sessionOptions, publication} from '${new URL('../support/sessions.ts', import.meta.url)}';
    const options = sessionOptions(${broker.port}, {credentials: {username: 'me', password: 'secret'}});
    const session = await connect(options, sessionContext());
    await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    await session.end();`;
  const finished = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    env: {MQTTJS_SOCKS_PROXY: 'socks5://127.0.0.1:1', DEBUG: 'mqttjs*'},
  });
  assert.equal(finished.exitCode, 0, finished.stderr);
  assert.equal(finished.stdout.toString() + finished.stderr, '');
});
