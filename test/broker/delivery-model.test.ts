/**
 * Clients that come and go, subscribe and publish at random: each gets exactly what a model without trees,
 * caches and queues says.
 */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import fc from 'fast-check';
import {matches} from '../../src/protocol/topic.ts';
import {type PacketBroker, type PacketClient, packetBroker} from '../support/packet-client.ts';

interface Subscription {
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
}

/** What the model knows of one client. */
interface Expected {
  readonly subscriptions: Map<string, Subscription>;
  /** Lines that must arrive, in any order among those of one step. */
  waiting: string[];
}

interface Publication {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
}

const names = ['a', 'b', 'c'] as const;
const settings = {version: 5, clean: false, properties: {sessionExpiryInterval: 1000}} as const;

const client = fc.constantFrom(...names);
const filter = fc.constantFrom('#', '+', 'x', 'x/#', 'x/+', '+/y', 'x/y', '$z/#');
const topic = fc.constantFrom('x', 'x/y', 'x/y/z', 'w/y', '$z/y');
const qos = fc.constantFrom(0, 1, 2);
const step = fc.oneof(
  fc.record({
    kind: fc.constant('subscribe' as const),
    client,
    filter,
    qos,
    nl: fc.boolean(),
    rap: fc.boolean(),
  }),
  fc.record({kind: fc.constant('unsubscribe' as const), client, filter}),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      client,
      topic,
      qos,
      retain: fc.boolean(),
      empty: fc.boolean(),
    }),
  },
  fc.record({kind: fc.constant('leave' as const), client}),
  fc.record({kind: fc.constant('drop' as const), client}),
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Model {
  readonly clients = new Map(
    names.map((name): [string, Expected] => [name, {subscriptions: new Map(), waiting: []}]),
  );
  readonly retained = new Map<string, Publication>();

  publish(
    from: string,
    {topic: name, payload, qos: published}: Publication,
    retain: boolean,
    here: Set<string>,
  ): void {
    if (retain && payload === '') this.retained.delete(name);
    else if (retain) this.retained.set(name, {topic: name, payload, qos: published});
    for (const [to, {subscriptions, waiting}] of this.clients) {
      const matching = [...subscriptions].filter(
        ([text, {noLocal}]) => matches(text, name) && !(noLocal && from === to),
      );
      if (matching.length === 0) continue;
      const granted = Math.min(published, Math.max(...matching.map(([, subscription]) => subscription.qos)));
      if (granted === 0 && !here.has(to)) continue;
      const flag = retain && matching.some(([, {retainAsPublished}]) => retainAsPublished);
      waiting.push(`${name} ${payload} q${granted} r${Number(flag)}`);
    }
  }

  subscribe(to: string, text: string, subscription: Subscription): void {
    const {subscriptions, waiting} = this.clients.get(to)!;
    subscriptions.set(text, subscription);
    for (const {topic: name, payload, qos: published} of this.retained.values()) {
      if (matches(text, name))
        waiting.push(`${name} ${payload} q${Math.min(published, subscription.qos)} r1`);
    }
  }
}

/** All that has arrived, acknowledged as the protocol wants it. */
async function drain(one: PacketClient): Promise<string[]> {
  const lines: string[] = [];
  for (let more = true; more; ) {
    more = false;
    one.send({cmd: 'pingreq'});
    for (let packet = await one.next(); packet.cmd !== 'pingresp'; packet = await one.next()) {
      more = true;
      const {cmd, messageId} = packet;
      if (cmd === 'publish') {
        lines.push(`${packet.topic} ${packet.payload} q${packet.qos} r${Number(packet.retain)}`);
        if (packet.qos === 1) one.send({cmd: 'puback', messageId, reasonCode: 0});
        if (packet.qos === 2) one.send({cmd: 'pubrec', messageId, reasonCode: 0});
      } else if (cmd === 'pubrel') one.send({cmd: 'pubcomp', messageId, reasonCode: 0});
      else if (cmd === 'pubrec') one.send({cmd: 'pubrel', messageId, reasonCode: 0});
    }
  }
  return lines;
}

class World {
  readonly #broker: PacketBroker;
  readonly #model = new Model();
  readonly #here = new Map<string, PacketClient>();
  #count = 0;

  constructor(broker: PacketBroker) {
    this.#broker = broker;
  }

  async #connected(name: string): Promise<PacketClient> {
    const known = this.#here.get(name);
    if (known !== undefined) return known;
    const one = await this.#broker.connect(name, settings);
    this.#here.set(name, one);
    return one;
  }

  async take(one: Step): Promise<void> {
    if (one.kind === 'leave' || one.kind === 'drop') {
      const gone = this.#here.get(one.client);
      this.#here.delete(one.client);
      if (one.kind === 'leave') await gone?.leave();
      else gone?.drop();
      // The broker hears of it before it hears of anything that follows.
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    const stream = await this.#connected(one.client);
    const messageId = 1 + (this.#count++ % 60_000);
    if (one.kind === 'subscribe') {
      const subscriptions = [{topic: one.filter, qos: one.qos, nl: one.nl, rap: one.rap, rh: 0}];
      stream.send({cmd: 'subscribe', messageId, subscriptions});
      this.#model.subscribe(one.client, one.filter, {
        qos: one.qos,
        noLocal: one.nl,
        retainAsPublished: one.rap,
      });
    } else if (one.kind === 'unsubscribe') {
      stream.send({cmd: 'unsubscribe', messageId, unsubscriptions: [one.filter]});
      this.#model.clients.get(one.client)!.subscriptions.delete(one.filter);
    } else {
      const publication = {topic: one.topic, payload: one.empty ? '' : `${messageId}`, qos: one.qos};
      stream.publish(one.topic, publication.payload, {qos: one.qos, retain: one.retain, messageId});
      this.#model.publish(one.client, publication, one.retain, new Set(this.#here.keys()));
    }
    await this.check();
  }

  async check(): Promise<void> {
    // Twice: what one client publishes arrives at another while it is asked.
    const got = new Map<string, string[]>();
    for (const _ of [1, 2]) {
      for (const [name, one] of this.#here) got.set(name, [...(got.get(name) ?? []), ...(await drain(one))]);
    }
    for (const [name, lines] of got) {
      const expected = this.#model.clients.get(name)!;
      assert.deepEqual(lines.sort(), expected.waiting.sort(), name);
      expected.waiting = [];
    }
  }

  async finish(): Promise<void> {
    for (const name of names) await this.#connected(name);
    await this.check();
  }
}

describe('delivery', () => {
  it('agrees with the model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 10, maxLength: 60, size: 'max'}), async (steps) => {
        await using broker = packetBroker();
        const world = new World(broker);
        for (const one of steps) await world.take(one);
        await world.finish();
      }),
      {numRuns: 60},
    );
  });
});
