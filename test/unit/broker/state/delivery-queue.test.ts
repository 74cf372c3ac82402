/** The deliveries of one session, without a stream [MQTT 5, 2.2.1, 4.3, 4.9]. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {type DeliveryLimits, DeliveryQueue} from '../../../../src/broker/state/delivery-queue.ts';
import type {Delivery} from '../../../../src/broker/state/in-flight-table.ts';
import {noBytes} from '../../../../src/broker/wire/publish-packet.ts';

const unlimited: DeliveryLimits = {maxInflightBytes: 0, maxQueuedMessages: 0, maxQueuedBytes: 0};
const unobserved = {
  queued: () => undefined,
  sent: () => undefined,
  released: () => undefined,
  removed: () => undefined,
  completed: () => undefined,
};

let sequence = 0;
function delivery(qos: 0 | 1 | 2, payload = 'x'): Delivery {
  sequence++;
  const message = {topic: 't', payload: Buffer.from(payload), qos, retain: false, properties: noBytes};
  return {sequence, message, qos, retain: false, subscriptionIdentifiers: []};
}

/** A delivery queue whose writer records the packet identifiers. */
function connected(sendQuota: number, limits: Partial<DeliveryLimits> = {}) {
  const deliveries = new DeliveryQueue({...unlimited, ...limits}, unobserved, () => 0);
  const sent: number[] = [];
  deliveries.attach({
    sendQuota,
    publish(_, packetId) {
      sent.push(packetId);
      return true;
    },
    release: () => undefined,
  });
  return {deliveries, sent};
}

describe('DeliveryQueue', () => {
  it('MQTT-2.2.1-4: uses every packet identifier, then waits for one to be free', () => {
    const {deliveries, sent} = connected(100_000);
    for (let count = 0; count < 65_537; count++) deliveries.add(delivery(1));
    assert.equal(sent.length, 65_535);
    assert.equal(new Set(sent).size, 65_535);
    assert.ok(!sent.includes(0));
    assert.equal(deliveries.queued, 2);
    assert.equal(deliveries.acknowledged(1234), 'accepted');
    deliveries.pump();
    assert.equal(sent.at(-1), 1234);
    assert.equal(deliveries.queued, 1);
  });

  it('F15, MQTT-4.6.0-1: sends again in order what stayed in flight while all identifiers were used', () => {
    const {deliveries, sent} = connected(10);
    deliveries.add(delivery(1, 'first'));
    for (let count = 0; count < 65_533; count++) {
      deliveries.add(delivery(1, 'passing'));
      deliveries.acknowledged(sent.at(-1)!);
    }
    for (const payload of ['second', 'third']) deliveries.add(delivery(1, payload));
    deliveries.detach();
    const again: string[] = [];
    deliveries.attach({
      sendQuota: 10,
      publish: ({message}) => again.push(message.payload.toString()) > 0,
      release: () => undefined,
    });
    assert.deepEqual(again, ['first', 'second', 'third']);
  });

  it('does not assign a packet identifier again that was just freed', () => {
    const {deliveries, sent} = connected(10);
    for (let count = 0; count < 5; count++) {
      deliveries.add(delivery(1));
      deliveries.acknowledged(sent.at(-1)!);
      deliveries.pump();
    }
    assert.deepEqual(sent, [1, 2, 3, 4, 5]);
  });

  it('keeps to max_inflight_bytes, but sends one message of any size', () => {
    const {deliveries, sent} = connected(10, {maxInflightBytes: 10});
    for (const payload of ['0123456789abcdef', '12345', '12345', '1']) deliveries.add(delivery(1, payload));
    assert.equal(sent.length, 1);
    deliveries.acknowledged(1);
    deliveries.pump();
    assert.equal(sent.length, 3);
    deliveries.acknowledged(2);
    deliveries.pump();
    assert.equal(sent.length, 4);
  });

  it('a QoS 2 message counts against the send quota until PUBCOMP', () => {
    const {deliveries, sent} = connected(1);
    deliveries.add(delivery(2));
    deliveries.add(delivery(1));
    assert.equal(deliveries.received(1, false), 'accepted');
    assert.equal(sent.length, 1);
    assert.equal(deliveries.completed(1), 'accepted');
    assert.equal(sent.length, 1);
    deliveries.pump();
    assert.deepEqual(sent, [1, 2]);
    assert.equal(deliveries.completed(1), 'unknown');
  });

  it('MQTT-4.6.0-4: releases on a new connection in the order in which PUBREC came', () => {
    const {deliveries} = connected(5);
    for (let count = 0; count < 5; count++) deliveries.add(delivery(2));
    for (const packetId of [3, 5, 1, 2]) assert.equal(deliveries.received(packetId, false), 'accepted');
    assert.equal(deliveries.completed(5), 'accepted');
    assert.deepEqual(deliveries.saved().released, [3, 1, 2]);
    deliveries.detach();
    const left: string[] = [];
    deliveries.attach({
      sendQuota: 5,
      publish: (_, packetId, dup) => left.push(`publish ${packetId} ${dup}`) > 0,
      release: (packetId) => left.push(`release ${packetId}`),
    });
    assert.deepEqual(left, ['release 3', 'release 1', 'release 2', 'publish 4 true']);
  });

  it('keeps to the send quota and the order, whatever order the acknowledgements come in', () => {
    const step = fc.oneof(
      fc.constantFrom(0, 1, 2).map((qos) => ({add: qos as 0 | 1 | 2})),
      fc.record({answer: fc.nat(20)}),
      fc.constant({reconnect: true}),
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 80}), fc.integer({min: 1, max: 4}), (steps, sendQuota) => {
        const deliveries = new DeliveryQueue(unlimited, unobserved, () => 0);
        const first: string[] = [];
        let wire = new Map<number, 'publish 1' | 'publish 2' | 'release'>();
        const attach = () => {
          wire = new Map();
          deliveries.attach({
            sendQuota,
            publish({qos, message}, packetId, dup) {
              if (!dup) first.push(message.payload.toString());
              if (qos > 0) {
                assert.ok(!wire.has(packetId));
                wire.set(packetId, qos === 1 ? 'publish 1' : 'publish 2');
              }
              return true;
            },
            release: (packetId) => wire.set(packetId, 'release'),
          });
        };
        attach();
        let added = 0;
        for (const one of steps) {
          if ('add' in one) deliveries.add(delivery(one.add, `${added++}`));
          else if ('reconnect' in one) {
            deliveries.detach();
            attach();
          } else if (wire.size > 0) {
            const [packetId, state] = [...wire][one.answer % wire.size]!;
            if (state === 'publish 2') assert.equal(deliveries.received(packetId, false), 'accepted');
            else {
              wire.delete(packetId);
              const answer = state === 'release' ? 'completed' : 'acknowledged';
              assert.equal(deliveries[answer](packetId), 'accepted');
            }
            deliveries.pump();
          }
          const releases = [...wire.values()].filter((state) => state === 'release').length;
          assert.ok(wire.size <= Math.max(sendQuota, releases), `${wire.size}`);
        }
        assert.deepEqual(
          first,
          Array.from({length: first.length}, (_, index) => `${index}`),
        );
        assert.equal(first.length + deliveries.queued, added);
      }),
      {numRuns: 500},
    );
  });
});
