// needs: mosquitto
/** sub --remove-retained: what is removed, where the broker's queue is short or it refuses, and what is counted. */

import assert from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {brokerKinds, startBroker} from '../support/brokers.ts';
import {runMain, startMain} from '../support/run.ts';
import {publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const shortQueue = 'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100\n';

/** Anyone may read; only topics under free/ may be written by anyone but ann. */
const restricted = `${shortQueue}acl_file {directory}/acl\n`;
const permissions = 'topic read #\ntopic readwrite free/#\nuser ann\ntopic readwrite #\n';

const keep = async (port: number, prefix: string, count: number, words = {}) => {
  await using session = await connect(sessionOptions(port, words), sessionContext());
  const names = Array.from({length: count}, (_, index) => `${prefix}/${index}`);
  await Promise.all(
    names.map((topic) => session.publish(Buffer.from('kept'), publication(topic, {qos: 1, retain: true}))),
  );
};

const lines = (stdout: Buffer) => stdout.toString().split('\n').slice(0, -1);

for (const kind of brokerKinds) {
  test(`B8: all retained messages are removed from ${kind}, each printed once, in spite of a short queue`, async () => {
    await using broker = await startBroker(kind, shortQueue);
    await keep(broker.port, 'old', 1500);
    const at = ['-p', String(broker.port), '-t', 'old/#', '--retained-only'];
    for (const version of ['311', '5']) {
      if (version === '5') await keep(broker.port, 'old', 300);
      const removing = await runMain([
        'sub',
        ...at,
        '--remove-retained',
        '-q',
        '1',
        '-V',
        version,
        '-F',
        '%t',
      ]);
      assert.deepEqual([removing.exitCode, removing.stderr], [0, '']);
      const printed = lines(removing.stdout);
      assert.deepEqual([printed.length, new Set(printed).size], version === '5' ? [300, 300] : [1500, 1500]);
      const after = await runMain(['sub', ...at]);
      assert.deepEqual([after.stdout.toString(), after.exitCode], ['', 0]);
    }
  });

  test(`B8: what ${kind} does not let us remove is counted, and the status is not 0`, async () => {
    await using broker = await startBroker(kind, restricted, async (directory) => {
      await writeFile(join(directory, 'acl'), permissions);
    });
    await keep(broker.port, 'free', 150);
    await keep(broker.port, 'held', 30, {credentials: {username: 'ann'}});
    const at = ['-p', String(broker.port), '-t', '#', '--retained-only'];
    const remove = (version: string) =>
      runMain(['sub', ...at, '--remove-retained', '-q', '1', '-V', version, '-F', '%t']);
    const silent = await remove('311');
    assert.equal(new Set(lines(silent.stdout)).size, 180);
    assert.match(silent.stderr, /^Error: At least 30 retained messages were not removed\. The broker ack/);
    assert.equal(silent.exitCode, 1);
    const refused = await remove('5');
    assert.equal(lines(refused.stdout).length, 30);
    assert.match(
      refused.stderr,
      /^Warning: the retained message of 'held\/\d+' stays: .*\nError: At least 30 /,
    );
    assert.equal(refused.exitCode, 135);
  });
}

test('B8, G9: a refused clearing gives a warning at once, and a run that is interrupted later does not end with 0', async () => {
  await using broker = await startBroker('bundled', restricted, async (directory) => {
    await writeFile(join(directory, 'acl'), permissions);
  });
  await keep(broker.port, 'held', 2, {credentials: {username: 'ann'}});
  const words = ['sub', '-p', String(broker.port), '-t', '#', '--remove-retained', '-V', '5'];
  await using running = startMain(words);
  await running.waitFor('stderr', /Warning: the retained message of 'held\/\d' stays: .*\n/);
  const {exitCode, stderr} = await running.interrupt('SIGINT');
  assert.match(stderr, /Error: At least 2 retained messages were not removed\.\n$/);
  assert.equal(exitCode, 135);
});
