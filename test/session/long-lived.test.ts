/** What a session keeps while it lives long: packet identifiers, stages of QoS 2, listeners, its window. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {PacketIdentifiers} from '../../src/client/connection/packet-ids.ts';
import {PendingRequests} from '../../src/client/connection/pending-requests.ts';
import {Connector} from '../../src/client/session/connector.ts';
import {InFlightWindow} from '../../src/client/session/in-flight-window.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {persistent, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};

test('G9: a SUBACK that answers nothing leaves the identifier of a message in use', () => {
  const identifiers = new PacketIdentifiers(0);
  const requests = new PendingRequests(identifiers);
  assert.equal(identifiers.take(), 1);
  requests.answered({cmd: 'suback', messageId: 1, granted: [0]});
  for (let count = 1; count < 65_535; count++) identifiers.take();
  assert.throws(() => identifiers.take(), /All packet identifiers are in use/);
});

test('G9: one warning says that a broker does not retain', limit, async () => {
  const notices: string[] = [];
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({properties: {retainAvailable: false}});
    for (const _ of [1, 2]) {
      const {messageId, retain} = await connection.next('publish');
      assert.equal(retain, false);
      connection.send({cmd: 'puback', messageId, reasonCode: 0});
    }
    await connection.idle();
  });
  const context = sessionContext({notice: (line) => notices.push(line)});
  await using session = await connect(sessionOptions(broker.port), context);
  for (const topic of ['a', 'b'])
    await session.publish(Buffer.from('x'), publication(topic, {qos: 1, retain: true}));
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /^Warning: The broker retains no messages.*\(-r\)/);
});

test('G9: with MQTT 3.1 and a kept session, PUBREL follows a reconnect, and not PUBLISH', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    if (connection.number === 0) {
      const {messageId} = await connection.next('publish');
      connection.send({cmd: 'pubrec', messageId});
      await connection.next('pubrel');
      connection.socket.destroy();
      return;
    }
    const packet = await connection.any();
    assert.equal(packet.cmd, 'pubrel');
    connection.send({cmd: 'pubcomp', messageId: packet.messageId});
    await connection.idle();
  });
  const options = sessionOptions(broker.port, {protocolVersion: 3, clean: false});
  await using session = await connect(options, sessionContext({reconnect: persistent}));
  await session.publish(Buffer.from('x'), publication('a', {qos: 2}));
});

test('G9: attempts to connect leave nothing in the signal that ends the session', limit, async () => {
  const halt = new AbortController();
  let attempts = 0;
  await using broker = await startFakeBroker(async (connection) => {
    attempts++;
    if (attempts === 20) halt.abort(new Error('enough'));
    connection.socket.destroy();
  });
  const connector = new Connector({
    options: sessionOptions(broker.port),
    context: sessionContext({reconnect: {...persistent, atStart: true}}),
    halt: halt.signal,
    identifiers: new PacketIdentifiers(),
    events: {
      messages: {offered: () => 'passed', begun: () => undefined, flush: () => undefined},
      acknowledged: () => undefined,
      assigned: () => undefined,
      traced: undefined,
    },
    clientId: () => 'tester',
    unanswered: () => undefined,
    hasGap: () => false,
    onConnected: () => undefined,
    onLost: () => undefined,
    handled: async () => undefined,
  });
  await assert.rejects(connector.open(), /enough/);
  // Node keeps what AbortSignal.any depends on in a set of its own.
  const sizes = Object.getOwnPropertySymbols(halt.signal)
    .filter(({description}) => description?.includes('Dependant'))
    .map((symbol) => (halt.signal as unknown as Record<symbol, {size?: number} | undefined>)[symbol]?.size);
  assert.ok(
    sizes.every((size) => (size ?? 0) === 0),
    String(sizes),
  );
});

test('G9: the window keeps its order when messages are done before they are sent again', () => {
  const window = new InFlightWindow<number>(300);
  for (let id = 1; id <= 300; id++) window.addSent(id, 1, id);
  window.restart({sessionKept: true, receiveMaximum: 200});
  const order: number[] = [];
  for (let id = 1; id <= 300; id += 2) window.acknowledge({cmd: 'puback', messageId: id, reasonCode: 0});
  for (let id = 301; id <= 320; id++) window.add(id, 1, id);
  for (let step = window.next(); step !== undefined; step = window.next()) {
    order.push(step.messageId);
    if (step.messageId % 4 === 0)
      window.acknowledge({cmd: 'puback', messageId: step.messageId, reasonCode: 0});
  }
  const even = Array.from({length: 150}, (_, index) => 2 * (index + 1));
  assert.deepEqual(order, [...even, ...Array.from({length: 20}, (_, index) => 301 + index)]);
  assert.equal(window.isHolding, false);
});
