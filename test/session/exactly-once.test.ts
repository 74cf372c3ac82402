/**
 * QoS 2 towards a server that forgets, with its connection, how far a message had come: mosquitto 2.0.11
 * does after a restart with more messages in flight than its window. What was not completed by us is the
 * same message when it comes again; what was completed is another one with the same identifier.
 */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {moment} from '../support/moment.ts';
import {collector, persistent, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const publish = {cmd: 'publish', topic: 'a', qos: 2} as const;

/** A session that is kept over its cuts, and what it receives up to the message 'end'. */
async function openKept(port: number) {
  const options = sessionOptions(port, {clean: false, protocolVersion: 4});
  const session = await connect(options, sessionContext({reconnect: persistent}));
  return {session, received: collector(({payload}) => String(payload) === 'end')};
}

/** Gets a message to the other side, up to its PUBCOMP. */
async function deliver(connection: FakeConnection, packet: Readonly<Record<string, unknown>>) {
  connection.send({...publish, ...packet});
  await connection.next('pubrec');
  connection.send({cmd: 'pubrel', messageId: packet.messageId});
  await connection.next('pubcomp');
}

interface Course {
  /** When the first connection is cut, the message having been taken. */
  readonly cut: 'before PUBREL' | 'after PUBCOMP';
  readonly sessionPresent: boolean;
  /** What the next connection brings with the identifier of the message. */
  readonly again: Readonly<Record<string, unknown>>;
}

/** The payloads taken when message 7, 'x', is followed over a cut by another with that identifier. */
async function taken({cut, sessionPresent, again}: Course): Promise<readonly string[]> {
  await using broker = await startFakeBroker(async (connection) => {
    if (connection.number === 0) {
      await connection.accept();
      const message = {messageId: 7, payload: 'x'};
      if (cut === 'after PUBCOMP') await deliver(connection, message);
      else {
        connection.send({...publish, ...message});
        await connection.next('pubrec');
      }
      connection.socket.destroy();
      return;
    }
    await connection.accept({sessionPresent});
    await deliver(connection, {messageId: 7, ...again});
    await deliver(connection, {messageId: 8, payload: 'end'});
    await connection.idle();
  });
  const {session, received} = await openKept(broker.port);
  await session.receive(received);
  await session.end();
  return received.texts();
}

test('a message that comes again before PUBREL is completed, and not taken twice', limit, async () => {
  const course = {cut: 'before PUBREL', sessionPresent: true, again: {dup: true, payload: 'x'}} as const;
  assert.deepEqual(await taken(course), ['x', 'end']);
});

test(
  'after PUBCOMP the identifier is free for another message, even if that comes again',
  limit,
  async () => {
    const course = {cut: 'after PUBCOMP', sessionPresent: true, again: {dup: true, payload: 'y'}} as const;
    assert.deepEqual(await taken(course), ['x', 'y', 'end']);
  },
);

test('a new session knows nothing of the identifiers of the last one', limit, async () => {
  const course = {cut: 'before PUBREL', sessionPresent: false, again: {dup: true, payload: 'y'}} as const;
  assert.deepEqual(await taken(course), ['x', 'y', 'end']);
});

test('what does not come again is another message', limit, async () => {
  const course = {cut: 'before PUBREL', sessionPresent: true, again: {dup: false, payload: 'y'}} as const;
  assert.deepEqual(await taken(course), ['x', 'y', 'end']);
});

for (const fastPath of [true, false]) {
  test(`G1: PUBREC follows the flush, which follows PUBLISH, fast path: ${fastPath}`, limit, async () => {
    const flushing = moment();
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      connection.send({...publish, messageId: 1, payload: 'x'}, {...publish, messageId: 2, payload: 'end'});
      await flushing.happened;
      await connection.next('publish');
      await connection.next('pubrec');
      await connection.next('pubrec');
      await connection.idle();
    });
    const options = sessionOptions(broker.port, {clean: false, protocolVersion: 4});
    await using session = await connect(options, sessionContext({fastPath}));
    const received = collector(({payload}) => String(payload) === 'end');
    await session.receive({
      message: (message) => received.message(message),
      async flush() {
        await received.flush();
        flushing.happen();
        await session.publish(Buffer.from('flushed'), publication('marker'));
      },
    });
    assert.deepEqual(received.texts(), ['x', 'end']);
  });

  test(`G1: what was not taken is not acknowledged, fast path: ${fastPath}`, limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      connection.send(...['x', 'end', 'y'].map((payload, at) => ({...publish, messageId: at + 1, payload})));
      await connection.idle();
    });
    const options = sessionOptions(broker.port, {clean: false, protocolVersion: 4});
    const session = await connect(options, sessionContext({fastPath}));
    const received = collector(({payload}) => String(payload) === 'end');
    await session.receive(received);
    await session.end();
    await broker.finished(0);
    const acknowledged = broker.connections[0]!.packets.filter(({cmd}) => cmd === 'pubrec');
    assert.deepEqual(
      acknowledged.map(({messageId}) => messageId),
      [1, 2],
    );
  });
}
