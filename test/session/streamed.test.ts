/** Payloads that are not held in memory: whole and in order, nothing in the midst of them, or not at all. */

import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, rm, truncate, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import {TmqError} from '../../src/errors.ts';
import {openFilePayload} from '../../src/io/file-payload.ts';
import {type FakeConnection, startFakeBroker} from '../support/fake-broker.ts';
import {startMain} from '../support/run.ts';
import {collector, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const megabyte = 1024 * 1024;
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Accepts, acknowledges every PUBLISH, and gives those that came. */
async function acknowledging(connection: FakeConnection): Promise<void> {
  await connection.accept();
  for (;;) {
    const {cmd, qos, messageId} = await connection.any();
    if (cmd === 'publish' && qos === 1) connection.send({cmd: 'puback', messageId});
    if (cmd === 'publish' && qos === 2) connection.send({cmd: 'pubrec', messageId});
    if (cmd === 'pubrel') connection.send({cmd: 'pubcomp', messageId});
  }
}

describe('streamed payloads', () => {
  let directory: string;
  let path: string;
  const content = randomBytes(5 * megabyte + 1234);
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-streamed-'));
    path = join(directory, 'large');
    await writeFile(path, content);
  });
  after(() => rm(directory, {recursive: true, force: true}));

  for (const env of [{TMQ_NO_FASTPATH: ''}, {TMQ_NO_FASTPATH: '1'}]) {
    for (const qos of ['0', '1', '2']) {
      test(`pub -f at QoS ${qos} ${JSON.stringify(env)}: every byte, as often as asked`, limit, async () => {
        await using broker = await startFakeBroker(acknowledging);
        const words = ['-p', String(broker.port), '-t', 'a/b', '-q', qos, '--repeat', '2', '-f', path];
        await using running = startMain(['pub', ...words], {env});
        assert.deepEqual(await running.finished, {stdout: Buffer.alloc(0), stderr: '', exitCode: 0});
        await broker.finished(0);
        const published = broker.connections[0]!.packets.filter(({cmd}) => cmd === 'publish');
        assert.deepEqual(
          published.map(({topic, payload}) => [topic, digest(payload as Buffer)]),
          Array.from({length: 2}, () => ['a/b', digest(content)]),
        );
        assert.equal(broker.connections[0]!.packets.at(-1)?.cmd, 'disconnect');
      });
    }
  }

  for (const change of ['shorter', 'longer'] as const) {
    test(`a file that becomes ${change} on its way is not sent as a whole`, limit, async () => {
      const changing = join(directory, change);
      await writeFile(changing, Buffer.alloc(40 * megabyte));
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        connection.socket.pause();
        await truncate(changing, change === 'shorter' ? 30 * megabyte : 50 * megabyte);
        connection.socket.resume();
        await connection.idle();
      });
      const words = ['-p', String(broker.port), '-t', 'a', '-f', changing, '-V', '5'];
      // Also where all other tests take the general way, which reads the file first.
      await using running = startMain(['pub', ...words], {env: {TMQ_NO_FASTPATH: ''}});
      const {stderr, exitCode} = await running.finished;
      assert.match(stderr, /^Error: File ".*" was changed while it was being sent; .*\n$/);
      assert.equal(exitCode, 1);
      await broker.finished(0);
      assert.deepEqual(
        broker.connections[0]!.packets.map(({cmd}) => cmd),
        ['connect'],
      );
    });
  }

  test('what is to be sent meanwhile comes behind it', limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      const subscribe = await connection.next('subscribe');
      connection.send({cmd: 'suback', messageId: subscribe.messageId, granted: [1]});
      connection.send({cmd: 'publish', topic: 's', payload: 'in', qos: 1, messageId: 7});
      const seen: string[] = [];
      while (seen.length < 4) {
        const {cmd, qos, messageId} = await connection.any();
        seen.push(cmd);
        if (cmd === 'publish' && qos === 1) connection.send({cmd: 'puback', messageId});
      }
      assert.deepEqual(seen.slice(0, 1), ['publish']);
      assert.deepEqual(seen.slice(1).sort(), ['puback', 'publish', 'publish']);
      await connection.idle();
    });
    await using session = await connect(sessionOptions(broker.port), sessionContext());
    await session.subscribe(['s'], {qos: 1});
    const received = collector(() => true);
    let receiving: Promise<void> | undefined;
    const payload = {
      length: 4,
      async send(write: (piece: Uint8Array) => Promise<boolean>) {
        assert.equal(await write(Buffer.from('ab')), true);
        // Not before: the message would be acknowledged before there is anything to come behind.
        receiving ??= session.receive(received);
        await receiving;
        assert.equal(await write(Buffer.from('cd')), true);
      },
    };
    await Promise.all([
      session.publish(payload, publication('large', {qos: 1})),
      session.publish(Buffer.from('x'), publication('small', {qos: 1})),
      session.publish(Buffer.from('y'), publication('small')),
    ]);
    assert.equal(received.messages.length, 1);
    await session.end();
    await broker.finished(0);
    const large = broker.connections[0]!.packets.find(({topic}) => topic === 'large');
    assert.equal(String(large?.payload), 'abcd');
  });

  test('an end in the midst of one sends nothing into it', limit, async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      await connection.idle();
    });
    const controller = new AbortController();
    const context = sessionContext({signal: controller.signal});
    const session = await connect(sessionOptions(broker.port), context);
    let lost: boolean | undefined;
    const payload = {
      length: 1_000_000,
      async send(write: (piece: Uint8Array) => Promise<boolean>) {
        while (await write(Buffer.alloc(10)))
          if (!controller.signal.aborted) controller.abort(new TmqError('enough', 9));
        lost = true;
      },
    };
    await assert.rejects(session.publish(payload, publication('a', {qos: 1})), {message: 'enough'});
    await assert.rejects(session.end(), {exitCode: 7});
    await broker.finished(0);
    assert.equal(lost, true);
    assert.deepEqual(
      broker.connections[0]!.packets.map(({cmd}) => cmd),
      ['connect'],
    );
  });

  test('small files, and what is no file, are left to be read whole', () => {
    assert.equal(openFilePayload('/dev/null', 1e9), undefined);
    assert.equal(openFilePayload(import.meta.filename, 1e9), undefined);
    assert.equal(openFilePayload(path, megabyte), undefined);
    assert.equal(openFilePayload(path, 1e9)?.length, content.length);
  });
});
