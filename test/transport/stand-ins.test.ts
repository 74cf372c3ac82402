/** The stand-ins for other servers, each with a raw client: they refuse what the real ones refuse, and serve the rest. */
// needs: openssl

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import {connect} from 'node:net';
import type {Duplex} from 'node:stream';
import {after, before, describe, it} from 'node:test';
import {connect as connectTls} from 'node:tls';
import {connectPacket} from '../support/dialing.ts';
import {type FourListeners, startFourListeners} from '../support/four-listeners.ts';
import {PacketClient, within} from '../support/packet-client.ts';
import {clientFrame, openRawWebSocket} from '../support/raw-web-socket.ts';
import {startBoundedQueueBroker} from '../support/stand-ins/bounded-queue-broker.ts';
import {
  type FatalFrame,
  fatalFrames,
  startFaultyWebSockets,
} from '../support/stand-ins/faulty-web-sockets.ts';
import type {Identity} from '../support/stand-ins/front.ts';
import {
  type StandIn,
  startDroppingBeforeConnack,
  startSilentAfterEarlyEnd,
  startStrictWebSockets,
} from '../support/stand-ins/impatient-brokers.ts';
import {startSegmentProxy} from '../support/stand-ins/segment-proxy.ts';
import {serverFrame} from '../support/stand-ins/web-socket-server.ts';

const connack = [0x20, 2, 0, 0];
const pingRequest = Buffer.of(0xc0, 0);
const pingResponse = [0xd0, 0];
const disconnect = Buffer.of(0xe0, 0);

/** Bytes until so many are there; the stream is paused then. */
async function take(stream: Duplex, length: number): Promise<number[]> {
  const bytes: number[] = [];
  const enough = new Promise<void>((resolve) => {
    stream.on('data', function add(chunk: Buffer) {
      bytes.push(...chunk);
      if (bytes.length < length) return;
      stream.off('data', add).pause();
      resolve();
    });
  });
  stream.resume();
  await within(enough, `${length} bytes`);
  return bytes;
}

/** All bytes until the other side closes. */
async function untilClosed(stream: Duplex): Promise<number[]> {
  const bytes: number[] = [];
  stream.on('data', (chunk: Buffer) => bytes.push(...chunk)).resume();
  await within(once(stream, 'close'), 'the end of the connection');
  return bytes;
}

let broker: FourListeners;
let identity: Identity;
before(async () => {
  broker = await startFourListeners();
  const key = await readFile(`${broker.directory}/server.key`, 'utf8');
  identity = {cert: await readFile(broker.certificate, 'utf8'), key};
});
after(() => broker[Symbol.asyncDispose]());

describe('strict WebSockets', () => {
  let server: StandIn;
  before(async () => {
    server = await startStrictWebSockets({scheme: 'ws', identity, upstreamPort: broker.ports.mqtt});
  });
  after(() => server[Symbol.asyncDispose]());

  it('serves a packet a frame, several packets a frame, ping and close', async () => {
    const socket = await openRawWebSocket(server.port);
    socket.write(clientFrame(connectPacket));
    assert.deepEqual(await take(socket, 6), [...serverFrame(Buffer.from(connack))]);
    socket.write(clientFrame(Buffer.concat([pingRequest, pingRequest])));
    const answers = Buffer.from(await take(socket, 6));
    // In one frame or in two.
    assert.equal(answers.filter((byte) => byte === 0xd0).length, 2);
    if (answers.length < 8 && answers[1] === 2) await take(socket, 2);
    socket.write(clientFrame(Buffer.from('hi'), 9));
    assert.deepEqual(await take(socket, 4), [0x8a, 2, ...Buffer.from('hi')]);
    socket.write(clientFrame(Buffer.of(3, 232), 8));
    const rest = await untilClosed(socket);
    assert.deepEqual(rest.slice(0, 4), [0x88, 2, 3, 232]);
  });

  const refused: readonly [string, string, (send: (bytes: Uint8Array) => Promise<void>) => Promise<void>][] =
    [
      ['an empty frame', 'an empty frame', (send) => send(clientFrame(Buffer.alloc(0)))],
      [
        'a packet over two frames',
        'a frame that does not hold whole packets',
        (send) => send(clientFrame(connectPacket.subarray(0, 5))),
      ],
      [
        'a packet and a half',
        'a frame that does not hold whole packets',
        (send) => send(clientFrame(Buffer.concat([connectPacket, pingRequest.subarray(0, 1)]))),
      ],
      [
        'a mask in a second segment',
        'a frame header in two segments',
        // Whether the rest follows makes no difference: the connection ends here.
        (send) => send(clientFrame(connectPacket).subarray(0, 2)),
      ],
    ];
  for (const [name, reason, act] of refused) {
    it(`ends the connection at ${name}`, async () => {
      const socket = await openRawWebSocket(server.port);
      const before = server.refusals.length;
      const end = untilClosed(socket);
      await act(async (bytes) => {
        await new Promise<void>((resolve) => socket.write(bytes, () => setImmediate(resolve)));
      });
      assert.deepEqual(await end, []);
      assert.deepEqual(server.refusals.slice(before), [reason]);
    });
  }

  it('takes the rest of a long frame in other segments', async () => {
    const socket = await openRawWebSocket(server.port);
    socket.write(clientFrame(connectPacket));
    await take(socket, 6);
    const payload = Buffer.alloc(60_000, 'x');
    const publish = Buffer.concat([Buffer.of(0x30, 0xe3, 0xd4, 3, 0, 1, 0x74), payload]);
    const frame = clientFrame(publish);
    socket.write(frame.subarray(0, 8));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(Buffer.concat([frame.subarray(8), clientFrame(pingRequest)]));
    assert.deepEqual(await take(socket, 4), [...serverFrame(Buffer.from(pingResponse))]);
    socket.destroy();
  });
});

describe('silent after an early end', () => {
  it('answers a client that waits for CONNACK, and nothing after DISCONNECT or a close before it', async () => {
    await using server = await startSilentAfterEarlyEnd({
      ...{scheme: 'ws', identity},
      upstreamPort: broker.ports.mqtt,
    });
    const patient = await openRawWebSocket(server.port);
    patient.write(clientFrame(connectPacket));
    assert.deepEqual(await take(patient, 6), [...serverFrame(Buffer.from(connack))]);
    patient.write(clientFrame(disconnect));
    await untilClosed(patient);
    assert.deepEqual(server.refusals, []);

    const early = await openRawWebSocket(server.port);
    early.write(clientFrame(Buffer.concat([connectPacket, disconnect])));
    assert.deepEqual(await untilClosed(early), [...serverFrame(Buffer.of(3, 232), 8)]);
    const closing = await openRawWebSocket(server.port);
    closing.write(Buffer.concat([clientFrame(connectPacket), clientFrame(Buffer.of(3, 232), 8)]));
    assert.ok(!(await untilClosed(closing)).includes(0x20));
    assert.deepEqual(server.refusals, ['DISCONNECT before CONNACK', 'closed before CONNACK']);
  });
});

describe('dropping before CONNACK', () => {
  const doors = {
    mqtt: (port: number) => connect({port, host: '127.0.0.1', noDelay: true}),
    mqtts: (port: number) => connectTls({port, host: '127.0.0.1', rejectUnauthorized: false}),
  } as const;
  for (const scheme of ['mqtt', 'mqtts'] as const) {
    it(`${scheme}: a PINGREQ before CONNACK is lost, one behind it is answered`, async () => {
      await using server = await startDroppingBeforeConnack({
        ...{scheme, identity},
        upstreamPort: broker.ports.mqtt,
      });
      const socket = doors[scheme](server.port);
      socket.write(Buffer.concat([connectPacket, pingRequest]));
      assert.deepEqual(await take(socket, 4), connack);
      socket.write(Buffer.of(0x82, 6, 0, 1, 0, 1, 0x74, 0));
      assert.deepEqual(await take(socket, 5), [0x90, 3, 0, 1, 0]);
      socket.write(pingRequest);
      assert.deepEqual(await take(socket, 2), pingResponse);
      assert.deepEqual(server.refusals, ['packet type 12 before CONNACK']);
      socket.destroy();
    });
  }
});

describe('a bounded queue', () => {
  /** Publishes 3000 messages with so many unacknowledged at a time; what the subscriber received. */
  async function flood(window: number): Promise<{received: number; dropped: number}> {
    await using server = await startBoundedQueueBroker();
    const open = async (clientId: string) => {
      const client = new PacketClient(connect({port: server.port, host: '127.0.0.1', noDelay: true}), 4);
      await client.ask({
        ...{cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4},
        ...{clean: true, keepalive: 0, clientId},
      });
      return client;
    };
    const subscriber = await open('subscriber');
    await subscriber.subscribe('t', {qos: 1});
    const publisher = await open('publisher');
    let received = 0;
    const receiving = (async () => {
      for (;;) {
        const {cmd, payload, messageId} = await subscriber.next();
        assert.equal(cmd, 'publish');
        subscriber.send({cmd: 'puback', messageId: messageId as number});
        if (String(payload) === 'last') return;
        received++;
      }
    })();
    const publish = (messageId: number, payload: string) =>
      publisher.publish('t', payload, {qos: 1, messageId});
    for (let sent = 0, acknowledged = 0; acknowledged < 3000; acknowledged++) {
      while (sent < 3000 && sent - acknowledged < window) publish((sent++ % 60_000) + 1, 'x');
      await publisher.expect('puback');
    }
    // The queue has room again once something was delivered: only then is the last one safe.
    while (received + server.dropped < 3000) await new Promise((resolve) => setImmediate(resolve));
    publish(1, 'last');
    await receiving;
    return {received, dropped: server.dropped};
  }

  it('keeps pace with a window of 20', async () => {
    assert.deepEqual(await flood(20), {received: 3000, dropped: 0});
  });

  it('drops acknowledged messages with a window of 100', async () => {
    const {received, dropped} = await flood(100);
    assert.ok(dropped > 500, `${dropped} dropped`);
    assert.equal(received + dropped, 3000);
  });
});

describe('faulty WebSockets', () => {
  for (const frame of Object.keys(fatalFrames) as FatalFrame[]) {
    it(`sends ${frame}, at once or behind CONNACK, and stays`, async () => {
      await using server = await startFaultyWebSockets(frame, 'upgrade');
      const early = await openRawWebSocket(server.port);
      early.destroy();
      await using later = await startFaultyWebSockets(frame, 'CONNACK');
      const socket = await openRawWebSocket(later.port);
      socket.write(clientFrame(connectPacket));
      const expected = [...serverFrame(Buffer.from(connack)), ...fatalFrames[frame]];
      assert.deepEqual(await take(socket, expected.length), expected);
      socket.destroy();
    });
  }
});

describe('small segments', () => {
  it('pass everything, so many bytes at a time, both ways', async () => {
    await using proxy = await startSegmentProxy({
      upstreamPort: broker.ports.mqtt,
      ...{toServer: 1, toClient: 3},
    });
    const socket = connect({port: proxy.port, host: '127.0.0.1'});
    socket.write(Buffer.concat([connectPacket, pingRequest]));
    assert.deepEqual(await take(socket, 6), [...connack, ...pingResponse]);
    socket.destroy();
  });
});
