import assert from 'node:assert/strict';
import {test} from 'node:test';
import {
  type Direction,
  grantedLine,
  publishLine,
  traceLines,
} from '../../../../src/client/connection/debug-lines.ts';
import type {Packet} from '../../../../src/client/connection/protocol-client.ts';

const lines: readonly (readonly [Direction, Packet, string, readonly string[]])[] = [
  ['out', {cmd: 'connect'}, 'id', ['Client id sending CONNECT']],
  ['out', {cmd: 'connect'}, '', ['Client null sending CONNECT']],
  ['in', {cmd: 'connack', returnCode: 0}, '', ['Client (null) received CONNACK (0)']],
  ['in', {cmd: 'connack', reasonCode: 135}, 'id', ['Client id received CONNACK (135)']],
  [
    'in',
    {cmd: 'publish', dup: true, qos: 2, retain: true, messageId: 3, topic: 'a/b', payload: Buffer.from('xy')},
    'id',
    ["Client id received PUBLISH (d1, q2, r1, m3, 'a/b', ... (2 bytes))"],
  ],
  [
    'in',
    {cmd: 'publish', dup: false, qos: 0, retain: false, topic: 'a', payload: Buffer.alloc(0)},
    '',
    ["Client null received PUBLISH (d0, q0, r0, m0, 'a', ... (0 bytes))"],
  ],
  ['in', {cmd: 'puback', messageId: 1, reasonCode: 16}, 'p5', ['Client p5 received PUBACK (Mid: 1, RC:16)']],
  ['in', {cmd: 'puback', messageId: 1}, 'p5', ['Client p5 received PUBACK (Mid: 1, RC:0)']],
  ['out', {cmd: 'puback', messageId: 1, reasonCode: 0}, 'p5', ['Client p5 sending PUBACK (m1, rc0)']],
  ['in', {cmd: 'pubrec', messageId: 1, reasonCode: 0}, 'p5', ['Client p5 received PUBREC (Mid: 1)']],
  ['out', {cmd: 'pubrec', messageId: 1}, 'p5', ['Client p5 sending PUBREC (m1, rc0)']],
  ['in', {cmd: 'pubrel', messageId: 1}, 'p5', ['Client p5 received PUBREL (Mid: 1)']],
  ['out', {cmd: 'pubrel', messageId: 1}, 'p5', ['Client p5 sending PUBREL (m1)']],
  ['in', {cmd: 'pubcomp', messageId: 1}, 'p5', ['Client p5 received PUBCOMP (Mid: 1, RC:0)']],
  ['out', {cmd: 'pubcomp', messageId: 1}, 'p5', ['Client p5 sending PUBCOMP (m1)']],
  [
    'out',
    {
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        {topic: 'x/#', qos: 1, nl: false, rap: true, rh: 1},
        {topic: 'y/+', qos: 0, nl: true, rap: false, rh: 2},
        {topic: 'z', qos: 2},
      ],
    },
    's',
    [
      'Client s sending SUBSCRIBE (Mid: 1, Topic: x/#, QoS: 1, Options: 0x18)',
      'Client s sending SUBSCRIBE (Mid: 1, Topic: y/+, QoS: 0, Options: 0x24)',
      'Client s sending SUBSCRIBE (Mid: 1, Topic: z, QoS: 2, Options: 0x00)',
    ],
  ],
  ['in', {cmd: 'suback', messageId: 1, granted: [1]}, 's', ['Client s received SUBACK']],
  [
    'out',
    {cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['zz']},
    's',
    ['Client s sending UNSUBSCRIBE (Mid: 2, Topic: zz)'],
  ],
  ['in', {cmd: 'unsuback', messageId: 2}, 's', ['Client s received UNSUBACK']],
  ['out', {cmd: 'pingreq'}, '', ['Client null sending PINGREQ']],
  ['in', {cmd: 'pingresp'}, '', ['Client null received PINGRESP']],
  ['out', {cmd: 'disconnect', reasonCode: 4}, 's', ['Client s sending DISCONNECT']],
  ['in', {cmd: 'disconnect', reasonCode: 142}, 's', ['Received DISCONNECT (142)']],
  ['in', {cmd: 'auth', reasonCode: 24}, 's', ['Client s received AUTH']],
  ['in', {cmd: 'pingreq'}, 's', []],
];

for (const [direction, packet, clientId, expected] of lines) {
  test(`${direction} ${packet.cmd} ${expected[0] ?? '(nothing)'}`, () => {
    assert.deepEqual(traceLines(direction, packet, clientId), expected);
  });
}

test('an alias in place of the topic is shown as mosquitto shows it', () => {
  const publish = {duplicate: false, qos: 0, retain: false, messageId: 2, payloadBytes: 1};
  assert.equal(
    publishLine('out', 'id', publish),
    "Client id sending PUBLISH (d0, q0, r0, m2, '(null)', ... (1 bytes))",
  );
});

test('what was granted', () => {
  assert.equal(grantedLine(1, [1, 128]), 'Subscribed (mid: 1): 1, 128');
});
