/** B4: on a full disk nothing is acknowledged that is not stored, and nothing that was stored is lost. */

import assert from 'node:assert/strict';
import fs, {copyFileSync, fstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {after, before, beforeEach, describe, it} from 'node:test';
import {setImmediate as immediate} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import fc from 'fast-check';
import type {Journal, RestoredState} from '../../../../src/broker/persistence/journal.ts';
import {openStore, type Store} from '../../../../src/broker/persistence/store.ts';
import {StoredState} from '../../../../src/broker/persistence/stored-state.ts';
import type {StoredMessage} from '../../../../src/broker/wire/publish-packet.ts';
import {type PacketBroker, type PacketClient, packetBroker} from '../../../support/packet-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'tmq-full-disk-'));
/** Bytes that the files of the directory may have. */
let capacity = Number.POSITIVE_INFINITY;

/** Bytes that the files of the directory have. */
function used(): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

/** Of the bytes to be written, those that there is room for. @throws ENOSPC when there is none */
function roomFor(descriptor: number, length: number, position: number): number {
  if (dirname(readlinkSync(`/proc/self/fd/${descriptor}`)) !== directory) return length;
  const {size} = fstatSync(descriptor);
  const allowed = Math.max(0, Math.min(length, capacity - used() + Math.max(0, size - position)));
  if (allowed > 0 || length === 0) return allowed;
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), {code: 'ENOSPC', errno: -28});
}

const real = {writeSync: fs.writeSync, write: fs.write};

before(() => {
  const writeSync = (descriptor: number, bytes: Buffer, offset: number, length: number, position: number) =>
    real.writeSync(descriptor, bytes, offset, roomFor(descriptor, length, position), position);
  type Done = (error: NodeJS.ErrnoException | null, written: number) => void;
  const write = (descriptor: number, bytes: Buffer, offset: number, ...rest: [number, number, Done]) => {
    const [length, position, done] = rest;
    try {
      real.write(descriptor, bytes, offset, roomFor(descriptor, length, position), position, done);
    } catch (error) {
      setImmediate(() => done(error as NodeJS.ErrnoException, 0));
    }
  };
  Object.assign(fs, {writeSync, write});
  syncBuiltinESMExports();
});

after(() => {
  Object.assign(fs, real);
  syncBuiltinESMExports();
  rmSync(directory, {recursive: true});
});

beforeEach(() => {
  capacity = Number.POSITIVE_INFINITY;
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
});

const path = join(directory, 'store');
const lasting = {clean: false, properties: {sessionExpiryInterval: 1000}} as const;

interface Started extends AsyncDisposable {
  readonly broker: PacketBroker;
  readonly store: Store;
  readonly log: string[];
}

async function start(): Promise<Started> {
  const log: string[] = [];
  const store = await openStore({path, autosaveSeconds: 0}, (_type, line) => log.push(line));
  const {journal, restored} = store;
  const broker = packetBroker({
    context: {journal, restored, changeLog: store},
    limits: {maxQueuedMessages: 0},
  });
  store.follow(() => broker.broker.state());
  return {
    broker,
    store,
    log,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]();
      await store.close();
    },
  };
}

/** A session that has subscribed to t and left. */
async function withKeeper({broker}: Started): Promise<void> {
  const keeper = await broker.connect('keeper', {version: 5, ...lasting});
  await keeper.subscribe('t', {qos: 2});
  await keeper.leave();
}

/** The payloads that wait for the keeper in the file, as after a kill. */
async function stored(): Promise<string[]> {
  const {restored} = await openStore({path, autosaveSeconds: 0}, (_type, line) => assert.fail(line));
  const [keeper] = restored.sessions.filter(({session}) => session.clientId === 'keeper');
  return keeper!.queued.map(({message}) => message.payload.toString().trim());
}

const payload = (index: number) => `${index}`.padEnd(100);

/** Publishes until this reason code; the numbers acknowledged with success. */
async function publishUntil(
  client: PacketClient,
  code: 'refused' | 'accepted',
  first: number,
): Promise<string[]> {
  const accepted: string[] = [];
  for (let index = first; ; index++) {
    client.publish('t', payload(index), {qos: 1, messageId: (index % 65_535) + 1});
    const {reasonCode} = await client.expect('puback');
    if (reasonCode === 0) accepted.push(`${index}`);
    else assert.equal(reasonCode, 0x97);
    if ((reasonCode === 0) === (code === 'accepted')) return accepted;
  }
}

const clientIds = ['a', 'b', 'c'] as const;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({queue: fc.integer({min: 1, max: 7}), bytes: fc.constantFrom(5, 300, 5000)}),
  },
  {weight: 2, arbitrary: fc.record({settle: fc.nat(1000), isSent: fc.boolean()})},
  {weight: 1, arbitrary: fc.record({retain: fc.nat(2), isCleared: fc.boolean()})},
  {weight: 3, arbitrary: fc.record({room: fc.constantFrom(0, 100, 2000, Number.POSITIVE_INFINITY)})},
  {weight: 6, arbitrary: fc.record({act: fc.constantFrom('commit', 'compact', 'turn', 'kill')})},
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type Call = (journal: Journal) => void;

/** A store, and what it must hold: the state after some call at or behind the last commit. */
class StoreModel implements AsyncDisposable {
  readonly #path: string;
  readonly #store: Store;
  readonly #calls: Call[] = [];
  #committed = 0;
  #sequence = 0;
  #compaction: Promise<void> | undefined;

  private constructor(file: string, store: Store) {
    this.#path = file;
    this.#store = store;
  }

  static async open(file: string): Promise<StoreModel> {
    capacity = Number.POSITIVE_INFINITY;
    const model = new StoreModel(file, await openStore({path: file, autosaveSeconds: 0}, () => undefined));
    for (const clientId of clientIds) model.#call((journal) => journal.session({clientId, expirySeconds: 9}));
    await model.take({act: 'commit'});
    return model;
  }

  #call(call: Call): void {
    this.#calls.push(call);
    call(this.#store.journal);
  }

  #state(calls: number): RestoredState {
    const state = new StoredState();
    for (const call of this.#calls.slice(0, calls)) call(state);
    const {retained, sessions} = state.restored();
    return {retained: retained.toSorted((one, other) => (one.topic < other.topic ? -1 : 1)), sessions};
  }

  #message(topic: string, bytes: number): StoredMessage {
    const text = `${++this.#sequence} `.padEnd(bytes, topic);
    return {topic, payload: Buffer.from(text), qos: 1, retain: false, properties: Buffer.alloc(0)};
  }

  async take(taken: Step): Promise<void> {
    this.#store.begin();
    if ('queue' in taken) {
      const message = this.#message('queue', taken.bytes);
      const rest = {message, qos: 1, retain: false, subscriptionIdentifiers: []} as const;
      for (const [index, clientId] of clientIds.entries()) {
        if ((taken.queue & (1 << index)) === 0) continue;
        const delivery = {...rest, sequence: ++this.#sequence};
        this.#call((journal) => journal.queued(clientId, delivery));
      }
    } else if ('settle' in taken) {
      const sequence = 1 + (taken.settle % Math.max(1, this.#sequence));
      for (const clientId of clientIds) {
        this.#call((journal) => {
          if (taken.isSent) journal.sent(clientId, sequence, sequence);
          else journal.settled(clientId, sequence);
        });
      }
    } else if ('retain' in taken) {
      const topic = `kept/${taken.retain}`;
      const message = taken.isCleared ? undefined : this.#message(topic, 300);
      this.#call((journal) => journal.retained(topic, message));
    } else if ('room' in taken) capacity = used() + taken.room;
    else await this.#act(taken.act);
    if (!this.#store.hasChanges) this.#committed = this.#calls.length;
  }

  async #act(act: string): Promise<void> {
    if (act === 'turn') await immediate();
    else if (act === 'commit') this.#store.commit();
    else if (act === 'kill') await this.#check();
    else if (this.#compaction === undefined && this.#store.commit()) {
      this.#compaction = this.#store.compact(this.#state(this.#calls.length)).finally(() => {
        this.#compaction = undefined;
      });
    }
  }

  /** Reads a copy of the file as it is now. */
  async #check(): Promise<void> {
    const copy = `${this.#path}.copy`;
    copyFileSync(this.#path, copy);
    const store = await openStore({path: copy, autosaveSeconds: 0}, (_type, line) => {
      assert.match(line, /ends in an incomplete record/);
    });
    await store.close();
    rmSync(copy);
    const {restored} = store;
    const retained = restored.retained.toSorted((one, other) => (one.topic < other.topic ? -1 : 1));
    const found = {retained, sessions: restored.sessions};
    const states = [];
    for (let calls = this.#committed; calls <= this.#calls.length; calls++) states.push(this.#state(calls));
    if (!states.some((state) => isDeepStrictEqual(state, found))) assert.deepEqual(found, states[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    capacity = Number.POSITIVE_INFINITY;
    await this.#compaction;
    await this.#store.close();
    this.#committed = this.#calls.length;
    await this.#check();
  }
}

describe('B4: on a full disk', () => {
  it('refuses messages of MQTT 5 with 0x97, and takes them again when there is room', async () => {
    await using started = await start();
    await withKeeper(started);
    const {broker, log} = started;
    const publisher = await broker.connect('p', {version: 5});
    await publisher.quiet();
    capacity = statSync(path).size + 5_050;
    const accepted = await publishUntil(publisher, 'refused', 0);
    assert.ok(accepted.length > 10, `${accepted.length}`);
    assert.deepEqual((await stored()).slice(0, accepted.length), accepted);
    // Pings and messages at QoS 0 go through.
    await publisher.quiet();
    await publishUntil(publisher, 'refused', 1000);
    capacity = Number.POSITIVE_INFINITY;
    accepted.push(...(await publishUntil(publisher, 'accepted', 2000)));
    const found = await stored();
    assert.deepEqual(
      accepted.filter((each) => !found.includes(each)),
      [],
    );
    assert.equal(new Set(found).size, found.length);
    assert.deepEqual(log, [
      `Warning: ${path} cannot be written to, and new messages are refused: no space left on the device.`,
      `${path} can be written to again.`,
    ]);
  });

  it('closes the connection of MQTT 3.1.1 without an acknowledgement; sent again, a message comes once', async () => {
    await using started = await start();
    await withKeeper(started);
    const {broker} = started;
    const publisher = await broker.connect('p', {clean: false});
    await publisher.quiet();
    capacity = statSync(path).size + 10;
    publisher.publish('t', 'once', {qos: 2, messageId: 7});
    await publisher.expectEnd();
    const refused = await broker.connect('p', {clean: false});
    refused.publish('t', 'other', {qos: 1, messageId: 8});
    await refused.expectEnd();
    capacity = Number.POSITIVE_INFINITY;
    const again = await broker.connect('p', {clean: false});
    again.publish('t', 'once', {qos: 2, messageId: 7, dup: true});
    assert.equal((await again.expect('pubrec')).messageId, 7);
    assert.equal((await again.ask({cmd: 'pubrel', messageId: 7})).cmd, 'pubcomp');
    assert.deepEqual(await stored(), ['once']);
  });

  it('answers PUBREC 0x97 at QoS 2, after which the identifier is free', async () => {
    await using started = await start();
    await withKeeper(started);
    const publisher = await started.broker.connect('p', {version: 5, ...lasting});
    await publisher.quiet();
    capacity = statSync(path).size + 10;
    for (const _ of [1, 2]) {
      publisher.publish('t', 'refused', {qos: 2, messageId: 7});
      assert.equal((await publisher.expect('pubrec')).reasonCode, 0x97);
    }
    assert.equal((await publisher.subscribe('u', {messageId: 9})).cmd, 'suback');
    capacity = Number.POSITIVE_INFINITY;
    for (let reasonCode: unknown = 0x97; reasonCode === 0x97; ) {
      publisher.publish('t', 'taken', {qos: 2, messageId: 7});
      ({reasonCode} = await publisher.expect('pubrec'));
    }
    assert.ok((await stored()).includes('taken'));
  });

  it('withholds PUBCOMP until it is stored that the identifier is free', async () => {
    await using started = await start();
    await withKeeper(started);
    const publisher = await started.broker.connect('p', {version: 5, ...lasting});
    publisher.publish('t', 'x', {qos: 2, messageId: 7});
    await publisher.expect('pubrec');
    capacity = statSync(path).size;
    publisher.send({cmd: 'pubrel', messageId: 7});
    const other = await started.broker.connect('other', {version: 5});
    other.publish('t', 'y', {qos: 1, messageId: 1});
    assert.equal((await other.expect('puback')).reasonCode, 0x97);
    const held = await openStore({path, autosaveSeconds: 0}, () => undefined);
    assert.deepEqual(held.restored.sessions.find(({session}) => session.clientId === 'p')?.received, [7]);
    capacity = Number.POSITIVE_INFINITY;
    assert.equal((await publisher.expect('pubcomp')).messageId, 7);
  });

  it('keeps the old file when it cannot be compacted, and removes the half-made one', async () => {
    await using started = await start();
    await withKeeper(started);
    const publisher = await started.broker.connect('p', {version: 5});
    const large = 'x'.repeat(200_000);
    const accepted: string[] = [];
    capacity = 6_000_000;
    // Half of it is needed, the other half is a retained message that is replaced.
    for (let index = 0; index < 28; index++) {
      const retain = index % 2 === 0;
      const text = `${index} ${large}`;
      publisher.publish(retain ? 'r' : 't', text, {qos: 1, messageId: index + 1, retain});
      assert.ok(Number((await publisher.expect('puback')).reasonCode) < 0x80);
      if (!retain) accepted.push(text);
    }
    while (!started.log.some((line) => line.includes('cannot be compacted'))) {
      await new Promise(setImmediate);
    }
    assert.deepEqual(readdirSync(directory), ['store']);
    publisher.publish('t', 'after', {qos: 1, messageId: 1});
    assert.equal((await publisher.expect('puback')).reasonCode, 0);
    assert.deepEqual(await stored(), [...accepted, 'after']);
    capacity = Number.POSITIVE_INFINITY;
  });

  it('opens a store with less room than it has', async () => {
    {
      await using started = await start();
      await withKeeper(started);
      const publisher = await started.broker.connect('p', {version: 5});
      for (let index = 0; index < 50; index++) await publishUntil(publisher, 'accepted', index);
    }
    capacity = statSync(path).size + 1000;
    await using started = await start();
    assert.equal(started.store.restored.sessions[0]!.queued.length, 50);
    const publisher = await started.broker.connect('p', {version: 5});
    await publishUntil(publisher, 'accepted', 50);
    capacity = Number.POSITIVE_INFINITY;
  });

  it('loses nothing when the disk becomes full as a compacted store takes its name', async (context) => {
    const store = await openStore({path, autosaveSeconds: 0}, () => undefined);
    const session = {clientId: 'keeper', expirySeconds: 1000};
    store.journal.session(session);
    store.commit();
    const {renameSync} = fs;
    let isStored: boolean | undefined;
    context.mock.method(fs, 'renameSync', (from: string, to: string) => {
      renameSync(from, to);
      // The compaction now waits for the directory to be on the disk.
      queueMicrotask(() => {
        capacity = 0;
        store.journal.sessionEnded('other');
        isStored = store.commit();
      });
    });
    syncBuiltinESMExports();
    try {
      const rest = {subscriptions: [], sent: [], released: [], queued: [], received: []};
      await store.compact({retained: [], sessions: [{session, ...rest}]});
    } finally {
      context.mock.restoreAll();
      syncBuiltinESMExports();
    }
    assert.equal(isStored, false);
    assert.deepEqual(await stored(), []);
    capacity = Number.POSITIVE_INFINITY;
    await store.close();
    assert.deepEqual(await stored(), []);
  });

  it('loses nothing of what is committed, whatever fails or is compacted before the kill', async (context) => {
    let clock = performance.now();
    // A commit that fails is tried again only after a while.
    context.mock.method(performance, 'now', () => (clock += 100));
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 20, maxLength: 80}), async (steps) => {
        const own = join(directory, `${++round}`);
        await using model = await StoreModel.open(own);
        for (const each of steps) await model.take(each);
      }),
    );
  });
});
