/**
 * Whatever bytes a client sends, the broker answers or closes, fails in nothing, and serves the others.
 */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import fc from 'fast-check';
import {generate, type Packet} from 'mqtt-packet';
import {frameOf, type PacketBroker, packetBroker, within} from '../support/packet-client.ts';

type Version = 4 | 5;

const version = fc.constantFrom<Version>(4, 5);
const topic = fc.constantFrom('a', 'a/b', '$share/g/a', '#', '+/b', '', 'x'.repeat(300), '$SYS/x');
const qos = fc.constantFrom(0, 1, 2);
const messageId = fc.constantFrom(1, 2, 3, 65_535);

/** Packets a client could send, of which many are wrong where they come. */
const packet = fc.oneof(
  fc.record({
    cmd: fc.constant('publish'),
    topic,
    payload: fc.uint8Array({maxLength: 50}).map((data) => Buffer.from(data)),
    qos,
    messageId,
    retain: fc.boolean(),
    properties: fc.constantFrom({}, {topicAlias: 1}, {topicAlias: 99}, {messageExpiryInterval: 1}),
  }),
  fc.record({
    cmd: fc.constant('subscribe'),
    messageId,
    subscriptions: fc.array(fc.record({topic, qos, nl: fc.boolean(), rap: fc.boolean(), rh: qos}), {
      minLength: 1,
    }),
  }),
  fc.record({cmd: fc.constant('unsubscribe'), messageId, unsubscriptions: fc.array(topic, {minLength: 1})}),
  fc.record({
    cmd: fc.constantFrom('puback', 'pubrec', 'pubrel', 'pubcomp'),
    messageId,
    reasonCode: fc.constant(0),
  }),
  fc.record({cmd: fc.constantFrom('pingreq', 'disconnect')}),
);

/** Some bytes of a frame changed, cut out or put in. */
const mutation = fc.record({
  at: fc.nat(200),
  kind: fc.constantFrom('set', 'cut', 'insert'),
  value: fc.nat(255),
});

function mutate(frame: Buffer, changes: readonly {at: number; kind: string; value: number}[]): Buffer {
  let changed = Buffer.from(frame);
  for (const {at, kind, value} of changes) {
    const place = changed.length === 0 ? 0 : at % changed.length;
    if (kind === 'set') changed[place] = value;
    const rest = changed.subarray(kind === 'cut' ? place + 1 : place);
    if (kind !== 'set') {
      changed = Buffer.concat([
        changed.subarray(0, place),
        Buffer.from(kind === 'insert' ? [value] : []),
        rest,
      ]);
    }
  }
  return changed;
}

/** Sends the bytes as a connected client or as a stranger, and waits until the broker is done with them. */
async function survives(broker: PacketBroker, protocolVersion: Version, bytes: Buffer, stranger: boolean) {
  const attacker = stranger
    ? broker.open(protocolVersion)
    : await broker.connect('attacker', {version: protocolVersion});
  attacker.stream.removeAllListeners('data');
  attacker.stream.resume();
  attacker.raw(bytes);
  attacker.stream.end();
  await within(attacker.closed, `the end of ${bytes.toString('hex')}`);
  const [one, other] = [await broker.connect('one'), await broker.connect('other')];
  await one.subscribe('well');
  other.publish('well', 'served', {qos: 1, messageId: 1});
  await other.expect('puback');
  assert.equal(await one.message(), 'well served q0 r0 d0');
  await Promise.all([one.leave(), other.leave()]);
}

describe('no bytes hurt', () => {
  it('random ones', async () => {
    await using broker = packetBroker();
    await fc.assert(
      fc.asyncProperty(
        version,
        fc.boolean(),
        fc.uint8Array({maxLength: 300}),
        async (spoken, stranger, data) => {
          await survives(broker, spoken, Buffer.from(data), stranger);
        },
      ),
      {numRuns: 150},
    );
  });

  it('frames of any type with random bodies', async () => {
    await using broker = packetBroker();
    const frames = fc.array(
      fc.tuple(fc.nat(255), fc.uint8Array({maxLength: 60})).map(([first, body]) => frameOf(first, [...body])),
      {minLength: 1, maxLength: 5},
    );
    await fc.assert(
      fc.asyncProperty(version, fc.boolean(), frames, async (spoken, stranger, parts) => {
        await survives(broker, spoken, Buffer.concat(parts), stranger);
      }),
      {numRuns: 200},
    );
  });

  it('packets in any order, some of them damaged', async () => {
    await using broker = packetBroker({limits: {maxInflightMessages: 2, maxQueuedMessages: 3}});
    const damaged = fc.array(fc.tuple(packet, fc.array(mutation, {maxLength: 2})), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(version, damaged, async (protocolVersion, packets) => {
        const parts = packets.map(([said, changes]) =>
          mutate(generate(said as unknown as Packet, {protocolVersion}), changes),
        );
        await survives(broker, protocolVersion, Buffer.concat(parts), false);
      }),
      {numRuns: 250},
    );
  });

  it('a damaged CONNECT', async () => {
    await using broker = packetBroker();
    await fc.assert(
      fc.asyncProperty(
        version,
        fc.array(mutation, {minLength: 1, maxLength: 3}),
        async (protocolVersion, changes) => {
          const connect = generate(
            {
              cmd: 'connect',
              protocolId: 'MQTT',
              protocolVersion,
              clientId: 'c',
              clean: true,
              keepalive: 5,
              username: 'u',
              password: Buffer.from('p'),
              will: {topic: 'w', payload: Buffer.from('x'), qos: 1, properties: {willDelayInterval: 1}},
              properties: {sessionExpiryInterval: 1, receiveMaximum: 1},
            },
            {protocolVersion},
          );
          await survives(broker, protocolVersion, mutate(connect, changes), true);
        },
      ),
      {numRuns: 200},
    );
  });
});

describe('the first packet', () => {
  it('F7: is refused at its first byte if it is not CONNECT', async () => {
    await using broker = packetBroker();
    const client = broker.open();
    client.raw(Buffer.from([0x30]));
    await client.expectEnd();
    assert.ok(broker.log.some((line) => line.includes('The first packet is PUBLISH, not CONNECT.')));
  });
});

describe('topics of 60,000 bytes', () => {
  it('C5: fill no cache of the broker', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const used = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const permissions = {mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true};
    await using broker = packetBroker({access: {admit: () => ({accepted: true, permissions})}});
    const publisher = await broker.connect('publisher');
    const before = used();
    for (let index = 0; index < 1500; index++) {
      publisher.publish(`${index}/${'x'.repeat(60_000)}`, 'x', {qos: 1, messageId: 1});
      await publisher.expect('puback');
    }
    assert.ok(used() - before < 40_000_000, `${used() - before}`);
  });
});

describe('a SUBSCRIBE with many filters', () => {
  it('C5: is handled in slices, between which other clients are served', async () => {
    await using broker = packetBroker({limits: {maxQueuedMessages: 0}});
    const count = 2000;
    for (let index = 0; index < count; index++) {
      broker.broker.publish({topic: `${index}/t`, payload: Buffer.from('x'), qos: 0, retain: true});
    }
    const [subscriber, bystander] = [await broker.connect('subscriber'), await broker.connect('bystander')];
    const filters = Array.from({length: 300}, (_, index) => ({topic: `+/none${index}`, qos: 0}));
    subscriber.send(
      {cmd: 'subscribe', messageId: 1, subscriptions: [...filters, {topic: '#', qos: 0}]},
      {cmd: 'subscribe', messageId: 2, subscriptions: [{topic: 'later', qos: 0}]},
    );
    await bystander.subscribe('between');
    await subscriber.expect('suback');
    for (let index = 0; index < count; index++) {
      const {topic, retain} = await subscriber.expect('publish');
      assert.deepEqual([topic, retain], [`${index}/t`, true]);
    }
    await subscriber.expect('suback');
    const order = broker.log.filter((line) => /between|later/.test(line));
    assert.deepEqual(order, ['bystander 0 between', 'subscriber 0 later']);
  });

  it('C5: is given up when the client goes', async () => {
    await using broker = packetBroker();
    const subscriber = await broker.connect('subscriber');
    const count = 50_000;
    const filters = Array.from({length: count}, () => ({topic: '#', qos: 0}));
    subscriber.send({cmd: 'subscribe', messageId: 1, subscriptions: filters});
    const handled = () => broker.log.filter((line) => line === 'subscriber 0 #').length;
    while (handled() === 0) await nextTurn();
    subscriber.drop();
    const bystander = await broker.connect('bystander');
    await bystander.quiet();
    assert.ok(handled() < count, `${handled()}`);
  });
});
