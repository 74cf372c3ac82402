/** The built program at servers that break the rules of WebSockets, or drop what they have acknowledged. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {maySilence, startSilenced} from '../support/silent-name-server.ts';
import {startBoundedQueueBroker} from '../support/stand-ins/bounded-queue-broker.ts';
import {
  type FatalFrame,
  fatalFrames,
  startFaultyWebSockets,
} from '../support/stand-ins/faulty-web-sockets.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

describe('a fatal error in a WebSocket frame', {concurrency: 4}, () => {
  for (const frame of Object.keys(fatalFrames) as FatalFrame[]) {
    for (const after of ['upgrade', 'CONNACK'] as const) {
      it(`A5: ${frame} behind ${after} ends pub with the reason`, async () => {
        await using server = await startFaultyWebSockets(frame, after);
        const {exitCode, stderr, timedOut} = await runTmq(
          ['pub', '--ws', '-p', String(server.port), '-t', 't', '-m', 'x', '-q', '1'],
          {timeoutMilliseconds: 10_000},
        );
        assert.ok(!timedOut, 'it hangs');
        assert.notEqual(exitCode, 0);
        assert.match(stderr, /^Error: .*WebSocket.*\n$/);
      });
      it(`A5: ${frame} behind ${after}: sub ends in the time of -W`, async () => {
        await using server = await startFaultyWebSockets(frame, after);
        const {exitCode, stderr, timedOut} = await runTmq(
          ['sub', '--ws', '-p', String(server.port), '-t', 't', '-W', '2'],
          {timeoutMilliseconds: 10_000},
        );
        assert.ok(!timedOut, 'it hangs');
        assert.notEqual(exitCode, 0);
        assert.doesNotMatch(stderr, /destroyed|Cannot call/);
      });
    }
  }
});

describe('a broker that keeps 1000 messages for a subscriber', () => {
  it('A3: gets 5000 lines of pub -l no faster than it passes them on', async () => {
    await using broker = await startBoundedQueueBroker();
    const port = String(broker.port);
    await using sub = startTmq(['sub', '-p', port, '-t', 't', '-q', '1', '-C', '5000']);
    while (broker.subscribers === 0) await new Promise((resolve) => setImmediate(resolve));
    const input = Array.from({length: 5000}, (_, index) => `line ${index}\n`).join('');
    const {exitCode, stderr} = await runTmq(['pub', '-p', port, '-t', 't', '-q', '1', '-l'], {input});
    assert.deepEqual([exitCode, stderr, broker.dropped], [0, '', 0]);
    assert.equal((await sub.finished).stdout.toString(), input);
  });
});

describe('a name server that does not answer', {skip: !maySilence, concurrency: true}, () => {
  const command = (...words: readonly string[]) =>
    [process.execPath, program, ...words, '-h', 'broker.example', '-t', 't'] as const;
  // The resolver itself gives up after ten seconds.
  const options = {env: {HOME: '/nonexistent'}, timeoutMilliseconds: 7000};

  it('A6: -W holds', async () => {
    await using sub = await startSilenced([...command('sub', '-W', '2')], options);
    const {timedOut, exitCode} = await sub.running.finished;
    assert.deepEqual({timedOut, exitCode}, {timedOut: false, exitCode: 27});
  });

  it('A6: --connect-timeout holds', async () => {
    await using pub = await startSilenced([...command('pub', '-m', 'x', '--connect-timeout', '2')], options);
    const {timedOut, stderr} = await pub.running.finished;
    assert.ok(!timedOut, 'it hangs');
    assert.match(stderr, /^Error: .*broker\.example.*\n$/);
  });
});
