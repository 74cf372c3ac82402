/** Waiting in tmq/testing: for messages, for their absence, and for clients. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {startBroker, UnexpectedMessageError} from '../../src/testing/testing.ts';

/** Aborts in a later turn. */
function abortSoon(): AbortSignal {
  const controller = new AbortController();
  setImmediate(() => controller.abort(new Error('enough')));
  return controller.signal;
}

describe('waitFor', () => {
  it('takes the messages that fit a condition, before the call and after it', async () => {
    await using broker = await startBroker();
    await using client = await broker.client();
    await client.send('publish', {topic: 'n', payload: '1', qos: 1});
    await client.expect('puback');
    const even = broker.waitFor('n', {count: 2, where: ({payload}) => Number(payload) % 2 === 0});
    for (const payload of ['2', '3', '4', '6']) await client.send('publish', {topic: 'n', payload});
    assert.equal(String((await even).payload), '4');
    assert.equal(String((await broker.waitFor('n', {count: 5})).payload), '6');
  });

  it('sees what the broker itself publishes, and wills', async () => {
    await using broker = await startBroker();
    broker.publish('own', 'x', {qos: 1, properties: {contentType: 'text', userProperties: [['a', 'b']]}});
    const own = await broker.waitFor('own');
    assert.deepEqual([own.source, own.clientId, own.properties?.contentType], ['broker', undefined, 'text']);
    const client = await broker.client({
      clientId: 'frail',
      will: {topic: 'gone', payload: 'bye', properties: {contentType: 'c', willDelayInterval: 0}},
    });
    client.drop();
    const {source, clientId, payload, properties} = await broker.waitFor('gone');
    assert.deepEqual([source, clientId, String(payload)], ['will', 'frail', 'bye']);
    assert.deepEqual(properties, {contentType: 'c'});
  });

  it('names what came instead, within bounds, and where the test waited', async () => {
    await using broker = await startBroker();
    const quick = {timeout: 20};
    await assert.rejects(broker.waitFor('a/+', quick), {
      message: 'No message to a/+ within 20 ms; nothing was published.',
    });
    for (let index = 0; index < 25; index++) broker.publish(`topic/${index}`, '');
    broker.publish(`x${'y'.repeat(300)}`, '');
    const error = await broker.waitFor('a', quick).catch((reason: Error) => reason);
    assert.ok(error instanceof Error);
    assert.match(error.message, /; published were topic\/0, .*, topic\/19 and 6 more topics\.$/);
    assert.match(error.stack?.split('\n')[1] ?? '', /waits\.test\.ts/);
    const long = await broker.waitFor('a', {timeout: 20}).catch((reason: Error) => reason.message);
    assert.ok(String(long).length < 1000);
    await assert.rejects(
      broker.waitFor('topic/+', {count: 30, ...quick}),
      /^Error: Only 25 of 30 messages to topic\/\+ came within 20 ms; published/,
    );
    await assert.rejects(
      broker.waitFor('topic/+', {where: () => false, ...quick}),
      /^Error: No message to topic\/\+ that fits 'where' came within 20 ms; 25 did not fit 'where'; published/,
    );
  });

  it('waits for less time than test runners allow', async (t) => {
    await using broker = await startBroker();
    t.mock.timers.enable({apis: ['setTimeout']});
    const waiting = assert.rejects(broker.waitFor('a'), /within 4000 ms/);
    t.mock.timers.tick(4000);
    t.mock.timers.reset();
    await waiting;
  });

  it('rejects with what the condition throws, and for a condition that is a promise', async () => {
    await using broker = await startBroker();
    const bad = new Error('bad');
    const waiting = broker.waitFor('a', {
      where() {
        throw bad;
      },
    });
    broker.publish('a', '');
    await assert.rejects(waiting, bad);
    const asynchronous = (async () => true) as unknown as () => boolean;
    await assert.rejects(
      broker.waitFor('a', {where: asynchronous}),
      /'where' returned a promise or an object/,
    );
    await assert.rejects(broker.waitFor('a', {timeout: Number.NaN}), /timeout is NaN: it is a number/);
  });

  it('counts on while old messages go, and says that they have gone', async () => {
    await using broker = await startBroker({keepMessages: 3});
    const tenth = broker.waitFor('n', {count: 10});
    for (let index = 1; index <= 10; index++) broker.publish('n', String(index));
    assert.equal(String((await tenth).payload), '10');
    assert.deepEqual(
      broker.published.map(({payload}) => String(payload)),
      ['8', '9', '10'],
    );
    await assert.rejects(
      broker.waitFor('n', {count: 4, timeout: 20}),
      /published were n; 7 earlier messages are no longer kept \(keepMessages, keepBytes\)\.$/,
    );
    await using small = await startBroker({keepBytes: 10});
    for (const payload of ['12345678', '12', '3', '12345678901234']) small.publish('n', payload);
    assert.deepEqual(
      small.published.map(({payload}) => String(payload)),
      ['12345678901234'],
    );
    await assert.rejects(
      startBroker({keepMessages: Number.NaN}),
      /keepMessages is NaN: it is a number of messages/,
    );
    await assert.rejects(startBroker({keepBytes: -1}), /keepBytes is -1: it is a number of bytes/);
  });

  it('rejects with the reason of a signal', async () => {
    await using broker = await startBroker();
    await assert.rejects(broker.waitFor('a', {signal: abortSoon()}), /^Error: enough$/);
    await assert.rejects(broker.waitFor('a', {signal: AbortSignal.abort(new Error('before'))}), /before/);
    await assert.rejects(broker.connected('a', {signal: abortSoon()}), /^Error: enough$/);
    await assert.rejects(broker.expectNothing('a', 60_000, {signal: abortSoon()}), /^Error: enough$/);
  });
});

describe('expectNothing', () => {
  it('rejects with a message that comes, and not for one that came before', async () => {
    await using broker = await startBroker();
    broker.publish('door/open', 'earlier');
    await broker.expectNothing('door/#', 20);
    const quiet = broker.expectNothing('door/#', 60_000);
    broker.publish('window', '');
    broker.publish('door/open', 'now');
    const error = await quiet.catch((reason: unknown) => reason);
    assert.ok(error instanceof UnexpectedMessageError);
    assert.equal(error.message, 'A message to door/open came, and none to door/# was expected: now');
    assert.equal(error.published, broker.published.at(-1));
    assert.match(error.stack?.split('\n')[1] ?? '', /waits\.test\.ts/);
    await assert.rejects(broker.expectNothing('+x', 1), /"\+x" is not a topic filter/);
    await assert.rejects(broker.expectNothing('x', Number.NaN), /milliseconds is NaN/);
    await broker.close();
    await assert.rejects(broker.expectNothing('x', 1), /is not known before the broker was closed/);
  });
});

describe('connected', () => {
  it('resolves with a client when it is connected, and at once if it is', async () => {
    await using broker = await startBroker();
    const waiting = broker.connected('lamp');
    await using lamp = await broker.client({
      clientId: 'lamp',
      keepAliveSeconds: 7,
      username: 'ann',
      protocolVersion: 4,
    });
    const {address, ...client} = await waiting;
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(client, {
      ...{clientId: 'lamp', user: 'ann', protocolVersion: 4, keepAliveSeconds: 7, cleanStart: true},
      ...{sessionExpirySeconds: 0, subscriptions: []},
    });
    await lamp.send('subscribe', {subscriptions: [{filter: 'a/#', qos: 1}]});
    await lamp.expect('suback', {reasonCodes: [1]});
    const [subscription] = (await broker.connected('lamp')).subscriptions;
    assert.deepEqual(subscription, {filter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false});
    assert.deepEqual(
      broker.clients.map(({clientId}) => clientId),
      ['lamp'],
    );
    await assert.rejects(
      broker.connected('fan', {timeout: 20}),
      /^Error: The client fan was not connected within 20 ms; connected are lamp\.$/,
    );
  });
});

describe('waits that are pending when the broker is closed', () => {
  it('reject, also where no test awaits them any more', async () => {
    const broker = await startBroker();
    const reasons: unknown[] = [];
    const onRejection = (reason: unknown) => reasons.push(reason);
    process.on('unhandledRejection', onRejection);
    void broker.waitFor('never');
    const awaited = broker.connected('never');
    await broker.close();
    await assert.rejects(awaited, /not connected before the broker was closed; no client is\.$/);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    assert.deepEqual(reasons, []);
  });
});
