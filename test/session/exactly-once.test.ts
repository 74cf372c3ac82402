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

const limit = {timeout: 20_000};
const publish = {cmd: 'publish', topic: 'a', qos: 2} as const;

/** A session that is kept over its cuts, and what it receives up to the message 'end'. */
async function openKept(port: number) {
  const options = sessionOptions(port, {clean: false, protocolVersion: 4});
  const session = await connect(options, sessionContext({reconnect: persistent}));
  return {session, received: collector(({payload}) => String(payload) === 'end')};
}

/** Gets a message to the other side, up to its PUBREL. */
async function deliver(connection: FakeConnection, packet: Readonly<Record<string, unknown>>) {
  connection.send({...publish, ...packet});
  await connection.next('pubrec');
  connection.send({cmd: 'pubrel', messageId: packet.messageId});
}

interface Course {
  /** When the first connection is cut, the message having been taken. */
  readonly cut: 'before PUBCOMP' | 'after PUBCOMP';
  readonly sessionPresent: boolean;
  /** What the next connection brings with the identifier of the message. */
  readonly again: Readonly<Record<string, unknown>>;
}

/** The payloads taken when message 7, 'x', is followed over a cut by another with that identifier. */
async function taken({cut, sessionPresent, again}: Course): Promise<readonly string[]> {
  const flushing = moment();
  const resumed = moment();
  await using broker = await startFakeBroker(async (connection) => {
    if (connection.number === 0) {
      await connection.accept();
      await deliver(connection, {messageId: 7, payload: 'x'});
      if (cut === 'after PUBCOMP') await connection.next('pubcomp');
      else await flushing.happened;
      connection.socket.destroy();
      return;
    }
    await connection.accept({sessionPresent});
    await deliver(connection, {messageId: 7, ...again});
    resumed.happen();
    await connection.next('pubcomp');
    await deliver(connection, {messageId: 8, payload: 'end'});
    await connection.idle();
  });
  const {session, received} = await openKept(broker.port);
  await session.receive({
    message: (message) => received.message(message),
    async flush() {
      await received.flush();
      flushing.happen();
      if (cut === 'before PUBCOMP') await resumed.happened;
    },
  });
  await session.end();
  return received.texts();
}

test(
  'a message that comes again before PUBCOMP was sent is completed, and not taken twice',
  limit,
  async () => {
    const course = {cut: 'before PUBCOMP', sessionPresent: true, again: {dup: true, payload: 'x'}} as const;
    assert.deepEqual(await taken(course), ['x', 'end']);
  },
);

test(
  'after PUBCOMP the identifier is free for another message, even if that comes again',
  limit,
  async () => {
    const course = {cut: 'after PUBCOMP', sessionPresent: true, again: {dup: true, payload: 'y'}} as const;
    assert.deepEqual(await taken(course), ['x', 'y', 'end']);
  },
);

test('a new session knows nothing of the identifiers of the last one', limit, async () => {
  const course = {cut: 'before PUBCOMP', sessionPresent: false, again: {dup: true, payload: 'y'}} as const;
  assert.deepEqual(await taken(course), ['x', 'y', 'end']);
});

test('what does not come again is another message', limit, async () => {
  const course = {cut: 'before PUBCOMP', sessionPresent: true, again: {dup: false, payload: 'y'}} as const;
  assert.deepEqual(await taken(course), ['x', 'y', 'end']);
});

test('a released message that still waits to be taken is not taken twice either', limit, async () => {
  const flushing = moment();
  const cut = moment();
  const resumed = moment();
  await using broker = await startFakeBroker(async (connection) => {
    if (connection.number === 0) {
      await connection.accept();
      connection.send({...publish, messageId: 6, payload: 'x'}, {...publish, messageId: 7, payload: 'y'});
      for (let count = 0; count < 2; count++) await connection.next('pubrec');
      connection.send({cmd: 'pubrel', messageId: 6});
      const {messageId} = await connection.next('publish');
      // The answer stands behind the release: when it is there, message 7 is waiting.
      connection.send({cmd: 'pubrel', messageId: 7}, {cmd: 'puback', messageId});
      await cut.happened;
      connection.socket.destroy();
      return;
    }
    await connection.accept({sessionPresent: true});
    await deliver(connection, {messageId: 7, payload: 'y', dup: true});
    resumed.happen();
    await connection.next('pubcomp');
    await deliver(connection, {messageId: 8, payload: 'end'});
    await connection.idle();
  });
  const {session, received} = await openKept(broker.port);
  const all = session.receive({
    message: (message) => received.message(message),
    async flush() {
      await received.flush();
      flushing.happen();
      await resumed.happened;
    },
  });
  await flushing.happened;
  await session.publish(Buffer.from('answer me'), publication('marker', {qos: 1}));
  cut.happen();
  await all;
  await session.end();
  assert.deepEqual(received.texts(), ['x', 'y', 'end']);
});
