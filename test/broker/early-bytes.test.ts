/** F7: what all connections hold before their CONNECT is accepted is bounded. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {variableInteger} from '../../src/protocol/fixed-header.ts';
import {startBroker} from '../support/brokers.ts';
import {connectPacket} from '../support/dialing.ts';
import {packetBroker, within} from '../support/packet-client.ts';
import {clientFrame, clientHeader, openRawWebSocket} from '../support/raw-web-socket.ts';
import {serverFrame} from '../support/stand-ins/web-socket-server.ts';

test('F7: 43 connections may hold a large CONNECT; more are closed, while small ones are served', async () => {
  await using broker = packetBroker();
  const start = Buffer.concat([Buffer.of(0x10), variableInteger(393_000), Buffer.alloc(390_000)]);
  const open = () => {
    const client = broker.open();
    client.raw(start);
    return client;
  };
  const holding = Array.from({length: 43}, open);
  await open().expectEnd();
  const usual = await broker.connect('usual');
  await usual.leave();
  holding[0]!.stream.destroy();
  await holding[0]!.closed;
  const later = open();
  await open().expectEnd();
  assert.equal(later.stream.destroyed, false);
  for (const client of [...holding, later]) client.stream.destroy();
});

test('F7: a long WebSocket message ends the connection before CONNECT, and is taken after it', async () => {
  const listener = 'listener {port} 127.0.0.1\nprotocol websockets\nallow_anonymous true\n';
  await using broker = await startBroker('bundled', listener);
  const early = await openRawWebSocket(broker.port);
  early.resume().write(clientHeader(200_000_000));
  early.write(Buffer.alloc(4_000_000));
  const closed = new Promise((resolve) => early.once('close', resolve));
  await within(closed, 'the end of the connection');
  await broker.logged(/A message of over 393216 bytes comes before CONNECT is accepted/);

  const client = await openRawWebSocket(broker.port);
  const answers = client.iterator()[Symbol.asyncIterator]();
  client.write(clientFrame(connectPacket));
  assert.deepEqual((await answers.next()).value, serverFrame(Buffer.of(0x20, 2, 0, 0)));
  const body = Buffer.concat([Buffer.from('\0\x01t\0\x01'), Buffer.alloc(1_000_000)]);
  client.write(clientFrame(Buffer.concat([Buffer.of(0x32), variableInteger(body.length), body])));
  assert.deepEqual((await answers.next()).value, serverFrame(Buffer.of(0x40, 2, 0, 1)));
  client.destroy();
});
