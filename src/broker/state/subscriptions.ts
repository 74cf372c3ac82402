/**
 * All subscriptions by filter, shared ones by group, and for each topic its receivers, cached until a
 * subscription changes. Knows no message and no connection.
 */

import type {QoS} from '../../protocol/message.ts';
import {parseSubscription} from '../../protocol/topic.ts';
import {BoundedCache} from './bounded-cache.ts';
import {FilterTree} from './topic-tree.ts';

export interface SubscriptionOptions {
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier?: number;
}

export interface BrokerSubscription<Subscriber> extends SubscriptionOptions {
  readonly subscriber: Subscriber;
  /** The whole filter, with $share/. */
  readonly filter: string;
}

/** The members of one $share/name/filter [MQTT 5, 4.8.2]. */
export class SharedGroup<Subscriber> {
  /** The whole filter, with $share/. */
  readonly filter: string;
  readonly members = new Map<Subscriber, BrokerSubscription<Subscriber>>();
  #turn = 0;

  constructor(filter: string) {
    this.filter = filter;
  }

  /** Members in turn, beginning after the one that began last. */
  inTurn(): BrokerSubscription<Subscriber>[] {
    const all = [...this.members.values()];
    const start = this.#turn++ % Math.max(all.length, 1);
    return [...all.slice(start), ...all.slice(0, start)];
  }
}

/** A receiver of a message, with all of its matching subscriptions. */
export interface Receiver<Subscriber> {
  readonly subscriber: Subscriber;
  readonly subscriptions: readonly BrokerSubscription<Subscriber>[];
}

export interface Receivers<Subscriber> {
  /** Each receiver once. */
  readonly direct: readonly Receiver<Subscriber>[];
  readonly groups: readonly SharedGroup<Subscriber>[];
}

interface Leaf<Subscriber> {
  readonly direct: Map<Subscriber, BrokerSubscription<Subscriber>>;
  readonly groups: Map<string, SharedGroup<Subscriber>>;
}

/** Bytes of the cached receivers of topics; about so many for a topic, and for each of its receivers. */
const mostCachedBytes = 16_777_216;
const topicBytes = 200;
const receiverBytes = 64;

/** What depends on the receivers of topics. */
interface Dependent {
  clear(): void;
}

/** All subscriptions of a broker. */
export class Subscriptions<Subscriber> {
  readonly #tree = new FilterTree<Leaf<Subscriber>>();
  readonly #receivers = new BoundedCache<string, Receivers<Subscriber>>(mostCachedBytes);
  readonly #dependents = new Set<Dependent>();
  #count = 0;
  #sharedCount = 0;

  get count(): number {
    return this.#count;
  }

  get sharedCount(): number {
    return this.#sharedCount;
  }

  /** Clears `dependent` once, at the next change of the receivers of any topic. */
  clearAtChange(dependent: Dependent): void {
    this.#dependents.add(dependent);
  }

  /** To be called when clients connect or disconnect, or permissions change. */
  receiversChanged(): void {
    for (const dependent of this.#dependents) dependent.clear();
    this.#dependents.clear();
  }

  #changed(): void {
    this.receiversChanged();
    this.#receivers.clear();
  }

  /** Adds a subscription, or puts it in the place of the subscriber's former one [MQTT-3.8.4-3]. */
  add(subscription: BrokerSubscription<Subscriber>): void {
    const {filter, shareName} = parseSubscription(subscription.filter)!;
    let leaf = this.#tree.get(filter);
    if (leaf === undefined) {
      leaf = {direct: new Map(), groups: new Map()};
      this.#tree.set(filter, leaf);
    }
    let members = leaf.direct;
    if (shareName !== undefined) {
      let group = leaf.groups.get(shareName);
      if (group === undefined) {
        group = new SharedGroup(subscription.filter);
        leaf.groups.set(shareName, group);
      }
      members = group.members;
    }
    if (!members.has(subscription.subscriber)) {
      this.#count++;
      if (shareName !== undefined) this.#sharedCount++;
    }
    members.set(subscription.subscriber, subscription);
    this.#changed();
  }

  /** The members of a shared subscription; undefined: there are none. */
  sharedGroup(text: string): SharedGroup<Subscriber> | undefined {
    const {filter, shareName} = parseSubscription(text)!;
    return shareName === undefined ? undefined : this.#tree.get(filter)?.groups.get(shareName);
  }

  /** Whether there was one to remove. */
  remove(subscriber: Subscriber, text: string): boolean {
    const {filter, shareName} = parseSubscription(text)!;
    const leaf = this.#tree.get(filter);
    const group = shareName === undefined ? undefined : leaf?.groups.get(shareName);
    const members = shareName === undefined ? leaf?.direct : group?.members;
    if (leaf === undefined || members === undefined || !members.delete(subscriber)) return false;
    this.#count--;
    if (shareName !== undefined) {
      this.#sharedCount--;
      if (members.size === 0) leaf.groups.delete(shareName);
    }
    if (leaf.direct.size === 0 && leaf.groups.size === 0) this.#tree.delete(filter);
    this.#changed();
    return true;
  }

  /** One line a level, with two spaces more for each level, and '(name, QoS)' for each subscription. */
  *lines(nameOf: (subscriber: Subscriber) => string): Generator<string> {
    for (const {level, depth, value} of this.#tree.levels()) {
      const groups = [...(value?.groups ?? [])].flatMap(([shareName, {members}]) =>
        [...members.values()].map((subscription) => ({subscription, share: `$share/${shareName} `})),
      );
      const direct = [...(value?.direct.values() ?? [])].map((subscription) => ({subscription, share: ''}));
      const names = [...direct, ...groups].map(
        ({subscription: {subscriber, qos}, share}) => ` (${share}${nameOf(subscriber)}, ${qos})`,
      );
      yield `${'  '.repeat(depth + 1)}${level}${names.join('')}`;
    }
  }

  /** Who receives what is published to the topic. */
  receivers(topic: string): Receivers<Subscriber> {
    const known = this.#receivers.get(topic);
    if (known !== undefined) return known;
    const direct = new Map<Subscriber, BrokerSubscription<Subscriber>[]>();
    let count = 0;
    const groups: SharedGroup<Subscriber>[] = [];
    for (const leaf of this.#tree.match(topic)) {
      count += leaf.direct.size + leaf.groups.size;
      for (const [subscriber, subscription] of leaf.direct) {
        const matching = direct.get(subscriber);
        if (matching === undefined) direct.set(subscriber, [subscription]);
        else matching.push(subscription);
      }
      for (const group of leaf.groups.values()) groups.push(group);
    }
    const receivers = {
      direct: [...direct].map(([subscriber, subscriptions]) => ({subscriber, subscriptions})),
      groups,
    };
    this.#receivers.set(topic, receivers, topicBytes + 2 * topic.length + receiverBytes * count);
    return receivers;
  }
}
