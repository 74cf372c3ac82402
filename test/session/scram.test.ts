/** SCRAM as the client, against a server written from the RFC: test/support/scram-double.ts. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {ConnectionOptions} from '../../src/client/connection-options.ts';
import {TmqError} from '../../src/errors.ts';
import {type FakeConnection, type Packet, startFakeBroker} from '../support/fake-broker.ts';
import {scramDouble} from '../support/scram-double.ts';
import {failsWith, persistent, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const method = 'SCRAM-SHA-256';
const credentials = {username: 'user', password: 'pencil'};

const options = (port: number, overrides: Partial<ConnectionOptions> = {}) =>
  sessionOptions(port, {credentials, authMethod: method, ...overrides});

interface AuthPacket extends Packet {
  readonly properties?: {readonly authenticationMethod?: string; readonly authenticationData?: Buffer};
}

const dataOf = (packet: Packet) => String((packet as AuthPacket).properties?.authenticationData);

/** Sends AUTH 0x18 with this data, and reads the client's answer. */
async function ask(connection: FakeConnection, data: string): Promise<Packet> {
  connection.send({
    cmd: 'auth',
    reasonCode: 0x18,
    properties: {authenticationMethod: method, authenticationData: Buffer.from(data)},
  });
  return await connection.next('auth');
}

/** The whole exchange; `signature` may be changed on its way. */
async function authenticate(
  connection: FakeConnection,
  change: (signature: string) => string | undefined = String,
): Promise<{readonly connect: Packet; readonly isProved: boolean}> {
  const double = scramDouble({password: credentials.password});
  const connectPacket = await connection.next('connect');
  const answer = await ask(connection, double.first(dataOf(connectPacket)));
  assert.equal(answer.reasonCode, 0x18);
  const {isProved, message} = double.final(dataOf(answer));
  const signature = change(message);
  connection.send({
    cmd: 'connack',
    reasonCode: 0,
    sessionPresent: false,
    properties: {
      authenticationMethod: method,
      ...(signature === undefined ? {} : {authenticationData: Buffer.from(signature)}),
    },
  });
  return {connect: connectPacket, isProved};
}

describe('SCRAM-SHA-256', () => {
  test('logs in, and never sends the password', async () => {
    let seen: Awaited<ReturnType<typeof authenticate>> | undefined;
    await using broker = await startFakeBroker(async (connection) => {
      seen = await authenticate(connection);
      await connection.idle();
    });
    await using session = await connect(options(broker.port), sessionContext());
    await session.publish(Buffer.from('x'), publication('a'));
    assert.ok(seen?.isProved);
    const {username, password, properties} = seen.connect as AuthPacket & Record<string, unknown>;
    assert.deepEqual([username, password], ['user', undefined]);
    assert.equal((properties as Record<string, unknown>).authenticationMethod, method);
    assert.match(dataOf(seen.connect), /^n,,n=user,r=[A-Za-z\d+/]{24}$/);
    assert.ok(!broker.connections[0]!.bytes().includes('pencil'));
  });

  test('every connection has an exchange of its own', async () => {
    const nonces: string[] = [];
    await using broker = await startFakeBroker(async (connection) => {
      const {connect: packet, isProved} = await authenticate(connection);
      assert.ok(isProved);
      nonces.push(dataOf(packet));
      if (connection.number === 0) return;
      const {messageId} = await connection.next('publish');
      connection.send({cmd: 'puback', messageId});
      await connection.idle();
    });
    await using session = await connect(options(broker.port), sessionContext({reconnect: persistent}));
    await broker.finished(0);
    await session.publish(Buffer.from('x'), publication('a', {qos: 1}));
    assert.equal(new Set(nonces).size, 2);
  });

  const forged: readonly (readonly [name: string, change: (signature: string) => string | undefined])[] = [
    ['of another password', () => `v=${Buffer.alloc(32).toString('base64')}`],
    ['that is empty', () => 'v='],
    ['that is an error', () => 'e=other-error'],
    ['that is missing', () => undefined],
  ];
  for (const [name, change] of forged) {
    test(`a server with a signature ${name} is not used, and not tried again`, async () => {
      await using broker = await startFakeBroker(async (connection) => {
        await authenticate(connection, change);
        await connection.idle();
      });
      await assert.rejects(
        connect(options(broker.port), sessionContext({reconnect: {...persistent, atStart: true}})),
        failsWith(2, /did not prove by SCRAM-SHA-256 that it knows the password/),
      );
      assert.equal(broker.connections.length, 1);
    });
  }

  test('a server that accepts without an exchange has proved nothing', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept({properties: {authenticationMethod: method}});
      await connection.idle();
    });
    await assert.rejects(
      connect(options(broker.port), sessionContext()),
      failsWith(2, /did not prove by SCRAM-SHA-256/),
    );
  });

  test('a challenge with too few iterations, or for another attempt, is not answered', async () => {
    const challenges = ['r=NONCEx,s=AAAA,i=1', 'r=abc,s=AAAA,i=4096'];
    const reasons = [
      /^Cannot log in to .* by SCRAM-SHA-256: it asks for 1 iterations/,
      /it does not answer this attempt/,
    ];
    for (const [index, challenge] of challenges.entries()) {
      await using broker = await startFakeBroker(async (connection) => {
        const nonce = dataOf(await connection.next('connect')).split('r=')[1]!;
        await ask(connection, challenge.replace('NONCE', nonce));
      });
      await assert.rejects(connect(options(broker.port), sessionContext()), failsWith(1, reasons[index]!));
      assert.deepEqual(
        broker.connections[0]!.packets.map(({cmd}) => cmd),
        ['connect'],
      );
    }
  });

  test('a broker without the method gives its reason code', async () => {
    await using broker = await startFakeBroker(async (connection) => {
      await connection.next('connect');
      connection.send({cmd: 'connack', reasonCode: 0x8c, sessionPresent: false});
      await connection.idle();
    });
    await assert.rejects(
      connect(options(broker.port), sessionContext()),
      failsWith(0x8c, /Bad authentication method. Try another --auth-method, or none./),
    );
  });

  test('a user name that SASLprep prohibits is an error before anything is sent', async () => {
    await using broker = await startFakeBroker(async (connection) => await connection.idle());
    await assert.rejects(
      connect(options(broker.port, {credentials: {username: 'a\ue000', password: 'x'}}), sessionContext()),
      (error) => {
        assert.ok(error instanceof TmqError);
        assert.match(error.message, /user name cannot be used: SASLprep prohibits/);
        return true;
      },
    );
    assert.equal(broker.connections.length, 0);
  });
});
