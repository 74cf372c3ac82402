/** Packets as lines of --trace. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {traceJson} from '../../../../src/broker/server/trace.ts';
import type {ObservedPacket} from '../../../../src/broker/wire/packets.ts';

describe('F13: --trace', () => {
  it('shows user properties of every name, and hides the fields of the packet that are secret or mean nothing', () => {
    const userProperties = {length: '1', cmd: '2', password: '3', authenticationData: '4'};
    const packet = {
      cmd: 'connect',
      length: 20,
      clientId: 'c',
      password: Buffer.from('secret'),
      properties: {authenticationData: Buffer.from('secret'), userProperties},
    } as unknown as ObservedPacket;
    const line = traceJson({clientId: 'c', direction: 'in', packet, time: 0n});
    assert.deepEqual(JSON.parse(line), {
      time: 0,
      client: 'c',
      direction: 'in',
      packet: 'connect',
      clientId: 'c',
      properties: {userProperties},
    });
  });
});
