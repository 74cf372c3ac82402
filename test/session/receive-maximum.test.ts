/** A8: sub sends DISCONNECT to a server that exceeds what CONNECT allows, and ends with status 2. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {type FakeConnection, type Packet, startFakeBroker} from '../support/fake-broker.ts';
import {startMain} from '../support/run.ts';

const message = (messageId: number, qos: 1 | 2, payload = String(messageId)): Packet => ({
  cmd: 'publish',
  topic: 'a',
  payload,
  qos,
  messageId,
});
const released = (messageId: number): Packet => ({cmd: 'pubrel', messageId, reasonCode: 0});

/** Reads so many packets of the kind. */
async function read(connection: FakeConnection, cmd: Packet['cmd'], count: number): Promise<void> {
  for (let left = count; left > 0; left--) await connection.next(cmd);
}

/** Accepts a connection and its SUBSCRIBE; the first packets come with SUBACK. */
async function greet(connection: FakeConnection, ...packets: readonly Packet[]): Promise<void> {
  await connection.accept();
  const {messageId} = await connection.next('subscribe');
  connection.send({cmd: 'suback', messageId, granted: [2]}, ...packets);
}

for (const env of [{}, {TMQ_NO_FASTPATH: '1'}]) {
  const way = 'TMQ_NO_FASTPATH' in env ? 'through MQTT.js' : 'on the fast path';

  const run = async (
    words: readonly string[],
    script: (connection: FakeConnection) => Promise<void>,
    programName = 'tmq',
  ) => {
    await using broker = await startFakeBroker(async (connection) => {
      await script(connection);
      await connection.idle();
    });
    const command = programName === 'tmq' ? ['sub'] : [];
    const fixed = [
      ...command,
      '-h',
      '127.0.0.1',
      '-p',
      String(broker.port),
      '-t',
      'a',
      '-q',
      '2',
      '-W',
      '20',
    ];
    await using sub = startMain([...fixed, ...words], {env, programName});
    const {exitCode, stdout, stderr} = await sub.finished;
    await broker.connections.at(-1)!.closed;
    const {cmd, reasonCode} = broker.connections.at(-1)!.packets.at(-1)!;
    return {exitCode, stderr, lines: String(stdout).split('\n').slice(0, -1), last: [cmd, reasonCode]};
  };

  const two = ['-V', '5', '-D', 'connect', 'receive-maximum', '2'];
  const refused = /^Error: .* sent what is not allowed in MQTT \(more than 2 messages .*\)\.\n$/;

  describe(`the Receive Maximum of CONNECT, ${way}`, {concurrency: 4, timeout: 60_000}, () => {
    for (const qos of [1, 2] as const) {
      it(`three messages at once at QoS ${qos}, where 2 are allowed`, async () => {
        const result = await run(two, (connection) =>
          greet(connection, message(1, qos), message(2, qos), message(3, qos)),
        );
        assert.equal(result.exitCode, 2, result.stderr);
        assert.match(result.stderr, refused);
        assert.ok(!result.lines.includes('3'), String(result.lines));
        assert.deepEqual(result.last, ['disconnect', 0x93]);
      });
    }

    it('a message at QoS 2 counts until PUBCOMP', async () => {
      const result = await run(two, async (connection) => {
        await greet(connection, message(1, 2), message(2, 2));
        await read(connection, 'pubrec', 2);
        connection.send(message(3, 2));
      });
      assert.deepEqual([result.exitCode, result.lines], [2, ['1', '2']], result.stderr);
      assert.deepEqual(result.last, ['disconnect', 0x93]);
    });

    it('more messages with DUP are taken, since mosquitto sends them so, but they count', async () => {
      const result = await run([...two, '-c', '-i', 'kept'], async (connection) => {
        await connection.accept({sessionPresent: true});
        const again = [1, 2, 3, 4].map((messageId) => ({...message(messageId, 2), dup: true}));
        connection.send(...again);
        await read(connection, 'pubrec', 4);
        connection.send(released(1), message(5, 2));
      });
      assert.deepEqual([result.exitCode, result.lines], [2, ['1', '2', '3', '4']], result.stderr);
      assert.deepEqual(result.last, ['disconnect', 0x93]);
    });

    it('PUBACK and PUBCOMP make room', async () => {
      const result = await run([...two, '-C', '6'], async (connection) => {
        await greet(connection, message(1, 2), message(2, 1));
        await read(connection, 'puback', 1);
        connection.send(message(3, 1));
        await read(connection, 'puback', 1);
        connection.send(message(4, 2));
        await read(connection, 'pubrec', 1);
        connection.send(released(1), released(4));
        await read(connection, 'pubcomp', 2);
        connection.send(message(5, 1), message(6, 1));
      });
      assert.deepEqual([result.exitCode, result.lines], [0, ['1', '2', '3', '4', '5', '6']], result.stderr);
    });

    it('after a lost connection the count begins anew, and PUBCOMP makes room for one more', async () => {
      const result = await run([...two, '-c', '-i', 'kept', '-C', '5'], async (connection) => {
        if (connection.number === 0) {
          await greet(connection, message(1, 2), message(2, 2));
          await read(connection, 'pubrec', 2);
          connection.socket.end();
          return;
        }
        await connection.accept({sessionPresent: true});
        connection.send(message(3, 2), message(4, 2));
        await read(connection, 'pubrec', 2);
        connection.send(released(1));
        await read(connection, 'pubcomp', 1);
        connection.send(message(5, 1));
      });
      assert.deepEqual([result.exitCode, result.lines], [0, ['1', '2', '3', '4', '5']], result.stderr);
    });

    for (const [what, words, programName] of [
      ['MQTT 3.1.1 has none', ['-V', '311']],
      ['the one that -D does not give is not insisted on, since mosquitto 2.0 exceeds it', ['-V', '5']],
      ['mosquitto_sub does not insist on one', two, 'mosquitto_sub'],
    ] as const) {
      it(what, async () => {
        const messages = Array.from({length: 100}, (_, index) => message(index + 1, 2));
        const script = (connection: FakeConnection) => greet(connection, ...messages);
        const result = await run([...words, '-C', '100'], script, programName);
        assert.deepEqual([result.exitCode, result.lines.length], [0, 100], result.stderr);
      });
    }

    it('a packet above the Maximum Packet Size ends the connection, too', async () => {
      const words = ['-V', '5', '-D', 'connect', 'maximum-packet-size', '40'];
      const result = await run(words, (connection) =>
        greet(connection, message(1, 1), message(2, 1, 'x'.repeat(60))),
      );
      assert.deepEqual([result.exitCode, result.lines], [2, ['1']], result.stderr);
      // MQTT.js closes the connection itself.
      const isGeneral = 'TMQ_NO_FASTPATH' in env || process.env.TMQ_NO_FASTPATH !== undefined;
      if (!isGeneral) assert.deepEqual(result.last, ['disconnect', 0x95]);
    });
  });
}
