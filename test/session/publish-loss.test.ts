// needs: mosquitto
/** Nothing published is counted before it left: identifiers that run out or were left open, and losses at QoS 0. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {persistent, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};

test('G2: more publications at once than there are identifiers go through the window', limit, async () => {
  await using broker = await startMosquitto();
  await using session = await connect(sessionOptions(broker.port), sessionContext());
  const count = 66_000;
  const published = Array.from({length: count}, () =>
    session.publish(new Uint8Array(0), publication('a', {qos: 1, retain: true})),
  );
  assert.equal((await Promise.all(published)).length, count);
});

test('G2: an end reaches publications that wait for room', limit, async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    await connection.idle();
  });
  const end = new AbortController();
  await using session = await connect(sessionOptions(broker.port), sessionContext({signal: end.signal}));
  const published = Array.from({length: 1000}, () =>
    session.publish(new Uint8Array(0), publication('a', {qos: 1})),
  );
  end.abort(new Error('enough'));
  const results = await Promise.allSettled(published);
  assert.ok(results.every(({status}) => status === 'rejected'));
});

test('G3: the identifiers of a session that may be kept begin at random', limit, async () => {
  const identifiers: unknown[] = [];
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({sessionPresent: true});
    const {messageId} = await connection.next('publish');
    identifiers.push(messageId);
    connection.send({cmd: 'pubrec', messageId});
    await connection.next('pubrel');
    connection.send({cmd: 'pubcomp', messageId});
    await connection.idle();
  });
  for (let run = 0; run < 4; run++) {
    await using session = await connect(sessionOptions(broker.port, {clean: false}), sessionContext());
    await session.publish(Buffer.from('x'), publication('a', {qos: 2}));
  }
  assert.equal(new Set(identifiers).size, 4, identifiers.join(' '));
});

test('G3: a message whose identifier the server has in use is sent with another', limit, async () => {
  const identifiers: unknown[] = [];
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({sessionPresent: true});
    for (const reasonCode of [0x91, 0]) {
      const {messageId, payload} = await connection.next('publish');
      assert.equal(String(payload), 'x');
      identifiers.push(messageId);
      connection.send({cmd: 'pubrec', messageId, reasonCode});
      if (reasonCode !== 0) continue;
      await connection.next('pubrel');
      connection.send({cmd: 'pubcomp', messageId});
    }
    await connection.idle();
  });
  await using session = await connect(sessionOptions(broker.port, {clean: false}), sessionContext());
  const result = await session.publish(Buffer.from('x'), publication('a', {qos: 2}));
  assert.equal(result.reasonCode, 0);
  assert.equal(new Set(identifiers).size, 2);
});

for (const reconnects of [true, false]) {
  test(`G5: lines at QoS 0 that the system had not taken, reconnects: ${reconnects}`, limit, async () => {
    const count = 1000;
    const arrived = new Set<string>();
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      if (connection.number === 0) {
        await connection.next('publish');
        // The client has read all lines before it wrote the first.
        assert.equal(progress.read, count);
        connection.socket.destroy();
        return;
      }
      for (;;) arrived.add(String((await connection.next('publish')).payload).slice(0, 8));
    });
    const progress = {read: 0, acknowledged: 0, refused: 0};
    const names = Array.from({length: count}, (_, index) => String(index).padStart(8, '0'));
    // As much as the buffers of both systems do not hold.
    const lines = names.map((name) => Buffer.from(name.padEnd(60_000, '.')));
    const input = (async function* () {
      yield lines;
    })();
    const context = sessionContext(reconnects ? {reconnect: persistent} : {});
    await using session = await connect(sessionOptions(broker.port), context);
    const publishing = session.publishAll(input, publication('a'), progress);
    if (!reconnects) {
      await assert.rejects(publishing, /closed the connection|was lost/);
      assert.ok(progress.acknowledged < count);
      return;
    }
    assert.deepEqual(await publishing, {read: count, acknowledged: count, refused: 0});
    await session.end();
    await broker.finished(1);
    assert.ok(arrived.has(names.at(-1)!));
  });
}
