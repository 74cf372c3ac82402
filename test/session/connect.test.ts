// needs: mosquitto
/** CONNECT and what answers it: credentials, properties, refusals, deadlines, and the lines of -d. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {ExitCode, TmqError} from '../../src/errors.ts';
import type {Message} from '../../src/protocol/message.ts';
import type {UserProperties} from '../../src/protocol/properties.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {collector, failsWith, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};

/** Names that objects would sort, merge or swallow. */
const awkward: UserProperties = [
  ['2', 'two'],
  ['a', ''],
  ['1', 'one'],
  ['a', 'again'],
  ['__proto__', 'x'],
  ['', 'no name'],
  ['a', ''],
  ['2', 'two'],
];

/** User properties as they are on the wire [MQTT 5, 2.2.2.2]. */
function encodedPairs(userProperties: UserProperties): Buffer {
  const string = (text: string) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
  };
  return Buffer.concat(
    userProperties.map(([name, value]) => Buffer.concat([Buffer.of(38), string(name), string(value)])),
  );
}

for (const protocolVersion of [3, 4, 5] as const) {
  test(`version ${protocolVersion}: a message there and back at each QoS, and its trace`, limit, async () => {
    await using broker = await startMosquitto();
    const traced: string[] = [];
    const options = sessionOptions(broker.port, {protocolVersion, clientId: 'me'});
    const session = await connect(
      options,
      sessionContext({trace: (line) => traced.push(line), traceGrants: true}),
    );
    assert.deepEqual(await session.subscribe(['a/b'], {qos: 2}), [2]);
    for (const qos of [0, 1, 2] as const) {
      await session.publish(Buffer.from('hi'), publication('a/b', {qos}));
    }
    const received = collector((_, count) => count === 3);
    await session.receive(received);
    await session.end();
    assert.deepEqual(
      received.messages.map(({topic, payload, qos, retain}) => [topic, String(payload), qos, retain]),
      [0, 1, 2].map((qos) => ['a/b', 'hi', qos, false]),
    );
    const expected = [
      'Client me sending CONNECT',
      'Client me received CONNACK (0)',
      'Client me sending SUBSCRIBE (Mid: 1, Topic: a/b, QoS: 2, Options: 0x00)',
      'Client me received SUBACK',
      'Subscribed (mid: 1): 2',
      "Client me sending PUBLISH (d0, q0, r0, m2, 'a/b', ... (2 bytes))",
      "Client me sending PUBLISH (d0, q1, r0, m3, 'a/b', ... (2 bytes))",
      'Client me received PUBACK (Mid: 3, RC:0)',
      "Client me sending PUBLISH (d0, q2, r0, m4, 'a/b', ... (2 bytes))",
      'Client me received PUBREC (Mid: 4)',
      'Client me sending PUBREL (m4)',
      'Client me received PUBCOMP (Mid: 4, RC:0)',
      "Client me received PUBLISH (d0, q1, r0, m1, 'a/b', ... (2 bytes))",
      'Client me sending PUBACK (m1, rc0)',
      "Client me received PUBLISH (d0, q2, r0, m2, 'a/b', ... (2 bytes))",
      'Client me sending PUBREC (m2, rc0)',
    ];
    for (const line of expected)
      assert.ok(traced.includes(line), `${line} is not among\n${traced.join('\n')}`);
    assert.ok(traced.includes('Client me sending DISCONNECT'));
  });
}

test('an assigned client identifier is taken on, and shown from CONNACK on', limit, async () => {
  await using broker = await startMosquitto();
  const traced: string[] = [];
  const session = await connect(
    sessionOptions(broker.port, {clientId: ''}),
    sessionContext({trace: (line) => traced.push(line)}),
  );
  assert.match(session.clientId, /^auto-/);
  assert.deepEqual(traced, [
    'Client null sending CONNECT',
    `Client ${session.clientId} received CONNACK (0)`,
  ]);
  await session.end();
});

test('MQTT 5 sends a password without a user name', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    const packet = await connection.accept();
    assert.equal(packet.username, undefined);
    assert.equal(String(packet.password), 'sésame');
    assert.equal(packet.clientId, 'tester');
    assert.equal(String((packet.will as {payload: Buffer}).payload), 'gone');
    await connection.idle();
  });
  for (const password of ['sésame', 'sésame']) {
    const session = await connect(
      sessionOptions(broker.port, {
        credentials: {password},
        will: {topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true},
        properties: {sessionExpiryInterval: 5, userProperties: [['long', 'x'.repeat(200)]]},
      }),
      sessionContext(),
    );
    await session.end();
  }
});

test(
  'mosquitto understands a password without a user name; an older version does not allow it',
  limit,
  async () => {
    await using broker = await startMosquitto();
    const credentials = {password: ''};
    const session = await connect(sessionOptions(broker.port, {credentials}), sessionContext());
    await session.end();
    await assert.rejects(
      connect(sessionOptions(broker.port, {credentials, protocolVersion: 4}), sessionContext()),
      failsWith(ExitCode.invalid, /^Before MQTT 5, a password needs a user name\.$/),
    );
  },
);

test('user properties are sent as they were typed, in every packet', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const subscribe = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId: subscribe.messageId, granted: [0]});
    const unsubscribe = await connection.next('unsubscribe');
    connection.send({cmd: 'unsuback', messageId: unsubscribe.messageId, granted: [0]});
    await connection.next('disconnect');
  });
  const userProperties = awkward;
  const session = await connect(
    sessionOptions(broker.port, {
      properties: {userProperties, receiveMaximum: 20},
      will: {topic: 'w', payload: Buffer.alloc(0), qos: 0, retain: false, properties: {userProperties}},
      disconnectProperties: {reasonString: 'enough', userProperties},
    }),
    sessionContext(),
  );
  await session.subscribe(['a'], {qos: 0, properties: {userProperties, subscriptionIdentifier: 268_435_455}});
  await session.unsubscribe(['a'], {userProperties});
  await session.publish(Buffer.from('x'), publication('a', {properties: {contentType: 't', userProperties}}));
  await session.end();
  await broker.finished(0);
  const bytes = broker.connections[0]!.bytes();
  const pairs = encodedPairs(awkward);
  let count = 0;
  for (let at = bytes.indexOf(pairs); at !== -1; at = bytes.indexOf(pairs, at + 1)) count++;
  assert.equal(count, 6);
  assert.equal(broker.connections[0]!.packets.at(-1)!.reasonCode, 0);
});

test('properties are received as they were sent, in order', limit, async () => {
  await using broker = await startMosquitto();
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  await session.subscribe(['a'], {qos: 1, properties: {subscriptionIdentifier: 7}});
  const properties = {
    contentType: 'text/plain',
    userProperties: awkward,
    correlationData: Buffer.of(0, 255),
    responseTopic: 'r/t',
    payloadFormatIndicator: 1,
    messageExpiryInterval: 3600,
  };
  await session.publish(Buffer.from('x'), publication('a', {qos: 1, properties}));
  const received = collector(() => true);
  await session.receive(received);
  const {properties: back} = received.messages[0] as Message;
  assert.deepEqual(back, {...properties, subscriptionIdentifiers: [7]});
  // deepEqual does not look at the order of keys; of those that a client sends, mosquitto keeps it.
  const sent = Object.keys(back!).filter((key) => key in properties);
  assert.deepEqual(
    sent.filter((key) => key !== 'messageExpiryInterval'),
    Object.keys(properties).slice(0, -1),
  );
});

test('a message that several subscriptions match has all their identifiers', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const properties = {subscriptionIdentifier: [7, 268_435_455]};
    connection.send({cmd: 'publish', topic: 'a', payload: 'x', qos: 0, properties});
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const received = collector(() => true);
  await session.receive(received);
  assert.deepEqual(received.messages[0]!.properties, {subscriptionIdentifiers: [7, 268_435_455]});
});

test('a topic alias of the broker is resolved, at QoS 2 too', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    for (const [index, topic] of ['a/b', '', ''].entries()) {
      const qos = index === 0 ? 0 : 2;
      connection.send({
        cmd: 'publish',
        topic,
        payload: 'x',
        qos,
        messageId: index,
        properties: {topicAlias: 3},
      });
    }
    for (const messageId of [1, 2]) {
      await connection.next('pubrec');
      connection.send({cmd: 'pubrel', messageId});
    }
    await connection.idle();
  });
  const options = sessionOptions(broker.port, {properties: {topicAliasMaximum: 5}});
  await using session = await connect(options, sessionContext());
  const received = collector((_, count) => count === 3);
  await session.receive(received);
  assert.deepEqual(
    received.messages.map(({topic, properties}) => [topic, properties?.topicAlias]),
    [
      ['a/b', 3],
      ['a/b', 3],
      ['a/b', 3],
    ],
  );
});

for (const [what, protocolVersion, connack, exitCode, message] of [
  [
    'version 3',
    4,
    {returnCode: 5},
    5,
    /^Connection error: Connection Refused: not authorised\. Check user name \(-u\) and password \(-P\)\.$/,
  ],
  [
    'version 5',
    5,
    {reasonCode: 134, properties: {reasonString: 'who?'}},
    134,
    /^Connection error: Bad User Name or Password \(who\?\)\. Check user name /,
  ],
  ['a session after a clean start', 4, {sessionPresent: true}, ExitCode.protocol, /kept a session/],
] as const) {
  test(`refused: ${what}`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept(connack);
      await connection.closed;
    });
    await assert.rejects(
      connect(
        sessionOptions(broker.port, {protocolVersion}),
        sessionContext({reconnect: {afterLoss: true, atStart: true, delayMilliseconds: 1}}),
      ),
      failsWith(exitCode, message),
    );
    assert.equal(broker.connections.length, 1, 'it tried again');
  });
}

test('refused: a broker that answers version 5 in the manner of version 3', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    connection.sendBytes(Buffer.of(0x20, 2, 0, 1));
    await connection.closed;
  });
  await assert.rejects(
    connect(sessionOptions(broker.port), sessionContext()),
    failsWith(1, /unacceptable protocol version/),
  );
});

test('a wrong password is refused by mosquitto with its code', limit, async () => {
  await using broker = await startMosquitto('listener {port} 127.0.0.1\nallow_anonymous false\n');
  for (const [protocolVersion, exitCode] of [
    [4, 5],
    [5, 135],
  ] as const) {
    await assert.rejects(
      connect(sessionOptions(broker.port, {protocolVersion}), sessionContext()),
      failsWith(exitCode, /not authori[sz]ed/i),
    );
  }
});

test('a silent broker is given up after the connect timeout', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.closed;
  });
  await assert.rejects(
    connect(sessionOptions(broker.port, {connectTimeoutSeconds: 0.2}), sessionContext()),
    failsWith(ExitCode.keepalive, /^No answer from 127\.0\.0\.1:\d+ within 0\.2 seconds\.$/),
  );
  await broker.finished(0);
});

test("the server's keepalive counts", limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({properties: {serverKeepAlive: 1}});
    await connection.idle();
  });
  const pinged: string[] = [];
  const controller = new AbortController();
  const trace = (line: string) => {
    pinged.push(line);
    if (line.endsWith('received PINGRESP')) controller.abort(new TmqError('pinged'));
  };
  const session = await connect(
    sessionOptions(broker.port),
    sessionContext({trace, signal: controller.signal}),
  );
  await assert.rejects(session.receive(collector(() => false)), /pinged/);
  await session.end();
  assert.ok(pinged.includes('Client tester sending PINGREQ'));
});

test('a signal that has aborted before leaves no connection', limit, async () => {
  const reason = new TmqError('never mind', 130);
  await using broker = await startMosquitto();
  await assert.rejects(
    connect(sessionOptions(broker.port), sessionContext({signal: AbortSignal.abort(reason)})),
    (error) => error === reason,
  );
});

for (const pipelined of [false, true]) {
  test(`a wait gets the acceptance, not only the end, pipelined: ${pipelined}`, limit, async () => {
    await using broker = await startMosquitto();
    let ready = 0;
    const onReady = () => void ready++;
    const session = await connect(sessionOptions(broker.port), sessionContext({pipelined, onReady}));
    await session.subscribe(['a'], {qos: 0});
    assert.equal(ready, 1);
    await session.end();
  });
}
