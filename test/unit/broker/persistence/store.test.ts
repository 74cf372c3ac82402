// needs: mosquitto_pub
/** The store reads back what it wrote, also after a crash and with a damaged end of the file. */

import assert from 'node:assert/strict';
import fs from 'node:fs';
import {
  appendFile,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import {syncBuiltinESMExports} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {describe, it} from 'node:test';
import {setImmediate as immediate} from 'node:timers/promises';
import {serialize} from 'node:v8';
import {crc32} from 'node:zlib';
import fc from 'fast-check';
import mqtt from 'mqtt';
import type {Journal} from '../../../../src/broker/persistence/journal.ts';
import {openStore, type Store} from '../../../../src/broker/persistence/store.ts';
import {frameRecord, headBytes, StoreFile} from '../../../../src/broker/persistence/store-file.ts';
import {StoredState} from '../../../../src/broker/persistence/stored-state.ts';
import type {StoredMessage} from '../../../../src/broker/wire/publish-packet.ts';
import {TmqError} from '../../../../src/errors.ts';
import type {QoS} from '../../../../src/protocol/message.ts';
import {writeLargeStore} from '../../../support/large-store.ts';
import {packetBroker} from '../../../support/packet-client.ts';
import {type Running, run} from '../../../support/spawn.ts';
import {startTmq} from '../../../support/tmq.ts';

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-store-'));
  try {
    await test(join(directory, 'store'));
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

async function open(
  path: string,
  warnings: string[] = [],
  platform: NodeJS.Platform = process.platform,
): Promise<Store> {
  return await openStore({path, autosaveSeconds: 0, platform}, (_type, line) => warnings.push(line));
}

function message(text: string): StoredMessage {
  return {
    topic: `t/${text}`,
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    properties: Buffer.of(1, 1),
    ...(text.length > 2 ? {expiresAt: 1e12} : {}),
  };
}

/** What is needed of a large store: seven megabytes. */
const needed = {topics: 2000, queued: 5000};

const pool = ['', 'a', 'bb', 'ccc', 'ü'.repeat(30_000)].map(message);

/** A store of version 2 with changes of many kinds, from before texts had numbers. */
const writtenOut =
  'dG1xIGJyb2tlciBzdG9yZSAyCspz6OJ/bXxdynPo4okAAAAWe3PCAQMBAAAAYQVIAwAAAGFubgAAAAAAAPg/BQEAAABhAwAAAHQvIykHAAEJBQAA' +
  'AHQvY2NjA2NjYwIBAQAAAKKUGm1CAgEAAABhAQEBAQcCAQAAAGECAQkADAAAACRzaGFyZS9nL3QvIwcBAAAAYQEJCAEAAABhAwoLAQAAAGELAQUAAAB0' +
  'L2NjYwE=';

/** One call of a journal. */
type Call = (journal: Journal) => void;

const client = fc.constantFrom('x', 'ÿ€😀');
const small = fc.integer({min: 1, max: 4});
const qos = fc.constantFrom(0, 1, 2);
/** Any value of a field, or none. */
const optional = <Value>(name: string, value: fc.Arbitrary<Value>) =>
  fc.option(value).map((given) => (given === null ? {} : {[name]: given}));
const numbers = fc.oneof(fc.integer({min: 0, max: 300}), fc.constantFrom(16_383, 2 ** 32 - 1, 2 ** 53 - 1));
const calls: fc.Arbitrary<Call> = fc.oneof(
  fc
    .tuple(
      client,
      numbers,
      optional('username', fc.string()),
      optional('disconnectedAt', fc.double({min: 0, noNaN: true})),
    )
    .map(
      ([clientId, expirySeconds, ...rest]): Call =>
        (journal) =>
          journal.session(Object.assign({clientId, expirySeconds}, ...rest)),
    ),
  client.map((clientId) => (journal: Journal) => journal.sessionEnded(clientId)),
  fc
    .tuple(
      client,
      fc.constantFrom('#', 'a/+'),
      qos,
      fc.boolean(),
      fc.boolean(),
      optional('identifier', numbers),
    )
    .map(
      ([clientId, filter, level, noLocal, retainAsPublished, identifier]): Call =>
        (journal) =>
          journal.subscribed(
            clientId,
            Object.assign({filter, qos: level as QoS, noLocal, retainAsPublished}, identifier),
          ),
    ),
  client.map((clientId) => (journal: Journal) => journal.unsubscribed(clientId, '#')),
  fc
    .tuple(
      client,
      small,
      fc.constantFrom(...pool),
      qos,
      fc.boolean(),
      fc.array(numbers, {maxLength: 3}),
      optional('shareFilter', fc.string()),
    )
    .map(
      ([clientId, sequence, each, level, retain, subscriptionIdentifiers, share]): Call =>
        (journal) =>
          journal.queued(
            clientId,
            Object.assign(
              {sequence, message: each, qos: level as QoS, retain, subscriptionIdentifiers},
              share,
            ),
          ),
    ),
  fc.tuple(fc.constantFrom('sent', 'released'), client, small, small).map(
    ([method, clientId, sequence, id]) =>
      (journal: Journal) =>
        journal[method as 'sent' | 'released'](clientId, sequence, id),
  ),
  fc.tuple(fc.constantFrom('settled', 'completed', 'received', 'forgotten'), client, small).map(
    ([method, clientId, id]) =>
      (journal: Journal) =>
        journal[method as 'settled'](clientId, id),
  ),
  fc.tuple(fc.constantFrom(...pool), fc.boolean()).map(
    ([each, set]) =>
      (journal: Journal) =>
        journal.retained(each.topic, set ? each : undefined),
  ),
);

describe('store', () => {
  it('restores the state after each restart, with and without a clean end', async () => {
    await withPath(async (path) => {
      let round = 0;
      const property = fc.asyncProperty(
        fc.array(calls, {maxLength: 30}),
        fc.array(calls, {maxLength: 10}),
        async (first, second) => {
          const own = `${path}${round++}`;
          const expected = new StoredState();
          const store = await open(own);
          for (const call of first) {
            store.begin();
            call(store.journal);
            call(expected);
          }
          store.commit();
          // No close: as if the process had been killed.
          const again = await open(own);
          assert.deepEqual(again.restored, expected.restored());
          again.follow(() => expected.restored());
          for (const call of second) {
            call(again.journal);
            call(expected);
          }
          await again.close();
          assert.deepEqual((await open(own)).restored, expected.restored());
        },
      );
      await fc.assert(property, {numRuns: 50});
    });
  });

  it('cuts off an incomplete last record at any length, and loses no other', async () => {
    await withPath(async (path) => {
      const store = await open(path);
      const ends: number[] = [0];
      for (const name of ['a', 'b', 'c']) {
        store.journal.session({clientId: name, expirySeconds: 5});
        store.commit();
        ends.push((await stat(path)).size);
      }
      const whole = await readFile(path);
      for (let length = 0; length <= whole.length; length++) {
        await writeFile(path, whole.subarray(0, length));
        const warnings: string[] = [];
        const torn = await open(path, warnings);
        await torn.close();
        assert.equal(
          torn.restored.sessions.length,
          ends.filter((end) => end <= length).length - 1,
          `${length}`,
        );
        const header = length < 27 || length === 27;
        assert.equal(warnings.length, ends.includes(length) || header ? 0 : 1, `${length}`);
      }
      await writeFile(path, whole);
      await appendFile(path, Buffer.alloc(100, 0xff));
      assert.equal((await open(path)).restored.sessions.length, 3);
      const damaged = Buffer.from(whole);
      damaged[whole.length - 2]! ^= 1;
      await writeFile(path, damaged);
      assert.equal((await open(path)).restored.sessions.length, 2);
      assert.equal((await open(path)).restored.sessions.length, 2, 'and what was cut off stays away');
    });
  });

  it('B2: cuts off a tail of zeros with one warning, and goes on', async () => {
    await withPath(async (path) => {
      const store = await open(path);
      store.journal.session({clientId: 'a', expirySeconds: 5});
      await store.close();
      await appendFile(path, Buffer.alloc(4096));
      const warnings: string[] = [];
      const again = await open(path, warnings);
      assert.deepEqual(warnings, [
        `Warning: ${path} ends in an incomplete record: its last 4096 bytes are left out.`,
      ]);
      again.journal.session({clientId: 'b', expirySeconds: 5});
      await again.close();
      const last: string[] = [];
      assert.equal((await open(path, last)).restored.sessions.length, 2);
      assert.deepEqual(last, []);
    });
  });

  it('B3: skips a damaged record wherever a bit is flipped, and keeps the damaged file', async () => {
    await withPath(async (path) => {
      const store = await open(path);
      const ends: number[] = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        store.journal.session({clientId: name, expirySeconds: 5});
        store.commit();
        ends.push((await stat(path)).size);
      }
      const whole = await readFile(path);
      // Every bit of the second record: mark, length, checksum and content.
      for (let bit = ends[0]! * 8; bit < ends[1]! * 8; bit += 3) {
        const own = `${path}-${bit}`;
        const damaged = Buffer.from(whole);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        await writeFile(own, damaged);
        const warnings: string[] = [];
        const {restored} = await open(own, warnings);
        assert.deepEqual(
          restored.sessions.map(({session}) => session.clientId),
          ['a', 'c', 'd'],
          `bit ${bit}`,
        );
        const bytes = ends[1]! - ends[0]!;
        assert.deepEqual(warnings, [
          `Warning: ${own} has lost 1 damaged record of ${bytes} bytes. The file is kept as ${own}.damaged.`,
        ]);
        assert.deepEqual(await readFile(`${own}.damaged`), damaged);
        const again: string[] = [];
        assert.equal((await open(own, again)).restored.sessions.length, 3);
        assert.deepEqual(again, [], 'the damage is reported once');
      }
    });
  });

  it('keeps a file whose header is damaged, so that no record can be read', async () => {
    await withPath(async (path) => {
      const store = await open(path);
      store.journal.session({clientId: 'a', expirySeconds: 5});
      await store.close();
      const whole = await readFile(path);
      // Behind the name of the format: the mark and the seed of all records.
      for (let at = 19; at < 27; at++) {
        const own = `${path}-${at}`;
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1;
        await writeFile(own, damaged);
        const warnings: string[] = [];
        const again = await open(own, warnings);
        assert.deepEqual(warnings, [
          `Warning: ${own} cannot be read: all of its ${whole.length} bytes are left out. The file is kept as ${own}.damaged.`,
        ]);
        assert.deepEqual(again.restored.sessions, []);
        again.journal.session({clientId: 'b', expirySeconds: 5});
        await again.close();
        assert.deepEqual(await readFile(`${own}.damaged`), damaged);
        const last: string[] = [];
        assert.equal((await open(own, last)).restored.sessions.length, 1);
        assert.deepEqual(last, []);
      }
    });
  });

  it('refuses a store that a later version has written, and leaves it as it is', async () => {
    await withPath(async (path) => {
      const file = StoreFile.create(path);
      const record = Buffer.concat([Buffer.alloc(headBytes(file.framing)), Buffer.of(3, 1, 2)]);
      frameRecord(record, file.framing);
      file.append(record);
      file.close();
      const before = await readFile(path);
      await assert.rejects(open(path), {
        message: `Cannot open the store ${path}: a later version of tmq has written it.`,
      });
      assert.deepEqual(await readFile(path), before);
    });
  });

  it('B3: takes no record out of the payload of a damaged one', async () => {
    await withPath(async (path) => {
      const other = await open(`${path}-other`);
      other.journal.session({clientId: 'intruder', expirySeconds: 5});
      await other.close();
      const store = await open(path);
      store.journal.session({clientId: 'a', expirySeconds: 5});
      store.commit();
      const {size} = await stat(path);
      const payload = await readFile(`${path}-other`);
      store.journal.retained('t', {...message('x'), topic: 't', payload});
      store.commit();
      store.journal.session({clientId: 'b', expirySeconds: 5});
      store.commit();
      const bytes = await readFile(path);
      bytes[size + 5]! ^= 1;
      await writeFile(path, bytes);
      const {restored} = await open(path);
      assert.deepEqual(
        restored.sessions.map(({session}) => session.clientId),
        ['a', 'b'],
      );
      assert.deepEqual(restored.retained, []);
    });
  });

  it('waits for the disk at each commit where that is asked for', async (context) => {
    await withPath(async (path) => {
      const waits = context.mock.method(fs, 'fdatasyncSync');
      syncBuiltinESMExports();
      try {
        for (const sync of [false, true]) {
          const store = await openStore({path: `${path}${sync}`, autosaveSeconds: 0, sync}, () => undefined);
          for (const clientId of ['a', 'b']) {
            store.journal.session({clientId, expirySeconds: 5});
            store.journal.session({clientId, expirySeconds: 6});
            store.commit();
          }
          assert.equal(waits.mock.callCount(), sync ? 2 : 0);
          await store.close();
        }
      } finally {
        waits.mock.restore();
        syncBuiltinESMExports();
      }
    });
  });

  it('waits for the disk, where that is asked for, before a compacted file takes its name', async (context) => {
    await withPath(async (path) => {
      const store = await openStore({path, autosaveSeconds: 0, sync: true}, () => undefined);
      const calls: string[] = [];
      for (const name of ['writeSync', 'fdatasyncSync', 'renameSync'] as const) {
        const real = fs[name] as (...values: unknown[]) => unknown;
        context.mock.method(fs, name, (...values: unknown[]) => {
          calls.push(name);
          return real(...values);
        });
      }
      syncBuiltinESMExports();
      try {
        const compacted = store.compact({retained: [], sessions: []});
        store.journal.session({clientId: 'a', expirySeconds: 5});
        store.commit();
        await compacted;
      } finally {
        context.mock.restoreAll();
        syncBuiltinESMExports();
      }
      const commit = ['writeSync', 'fdatasyncSync'];
      assert.deepEqual(calls, [...commit, ...commit, 'renameSync']);
      await store.close();
    });
  });

  it('reads a store of the first format, and rewrites it', async () => {
    await withPath(async (path) => {
      const first = (...record: readonly unknown[]) => {
        const content = serialize(record);
        const head = Buffer.alloc(8);
        head.writeUInt32LE(content.length, 0);
        head.writeUInt32LE(crc32(content), 4);
        return Buffer.concat([head, content]);
      };
      const records = [
        first('session', {clientId: 'a', expirySeconds: 5}),
        first('message', 1, message('ccc')),
        first('queued', 'a', {sequence: 1, qos: 1, retain: false, subscriptionIdentifiers: []}, 1),
        first('retained', 't/ccc', 1),
      ];
      await writeFile(path, Buffer.concat([Buffer.from('tmq broker store 1\n'), ...records]));
      const warnings: string[] = [];
      for (let round = 0; round < 2; round++) {
        const {restored} = await open(path, warnings);
        assert.deepEqual(restored.retained, [message('ccc')]);
        assert.deepEqual(restored.sessions[0]?.queued[0]?.message, message('ccc'));
      }
      assert.deepEqual(warnings, []);
      assert.ok((await readFile(path, 'latin1')).startsWith('tmq broker store 2\n'));
    });
  });

  it('reads a store of version 2 in which each text is written out', async () => {
    await withPath(async (path) => {
      await writeFile(path, Buffer.from(writtenOut, 'base64'));
      const warnings: string[] = [];
      const store = await open(path, warnings);
      const rest = {qos: 1, retain: false} as const;
      const expected = new StoredState();
      const ccc = message('ccc');
      expected.session({clientId: 'a', expirySeconds: 5, username: 'ann', disconnectedAt: 1.5});
      const subscription = {filter: 't/#', qos: 1, noLocal: false, retainAsPublished: true} as const;
      expected.subscribed('a', {...subscription, identifier: 7});
      expected.queued('a', {...rest, sequence: 1, message: ccc, subscriptionIdentifiers: [7]});
      const shared = {subscriptionIdentifiers: [], shareFilter: '$share/g/t/#'};
      expected.queued('a', {...rest, sequence: 2, message: ccc, ...shared});
      expected.sent('a', 1, 9);
      expected.released('a', 3, 10);
      expected.received('a', 11);
      expected.retained('t/ccc', ccc);
      assert.deepEqual(store.restored, expected.restored());
      for (const journal of [store.journal, expected]) {
        journal.queued('a', {...rest, sequence: 4, message: ccc, subscriptionIdentifiers: []});
      }
      store.commit();
      assert.deepEqual((await open(path, warnings)).restored, expected.restored());
      assert.deepEqual(warnings, []);
    });
  });

  for (const platform of [process.platform, 'win32'] as const)
    it(`is compacted as it grows, and stores a message of many queues once, on ${platform}`, async () => {
      await withPath(async (path) => {
        const warnings: string[] = [];
        const store = await open(path, warnings, platform);
        const state = new StoredState();
        store.follow(() => state.restored());
        const journals: readonly Journal[] = [store.journal, state];
        const large = {...message('large'), payload: Buffer.alloc(100_000, 1)};
        for (let index = 0; index < 20; index++) {
          const rest = {sequence: index + 1, qos: 1, retain: false, subscriptionIdentifiers: []} as const;
          for (const journal of journals) {
            journal.session({clientId: `c${index}`, expirySeconds: 5});
            journal.queued(`c${index}`, {...rest, message: large});
          }
        }
        store.commit();
        assert.ok((await stat(path)).size < 200_000);
        for (let index = 0; index < 150; index++) {
          const each = {...message('x'), topic: 't', payload: Buffer.alloc(100_000, index)};
          for (const journal of journals) journal.retained('t', each);
          store.commit();
          // Small changes meanwhile: they start the next compaction, if the last one left the file just too small.
          while ((await stat(path)).size > 6_000_000) {
            await new Promise(setImmediate);
            for (const journal of journals) journal.session({clientId: 'c0', expirySeconds: 5});
            store.commit();
          }
        }
        assert.ok((await stat(path)).size < 7_000_000, `${(await stat(path)).size}`);
        const {restored} = await open(path);
        assert.equal(restored.retained[0]?.payload[0], 149);
        assert.equal(restored.sessions.length, 20);
        assert.ok(restored.sessions.every(({queued}) => queued[0]?.message.payload.length === 100_000));
        await store.close();
        // What changed while the last compaction ran may stand there twice, until the next close.
        const again = await open(path, warnings, platform);
        again.follow(() => state.restored());
        await again.close();
        assert.deepEqual(warnings, []);
        assert.ok((await stat(path)).size < 400_000);
      });
    });

  it('B5: serves clients between the slices of a compaction, and keeps what they change meanwhile', async () => {
    await withPath(async (path) => {
      writeLargeStore(path, {bytes: 30_000_000, ...needed});
      const {size} = await stat(path);
      const store = await open(path);
      const {journal, restored} = store;
      await using broker = packetBroker({
        context: {journal, restored, changeLog: store},
        limits: {maxQueuedMessages: 0},
      });
      const client = await broker.connect('p');
      store.follow(() => broker.broker.state());
      let served = 0;
      for (; (await stat(path)).size > size / 2; served++) {
        client.publish(`new/${served}`, 'x', {qos: 1, messageId: served + 1, retain: true});
        await client.expect('puback');
      }
      assert.ok(served > 10, `${served} messages meanwhile`);
      const again = await open(path);
      const topics = new Set(again.restored.retained.map(({topic}) => topic));
      for (let index = 0; index < served; index++) assert.ok(topics.has(`new/${index}`), `${index}`);
      assert.equal(again.restored.retained.length, needed.topics + served);
      assert.equal(again.restored.sessions[0]?.queued.length, needed.queued);
    });
  });

  it('keeps a message that was given to a session anew just before a compaction', async () => {
    await withPath(async (path) => {
      writeLargeStore(path, {bytes: 12 << 20, topics: 1, queued: 1});
      const store = await open(path);
      const [keeper] = store.restored.sessions;
      const {session} = keeper!;
      const queued = keeper!.queued.map((delivery) => ({...delivery, sequence: 2}));
      const {size} = await stat(path);
      store.journal.sessionEnded(session.clientId);
      store.journal.session(session);
      for (const delivery of queued) store.journal.queued(session.clientId, delivery);
      store.follow(() => ({retained: [], sessions: [{...keeper!, queued}]}));
      store.commit();
      while ((await stat(path)).size >= size) await immediate();
      const {restored} = await open(path);
      assert.deepEqual(restored.sessions[0]?.queued, queued);
      await store.close();
    });
  });

  it('C6: follows no link at the name of its new file, and replaces what a killed process left there', async () => {
    await withPath(async (path) => {
      const victim = `${path}-victim`;
      await writeFile(victim, 'precious');
      await symlink(victim, `${path}.new`);
      const store = await open(path);
      store.journal.session({clientId: 'a', expirySeconds: 5});
      await store.compact({retained: [], sessions: []});
      await store.close();
      assert.equal(await readFile(victim, 'utf8'), 'precious');
      assert.ok((await lstat(path)).isFile());
      assert.deepEqual((await readdir(dirname(path))).sort(), ['store', 'store-victim']);
    });
  });

  it('F9: has its times on the wall clock, whatever the clock of the broker and of the next one', async () => {
    await withPath(async (path) => {
      let offset = 1e12;
      const openAt = (wallOffset: () => number) =>
        openStore({path, autosaveSeconds: 0, wallOffset}, (_type, line) => assert.fail(line));
      const store = await openAt(() => offset);
      store.journal.session({clientId: 'a', expirySeconds: 5, disconnectedAt: 1000});
      // The system's clock is set.
      offset += 86_400_000;
      store.journal.session({clientId: 'b', expirySeconds: 5, disconnectedAt: 2000});
      store.journal.retained('t/ccc', {...message('ccc'), expiresAt: 3000});
      await store.close();
      const {restored} = await openAt(() => 1e12 + 86_400_000 - 500);
      assert.deepEqual(
        restored.sessions.map(({session}) => session.disconnectedAt),
        [1000 - 86_400_000 + 500, 2500],
      );
      assert.equal(restored.retained[0]?.expiresAt, 3500);
    });
  });

  it('does not change a file that is not a store', async () => {
    await withPath(async (path) => {
      for (const [content, sentence] of [
        ['\0\u00b5\0mosquitto db\0\0', /is a database of mosquitto: give another persistence_file\.$/],
        ['my diary, long enough to be read', /is not a store of tmq broker/],
      ] as const) {
        await writeFile(path, content, 'latin1');
        await assert.rejects(
          open(path),
          (error) => error instanceof TmqError && sentence.test(error.message),
        );
        assert.equal(await readFile(path, 'latin1'), content);
      }
      await truncate(path);
      assert.deepEqual((await open(path)).restored, {retained: [], sessions: []});
      await assert.rejects(open('/nowhere/store'), TmqError);
    });
  });
});

function startProcess(...words: string[]): Running {
  return startTmq(['broker', ...words]);
}

async function startBroker(config: string): Promise<{process: Running; port: string}> {
  const process_ = startProcess('-v', '-c', config, '--ready', 'json');
  const [line] = await process_.waitFor('stdout', /^\{.*\}$/m);
  return {process: process_, port: String(JSON.parse(line).listeners[0].port)};
}

describe('a broker with persistence', () => {
  it('restores retained messages, sessions, queues and QoS 2 flows after kill -9', async () => {
    await withPath(async (path) => {
      const config = `${path}.conf`;
      await writeFile(
        config,
        `listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file ${path}\n`,
      );
      const subscriber = (port: string, ...more: string[]) => [
        '-p',
        port,
        '-i',
        'keeper',
        '-c',
        '-q',
        '2',
        '-t',
        'q/#',
        ...more,
      ];
      const first = await startBroker(config);
      await using _first = first.process;
      const publish = (port: string, ...more: string[]) => run('mosquitto_pub', ['-p', port, ...more]);
      assert.equal((await run('mosquitto_sub', subscriber(first.port, '-E'))).exitCode, 0);
      for (const qos of ['1', '2']) {
        assert.equal(
          (await publish(first.port, '-t', `q/${qos}`, '-m', `queued ${qos}`, '-q', qos)).exitCode,
          0,
        );
      }
      assert.equal((await publish(first.port, '-t', 'r', '-m', 'kept', '-r', '-q', '1')).exitCode, 0);
      assert.equal((await publish(first.port, '-t', 'gone', '-m', 'x', '-r', '-q', '1')).exitCode, 0);
      assert.equal((await publish(first.port, '-t', 'gone', '-n', '-r', '-q', '1')).exitCode, 0);
      await first.process.stop('SIGKILL');

      const second = await startBroker(config);
      await using _second = second.process;
      const retained = await run('mosquitto_sub', ['-p', second.port, '-t', '#', '-v', '-W', '1']);
      assert.equal(retained.stdout.toString(), 'r kept\n');
      assert.equal((await publish(second.port, '-t', 'q/3', '-m', 'after', '-q', '1')).exitCode, 0);
      const queued = await run('mosquitto_sub', subscriber(second.port, '-v', '-C', '3'));
      // mosquitto_sub prints a message at QoS 2 when its handshake is done: maybe after the next one.
      const lines = queued.stdout.toString().trimEnd().split('\n').sort();
      assert.deepEqual(lines, ['q/1 queued 1', 'q/2 queued 2', 'q/3 after']);
      assert.equal((await second.process.stop('SIGTERM')).exitCode, 0);

      const third = await startBroker(config);
      await using _third = third.process;
      const nothing = await run('mosquitto_sub', subscriber(third.port, '-W', '1'));
      assert.equal(nothing.stdout.toString(), '');
      await third.process.stop('SIGTERM');
    });
  });

  it('locks its store against a second broker until it ends or is killed', async () => {
    await withPath(async (path) => {
      const config = `${path}.conf`;
      const text = `listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file ${path}\n`;
      await writeFile(config, text);
      const keep = async (port: string, topic: string) => {
        const words = ['-p', port, '-t', topic, '-m', 'kept', '-r', '-q', '1'];
        assert.equal((await run('mosquitto_pub', words)).exitCode, 0);
      };
      const first = await startBroker(config);
      await using _first = first.process;
      await keep(first.port, 'before');
      await using second = startProcess('-c', config);
      const {exitCode, stderr} = await second.finished;
      assert.equal(exitCode, 1);
      const line = stderr.toString();
      assert.ok(line.includes(`Error: Cannot use the store ${path}: ${path}.lock is held by process `), line);
      assert.ok(line.includes(`${first.process.child.pid}`), line);
      // The first broker still has all its messages.
      await keep(first.port, 'after');
      await first.process.stop('SIGKILL');

      const third = await startBroker(config);
      await using _third = third.process;
      const retained = await run('mosquitto_sub', ['-p', third.port, '-t', '#', '-v', '-C', '2']);
      assert.deepEqual(retained.stdout.toString().trimEnd().split('\n').sort(), [
        'after kept',
        'before kept',
      ]);
      assert.equal((await third.process.stop('SIGTERM')).exitCode, 0);
      const left = (await readdir(dirname(path))).sort();
      assert.deepEqual(left, ['store', 'store.conf']);
    });
  });

  it('B5: takes no more memory for a store than for what is needed of it', async () => {
    await withPath(async (path) => {
      const peak = async (bytes: number) => {
        writeLargeStore(path, {bytes, ...needed});
        const text = 'listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file';
        await writeFile(`${path}.conf`, `${text} ${path}\n`);
        await using broker = startTmq(['broker', '-c', `${path}.conf`, '--quiet', '--ready', 'json']);
        await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
        const status = await readFile(`/proc/${broker.child.pid}/status`, 'utf8');
        await broker.stop('SIGKILL');
        return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
      };
      const small = await peak(20_000_000);
      const large = await peak(120_000_000);
      assert.ok(large - small < 50_000_000, `${small} bytes for the small one, ${large} for the large one`);
    });
  });

  it('C6: locks the real file, under whatever name a second broker opens it', async () => {
    await withPath(async (path) => {
      const text = 'listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file';
      await symlink(path, `${path}-link`);
      await writeFile(`${path}.conf`, `${text} ${path}\n`);
      await writeFile(`${path}-link.conf`, `${text} ${path}-link\n`);
      for (const names of [
        [path, `${path}-link`],
        [`${path}-link`, path],
      ] as const) {
        const first = await startBroker(`${names[0]}.conf`);
        await using _first = first.process;
        await using second = startProcess('-c', `${names[1]}.conf`);
        const {exitCode, stderr} = await second.finished;
        assert.equal(exitCode, 1);
        assert.ok(
          stderr.toString().includes(`Cannot use the store ${path}: ${path}.lock is held by`),
          stderr.toString(),
        );
        assert.equal((await first.process.stop('SIGTERM')).exitCode, 0);
        assert.ok((await lstat(`${path}-link`)).isSymbolicLink());
      }
    });
  });

  it('restores the members of a shared subscription and their queued messages', async () => {
    await withPath(async (path) => {
      const config = `${path}.conf`;
      const text = `listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file ${path}\n`;
      await writeFile(config, text);
      const names = ['one', 'other'] as const;
      const url = (port: string) => `mqtt://127.0.0.1:${port}`;
      const member = (clientId: string) => ({clientId, clean: false, reconnectPeriod: 0}) as const;
      const publish = async (port: string, ...texts: readonly string[]) => {
        for (const each of texts) {
          const words = ['-p', port, '-q', '1', '-t', 'jobs', '-m', each];
          assert.equal((await run('mosquitto_pub', words)).exitCode, 0);
        }
      };
      const first = await startBroker(config);
      await using _first = first.process;
      for (const name of names) {
        const client = await mqtt.connectAsync(url(first.port), member(name));
        await client.subscribeAsync('$share/workers/jobs', {qos: 1});
        await client.endAsync();
      }
      await publish(first.port, 'a', 'b');
      await first.process.stop('SIGKILL');

      const second = await startBroker(config);
      await using _second = second.process;
      await publish(second.port, 'c', 'd');
      const received: [name: string, text: string][] = [];
      let heard: () => void = () => undefined;
      const clients = names.map((name) =>
        mqtt.connect(url(second.port), member(name)).on('message', (_, payload) => {
          received.push([name, payload.toString()]);
          heard();
        }),
      );
      const connected = Promise.all(
        clients.map((client) => new Promise<void>((resolve) => client.once('connect', () => resolve()))),
      );
      const count = async (wanted: number) => {
        while (received.length < wanted) {
          await new Promise<void>((resolve) => {
            heard = resolve;
          });
        }
      };
      await Promise.all([connected, count(4)]);
      await publish(second.port, 'e', 'f', 'g', 'h');
      await count(8);
      assert.deepEqual(received.map(([, each]) => each).sort(), [...'abcdefgh']);
      // Both were connected when the last four came, so both received some.
      const turns = received.filter(([, each]) => each >= 'e').map(([name]) => name);
      assert.deepEqual(new Set(turns), new Set(names));
      for (const client of clients) await client.endAsync(true);
    });
  });

  it('delivers every message that it acknowledged before the kill, once', async () => {
    await withPath(async (path) => {
      const config = `${path}.conf`;
      const text = `listener 0 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_file ${path}\n`;
      await writeFile(config, `${text}max_queued_messages 0\n`);
      const keeper = {clientId: 'keeper', clean: false, reconnectPeriod: 0} as const;
      const first = await startBroker(config);
      await using _first = first.process;
      const away = await mqtt.connectAsync(`mqtt://127.0.0.1:${first.port}`, keeper);
      await away.subscribeAsync('load', {qos: 2});
      await away.endAsync();
      const sender = await mqtt.connectAsync(`mqtt://127.0.0.1:${first.port}`, {reconnectPeriod: 0});
      sender.on('error', () => undefined);
      const acknowledged: string[] = [];
      const closed = new Promise<void>((resolve) => sender.on('close', () => resolve()));
      for (let index = 0; index < 3000; index++) {
        const qos = index % 2 === 0 ? 1 : 2;
        sender.publish('load', String(index), {qos}, (error) => {
          if (error === null || error === undefined) acknowledged.push(String(index));
          if (acknowledged.length === 500) first.process.child.kill('SIGKILL');
        });
      }
      await closed;
      assert.ok(acknowledged.length >= 500 && acknowledged.length < 3000, String(acknowledged.length));

      const second = await startBroker(config);
      await using _second = second.process;
      const received: string[] = [];
      const reader = mqtt.connect(`mqtt://127.0.0.1:${second.port}`, keeper);
      const end = new Promise<void>((resolve) => {
        reader.on('message', (_, payload) => {
          if (payload.toString() === 'end') resolve();
          else received.push(payload.toString());
        });
      });
      const other = await mqtt.connectAsync(`mqtt://127.0.0.1:${second.port}`, {reconnectPeriod: 0});
      await other.publishAsync('load', 'end', {qos: 1});
      await end;
      assert.equal(new Set(received).size, received.length);
      const there = new Set(received);
      assert.deepEqual(
        acknowledged.filter((each) => !there.has(each)),
        [],
      );
      await reader.endAsync(true);
      await other.endAsync(true);
    });
  });
});
