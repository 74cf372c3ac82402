/** A light session against a scripted broker: keep alive, acknowledgements of both sides, answers out of place. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {dial} from '../../../../src/client/transport/transport.ts';
import {now} from '../../../../src/load/measuring/clock.ts';
import {LightSession, type SessionRole} from '../../../../src/load/session/light-session.ts';
import {connectPacket, readConnack} from '../../../../src/load/session/packets.ts';
import {SharedMemory} from '../../../../src/load/session/read-memory.ts';
import {publishEncoder} from '../../../../src/protocol/publish-writer.ts';
import {type FakeConnection, startFakeBroker} from '../../../support/fake-broker.ts';

/** Keeps what happens, and resolves waits for it. */
class Recorded implements SessionRole {
  readonly events: string[] = [];
  #wake: () => void = () => undefined;

  #add(event: string): void {
    this.events.push(event);
    this.#wake();
  }

  async until(event: string): Promise<void> {
    while (!this.events.includes(event)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  onMessage(bytes: Buffer, at: number, end: number): void {
    this.#add(`message ${bytes.toString('latin1', at, end)}`);
  }

  onAcknowledged(packetId: number, reasonCode: number): void {
    this.#add(`acknowledged ${packetId} ${reasonCode}`);
  }

  onDrain(): void {
    // No test waits for it.
  }

  onLost(reason: string): void {
    this.#add(`lost ${reason}`);
  }
}

interface Connected {
  readonly session: LightSession;
  readonly role: Recorded;
}

/** Runs a session and a script against each other. */
async function against(
  script: (connection: FakeConnection) => Promise<void>,
  use: (connected: Connected) => Promise<void>,
  protocolVersion: 4 | 5 = 5,
): Promise<void> {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.next('connect');
    connection.send({cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false});
    await script(connection);
  });
  const memory = new SharedMemory();
  const stream = await dial(
    {transport: 'tcp', host: '127.0.0.1', port: broker.port},
    {signal: AbortSignal.timeout(60_000), protocolVersion, readBuffer: memory},
  );
  const role = new Recorded();
  const session = new LightSession({stream, memory, protocolVersion, keepaliveSeconds: 60, role});
  const packet = connectPacket({protocolVersion, clientId: 'light', keepaliveSeconds: 60});
  assert.equal((await session.connect(packet)).code, 0);
  try {
    await use({session, role});
  } finally {
    session.destroy();
  }
}

const publish = (qos: 0 | 1 | 2, messageId: number, payload: string, properties = {}) =>
  ({cmd: 'publish', topic: 'a', qos, messageId, payload, dup: false, retain: false, properties}) as const;

test('asks for a sign of life before the keep alive ends, and gives up without one', {
  timeout: 60_000,
}, async () => {
  await against(
    async (connection) => {
      await connection.closed;
    },
    async ({session, role}) => {
      session.keepAlive(now() + 30_000);
      assert.ok(session.isAnswered);
      session.keepAlive(now() + 46_000);
      assert.ok(!session.isAnswered);
      session.keepAlive(now() + 50_000);
      assert.ok(!session.isEnded);
      session.keepAlive(now() + 110_000);
      assert.deepEqual(role.events, ['lost The broker did not answer within the keep alive interval.']);
    },
  );
});

test('acknowledges each QoS as it must, and hands on a message of QoS 2 once', {
  timeout: 60_000,
}, async () => {
  for (const version of [4, 5] as const) {
    const answers: string[] = [];
    await against(
      async (connection) => {
        const expect = async (name: string) => {
          const packet = await connection.next(name as 'puback');
          answers.push(`${name} ${packet.messageId}`);
        };
        connection.send(
          publish(0, 0, 'zero'),
          publish(1, 7, 'one'),
          publish(2, 8, 'two'),
          publish(2, 8, 'two'),
        );
        await expect('puback');
        await expect('pubrec');
        await expect('pubrec');
        connection.send({cmd: 'pubrel', messageId: 8});
        await expect('pubcomp');
        connection.send(publish(1, 9, 'named', {userProperties: {a: 'b'}}));
        await expect('puback');
        connection.send(publish(0, 0, 'last'));
        await connection.closed;
      },
      async ({role}) => {
        await role.until('message last');
        const messages = ['zero', 'one', 'two', 'named', 'last'].map((text) => `message ${text}`);
        assert.deepEqual(role.events, messages);
      },
      version,
    );
    assert.deepEqual(answers, ['puback 7', 'pubrec 8', 'pubrec 8', 'pubcomp 8', 'puback 9']);
  }
});

test('hands on acknowledgements, with PUBREL in between at QoS 2', {timeout: 60_000}, async () => {
  await against(
    async (connection) => {
      await connection.next('publish');
      connection.send({cmd: 'puback', messageId: 1, reasonCode: 0x97});
      await connection.next('publish');
      connection.send({cmd: 'pubrec', messageId: 2, reasonCode: 0});
      await connection.next('pubrel');
      connection.send({cmd: 'pubcomp', messageId: 2, reasonCode: 0});
      await connection.next('publish');
      connection.send({cmd: 'pubrec', messageId: 3, reasonCode: 0x87});
      await connection.closed;
    },
    async ({session, role}) => {
      const send = (qos: 1 | 2, messageId: number) => {
        session.write(publishEncoder({topic: 'a', qos, retain: false}, 5).header(0, messageId, false));
      };
      send(1, 1);
      await role.until('acknowledged 1 151');
      send(2, 2);
      await role.until('acknowledged 2 0');
      send(2, 3);
      await role.until('acknowledged 3 135');
    },
  );
});

test('says why the broker ended the connection', {timeout: 60_000}, async () => {
  const cases: readonly (readonly [(connection: FakeConnection) => void, string])[] = [
    [({socket}) => socket.end(), 'The broker closed the connection.'],
    [({socket}) => socket.resetAndDestroy(), 'The broker closed the connection.'],
    [
      (connection) => connection.send({cmd: 'disconnect', reasonCode: 0x8b}),
      'The broker disconnected: Server shutting down.',
    ],
    [(connection) => connection.sendBytes(Buffer.of(0xc0, 0)), 'A packet of type 12 is out of place.'],
    [(connection) => connection.sendBytes(Buffer.of(0x36, 3, 0, 0, 0)), 'A PUBLISH is malformed.'],
    [(connection) => connection.sendBytes(Buffer.of(0x40, 1, 0)), 'An acknowledgement is malformed.'],
  ];
  for (const [script, reason] of cases) {
    await against(
      async (connection) => {
        script(connection);
        await connection.closed;
      },
      async ({role}) => await role.until(`lost ${reason}`),
    );
  }
});

test('reads what CONNACK of MQTT 5 allows', () => {
  // Receive Maximum 10, Maximum QoS 1, Maximum Packet Size 1000, Server Keep Alive 30.
  const properties = [0x21, 0, 10, 0x24, 1, 0x27, 0, 0, 0x03, 0xe8, 0x13, 0, 30];
  const bytes = Buffer.from([0, 0, properties.length, ...properties]);
  assert.deepEqual(readConnack(bytes, 0, bytes.length, 5), {
    code: 0,
    receiveMaximum: 10,
    maximumQos: 1,
    maximumPacketSize: 1000,
    keepaliveSeconds: 30,
  });
});
