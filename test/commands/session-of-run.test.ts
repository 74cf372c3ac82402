/** pub -l at QoS 2: the session of a run, over a lost connection. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {type Packet, startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';

/** A line is published; the connection is lost before its PUBREC, and the next one takes the rest. */
async function interrupted(...words: string[]): Promise<readonly (readonly Packet[])[]> {
  await using fake = await startFakeBroker(async (connection) => {
    const isFirst = connection.number === 0;
    const accepting = connection.accept(isFirst ? {} : {sessionPresent: true});
    await accepting;
    const {messageId} = await connection.next('publish');
    if (isFirst) return;
    connection.send({cmd: 'pubrec', messageId, reasonCode: 0});
    await connection.next('pubrel');
    connection.send({cmd: 'pubcomp', messageId, reasonCode: 0});
    await connection.closed;
  });
  const at = ['-p', String(fake.port), '-t', 'a', '-l', '-q', '2'];
  const {exitCode} = await runMain(['pub', ...at, ...words], {input: 'line\n'});
  assert.equal(exitCode, 0);
  return fake.connections.map(({packets}) => packets);
}

const of = (packets: readonly Packet[] | undefined, cmd: string) =>
  packets?.find((packet) => packet.cmd === cmd) as Record<string, unknown> | undefined;

const expiry = (packet: Record<string, unknown> | undefined) =>
  (packet?.properties as Record<string, unknown> | undefined)?.sessionExpiryInterval;

test('B7: with MQTT 5, pub -l -q 2 keeps its session over a lost connection, and deletes it at the end', async () => {
  for (const words of [['-i', 'own'], []]) {
    const [first, second] = await interrupted('-V', '5', ...words);
    assert.equal(of(first, 'connect')?.clean, true);
    assert.equal(expiry(of(first, 'connect')), 3600);
    assert.equal(of(second, 'connect')?.clean, false);
    assert.equal(of(second, 'connect')?.clientId, of(first, 'connect')?.clientId);
    assert.equal(of(second, 'publish')?.dup, true);
    assert.equal(of(second, 'publish')?.messageId, of(first, 'publish')?.messageId);
    assert.equal(expiry(of(second, 'disconnect')), 0);
  }
});

test('B7: a time of -x is kept, and the session with it', async () => {
  const [first, second] = await interrupted('-i', 'own', '-x', '60');
  assert.equal(expiry(of(first, 'connect')), 60);
  assert.equal(of(second, 'connect')?.clean, false);
  assert.equal(expiry(of(second, 'disconnect')), undefined);
});
