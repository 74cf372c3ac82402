/** A broker that is killed after any record of its store loses no message at QoS 2, and delivers none twice. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {openStore} from '../../../../src/broker/persistence/store.ts';
import {StoreFile, storeParts} from '../../../../src/broker/persistence/store-file.ts';
import {
  type PacketBroker,
  type PacketClient,
  packetBroker,
  type Said,
} from '../../../support/packet-client.ts';

const lasting = {version: 5, clean: false, properties: {sessionExpiryInterval: 1000}} as const;
const payloads = ['one', 'two', 'three'];

async function withStore(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-kill-'));
  try {
    await test(join(directory, 'store'));
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

async function startWith(path: string): Promise<PacketBroker> {
  const store = await openStore({path, autosaveSeconds: 0}, (_type, line) => assert.fail(line));
  const {journal, restored} = store;
  return packetBroker({context: {journal, restored, changeLog: store}});
}

/** What a peer got, and how long the store's file was then. */
interface Arrival {
  readonly packet: Said;
  readonly size: number;
}

/** Where the records of a store end, from a size on. */
function recordEnds(path: string, from: number): number[] {
  const file = StoreFile.open(path);
  const ends: number[] = [];
  for (const part of storeParts(file)) {
    assert.equal(part.kind, 'record');
    if (part.kind === 'record') ends.push(part.at + file.framing.mark.length + 8 + part.content.length);
  }
  file.close();
  return ends.filter((end) => end >= from);
}

/** All that has arrived for a client until the broker has nothing more to send, acknowledged as a receiver does. */
async function receiveAll(
  client: PacketClient,
  known: Map<number, string>,
  delivered: string[],
): Promise<void> {
  client.send({cmd: 'pingreq'});
  for (let quiet = 0; quiet < 2; ) {
    const packet = await client.next();
    if (packet.cmd === 'pingresp') {
      quiet++;
      client.send({cmd: 'pingreq'});
      continue;
    }
    quiet = 0;
    const {messageId} = packet as unknown as {messageId: number};
    if (packet.cmd === 'publish') {
      if (!known.has(messageId)) {
        known.set(messageId, String(packet.payload));
        delivered.push(String(packet.payload));
      }
      client.send({cmd: 'pubrec', messageId});
    } else if (packet.cmd === 'pubrel') {
      known.delete(messageId);
      client.send({cmd: 'pubcomp', messageId});
    }
  }
}

/** Goes on where a publisher of `payloads` was that had got these packets. */
async function publishRest(client: PacketClient, got: readonly Said[]): Promise<void> {
  for (const [index, payload] of payloads.entries()) {
    const messageId = index + 1;
    const has = (cmd: string) => got.some((packet) => packet.cmd === cmd && packet.messageId === messageId);
    if (has('pubcomp')) continue;
    if (!has('pubrec')) {
      client.publish('t', payload, {qos: 2, messageId, dup: true});
      assert.equal((await client.expect('pubrec')).messageId, messageId);
    }
    assert.equal((await client.ask({cmd: 'pubrel', messageId})).cmd, 'pubcomp');
  }
}

/** Notes what arrives for the clients of a broker whose store is at `path`, and what kills of it leave. */
class Recording {
  readonly #path: string;
  readonly #arrivals: Arrival[] = [];
  #start = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async #size(): Promise<number> {
    return (await stat(this.#path)).size;
  }

  /** What is stored from now on is looked at. */
  async begin(): Promise<void> {
    this.#start = await this.#size();
  }

  async note(packet: Said): Promise<void> {
    this.#arrivals.push({packet, size: await this.#size()});
  }

  /**
   * Calls `test` with a broker that was killed after each of the records, and with the packets that had arrived then:
   * once with those that the last record let leave, and once without.
   */
  async afterEachRecord(
    test: (broker: PacketBroker, got: Said[], where: string) => Promise<void>,
  ): Promise<void> {
    const ends = recordEnds(this.#path, this.#start);
    assert.ok(ends.length >= 7, `${ends.length} records`);
    const bytes = await readFile(this.#path);
    for (const [index, end] of ends.entries()) {
      for (const isLate of [false, true]) {
        const own = `${this.#path}-${index}-${isLate}`;
        await writeFile(own, bytes.subarray(0, end));
        await using broker = await startWith(own);
        const got = this.#arrivals.filter(({size}) => (isLate ? size < end : size <= end));
        await test(
          broker,
          got.map(({packet}) => packet),
          `record ${index}, ${isLate}`,
        );
      }
    }
  }
}

describe('B1: a broker that is killed after any record', () => {
  it('takes each message of a publisher at QoS 2 once', async () => {
    await withStore(async (path) => {
      const recording = new Recording(path);
      {
        await using broker = await startWith(path);
        const keeper = await broker.connect('keeper', lasting);
        await keeper.subscribe('t', {qos: 2});
        await keeper.leave();
        const publisher = await broker.connect('publisher', lasting);
        await publisher.quiet();
        await recording.begin();
        publisher.publish('t', payloads[0]!, {qos: 2, messageId: 1});
        await recording.note(await publisher.expect('pubrec'));
        await recording.note(await publisher.ask({cmd: 'pubrel', messageId: 1}));
        // Two in one turn.
        publisher.publish('t', payloads[1]!, {qos: 2, messageId: 2});
        publisher.publish('t', payloads[2]!, {qos: 2, messageId: 3});
        for (const _ of [2, 3]) await recording.note(await publisher.expect('pubrec'));
        for (const messageId of [2, 3]) await recording.note(await publisher.ask({cmd: 'pubrel', messageId}));
      }
      await recording.afterEachRecord(async (broker, got, where) => {
        const publisher = await broker.connect('publisher', lasting);
        assert.equal(publisher.connack.sessionPresent, true);
        await publishRest(publisher, got);
        const keeper = await broker.connect('keeper', lasting);
        const delivered: string[] = [];
        await receiveAll(keeper, new Map(), delivered);
        assert.deepEqual(delivered.sort(), [...payloads].sort(), where);
      });
    });
  });

  it('delivers each message to a subscriber at QoS 2 once', async () => {
    await withStore(async (path) => {
      const recording = new Recording(path);
      {
        await using broker = await startWith(path);
        const keeper = await broker.connect('keeper', lasting);
        await keeper.subscribe('t', {qos: 2});
        const publisher = await broker.connect('publisher');
        await recording.begin();
        for (const [index, payload] of payloads.entries()) {
          publisher.publish('t', payload, {qos: 2, messageId: index + 1});
          await publisher.expect('pubrec');
          const packet = await keeper.expect('publish');
          await recording.note(packet);
          const {messageId} = packet as unknown as {messageId: number};
          // The last one is not acknowledged.
          if (index === 2) break;
          await recording.note(await keeper.ask({cmd: 'pubrec', messageId}));
          if (index === 0) keeper.send({cmd: 'pubcomp', messageId});
          await keeper.quiet();
        }
      }
      await recording.afterEachRecord(async (broker, got, where) => {
        const known = new Map<number, string>();
        const delivered: string[] = [];
        for (const packet of got) {
          const {cmd, messageId, payload} = packet as unknown as {
            cmd: string;
            messageId: number;
            payload: Buffer;
          };
          if (cmd === 'pubrel') known.delete(messageId);
          else {
            known.set(messageId, String(payload));
            delivered.push(String(payload));
          }
        }
        const keeper = await broker.connect('keeper', lasting);
        await receiveAll(keeper, known, delivered);
        assert.equal(new Set(delivered).size, delivered.length, `${delivered.join(' ')}, ${where}`);
        assert.deepEqual(payloads.slice(0, delivered.length).sort(), [...delivered].sort(), where);
      });
    });
  });
});
