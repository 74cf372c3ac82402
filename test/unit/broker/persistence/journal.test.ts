/** The journal's records suffice to restore the state at any moment. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import type {RestoredState} from '../../../../src/broker/persistence/journal.ts';
import {StoredState} from '../../../../src/broker/persistence/stored-state.ts';
import {type PacketBroker, packetBroker} from '../../../support/packet-client.ts';

/** A journal in memory. Each call changes the state that a restart would restore: none is about something unknown. */
function memoryJournal(): StoredState {
  const state = new StoredState();
  return new Proxy(state, {
    get(_target, name: keyof StoredState) {
      if (name === 'restored') return () => state.restored();
      return (...args: unknown[]) => {
        const before = state.restored();
        Reflect.apply(state[name], state, args);
        assert.notDeepEqual(state.restored(), before, `${name} ${JSON.stringify(args)}`);
      };
    },
  });
}

/** A broker with a journal, and a second one that starts from it. */
function kept(memory: StoredState): PacketBroker {
  return packetBroker({
    context: {journal: memory, restored: memory.restored()},
    limits: {maxQueuedMessages: 5},
  });
}

/** The state of a broker that a restart would restore. */
function savedState({broker}: PacketBroker): RestoredState {
  const {retained, sessions} = broker.state();
  return {retained: [...retained], sessions: [...sessions]};
}

const lasting = {version: 5, clean: false, properties: {sessionExpiryInterval: 100}} as const;

describe('a journal', () => {
  it('restores retained messages', async () => {
    const memory = memoryJournal();
    {
      await using broker = kept(memory);
      const client = await broker.connect('a', {version: 5});
      client.publish('t', 'kept', {retain: true});
      client.publish('u', 'cleared', {retain: true});
      client.publish('u', '', {retain: true});
      client.publish('v', 'old', {retain: true, properties: {messageExpiryInterval: 5}});
      await client.quiet();
      broker.advance(6);
    }
    await using broker = kept(memory);
    const client = await broker.connect('b');
    await client.subscribe('#');
    assert.equal(await client.message(), 't kept q0 r1 d0');
    await client.quiet();
  });

  it('restores sessions with their subscriptions, queues and QoS flows', async () => {
    const memory = memoryJournal();
    {
      await using broker = kept(memory);
      const client = await broker.connect('s', lasting);
      await client.subscribe('t', {qos: 2}, {subscriptionIdentifier: 9});
      await client.subscribe('u', {qos: 1});
      await client.ask({cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['u']});
      const publisher = await broker.connect('p');
      for (const [index, qos] of [1, 2, 2, 1].entries()) {
        publisher.publish('t', `m${index}`, {qos, messageId: index + 1});
        await client.expect('publish');
      }
      client.send({cmd: 'puback', messageId: 1, reasonCode: 0});
      await client.ask({cmd: 'pubrec', messageId: 2, reasonCode: 0});
      client.publish('elsewhere', 'x', {qos: 2, messageId: 70});
      await client.expect('pubrec');
      client.drop();
      await publisher.leave();
      const again = await broker.connect('p');
      again.publish('t', 'waiting', {qos: 1, messageId: 1});
      await again.expect('puback');
      assert.deepEqual(savedState(broker), memory.restored());
    }
    await using broker = kept(memory);
    assert.deepEqual(savedState(broker), memory.restored());
    const watcher = await broker.connect('w');
    await watcher.subscribe('elsewhere');
    const client = await broker.connect('s', lasting);
    assert.equal(client.connack.sessionPresent, true);
    assert.equal((await client.expect('pubrel')).messageId, 2);
    assert.equal(await client.message(), 't m2 q2 r0 d1');
    assert.equal(await client.message(), 't m3 q1 r0 d1');
    const waiting = await client.expect('publish');
    assert.equal(String(waiting.payload), 'waiting');
    assert.deepEqual({...(waiting.properties as object)}, {subscriptionIdentifier: 9});
    client.publish('elsewhere', 'x', {qos: 2, messageId: 70, dup: true});
    await client.expect('pubrec');
    await watcher.quiet();
  });

  it('does not restore sessions that ended; the others expire counted from their disconnection', async () => {
    const memory = memoryJournal();
    {
      await using broker = kept(memory);
      await (await broker.connect('gone', lasting)).leave({
        reasonCode: 0,
        properties: {sessionExpiryInterval: 0},
      });
      await broker.connect('replaced', lasting);
      await (await broker.connect('replaced', {version: 5})).leave();
      const resumed = await broker.connect('resumed', lasting);
      await resumed.subscribe('t', {qos: 1});
      const briefly = await broker.connect('resumed', {version: 5, clean: false});
      await briefly.subscribe('u', {qos: 1});
      await briefly.leave();
      await (await broker.connect('left', lasting)).leave();
    }
    assert.deepEqual(
      memory.restored().sessions.map(({session}) => session.clientId),
      ['left'],
    );
    await using broker = kept(memory);
    broker.advance(101);
    assert.equal((await broker.connect('left', lasting)).connack.sessionPresent, false);
  });

  it('F15: gives the messages of a shared subscription to its other member after a restart', async () => {
    const memory = memoryJournal();
    {
      await using broker = kept(memory);
      for (const name of ['one', 'other']) {
        const member = await broker.connect(name, lasting);
        await member.subscribe('$share/workers/jobs', {qos: 1});
        await member.leave();
      }
      const publisher = await broker.connect('p');
      for (const [index, job] of ['a', 'b', 'c', 'd'].entries()) {
        publisher.publish('jobs', job, {qos: 1, messageId: index + 1});
        await publisher.expect('puback');
      }
    }
    await using broker = kept(memory);
    const other = await broker.connect('other', {...lasting, clean: false});
    const jobs = [await other.message(), await other.message()];
    // The session of the first member ends.
    await (await broker.connect('one', {version: 5})).leave();
    jobs.push(await other.message(), await other.message());
    assert.deepEqual(jobs.map((line) => line.split(' ')[1]).sort(), ['a', 'b', 'c', 'd']);
  });

  it('F9: keeps a session for its whole time when the clock was set back before the restart', async () => {
    const memory = memoryJournal();
    {
      await using broker = kept(memory);
      broker.advance(1000);
      await (await broker.connect('left', lasting)).leave();
    }
    await using broker = kept(memory);
    broker.advance(99);
    broker.advance(2);
    assert.equal((await broker.connect('left', lasting)).connack.sessionPresent, false);
  });

  it('records dropped and expired messages, so that its state does not grow', async () => {
    const memory = memoryJournal();
    await using broker = kept(memory);
    const client = await broker.connect('s', lasting);
    await client.subscribe('t', {qos: 1});
    await client.leave();
    const publisher = await broker.connect('p', {version: 5});
    for (let messageId = 1; messageId <= 8; messageId++) {
      publisher.publish('t', 'x', {qos: 1, messageId, properties: {messageExpiryInterval: 5}});
      await publisher.expect('puback');
    }
    assert.equal(memory.restored().sessions[0]!.queued.length, 5);
    broker.advance(6);
    const back = await broker.connect('s', lasting);
    await back.quiet();
    assert.equal(memory.restored().sessions[0]!.queued.length, 0);
  });
});
