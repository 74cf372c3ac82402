/** Packets as lines of --trace. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {traceJson, traceText} from '../../../../src/broker/server/trace.ts';
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

it('--trace has names beside the reason codes of a SUBACK, and numbers for a quality of service', () => {
  const line = (cmd: 'suback' | 'unsuback', granted: readonly number[]) =>
    traceText({
      clientId: 'c',
      direction: 'out',
      packet: {cmd, messageId: 1, granted} as unknown as ObservedPacket,
      time: 0n,
    }).replace(/^\S+ /, '');
  assert.equal(line('suback', [0, 2, 135]), 'c < SUBACK messageId=1 granted=[0,2,135 (Not authorized)]');
  assert.equal(
    line('unsuback', [0, 17]),
    'c < UNSUBACK messageId=1 granted=[0,17 (No subscription existed)]',
  );
});
