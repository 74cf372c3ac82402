/**
 * Acknowledged messages survive repeated kill -9, also with a damaged end of the file. TMQ_KILLS sets how often the
 * broker is killed under load at QoS 2; 200 take about ten minutes.
 */

import assert from 'node:assert/strict';
import {randomInt} from 'node:crypto';
import {once} from 'node:events';
import {appendFile, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {Random} from '../fuzz/random.ts';
import {type BrokerProcess, startBrokerProcess} from '../support/broker-process.ts';
import {feedNumberedLines} from '../support/numbered-lines.ts';
import {frameOf, PacketClient} from '../support/packet-client.ts';
import type {Running} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

const persistent = `listener 0 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {directory}/
autosave_interval 1
`;

const messages = 10_000;

/** Lines that are published and not printed, at most: a kill always finds messages in flight and in the queues. */
const mostUnprinted = 500;

async function connected(broker: BrokerProcess, clientId: string, clean: boolean): Promise<PacketClient> {
  const client = new PacketClient(connect(broker.port, '127.0.0.1'), 4);
  const connack = await client.ask({
    ...{cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean, keepalive: 0, clientId},
  });
  assert.equal(connack.returnCode, 0);
  return client;
}

/** A PUBLISH at QoS 1; every second one is retained, on a topic of its own. */
function publishFrame(round: number, index: number): Buffer {
  const topic = Buffer.from(index % 2 === 0 ? `kept/${index}` : 'queue');
  const packetId = (index % 65_535) + 1;
  const head = Buffer.concat([
    Buffer.from([0, topic.length]),
    topic,
    Buffer.from([packetId >> 8, packetId & 255]),
  ]);
  return frameOf(index % 2 === 0 ? 0x33 : 0x32, Buffer.concat([head, Buffer.from(`${round}:${index}`)]));
}

/** Publishes all, kills the broker after so many acknowledgements; the number that came at all, in order. */
async function publishUntilKilled(broker: BrokerProcess, round: number, killAfter: number): Promise<number> {
  const socket = connect(broker.port, '127.0.0.1');
  let bytes = 0;
  let killed = false;
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    // CONNACK and PUBACK have four bytes each.
    if (killed || bytes / 4 - 1 < killAfter) return;
    killed = true;
    void broker.stop('SIGKILL');
  });
  socket.write(frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 1, 0x70]));
  for (let index = 0; index < messages && !killed; index += 100) {
    const batch = Array.from({length: 100}, (_, offset) => publishFrame(round, index + offset));
    if (!socket.write(Buffer.concat(batch))) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), ended]);
    }
    await new Promise(setImmediate);
  }
  await ended;
  await broker.stop('SIGKILL');
  return Math.floor(bytes / 4) - 1;
}

/** All that a client gets until the broker answers a PINGREQ with nothing left to send. */
async function drain(client: PacketClient): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  client.send({cmd: 'pingreq'});
  for (let quiet = 0; quiet < 2; ) {
    const packet = await client.next();
    if (packet.cmd === 'publish') {
      quiet = 0;
      const topic = String(packet.topic);
      found.set(topic, [...(found.get(topic) ?? []), String(packet.payload)]);
      if (packet.qos === 1) client.send({cmd: 'puback', messageId: packet.messageId});
    } else if (packet.cmd === 'pingresp') {
      quiet++;
      client.send({cmd: 'pingreq'});
    }
  }
  return found;
}

describe('a broker that is killed', () => {
  it('has every acknowledged message after each of several restarts, and after a torn write', async () => {
    await using broker = await startBrokerProcess(persistent);
    const keeper = await connected(broker, 'keeper', false);
    await keeper.subscribe('queue', {qos: 1});
    await keeper.leave();
    const queued: string[] = [];
    for (const [round, killAfter] of [1, 700, 6_000].entries()) {
      const acknowledged = await publishUntilKilled(broker, round, killAfter);
      assert.ok(acknowledged >= killAfter && acknowledged <= messages, `${acknowledged}`);
      for (let index = 1; index < acknowledged; index += 2) queued.push(`${round}:${index}`);
      if (round === 1) {
        // The beginning of a record that was never finished.
        const file = (await readdir(broker.directory)).find((name) => name.endsWith('.db.tmq'));
        assert.ok(file !== undefined, (await readdir(broker.directory)).join(' '));
        await appendFile(join(broker.directory, file), Buffer.from([0, 0, 0, 200, 1, 2, 3]));
      }
      await broker.restart();

      const reader = await connected(broker, 'reader', true);
      reader.send({cmd: 'subscribe', messageId: 1, subscriptions: [{topic: 'kept/#', qos: 0}]});
      const kept = await drain(reader);
      for (let index = 0; index < acknowledged; index += 2) {
        assert.deepEqual(kept.get(`kept/${index}`), [`${round}:${index}`]);
      }
      await reader.leave();
    }
    const back = await connected(broker, 'keeper', false);
    const found = (await drain(back)).get('queue') ?? [];
    assert.deepEqual(
      queued.filter((payload) => !found.includes(payload)),
      [],
    );
    assert.equal(new Set(found).size, found.length, 'nothing twice');
    await back.leave();
    await broker.stop();
    await broker.restart();
    const empty = await connected(broker, 'keeper', false);
    assert.deepEqual([...(await drain(empty))], []);
    await empty.leave();
    assert.doesNotMatch(broker.stderr(), /Error|Warning/);
  });

  it('B1: loses no message of pub -c at QoS 2 and delivers none twice to sub -c, killed under load', async (context) => {
    const kills = Number(process.env.TMQ_KILLS ?? 4);
    const seed = Number(process.env.TMQ_SEED ?? randomInt(2 ** 31));
    context.diagnostic(`TMQ_SEED=${seed}`);
    const random = new Random(seed);
    await using place = await createPlace();
    const {start: startBroker} = place;
    // The pauses would grow with each connection that does not last.
    const words = [...place.words, '--reconnect', '0.2s'];
    let broker = await startBroker();
    const options = {timeoutMilliseconds: 60_000 + kills * 10_000};
    const subscriber = ['sub', ...words, '-c', '-i', 'keeper', '-q', '2', '-t', 'load'];
    assert.equal((await runTmq([...subscriber, '-E'])).exitCode, 0);
    await using sub = startTmq(subscriber, options);
    await using pub = startTmq(
      ['pub', ...words, '-c', '-i', 'publisher', '-q', '2', '-t', 'load', '-l'],
      options,
    );
    const lines = feedNumberedLines(pub, sub, mostUnprinted);
    for (let kill = 0; kill < kills; kill++) {
      await lines.printedCount(lines.printed.length + 1 + random.below(2 * mostUnprinted));
      await broker.stop('SIGKILL');
      broker = await startBroker();
    }
    await lines.end();
    const {exitCode, stderr} = await pub.finished;
    assert.equal(exitCode, 0, stderr);
    await lines.printedCount(lines.fed);
    await sub.stop('SIGTERM');
    assert.equal(lines.printed.length, lines.fed, 'as many lines as were published');
    assert.deepEqual(
      lines.printed,
      Array.from({length: lines.fed}, (_, index) => index),
    );
    context.diagnostic(`${kills} kills, ${lines.fed} messages`);
    await broker.stop();
    assert.doesNotMatch(broker.stderr(), /Error|Warning/);
  });
});

/** A directory with a configuration of a persistent broker, which has the same port after each start. */
async function createPlace() {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-kills-'));
  const config = join(directory, 'mosquitto.conf');
  const port = await freePort();
  const own = persistent.replace('listener 0', `listener ${port}`).replaceAll('{directory}', directory);
  await writeFile(config, own);
  let running: Running | undefined;
  return {
    words: ['-h', '127.0.0.1', '-p', String(port)],
    async start(): Promise<Running> {
      running = startTmq(['broker', '-c', config, '--quiet', '--ready', 'json'], {
        timeoutMilliseconds: 600_000,
      });
      await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
      return running;
    },
    async [Symbol.asyncDispose]() {
      await running?.stop('SIGKILL');
      await rm(directory, {recursive: true, force: true});
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  return port;
}
