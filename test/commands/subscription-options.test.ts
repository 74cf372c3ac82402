/** What sub says of its subscriptions beyond topic and QoS, and which it refuses before it connects. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {startFakeBroker} from '../support/fake-broker.ts';
import {runMain} from '../support/run.ts';

test('a malformed shared subscription is refused before connecting, with the right form', async () => {
  for (const filter of ['$share/x', '$share/', '$share/x/', '$share//a', '$share/+/c', '$share/#']) {
    for (const words of [
      ['-t', filter],
      ['-L', `mqtt://127.0.0.1:1/${filter}`],
    ]) {
      const {stderr, exitCode} = await runMain(['sub', ...words, '-p', '1']);
      const form =
        "Its form is $share/GROUP/FILTER, with no wildcard in the group, as in '$share/workers/jobs/#'";
      assert.equal(stderr.split('\n', 1)[0], `Error: Invalid shared subscription '${filter}'. ${form}`);
      assert.equal(exitCode, 1);
    }
  }
});

test('--no-local is a bit of the subscription and sets MQTT 5 [MQTT 5, 3.8.3.1]', async () => {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept();
    const {messageId} = await connection.next('subscribe');
    connection.send({cmd: 'suback', messageId, granted: [0]});
  });
  const words = ['sub', '-h', '127.0.0.1', '-p', String(broker.port), '-t', 'a', '-E', '--no-local'];
  const {exitCode, stderr} = await runMain(words);
  assert.deepEqual([exitCode, stderr], [0, '']);
  const [connect, subscribe] = broker.connections[0]!.packets;
  assert.equal(connect!.protocolVersion, 5);
  assert.equal((subscribe!.subscriptions as readonly {readonly nl?: boolean}[])[0]!.nl, true);
});

test('--no-local is refused with a shared subscription [MQTT-3.8.3-4], and before MQTT 5', async () => {
  const shared = await runMain(['sub', '-t', '$share/g/a', '--no-local']);
  assert.match(
    shared.stderr,
    /^Error: --no-local and the shared subscription \$share\/g\/a cannot be used together\.\n/,
  );
  const old = await runMain(['sub', '-t', 'a', '--no-local', '-V', '311']);
  assert.match(
    old.stderr,
    /^Error: --no-local is not supported before MQTT 5\. Leave out -V, or say -V 5\.\n/,
  );
});
