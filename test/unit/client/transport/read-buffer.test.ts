/** Memory that is read into again: whatever is held back, cut up or larger than it, the bytes stay what they were. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {test} from 'node:test';
import fc from 'fast-check';
import {generate, type Packet} from 'mqtt-packet';
import {PublishFilter} from '../../../../src/client/connection/publish-filter.ts';
import {ReceivedQos2, UnacknowledgedMessages} from '../../../../src/client/connection/received-qos2.ts';
import {join, ReadBuffer} from '../../../../src/client/transport/read-buffer.ts';
import {copyOf, type Message} from '../../../../src/protocol/message.ts';

/** A number as a payload of that many bytes, which no other payload is like. */
function payloadOf(index: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, `${index},`);
  return bytes;
}

const sizes = fc.oneof(
  {weight: 6, arbitrary: fc.integer({min: 1, max: 300})},
  {weight: 2, arbitrary: fc.integer({min: 300, max: 70_000})},
  {weight: 1, arbitrary: fc.integer({min: 70_000, max: 700_000})},
);

interface Sent {
  readonly size: number;
  readonly qos: 0 | 1 | 2;
  /** How often it is answered with 'later' first. */
  readonly delays: number;
}

const packets: fc.Arbitrary<readonly Sent[]> = fc.array(
  fc.record({
    size: sizes,
    qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 0, 0, 1, 2),
    delays: fc.oneof({weight: 8, arbitrary: fc.constant(0)}, fc.integer({min: 1, max: 3})),
  }),
  {minLength: 1, maxLength: 60},
);

/** Reads what a server sends through a publish filter with a read buffer; what it took and what it passed on. */
async function readAll(list: readonly Sent[], server: {port: number; peer: () => Promise<Socket>}) {
  const readBuffer = new ReadBuffer();
  const socket = connect({port: server.port, host: '127.0.0.1', onread: readBuffer.onread});
  await once(socket, 'connect');
  const peer = await server.peer();
  const delays = list.map((each) => each.delays);
  const taken: Message[] = [];
  const passed: Buffer[] = [];
  const filter: PublishFilter = new PublishFilter({
    stream: socket,
    options: {protocolVersion: 4},
    receivedQos2: new ReceivedQos2(),
    unacknowledged: new UnacknowledgedMessages({}),
    events: {
      messages: {
        begun: () => undefined,
        offered(message) {
          const index = Number(message.topic.slice(1));
          if (delays[index]!-- > 0) {
            setImmediate(() => filter.offerAgain());
            return 'later';
          }
          taken.push(copyOf(message));
          return 'taken';
        },
        flush: () => undefined,
      },
      acknowledged: () => undefined,
    },
    connection: {
      isOpen: true,
      writeQueue: {write: () => undefined},
      onBytes: () => undefined,
      fail: (error) => filter.destroy(error as Error),
    },
    readBuffer,
  });
  filter.on('data', (bytes: Buffer) => passed.push(bytes));
  // As the session does: once CONNACK was understood, not while it is.
  filter.once('data', () => queueMicrotask(() => filter.open()));
  const packet = (each: Packet) => generate(each);
  peer.write(packet({cmd: 'connack', returnCode: 0, sessionPresent: false}));
  list.forEach(({size, qos}, index) => {
    peer.write(
      packet({
        cmd: 'publish',
        topic: `t${index}`,
        payload: payloadOf(index, size),
        qos,
        retain: false,
        dup: false,
        ...(qos > 0 ? {messageId: index + 1} : {}),
      } as Packet),
    );
  });
  peer.end();
  await once(filter, 'close');
  peer.destroy();
  return {taken, passed: Buffer.concat(passed)};
}

test('every message comes once, in order, as it was sent', {timeout: 60_000}, async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peers: Socket[] = [];
  let wake: () => void = () => undefined;
  server.on('connection', (socket) => {
    peers.push(socket);
    wake();
  });
  const peer = async () => {
    while (peers.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return peers.pop()!;
  };
  const {port} = server.address() as AddressInfo;
  try {
    await fc.assert(
      fc.asyncProperty(packets, async (list) => {
        const {taken} = await readAll(list, {port, peer});
        const expected = list.map((each, index) => ({...each, index}));
        assert.deepEqual(
          taken.map(({topic}) => topic),
          expected.map(({index}) => `t${index}`),
        );
        for (const {topic, payload} of taken) {
          const index = Number(topic.slice(1));
          assert.ok(payloadOf(index, list[index]!.size).equals(payload), `${topic} was changed`);
        }
      }),
      {numRuns: 40},
    );
  } finally {
    server.close();
  }
});

test('bytes that come before there is a listener are not lost', async () => {
  const readBuffer = new ReadBuffer();
  const {buffer, callback} = readBuffer.onread;
  const read = (text: string) => {
    const target = (buffer as () => Buffer)();
    const count = Buffer.from(text).copy(target);
    return callback(count, target);
  };
  assert.equal(read('early, '), true);
  assert.equal(read('and more, '), true);
  let seen = '';
  let rest: Buffer = Buffer.alloc(0);
  readBuffer.open((chunk) => {
    const all = join(rest, chunk);
    seen += all.subarray(0, -2).toString();
    rest = readBuffer.keep(all.subarray(-2));
  });
  for (const text of ['a', 'b', 'cd', 'x'.repeat(200_000)]) assert.equal(read(text), true);
  assert.equal(seen + rest.toString(), `early, and more, abcd${'x'.repeat(200_000)}`);
});

test('a socket that sends too much before it is read is paused', () => {
  const {onread} = new ReadBuffer();
  const target = () => (onread.buffer as () => Buffer)();
  let more = true;
  let total = 0;
  while (more) {
    const room = target();
    total += room.length;
    more = onread.callback(room.length, room);
  }
  assert.ok(total <= 512 * 1024);
});
