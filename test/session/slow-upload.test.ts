/** A large message over a slow network: the keep alive does not cut what is being taken, and cuts what is not. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, connect as connectSocket, createServer, type Socket} from 'node:net';
import {describe, test} from 'node:test';
import {WebSocketServer} from 'ws';
import {connect} from '../../src/client/connect.ts';
import type {Endpoint} from '../../src/client/connection-options.ts';
import type {StreamedPayload} from '../../src/client/types.ts';
import {ExitCode} from '../../src/errors.ts';
import {PacketType} from '../../src/protocol/fixed-header.ts';
import {startBroker} from '../../src/testing/testing.ts';
import {startFakeBroker} from '../support/fake-broker.ts';
import {failsWith, publication, sessionContext, sessionOptions} from '../support/sessions.ts';

const limit = {timeout: 60_000};
const payload = Buffer.alloc(24_000_000, 'x');
/** What a socket holds at a time. */
const chunkBytes = 128 * 1024;
/** Milliseconds: 24 MB take six seconds, three times the keep alive; all at once they would slow each other down. */
const chunkEvery = 35;

/** Passes on what comes at the pace of a slow network, and answers at once. */
async function startSlowNetwork(port: number): Promise<AsyncDisposable & {readonly port: number}> {
  const sockets = new Set<Socket>();
  const server = createServer((slow) => {
    const fast = connectSocket(port, '127.0.0.1');
    fast.pipe(slow);
    slow.pause();
    const pace = setInterval(() => {
      const chunk: Buffer | null = slow.read(Math.min(chunkBytes, slow.readableLength)) ?? slow.read();
      if (chunk !== null) fast.write(chunk);
    }, chunkEvery);
    slow.on('readable', () => undefined);
    const end = () => {
      clearInterval(pace);
      slow.destroy();
      fast.destroy();
    };
    for (const socket of [slow, fast]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const streamed: StreamedPayload = {
  length: payload.length,
  async send(write) {
    for (let at = 0; at < payload.length; at += 65_536) {
      if (!(await write(payload.subarray(at, at + 65_536)))) return;
    }
  },
};

type Scheme = 'mqtt' | 'mqtts';

describe('G6: the keep alive of a slow upload', {concurrency: true}, () => {
  describe('G6: a steady slow upload is not cut by our own keep alive', {concurrency: 6}, () => {
    const kinds = [
      {name: 'the minimal client', scheme: 'mqtt', minimal: true, fastPath: true},
      {name: 'MQTT.js behind the publish filter', scheme: 'mqtt', fastPath: true},
      {name: 'MQTT.js alone', scheme: 'mqtt', fastPath: false},
      {name: 'a payload read from a file', scheme: 'mqtt', fastPath: true, given: streamed},
      {name: 'TLS', scheme: 'mqtts', fastPath: true},
      {name: 'TLS without a fast path', scheme: 'mqtts', fastPath: false},
    ] as const satisfies readonly {readonly scheme: Scheme; readonly [key: string]: unknown}[];
    for (const {name, scheme, fastPath, ...rest} of kinds) {
      for (const qos of [0, 1] as const) {
        test(`G6: ${name} at QoS ${qos}`, limit, async () => {
          await using broker = await startBroker({tls: 'auto'});
          await using network = await startSlowNetwork(Number(new URL(broker.urls[scheme]!).port));
          const endpoint: Endpoint = {
            transport: 'tcp',
            host: '127.0.0.1',
            port: network.port,
            noDelay: true,
            ...(scheme === 'mqtts' ? {tls: {insecure: true}} : {}),
          };
          const options = sessionOptions(0, {endpoint, protocolVersion: 4, keepaliveSeconds: 2});
          const minimal = 'minimal' in rest;
          await using session = await connect(options, sessionContext({fastPath, minimal}));
          const arrived = broker.waitFor('large', {timeout: 60_000});
          arrived.catch(() => undefined);
          await session.publish('given' in rest ? rest.given : payload, publication('large', {qos}), true);
          await session.end();
          assert.equal((await arrived).payload.length, payload.length);
        });
      }
    }
  });

  test('G6: a payload in one WebSocket frame is not cut either', limit, async () => {
    let came: (bytes: number) => void = () => undefined;
    const arrived = new Promise<number>((resolve) => {
      came = resolve;
    });
    const server = new WebSocketServer({port: 0, host: '127.0.0.1', handleProtocols: () => 'mqtt'});
    await once(server, 'listening');
    server.on('connection', (peer) => {
      peer.on('message', (frame: Buffer) => {
        const type = frame[0]! >> 4;
        if (type === PacketType.connect) peer.send(Buffer.of(PacketType.connack << 4, 2, 0, 0));
        if (type === PacketType.pingreq) peer.send(Buffer.of(PacketType.pingresp << 4, 0));
        if (type === PacketType.publish) came(frame.length);
      });
    });
    try {
      await using network = await startSlowNetwork((server.address() as AddressInfo).port);
      const endpoint: Endpoint = {transport: 'ws', host: '127.0.0.1', port: network.port, noDelay: true};
      const options = sessionOptions(0, {endpoint, protocolVersion: 4, keepaliveSeconds: 1});
      await using session = await connect(options, sessionContext());
      await session.publish(payload, publication('large'), true);
      await session.end();
      assert.ok((await arrived) > payload.length);
    } finally {
      for (const peer of server.clients) peer.terminate();
      server.close();
    }
  });

  test('G6: a peer that takes nothing any more is given up in the middle of a payload', limit, async () => {
    for (const given of [payload, streamed]) {
      await using broker = await startFakeBroker(async (connection) => {
        await connection.accept();
        connection.socket.pause();
        await connection.closed;
      });
      await using session = await connect(
        sessionOptions(broker.port, {keepaliveSeconds: 1}),
        sessionContext(),
      );
      await assert.rejects(
        session.publish(given, publication('large', {qos: 1})),
        failsWith(ExitCode.keepalive, /keepalive exceeded/),
      );
    }
  });
});
