/** Messages that are acknowledged one by one: the order of the packets, and what comes again after a lost connection. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {connect} from '../../src/client/connect.ts';
import type {Delivery, Session} from '../../src/client/types.ts';
import {TmqError} from '../../src/errors.ts';
import {type FakeConnection, type Packet, startFakeBroker} from '../support/fake-broker.ts';
import {moment} from '../support/moment.ts';
import {failsWith, persistent, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};

/** Deliveries as they come, to be acknowledged by the name of their payload. */
function desk(window = 10, last = Number.POSITIVE_INFINITY) {
  const deliveries: Delivery[] = [];
  const waiting = new Set<() => void>();
  const names = () => deliveries.map(({message}) => String(message.payload));
  return {
    names,
    receiver: {
      window,
      delivered(delivery: Delivery) {
        deliveries.push(delivery);
        for (const each of waiting) each();
        return deliveries.length === last ? ('last' as const) : ('more' as const);
      },
    },
    async count(wanted: number): Promise<void> {
      while (deliveries.length < wanted) {
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    },
    done(...wanted: readonly string[]) {
      for (const name of wanted) deliveries[names().lastIndexOf(name)]!.acknowledge();
    },
    abandoned(name: string) {
      deliveries[names().lastIndexOf(name)]!.abandon();
    },
  };
}

type Desk = ReturnType<typeof desk>;

const message = (name: string, messageId: number, more: object = {}): Packet => ({
  cmd: 'publish',
  topic: 'a',
  qos: 1,
  payload: name,
  messageId,
  ...more,
});

/** The identifiers of the next acknowledgements. */
async function acknowledged(connection: FakeConnection, count: number): Promise<readonly string[]> {
  const packets: string[] = [];
  while (packets.length < count) {
    const {cmd, messageId} = await connection.any();
    packets.push(`${cmd} ${messageId}`);
  }
  return packets;
}

/** A session with a desk at a scripted broker; a script for each connection. */
async function atDesk(
  given: Desk,
  scripts: readonly ((connection: FakeConnection) => Promise<void>)[],
  {clean = false, version = 4 as 4 | 5} = {},
): Promise<void> {
  await using broker = await startFakeBroker(async (connection) => {
    await connection.accept({sessionPresent: !clean && connection.number > 0});
    await scripts[connection.number]!(connection);
    connection.socket.destroy();
  });
  const options = sessionOptions(broker.port, {clean, protocolVersion: version});
  const session = await connect(options, sessionContext({reconnect: persistent}));
  const failed = session.deliver(given.receiver);
  failed.catch(() => undefined);
  await broker.finished(scripts.length - 1);
  await session.end().catch(() => undefined);
}

test(
  'MQTT-4.6.0-2: PUBACK and PUBREC leave in the order of the messages, whatever is done first',
  limit,
  async () => {
    const given = desk();
    await atDesk(given, [
      async (connection) => {
        connection.send(message('a', 7), message('b', 8, {qos: 2}), message('c', 9), message('d', 10));
        await given.count(4);
        given.done('d', 'b', 'c');
        connection.send(message('e', 0, {qos: 0}), message('f', 11));
        await given.count(6);
        // At QoS 0 nothing waits for it.
        given.done('e', 'a');
        assert.deepEqual(await acknowledged(connection, 4), [
          'puback 7',
          'pubrec 8',
          'puback 9',
          'puback 10',
        ]);
        given.done('f');
        assert.deepEqual(await acknowledged(connection, 1), ['puback 11']);
        connection.send({cmd: 'pubrel', messageId: 8});
        assert.deepEqual(await acknowledged(connection, 1), ['pubcomp 8']);
      },
    ]);
  },
);

test('one that is abandoned is not acknowledged, and none waits for it', limit, async () => {
  const given = desk();
  await atDesk(given, [
    async (connection) => {
      connection.send(message('a', 1), message('b', 2), message('c', 3));
      await given.count(3);
      given.done('c', 'a');
      given.abandoned('b');
      assert.deepEqual(await acknowledged(connection, 2), ['puback 1', 'puback 3']);
    },
  ]);
});

test('while the window is full, reading stops: also at QoS 0 and before MQTT 5', limit, async () => {
  const given = desk(2);
  await atDesk(given, [
    async (connection) => {
      // More than the buffers of the system take.
      const rest = Buffer.alloc(200_000, 'x');
      const count = 100;
      for (let number = 0; number < count; number++) {
        connection.send(message('', 0, {qos: 0, payload: Buffer.concat([Buffer.from(`${number} `), rest])}));
      }
      for (let done = 0; done < count; done++) {
        await given.count(Math.min(done + 2, count));
        assert.ok(given.names().length <= done + 2);
        if (done < count / 2) assert.ok(connection.socket.writableLength > 0);
        given.done(given.names()[done]!);
      }
    },
  ]);
});

test(
  'what is in work when the connection is lost is acknowledged where it comes again, and not given twice',
  limit,
  async () => {
    const given = desk();
    const again = moment();
    await atDesk(given, [
      async (connection) => {
        connection.send(message('a', 1), message('b', 2, {qos: 2}), message('c', 3), message('d', 4));
        await given.count(4);
        given.done('c');
      },
      async (connection) => {
        const dup = true;
        connection.send(
          message('a', 1, {dup}),
          message('b', 2, {qos: 2, dup}),
          message('c', 3, {dup}),
          message('d', 4, {dup}),
          message('e', 5),
        );
        await given.count(5);
        again.happen();
        given.done('d', 'b', 'a', 'e');
        const packets = await acknowledged(connection, 5);
        assert.deepEqual(packets, ['puback 1', 'pubrec 2', 'puback 3', 'puback 4', 'puback 5']);
      },
    ]);
    assert.deepEqual(given.names(), ['a', 'b', 'c', 'd', 'e']);
  },
);

test('an acknowledgement that was lost is sent again, without the work', limit, async () => {
  const given = desk();
  await atDesk(given, [
    async (connection) => {
      connection.send(message('a', 1), message('b', 2, {qos: 2}));
      await given.count(2);
      given.done('a', 'b');
      await acknowledged(connection, 2);
    },
    async (connection) => {
      connection.send(message('a', 1, {dup: true}), message('b', 2, {qos: 2, dup: true}));
      assert.deepEqual(await acknowledged(connection, 2), ['puback 1', 'pubrec 2']);
    },
  ]);
  assert.deepEqual(given.names(), ['a', 'b']);
});

test(
  'an identifier alone recognises nothing: neither without DUP nor with another payload',
  limit,
  async () => {
    const given = desk();
    await atDesk(given, [
      async (connection) => {
        connection.send(message('a', 1), message('b', 2), message('c', 3));
        await given.count(3);
        given.done('a');
        await acknowledged(connection, 1);
      },
      async (connection) => {
        connection.send(message('a', 1), message('x', 2, {dup: true}), message('c', 3, {dup: true}));
        await given.count(5);
        given.done('a', 'x', 'c');
        assert.deepEqual(await acknowledged(connection, 3), ['puback 1', 'puback 2', 'puback 3']);
      },
    ]);
    assert.deepEqual(given.names(), ['a', 'b', 'c', 'a', 'x']);
  },
);

test('a session that began anew acknowledges nothing of the last one', limit, async () => {
  const given = desk();
  await atDesk(
    given,
    [
      async (connection) => {
        connection.send(message('a', 1), message('b', 2));
        await given.count(2);
        given.done('b');
      },
      async (connection) => {
        connection.send(message('b', 2));
        await given.count(3);
        given.done('a', 'b');
        assert.deepEqual(await acknowledged(connection, 1), ['puback 2']);
        connection.send({cmd: 'publish', topic: 'a', qos: 0, payload: 'end'});
        await given.count(4);
      },
    ],
    {clean: true},
  );
  assert.deepEqual(given.names(), ['a', 'b', 'b', 'end']);
});

test(
  'after the last one nothing more is taken, and what a receiver throws ends the session',
  limit,
  async () => {
    const given = desk(10, 2);
    await atDesk(given, [
      async (connection) => {
        connection.send(message('a', 1), message('b', 2), message('c', 3));
        await given.count(2);
        given.done('b', 'a');
        assert.deepEqual(await acknowledged(connection, 2), ['puback 1', 'puback 2']);
      },
    ]);
    assert.deepEqual(given.names(), ['a', 'b']);

    await using broker = await startFakeBroker(async (connection) => {
      await connection.accept();
      connection.send(message('a', 1));
      await connection.idle();
    });
    const session: Session = await connect(
      sessionOptions(broker.port, {protocolVersion: 4}),
      sessionContext(),
    );
    const delivered = () => {
      throw new TmqError('no room', 9);
    };
    await assert.rejects(session.deliver({window: 1, delivered}), failsWith(9, /no room/));
    await session.end();
  },
);
