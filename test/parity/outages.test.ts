// needs: mosquitto, mosquitto_pub
/**
 * Restarts of a broker that keeps its sessions (TMQ_RESTARTS: how many), and connections cut in the middle of packets in
 * between: sub at QoS 2 prints every message once and in order, and pub -l gets every line through.
 */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {startBrokerProcess} from '../support/broker-process.ts';
import {startCuttingProxy} from '../support/cutting-proxy.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {type RunningMain, startMain} from '../support/run.ts';
import {run} from '../support/spawn.ts';

/**
 * With more messages in flight than its window, mosquitto 2.0.11 restores those beyond it as never sent:
 * it publishes them again after their PUBREL, against [MQTT-4.3.3-6], and not always in order. A window
 * that holds a whole round, on both sides, leaves the clients alone to be judged.
 */
const mosquittoConfig = `listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 1000
max_queued_messages 0
persistence true
persistence_location {directory}/
`;

const ownConfig = `listener 0 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {directory}/
`;

interface Restartable extends AsyncDisposable {
  readonly port: number;
  /** Resolves when the log of the broker that runs matches. */
  logged(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
  restart(): Promise<void>;
}

/** Connections that do not last would make the pauses grow: here they are to be short. */
const soon = ['--reconnect', '0.2s'];

const restarts = Number(process.env.TMQ_RESTARTS ?? 10);
const perRestart = 40;

/** A text for each message, with its round and number. */
const round = (number: number) =>
  Array.from({length: perRestart}, (_, index) => `${number}-${index}`).map((text) => `${text}\n`);

/** Published by a client that sees no outage: each message reaches the broker exactly once. */
async function publishOnce(broker: Restartable, texts: readonly string[]): Promise<void> {
  const words = ['-p', String(broker.port), '-q', '2', '-l', '-t', 'direct'];
  const {exitCode, stderr} = await run('mosquitto_pub', words, {input: texts.join('')});
  assert.deepEqual([exitCode, stderr], [0, '']);
}

function printed(subscriber: RunningMain, topic: string): readonly string[] {
  const lines = subscriber.stdout().toString().split('\n');
  return lines.filter((line) => line.startsWith(`${topic} `)).map((line) => line.slice(topic.length + 1));
}

/** All the restarts and cuts, and what came out of them. */
async function outages(broker: Restartable): Promise<void> {
  // Every second connection is cut, each at another byte.
  const allowance = (connection: number) => (connection % 2 === 1 ? 300 + connection * 61 : undefined);
  await using towardsClient = await startCuttingProxy({upstreamPort: () => broker.port, toClient: allowance});
  await using towardsServer = await startCuttingProxy({upstreamPort: () => broker.port, toServer: allowance});

  const subscribers = ['311', '5'].map((version) => {
    const session = ['-i', `keeper-${version}`, '-c', '-V', version, '-q', '2', ...soon];
    if (version === '5') session.push('-D', 'connect', 'receive-maximum', '1000');
    const filters = ['-t', 'direct', '-t', 'lines/#', '-F', '%t %p'];
    return startMain(['sub', '-p', String(towardsClient.port), ...session, ...filters]);
  });
  for (const version of ['311', '5']) await broker.logged(new RegExp(`Sending SUBACK to keeper-${version}`));
  const publishers = ['1', '2'].map((qos) =>
    startMain([
      'pub',
      ...soon,
      '-p',
      String(towardsServer.port),
      '-i',
      `lines-${qos}`,
      '-q',
      qos,
      '-t',
      `lines/${qos}`,
      '-l',
    ]),
  );
  const clients = ['keeper-311', 'keeper-5', 'lines-1', 'lines-2'];
  const allConnected = () =>
    Promise.all(clients.map((id) => broker.logged(new RegExp(`connected from .* as ${id} `))));
  try {
    // A first connection that fails is not tried again.
    await allConnected();
    for (let number = 0; number < restarts; number++) {
      for (const {stdin} of publishers) stdin.write(round(number).join(''));
      await publishOnce(broker, round(number));
      await broker.stop();
      await broker.restart();
      await allConnected();
    }
    for (const {stdin} of publishers) stdin.end();
    for (const {finished} of publishers) {
      const {exitCode, stderr} = await finished;
      assert.equal(exitCode, 0, stderr);
    }
    await publishOnce(broker, ['end\n']);
    const all = Array.from({length: restarts}, (_, number) => round(number)).flat();
    const texts = all.map((text) => text.slice(0, -1));
    for (const subscriber of subscribers) {
      await subscriber.waitFor('stdout', /^direct end$/m);
      const {exitCode} = await subscriber.interrupt();
      assert.equal(exitCode, 0);
      assert.deepEqual(printed(subscriber, 'direct'), [...texts, 'end']);
      for (const topic of ['lines/1', 'lines/2']) {
        const got = new Set(printed(subscriber, topic));
        assert.deepEqual(
          texts.filter((text) => !got.has(text)),
          [],
          `${topic} was lost`,
        );
      }
    }
    const cuts = towardsClient.cuts + towardsServer.cuts;
    // The later a connection, the more passes before it is cut.
    assert.ok(cuts > Math.min(restarts, 20) / 2, `only ${cuts} connections were cut`);
  } finally {
    await Promise.all([...subscribers, ...publishers].map((each) => each[Symbol.asyncDispose]()));
  }
}

describe('nothing is lost, nothing comes twice, all in order', {concurrency: true, timeout: 120_000}, () => {
  test('through restarts of mosquitto', async () => {
    await using broker = await startMosquitto(mosquittoConfig);
    await outages(broker);
  });

  test('through restarts of tmq broker', async () => {
    await using broker = await startBrokerProcess(ownConfig, {quiet: false});
    await outages(broker);
  });
});
