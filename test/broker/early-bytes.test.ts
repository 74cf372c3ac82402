/** F7: what all connections hold before their CONNECT is accepted is bounded. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {variableInteger} from '../../src/protocol/fixed-header.ts';
import {packetBroker} from '../support/packet-client.ts';

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
