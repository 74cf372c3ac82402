/**
 * A publisher sends its last messages and closes while the broker holds it back: the broker handles the messages
 * after the hold, and only then reports the end. Real sockets; a handler that holds.
 */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {it} from 'node:test';
import {generate} from 'mqtt-packet';
import {Connection} from '../../../../src/broker/wire/connection.ts';
import type {ConnectionHandler, MessageHandler} from '../../../../src/broker/wire/connection-handler.ts';
import {BufferPool} from '../../../../src/broker/wire/connection-output.ts';
import {Counters} from '../../../../src/broker/wire/counters.ts';
import {EarlyBudget} from '../../../../src/broker/wire/early-bytes.ts';
import {PacketCodec} from '../../../../src/broker/wire/packets.ts';

const limit = {timeout: 60_000};
const count = 100;

for (const goodbye of [true, false]) {
  it(
    `handles what a held client sent before it closed, ${goodbye ? 'with' : 'without'} DISCONNECT`,
    limit,
    async () => {
      const events: string[] = [];
      let connection: Connection | undefined;
      const messages: MessageHandler = {
        publish({payload}) {
          events.push(String(payload));
          if (events.length === 1) connection?.hold();
        },
        fastPublish: () => undefined,
        acknowledgement: () => undefined,
        succeeded: () => false,
        acknowledgementsEnd: () => undefined,
        committed: () => undefined,
      };
      const handler: ConnectionHandler = {
        connect: () => connection?.accepted(messages),
        packet({cmd}) {
          events.push(cmd);
          connection?.close();
        },
        ended: ({cause}) => void events.push(`ended: ${cause}`),
        drained: () => undefined,
        closed: () => undefined,
      };
      const bug = (error: unknown) => assert.fail(String(error));
      const server = createServer((socket) => {
        connection = new Connection(socket, {
          counters: new Counters(),
          codec: new PacketCodec(),
          buffers: new BufferPool(),
          now: () => 0,
          maxPacketSize: 1000,
          earlyBudget: new EarlyBudget(),
          fastPath: false,
          bug,
        });
        connection.start(handler);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const accepted = once(server, 'connection');
        const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
        const [socket] = (await accepted) as [Socket];
        const publish = (_: unknown, index: number) =>
          generate({cmd: 'publish', topic: 'a', payload: String(index), qos: 0, retain: false, dup: false});
        const greeting = generate({cmd: 'connect', clientId: 'c', clean: true, keepalive: 60});
        const last = goodbye ? [generate({cmd: 'disconnect'})] : [];
        const closed = once(socket, 'close');
        client.end(Buffer.concat([greeting, ...Array.from({length: count}, publish), ...last]));
        await closed;
        assert.deepEqual(events, ['0'], 'ended over what it had sent');
        connection?.unhold();
        await new Promise((resolve) => setImmediate(resolve));
        const all = Array.from({length: count}, (_, index) => String(index));
        const end = goodbye ? ['disconnect', 'ended: ours'] : ['ended: closed'];
        assert.deepEqual(events, [...all, ...end]);
      } finally {
        server.close();
      }
    },
  );
}
