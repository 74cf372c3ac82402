/**
 * Where the messages of one publisher go when they may leave as the bytes they came as: to clients
 * of the same protocol level that want nothing changed. Answers are remembered by topic until anything
 * changes that they depend on. Knows no frames.
 */

import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Passage, Session, SessionLink} from '../state/session.ts';
import {TopicCache, type TopicEntry} from './topic-cache.ts';

export interface Target {
  readonly session: Session;
  readonly link: SessionLink;
  readonly passage: Passage;
}

/** Where the messages of one topic go. */
export interface Route extends TopicEntry {
  readonly topic: string;
  /** The same list for all topics of the same receivers; undefined where each message needs more. */
  readonly targets: readonly Target[] | undefined;
  /** Up to this QoS the message goes to nobody else, and to each of them at the QoS it came with. */
  readonly sharedQos: QoS;
  /** Bytes that every target takes in one packet. */
  readonly largest: number;
}

/** Lists of targets remembered. */
const mostLists = 32;

/** The routes of one publisher. */
export class ForwardingRoutes {
  readonly #session: Session;
  readonly #state: BrokerState;
  readonly protocolVersion: ProtocolVersion;
  readonly #routes = new TopicCache<Route>();
  #lists: (readonly Target[])[] = [];
  #changes = -1;

  constructor(session: Session, state: BrokerState, protocolVersion: ProtocolVersion) {
    this.#session = session;
    this.#state = state;
    this.protocolVersion = protocolVersion;
  }

  /** Forgets what no longer holds; to be called before routes are looked up, and after any other packet. */
  refresh(): void {
    const {changes} = this.#state.subscriptions;
    if (changes === this.#changes) return;
    this.#changes = changes;
    this.#routes.clear();
    this.#lists = [];
  }

  /** What is known of the topic that stands in `bytes` from `start` to `end`. */
  find(bytes: Uint8Array, start: number, end: number): Route | undefined {
    return this.#routes.find(bytes, start, end);
  }

  /** Finds out about a topic, which must be a valid one. */
  learn(topic: string): void {
    this.refresh();
    const targets = this.#targets(topic);
    this.#routes.add({
      topic,
      topicBytes: Buffer.from(topic),
      targets: targets === undefined ? undefined : this.#known(targets),
      sharedQos: this.#sharedQos(topic),
      largest: Math.min(...(targets ?? []).map(({passage}) => passage.maximumPacketSize)),
    });
  }

  #targets(topic: string): readonly Target[] | undefined {
    if (!this.#session.mayPublish(topic)) return undefined;
    const {direct, groups} = this.#state.subscriptions.receivers(topic);
    if (groups.length > 0) return undefined;
    const targets: Target[] = [];
    for (const {subscriber, subscriptions} of direct) {
      const {link} = subscriber;
      // To whom it does not go: the router decides the same.
      if (link === undefined || !subscriber.mayReceive(topic)) continue;
      const {passage} = link;
      if (passage === undefined || !this.#sameLevel(passage)) return undefined;
      for (const {identifier, noLocal} of subscriptions) {
        if (identifier !== undefined || (noLocal && subscriber === this.#session)) return undefined;
      }
      targets.push({session: subscriber, link, passage});
    }
    return targets;
  }

  /** Of a topic that has targets. */
  #sharedQos(topic: string): QoS {
    let lowest: QoS = 2;
    let receivers = 0;
    for (const {subscriber, subscriptions} of this.#state.subscriptions.receivers(topic).direct) {
      if (!subscriber.mayReceive(topic)) continue;
      receivers++;
      // For one who is away it has to be kept.
      if (subscriber.link === undefined) return 0;
      lowest = Math.min(lowest, Math.max(...subscriptions.map(({qos}) => qos))) as QoS;
    }
    return receivers === 0 ? 0 : lowest;
  }

  /** PUBLISH has one form in MQTT 3.1 and 3.1.1, and another in MQTT 5. */
  #sameLevel({protocolVersion}: Passage): boolean {
    return (protocolVersion === 5) === (this.protocolVersion === 5);
  }

  /** The list itself, or the same one of another topic, so that a run may go on from topic to topic. */
  #known(targets: readonly Target[]): readonly Target[] {
    for (const list of this.#lists) {
      const same = list.length === targets.length && list.every(({link}, at) => link === targets[at]?.link);
      if (same) return list;
    }
    if (this.#lists.length >= mostLists) this.#lists.shift();
    this.#lists.push(targets);
    return targets;
  }
}
