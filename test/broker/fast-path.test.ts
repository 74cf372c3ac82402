/** The same conversation, in the same chunks, with a broker that uses the fast path and one that does not. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {generate, type Packet} from 'mqtt-packet';
import type {Access} from '../../src/broker/access/access.ts';
import type {BrokerLimits} from '../../src/broker/config/settings.ts';
import {SharedFrame} from '../../src/broker/wire/shared-frame.ts';
import {countersOf} from '../support/counted.ts';
import {
  frameOf,
  type PacketBroker,
  type PacketClient,
  packetBroker,
  type Said,
} from '../support/packet-client.ts';

const names = ['a', 'b', 'c'] as const;
type Name = (typeof names)[number];
type Version = 3 | 4 | 5;

const client = fc.constantFrom(...names);
const topic = fc.constantFrom('x', 'x/y', 'x/z', 'w', 'ä/y', '$z', 'denied');
const filter = fc.constantFrom('#', 'x', 'x/#', '+/y', 'w', 'denied', '$share/g/x', '$share/g/#');

const properties = fc.oneof(
  {weight: 4, arbitrary: fc.constant({})},
  fc.constantFrom<Record<string, unknown>>(
    {userProperties: {k: 'v'}},
    {messageExpiryInterval: 60},
    {payloadFormatIndicator: true},
    {topicAlias: 1},
  ),
);

/** A PUBLISH as mqtt-packet writes it. */
const publication = fc.record({
  topic,
  qos: fc.oneof({weight: 3, arbitrary: fc.constant(0)}, fc.constantFrom(1, 2)),
  retain: fc.oneof({weight: 8, arbitrary: fc.constant(false)}, fc.constant(true)),
  size: fc.oneof(fc.nat(40), fc.constantFrom(0, 100, 127, 128, 5000, 20_000)),
  properties,
});

/** What ends a connection, or is close to it. */
const odd = fc.constantFrom(
  frameOf(0x30, [0, 1, 0x78]),
  Buffer.from([0x30, 0x84, 0x00, 0, 1, 0x78, 0]),
  frameOf(0x36, [0, 1, 0x78, 0, 1, 0]),
  frameOf(0x38, [0, 1, 0x78, 0]),
  frameOf(0x30, [0, 0, 0]),
  frameOf(0x30, [0, 1, 0x23, 0]),
  frameOf(0x30, [0, 1, 0xff, 0]),
  frameOf(0x30, [0, 9, 0x78]),
  frameOf(0x30, [0]),
  frameOf(0x32, [0, 1, 0x78, 0, 0, 0]),
  frameOf(0x32, [0, 1, 0x78, 0]),
  frameOf(0x40, [0, 0]),
  frameOf(0x40, [0, 1, 0x10]),
  frameOf(0x40, [0, 1, 0]),
  frameOf(0x50, [0, 1, 0, 0]),
  frameOf(0x62, [0, 1, 0, 0, 0]),
  frameOf(0x42, [0, 1]),
  frameOf(0x60, [0, 1]),
  frameOf(0x50, [0, 77]),
);

/** To x, in every version. */
const plain = frameOf(0x30, [0, 1, 0x78, 0]);

const subscription = {filter, qos: fc.nat(2), nl: fc.boolean(), rap: fc.boolean()};
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      client,
      burst: fc.array(publication, {minLength: 1, maxLength: 30}),
      repeat: fc.integer({min: 1, max: 4}),
      cuts: fc.array(fc.nat(), {maxLength: 4}),
    }),
  },
  fc.record({
    kind: fc.constant('subscribe' as const),
    client,
    ...subscription,
    identifier: fc.constantFrom(0, 0, 0, 5),
  }),
  fc.record({kind: fc.constant('unsubscribe' as const), client, filter}),
  fc.record({kind: fc.constant('acknowledge' as const), client, most: fc.constantFrom(1, 100)}),
  fc.record({kind: fc.constant('leave' as const), client, goodbye: fc.boolean()}),
  fc.record({kind: fc.constant('permissions' as const)}),
  fc.record({kind: fc.constant('odd' as const), client, frame: odd}),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** How each client connects. */
const manner = fc.record({
  version: fc.constantFrom<Version>(3, 4, 4, 5, 5),
  clean: fc.boolean(),
  receiveMaximum: fc.constantFrom(2, 100),
  maximumPacketSize: fc.constantFrom(90, 100_000),
  topicAliasMaximum: fc.constantFrom(0, 0, 2),
});
type Manner = typeof manner extends fc.Arbitrary<infer Value> ? Value : never;
type Manners = Readonly<Record<Name, Manner>>;

/** One telling of the story. */
class Telling {
  readonly heard: Record<Name | 'watch', string[]> = {a: [], b: [], c: [], watch: []};
  readonly #manners: Manners;
  readonly #broker: PacketBroker;
  readonly #denied: Set<string>;
  readonly #clients = new Map<Name, PacketClient>();
  readonly #owed: Record<Name, Said[]> = {a: [], b: [], c: []};
  #packetId = 0;

  constructor(manners: Manners, broker: PacketBroker, denied: Set<string>) {
    this.#manners = manners;
    this.#broker = broker;
    this.#denied = denied;
  }

  async #connected(name: Name): Promise<PacketClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const {version, clean, ...limits} = this.#manners[name];
    const one = await this.#broker.connect(name, {
      version,
      clean,
      ...(version === 5 ? {properties: {...limits, sessionExpiryInterval: clean ? 0 : 100}} : {}),
    });
    this.#owed[name] = [];
    this.#clients.set(name, one);
    return one;
  }

  async take(one: Step): Promise<void> {
    if (one.kind === 'permissions') {
      if (!this.#denied.delete('x/y')) this.#denied.add('x/y');
      this.#broker.broker.permissionsChanged();
      return;
    }
    const stream = await this.#connected(one.client);
    this.#act(one, stream);
    await this.listen(one.client);
    for (const name of names) await this.listen(name);
  }

  #act(one: Exclude<Step, {kind: 'permissions'}>, stream: PacketClient): void {
    const messageId = 1 + (this.#packetId++ % 60_000);
    switch (one.kind) {
      case 'publish':
        this.#publish(one, stream);
        return;
      case 'subscribe': {
        const {filter: text, qos, nl, rap} = one;
        const subscriptions = [{topic: text, qos, nl: nl && !text.startsWith('$share'), rap, rh: 0}];
        const identified = one.identifier > 0 ? {properties: {subscriptionIdentifier: one.identifier}} : {};
        stream.send({cmd: 'subscribe', messageId, subscriptions, ...identified});
        return;
      }
      case 'unsubscribe':
        stream.send({cmd: 'unsubscribe', messageId, unsubscriptions: [one.filter]});
        return;
      case 'acknowledge':
        for (const packet of this.#owed[one.client].splice(0, one.most)) stream.send(packet);
        return;
      case 'leave':
        if (one.goodbye) stream.send({cmd: 'disconnect'});
        else stream.drop();
        return;
      case 'odd':
        // Behind frames of a topic that is known by then.
        stream.raw(plain, plain, plain, one.frame);
    }
  }

  /** A burst, again and again, in chunks that end anywhere. */
  #publish({burst, repeat, cuts}: Extract<Step, {kind: 'publish'}>, stream: PacketClient): void {
    const frames: Buffer[] = [];
    for (let round = 0; round < repeat; round++) {
      for (const {topic: name, qos, retain, size, properties: said} of burst) {
        const messageId = 1 + (this.#packetId++ % 60_000);
        const payload = Buffer.alloc(size, `${messageId} `);
        const packet = {cmd: 'publish', topic: name, qos, retain, dup: false, messageId, payload};
        const whole = stream.version === 5 ? {...packet, properties: said} : packet;
        frames.push(generate(whole as unknown as Packet, {protocolVersion: stream.version}));
      }
    }
    const bytes = Buffer.concat(frames);
    const points = cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other);
    for (const [index, from] of [0, ...points].entries()) stream.raw(bytes.subarray(from, points[index]));
  }

  /** All that has come until the answer to a PINGREQ, or until the end. */
  async listen(name: Name): Promise<void> {
    const stream = this.#clients.get(name);
    if (stream === undefined) return;
    if (!stream.stream.destroyed) stream.send({cmd: 'pingreq'});
    for (;;) {
      const heard = await stream.hear().catch(() => undefined);
      if (heard === undefined) break;
      this.heard[name].push(heard.frame.toString('hex'));
      if (heard.packet.cmd === 'pingresp') return;
      this.#owe(name, heard.packet);
    }
    this.heard[name].push('end');
    this.#clients.delete(name);
    await stream.closed;
    // The broker hears of it before it hears of anything that follows.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #owe(name: Name, {cmd, qos, messageId}: Said): void {
    const answer =
      cmd === 'publish'
        ? [undefined, 'puback', 'pubrec'][qos as number]
        : ({pubrec: 'pubrel', pubrel: 'pubcomp'} as Record<string, string>)[cmd];
    if (answer !== undefined) this.#owed[name].push({cmd: answer, messageId});
  }
}

const limits = fc.constantFrom<Partial<BrokerLimits>>(
  {},
  {maxPacketSize: 4500},
  {messageSizeLimit: 4500},
  {upgradeOutgoingQos: true},
  {queueQos0Messages: true},
);

const story = fc.record({
  manners: fc.record({a: manner, b: manner, c: manner}),
  limits,
  steps: fc.array(step, {minLength: 5, maxLength: 40, size: 'max'}),
});
type Story = typeof story extends fc.Arbitrary<infer Value> ? Value : never;

async function tell(fastPath: boolean, {manners, limits: kept, steps}: Story): Promise<unknown> {
  const denied = new Set(['denied']);
  const access: Access = {
    admit: () => ({
      accepted: true,
      permissions: {
        mayPublish: (name) => !denied.has(name),
        maySubscribe: () => true,
        mayReceive: (name) => name !== 'w' || !denied.has('x/y'),
      },
    }),
  };
  await using broker = packetBroker({access, limits: kept, sysInterval: 10, context: {fastPath}});
  const telling = new Telling(manners, broker, denied);
  for (const one of steps) await telling.take(one);
  return {heard: telling.heard, counted: await countersOf(broker)};
}

describe('TMQ_NO_FASTPATH', () => {
  it('sends the same bytes, and counts the same, with and without the fast path', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (one) => {
        assert.deepEqual(await tell(true, one), await tell(false, one));
      }),
      {numRuns: 120},
    );
  });
});

describe('the fast path', () => {
  it('sends retained messages as the same bytes as frames of their own', async () => {
    const topics = [
      '',
      'a',
      'ä',
      'x'.repeat(127),
      'x'.repeat(128),
      'x'.repeat(5000),
      `${'x'.repeat(100)}\u20ac`,
    ];
    const sizes = [1, 23, 24, 25, 110, 122, 123, 127, 128, 3900, 4096, 20_000];
    const clients = [
      {version: 3},
      {version: 4},
      {version: 5},
      {version: 5, properties: {maximumPacketSize: 4000}},
      {version: 5, properties: {topicAliasMaximum: 2}},
    ] as const;
    const heard = async (fastPath: boolean) => {
      await using broker = packetBroker({sysInterval: 10, context: {fastPath}});
      for (const topic of topics) {
        for (const size of sizes)
          broker.broker.publish({
            ...{topic: `${topic}/${size}`, qos: 0, retain: true},
            payload: Buffer.alloc(size, `${topic} ${size}`),
          });
      }
      const publisher = await broker.connect('publisher', {version: 5});
      publisher.publish('user', 'x', {retain: true, properties: {userProperties: {k: 'v'}}});
      publisher.publish('expiry', 'x', {retain: true, properties: {messageExpiryInterval: 60}});
      await publisher.quiet();
      const frames: string[] = [];
      for (const [index, settings] of clients.entries()) {
        for (const properties of settings.version === 5 ? [{}, {subscriptionIdentifier: 7}] : [undefined]) {
          const client = await broker.connect(`c${index}`, settings);
          await client.subscribe('#', {}, properties);
          client.send({cmd: 'pingreq'});
          for (;;) {
            const {packet, frame} = await client.hear();
            if (packet.cmd === 'pingresp') break;
            frames.push(frame.toString('latin1'));
          }
          await client.leave();
        }
      }
      assert.ok(frames.length > topics.length * sizes.length * clients.length, `${frames.length}`);
      return {frames, counted: await countersOf(broker)};
    };
    assert.deepEqual(await heard(true), await heard(false));
  });

  /** Large enough to be kept rather than copied where it is forwarded whole. */
  const frame = frameOf(0x30, Buffer.concat([Buffer.from([0, 1, 0x78]), Buffer.alloc(5000, 'p')]));

  it('at QoS 0 sends the memory in which the frame came', async () => {
    for (const fastPath of [true, false]) {
      await using broker = packetBroker({context: {fastPath}});
      const subscriber = await broker.connect('subscriber');
      await subscriber.subscribe('#');
      const publisher = await broker.connect('publisher');
      publisher.raw(frame);
      await subscriber.expect('publish');
      const chunk = new Promise<Buffer>((resolve) => subscriber.stream.once('data', resolve));
      publisher.stream.write(frame);
      assert.equal((await chunk).buffer === frame.buffer, fastPath);
      await subscriber.expect('publish');
    }
  });

  for (const qos of [1, 2] as const) {
    it(`at QoS ${qos} keeps the frame as the message, also for a session whose client is away`, async () => {
      for (const fastPath of [true, false]) {
        await using broker = packetBroker({context: {fastPath}});
        const away = await broker.connect('away', {clean: false});
        await away.subscribe('#', {qos});
        away.drop();
        await away.closed;
        const subscriber = await broker.connect('subscriber', {clean: false});
        await subscriber.subscribe('#', {qos});
        const publisher = await broker.connect('publisher');
        for (const messageId of [1, 2]) publisher.publish('x', 'payload', {qos, messageId});
        for (const _ of [1, 2]) await subscriber.expect('publish');
        for (const {sent, queued} of broker.broker.state().sessions) {
          const messages = [...sent.map(({delivery}) => delivery), ...queued].map(({message}) => message);
          assert.deepEqual(
            messages.map((message) => message instanceof SharedFrame),
            [false, fastPath],
          );
        }
      }
    });
  }

  it('keeps what waits for a client that is away apart from the memory of what does not', async () => {
    await using broker = packetBroker({context: {fastPath: true}});
    const away = await broker.connect('away', {clean: false});
    await away.subscribe('away', {qos: 1});
    away.drop();
    await away.closed;
    const present = await broker.connect('present', {clean: false});
    await present.subscribe('#', {qos: 1});
    const publisher = await broker.connect('publisher');
    for (let messageId = 1; messageId <= 6; messageId++) {
      publisher.publish(messageId % 2 === 0 ? 'away' : 'other', 'x', {qos: 1, messageId});
      await present.expect('publish');
    }
    const memory = new Map<string, Set<Buffer>>();
    for (const {sent} of broker.broker.state().sessions) {
      for (const {delivery} of sent) {
        const {topic: name} = delivery.message;
        if (!(delivery.message instanceof SharedFrame)) continue;
        memory.set(name, (memory.get(name) ?? new Set()).add(delivery.message.bytes));
      }
    }
    const [one, other] = [memory.get('away'), memory.get('other')];
    assert.equal(one?.size, 1);
    assert.equal(other?.size, 1);
    assert.notEqual([...one][0], [...other][0]);
  });
});
