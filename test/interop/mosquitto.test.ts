/** mosquitto's clients on our broker over tcp and tls, and mosquitto itself as a bridge to it. */
// needs: mosquitto, mosquitto_pub, openssl

import assert from 'node:assert/strict';
import {after, before, describe, it} from 'node:test';
import {type FourListeners, startFourListeners} from '../support/four-listeners.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {run, start} from '../support/spawn.ts';

const versions = ['mqttv31', 'mqttv311', 'mqttv5'] as const;

describe("mosquitto's clients on our broker", {concurrency: 3}, () => {
  let broker: FourListeners;
  before(async () => {
    broker = await startFourListeners();
  });
  after(() => broker[Symbol.asyncDispose]());

  const address = (scheme: 'mqtt' | 'mqtts') =>
    scheme === 'mqtt'
      ? ['-p', `${broker.ports.mqtt}`]
      : ['-p', `${broker.ports.mqtts}`, '--cafile', broker.certificate];

  for (const scheme of ['mqtt', 'mqtts'] as const) {
    for (const version of versions) {
      it(`${scheme}, ${version}: every QoS, retained messages, a will`, async () => {
        const name = `${scheme}-${version}`;
        const shared = ['-h', 'localhost', ...address(scheme), '-V', version];
        const publish = async (...words: string[]) => {
          const {exitCode, stderr} = await run('mosquitto_pub', [...shared, ...words]);
          assert.deepEqual([exitCode, stderr], [0, '']);
        };
        const subscribe = (id: string, filter: string, count: number, ...words: string[]) =>
          start('mosquitto_sub', [
            ...[...shared, '-i', `${name}-${id}`, '-q', '2', '-t', filter, '-C', `${count}`],
            ...['-F', '%t %p q%q r%r', ...words],
          ]);
        const lines = ({stdout}: {stdout: Buffer}) => stdout.toString().trimEnd().split('\n').sort();
        const subscribed = (id: string) => broker.logged(new RegExp(`Sending SUBACK to ${name}-${id}$`, 'm'));

        await using watcher = subscribe('watcher', `${name}/live/#`, 3);
        await using heir = subscribe('heir', `${name}/will`, 1);
        const will = ['--will-topic', `${name}/will`, '--will-payload', 'gone', '--will-qos', '1'];
        await using mortal = subscribe('mortal', 'nothing', 1, ...will);
        await Promise.all(['watcher', 'heir', 'mortal'].map(subscribed));
        for (const qos of [0, 1, 2]) {
          await publish('-q', `${qos}`, '-t', `${name}/live/${qos}`, '-m', `live ${qos}`);
          await publish('-q', `${qos}`, '-t', `${name}/kept/${qos}`, '-m', `kept ${qos}`, '-r');
        }
        await mortal.stop('SIGKILL');
        await using late = subscribe('late', `${name}/kept/#`, 3);
        assert.deepEqual(
          lines(await watcher.finished),
          [0, 1, 2].map((qos) => `${name}/live/${qos} live ${qos} q${qos} r0`),
        );
        assert.deepEqual(lines(await heir.finished), [`${name}/will gone q1 r0`]);
        assert.deepEqual(
          lines(await late.finished),
          [0, 1, 2].map((qos) => `${name}/kept/${qos} kept ${qos} q${qos} r1`),
        );
      });
    }
  }

  it('request and response over TLS', async () => {
    const shared = ['-h', 'localhost', ...address('mqtts'), '-V', 'mqttv5'];
    await using responder = start('mosquitto_sub', [
      ...[...shared, '-i', 'responder', '-t', 'ask', '-C', '1', '-F', '%R'],
    ]);
    await broker.logged(/Sending SUBACK to responder$/m);
    await using asking = start('mosquitto_rr', [
      ...[...shared, '-t', 'ask', '-e', 'answer', '-m', 'q', '-W', '10'],
    ]);
    assert.equal((await responder.finished).stdout.toString(), 'answer\n');
    assert.equal((await run('mosquitto_pub', [...shared, '-t', 'answer', '-m', 'reply'])).exitCode, 0);
    assert.equal((await asking.finished).stdout.toString(), 'reply\n');
  });
});

describe('mosquitto as a bridge to our broker', {concurrency: true}, () => {
  // As long as a bridge may try its own level of the protocol first, and without.
  for (const version of ['mqttv31', 'mqttv311', 'mqttv50']) {
    it(`${version}: messages cross in both directions`, async () => {
      await using ours = await startFourListeners();
      await using theirs = await startMosquitto(`listener {port} 127.0.0.1
allow_anonymous true
connection over
address 127.0.0.1:${ours.ports.mqtt}
bridge_protocol_version ${version}
restart_timeout 1
topic out/# out 2
topic in/# in 2
`);
      await ours.logged(/Sending SUBACK to \S*over$/m);
      const mine = ['-p', `${ours.ports.mqtt}`];
      const other = ['-p', `${theirs.port}`];
      await using here = start('mosquitto_sub', [
        ...mine,
        '-i',
        'here',
        '-t',
        'out/#',
        '-q',
        '2',
        '-C',
        '1',
        '-v',
      ]);
      await using there = start('mosquitto_sub', [
        ...other,
        '-i',
        'there',
        '-t',
        'in/#',
        '-q',
        '2',
        '-C',
        '1',
        '-v',
      ]);
      await ours.logged(/Sending SUBACK to here/);
      await theirs.logged(/Sending SUBACK to there/);
      await run('mosquitto_pub', [...other, '-t', 'out/x', '-q', '2', '-m', 'from there']);
      await run('mosquitto_pub', [...mine, '-t', 'in/x', '-q', '2', '-m', 'from here']);
      assert.equal((await here.finished).stdout.toString(), 'out/x from there\n');
      assert.equal((await there.finished).stdout.toString(), 'in/x from here\n');
    });
  }
});
