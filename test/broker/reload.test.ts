/** SIGHUP at a running `tmq broker`: which listener takes which settings, who stays, and what is said. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {connect as connectTls} from 'node:tls';
import {makeCertificates, writeCertificates} from '../../src/broker/server/certificates.ts';
import {schemes} from '../../src/password/hash.ts';
import {freePort} from '../support/mosquitto.ts';
import {PacketClient, packetBroker} from '../support/packet-client.ts';
import {type RunningMain, startMain} from '../support/run.ts';

interface Place {
  readonly directory: string;
  /** Writes a file. {directory} is filled in. */
  write(name: string, text: string): Promise<void>;
  /** Starts `tmq broker` with this configuration; `words` are further options. */
  start(config: string, ...words: string[]): Promise<RunningMain>;
  /** Sends SIGHUP and waits for what the broker says to it: the lines since then. */
  reload(broker: RunningMain): Promise<string>;
}

async function withPlace(test: (place: Place) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-reload-'));
  const brokers: RunningMain[] = [];
  const write = async (name: string, text: string) =>
    await writeFile(join(directory, name), text.replaceAll('{directory}', directory));
  try {
    await test({
      directory,
      write,
      async start(config, ...words) {
        await write('x.conf', config);
        const broker = startMain(['broker', '-c', join(directory, 'x.conf'), '--ready', 'json', ...words]);
        brokers.push(broker);
        await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
        return broker;
      },
      async reload(broker) {
        const {length} = broker.stderr();
        broker.hangUp();
        const after = new RegExp(`^[^]{${length}}([^]*(?:Reloaded\\.|not reloaded: .*)\n)`);
        return (await broker.waitFor('stderr', after))[1]!;
      },
    });
  } finally {
    for (const broker of brokers) await broker.interrupt();
    await rm(directory, {recursive: true, force: true});
  }
}

const connectPacket = {
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 5,
  clientId: 'c',
  clean: true,
  keepalive: 0,
};

/** A client that has sent CONNECT, and the reason code of the answer. */
async function join5(port: number, fields: Record<string, unknown> = {}, version: 4 | 5 = 5) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const client = new PacketClient(socket, version);
  const {reasonCode, returnCode} = await client.ask({...connectPacket, protocolVersion: version, ...fields});
  return {client, code: (reasonCode ?? returnCode) as number};
}

/** The reason code that a client without user name gets. */
async function anonymously(port: number): Promise<number> {
  const {client, code} = await join5(port);
  client.drop();
  return code;
}

const login = (username: string) => ({username, password: Buffer.from('pw'), clientId: username});
const passwordLine = async (name: string) => `${name}:${await schemes[0]!.hash(Buffer.from('pw'))}\n`;

describe('F1: listeners are recognised by their address', () => {
  const closed = (port: number) => `listener ${port} 127.0.0.1\npassword_file {directory}/passwords\n`;
  const open = (port: number) => `listener ${port} 127.0.0.1\nallow_anonymous true\n`;
  const each = 'per_listener_settings true\n';

  it('when two are swapped, or one is added on top or taken away', async () => {
    await withPlace(async ({write, start, reload}) => {
      await write('passwords', await passwordLine('ann'));
      const [locked, free, added] = [await freePort(), await freePort(), await freePort()];
      const broker = await start(each + closed(locked) + open(free));
      const codes = async () => [await anonymously(locked), await anonymously(free)];
      assert.deepEqual(await codes(), [0x87, 0]);
      await write('x.conf', each + open(free) + closed(locked));
      await reload(broker);
      assert.deepEqual(await codes(), [0x87, 0]);
      await write('x.conf', each + open(added) + closed(locked) + open(free));
      assert.match(
        await reload(broker),
        new RegExp(`Warning: the listener on 127\\.0\\.0\\.1:${added} is new`),
      );
      assert.deepEqual(await codes(), [0x87, 0]);
      await write('x.conf', each + open(free));
      assert.match(
        await reload(broker),
        new RegExp(`no listener on 127\\.0\\.0\\.1:${locked} any more: it keeps its settings`),
      );
      assert.deepEqual(await codes(), [0x87, 0]);
    });
  });

  it('the twin that --tls auto adds follows the listener that it is a twin of', async () => {
    await withPlace(async ({write, start, reload}) => {
      await write('passwords', await passwordLine('ann'));
      const [locked, added] = [await freePort(), await freePort()];
      const broker = await start(each + closed(locked), '--tls', 'auto');
      const {listeners} = JSON.parse(broker.stdout().toString());
      const twin = listeners.find(({protocol}: {protocol: string}) => protocol === 'mqtts').port;
      await write('x.conf', each + closed(locked) + open(added));
      await reload(broker);
      const socket = connectTls({port: twin, host: '127.0.0.1', rejectUnauthorized: false});
      await once(socket, 'secureConnect');
      const client = new PacketClient(socket, 5);
      assert.equal((await client.ask(connectPacket)).reasonCode, 0x87);
    });
  });

  it('what a bound listener cannot change is named, and it keeps all its settings', async () => {
    await withPlace(async ({write, start, reload}) => {
      const port = await freePort();
      const broker = await start(`listener ${port} 127.0.0.1\n`);
      await write('x.conf', `${open(port)}protocol websockets\nmax_queued_messages 7\n`);
      const said = await reload(broker);
      assert.match(said, /protocol changes at a restart only: the listener on .* keeps all its settings/);
      assert.match(said, /max_queued_messages changes at a restart only/);
      assert.equal(await anonymously(port), 0x87);
    });
  });

  it('settings that count at CONNECT are taken for the next client', async () => {
    await withPlace(async ({write, start, reload}) => {
      const port = await freePort();
      const broker = await start(open(port));
      assert.equal((await join5(port, {clientId: ''})).code, 0);
      await write('x.conf', `${open(port)}allow_zero_length_clientid false\n`);
      await reload(broker);
      assert.equal((await join5(port, {clientId: ''})).code, 0x85);
    });
  });
});

describe('F6: clients that would not be accepted now', () => {
  it('are disconnected: removed users, users with another password, anonymous ones', async () => {
    await withPlace(async ({write, start, reload}) => {
      const [ann, bob] = [await passwordLine('ann'), await passwordLine('bob')];
      await write('passwords', ann + bob + (await passwordLine('eve')));
      const port = await freePort();
      const config = `listener ${port} 127.0.0.1\npassword_file {directory}/passwords\n`;
      const broker = await start(`${config}allow_anonymous true\n`);
      const clients = {
        ann: (await join5(port, login('ann'))).client,
        bob: (await join5(port, login('bob'))).client,
        eve: (await join5(port, login('eve'), 4)).client,
        anonymous: (await join5(port)).client,
      };
      await write('passwords', ann + (await passwordLine('bob')));
      await write('x.conf', `${config}allow_anonymous false\n`);
      assert.match(await reload(broker), /Client eve disconnected, not authorised\./);
      await clients.bob.expectEnd(0x87);
      await clients.eve.expectEnd();
      await clients.anonymous.expectEnd(0x87);
      await clients.ann.quiet();
    });
  });
});

describe('F10: a reload takes everything or nothing', () => {
  it('an invalid certificate leaves passwords and rights as they were', async () => {
    await withPlace(async ({directory, write, start, reload}) => {
      await writeCertificates(directory, makeCertificates(['localhost'], Date.now()));
      await write('passwords', await passwordLine('ann'));
      const [plain, secure] = [await freePort(), await freePort()];
      const files = 'certfile {directory}/server.crt\nkeyfile {directory}/server.key\n';
      const config = `listener ${plain} 127.0.0.1\nlistener ${secure} 127.0.0.1\n${files}password_file {directory}/passwords\n`;
      const broker = await start(config);
      await write('passwords', await passwordLine('bob'));
      await write('server.crt', 'rubbish');
      assert.match(await reload(broker), /not reloaded: .*server\.crt/);
      assert.equal((await join5(plain, login('ann'))).code, 0);
      assert.equal((await join5(plain, login('bob'))).code, 0x87);
    });
  });

  it('F15: a certfile, keyfile or cafile that the new configuration names is taken', async () => {
    await withPlace(async ({directory, write, start, reload}) => {
      await writeCertificates(join(directory, 'one'), makeCertificates(['one'], Date.now()));
      await writeCertificates(join(directory, 'two'), makeCertificates(['two'], Date.now()));
      const port = await freePort();
      const config = (name: string) =>
        `listener ${port} 127.0.0.1\nallow_anonymous true\ncertfile {directory}/${name}/server.crt\nkeyfile {directory}/${name}/server.key\n`;
      const broker = await start(config('one'));
      const name = async () => {
        const socket = connectTls({port, host: '127.0.0.1', rejectUnauthorized: false});
        await once(socket, 'secureConnect');
        const {subject} = socket.getPeerCertificate();
        socket.destroy();
        return subject.CN;
      };
      assert.equal(await name(), 'one');
      await write('x.conf', config('two'));
      await reload(broker);
      assert.equal(await name(), 'two');
    });
  });
});

describe('F5: rights are checked again when something is sent later', () => {
  it('what is in flight or queued goes to no client that may not read it any more', async () => {
    let allowed = true;
    const permissions = {
      mayPublish: () => true,
      maySubscribe: () => true,
      mayReceive: (topic: string) => allowed || topic === 'b',
    };
    await using broker = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
    const lasting = {
      version: 5,
      clean: false,
      properties: {sessionExpiryInterval: 100, receiveMaximum: 2},
    } as const;
    const reader = await broker.connect('reader', lasting);
    await reader.subscribe('a', {qos: 2});
    await reader.subscribe('b', {qos: 2, messageId: 2});
    const writer = await broker.connect('writer', {version: 5});
    writer.publish('a', 'one', {qos: 1, messageId: 1});
    writer.publish('a', 'two', {qos: 2, messageId: 2});
    writer.publish('a', 'three', {qos: 1, messageId: 3});
    writer.publish('b', 'four', {qos: 1, messageId: 4});
    const [first, second] = [await reader.expect('publish'), await reader.expect('publish')];
    assert.deepEqual([first.qos, second.qos], [1, 2]);
    reader.drop();
    allowed = false;
    const again = await broker.connect('reader', lasting);
    // QoS 2: the exchange ends; the content is not sent again.
    assert.equal((await again.expect('pubrel')).messageId, second.messageId);
    assert.equal(await again.message(), 'b four q1 r0 d0');
    await again.quiet();
  });
});
