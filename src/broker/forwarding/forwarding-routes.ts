/**
 * The clients that the frames of one publisher may be forwarded to unchanged, cached by topic until a
 * subscription or a client changes. Knows no frames. Topics are found by their bytes: with 1000 topics in
 * turn, decoding each into a string takes longer than all the rest of forwarding.
 */

import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import {BoundedCache} from '../state/bounded-cache.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {ConnectedClient, Session} from '../state/session.ts';

/** A receiver of unchanged frames. */
export interface Target {
  readonly session: Session;
  readonly client: ConnectedClient;
}

/** Where frames with one topic go. */
export interface ForwardingRoute {
  readonly topic: string;
  readonly topicBytes: Uint8Array;
  /** The same list for all topics with the same receivers; undefined: some receiver needs other bytes. */
  readonly targets: readonly Target[] | undefined;
  /** Sessions of clients that are away: they keep what comes at QoS 1 or 2. */
  readonly absent: readonly Session[];
  /** Up to this QoS, the targets and the absent sessions get the message at the QoS it came with. */
  readonly sharedQos: QoS;
  /** Bytes: the smallest Maximum Packet Size of the targets. */
  readonly largest: number;
}

/** Lists of targets cached for each publisher. */
const mostLists = 32;
/** Bytes of the topics cached for each publisher; about so many for one, and for each target of a list. */
const mostCachedBytes = 1_048_576;
const routeBytes = 300;
const targetBytes = 32;

/** Whether frames may be forwarded unchanged with this broker's limits and a client's mount point. */
export function allowsFastPath({context, limits}: BrokerState, mountPoint: string): boolean {
  return (
    context.fastPath !== false &&
    context.observe === undefined &&
    context.hooks?.received === undefined &&
    context.hooks?.publish === undefined &&
    !limits.queueQos0Messages &&
    !limits.upgradeOutgoingQos &&
    mountPoint === ''
  );
}

/** The routes of one publisher. */
export class ForwardingRoutes {
  readonly #session: Session;
  readonly #state: BrokerState;
  readonly protocolVersion: ProtocolVersion;
  readonly #routes = new TopicCache();
  #lists: (readonly Target[])[] = [];

  constructor(session: Session, state: BrokerState, protocolVersion: ProtocolVersion) {
    this.#session = session;
    this.#state = state;
    this.protocolVersion = protocolVersion;
  }

  /** Forgets all: the receivers of some topic have changed. */
  clear(): void {
    this.#routes.clear();
    this.#lists = [];
  }

  /** The cached route of the topic in `bytes` from `start` to `end`. */
  find(bytes: Uint8Array, start: number, end: number): ForwardingRoute | undefined {
    return this.#routes.find(bytes, start, end);
  }

  /** Caches the route of a topic, which must be a valid one. */
  learn(topic: string): void {
    const targets = this.#targets(topic);
    const absent = this.#absent(topic);
    this.#state.subscriptions.clearAtChange(this);
    this.#routes.add({
      topic,
      topicBytes: Buffer.from(topic),
      targets: targets === undefined ? undefined : this.#sameList(targets),
      absent,
      sharedQos: this.#sharedQos(topic),
      largest: (targets ?? []).reduce(
        (least, {client}) => Math.min(least, client.maximumPacketSize),
        Number.POSITIVE_INFINITY,
      ),
    });
  }

  #targets(topic: string): readonly Target[] | undefined {
    if (!this.#session.mayPublish(topic)) return undefined;
    const {direct, groups} = this.#state.subscriptions.receivers(topic);
    if (groups.length > 0) return undefined;
    const targets: Target[] = [];
    for (const {subscriber, subscriptions} of direct) {
      const {client} = subscriber;
      // These do not receive it: the router decides the same.
      if (client === undefined || !subscriber.mayReceive(topic)) continue;
      if (!client.takesFrames || !this.#sameForm(client)) return undefined;
      for (const {identifier, noLocal} of subscriptions) {
        if (identifier !== undefined || (noLocal && subscriber === this.#session)) return undefined;
      }
      targets.push({session: subscriber, client});
    }
    return targets;
  }

  #absent(topic: string): readonly Session[] {
    const sessions = this.#state.subscriptions.receivers(topic).direct.map(({subscriber}) => subscriber);
    return sessions.filter((session) => session.client === undefined && session.mayReceive(topic));
  }

  /** Of a topic that has targets. */
  #sharedQos(topic: string): QoS {
    let lowest: QoS = 2;
    let receivers = 0;
    for (const {subscriber, subscriptions} of this.#state.subscriptions.receivers(topic).direct) {
      if (!subscriber.mayReceive(topic)) continue;
      receivers++;
      // A frame has no place for it.
      if (subscriptions.some(({identifier}) => identifier !== undefined)) return 0;
      const highest = subscriptions.reduce((most, {qos}) => Math.max(most, qos), 0);
      lowest = Math.min(lowest, highest) as QoS;
    }
    return receivers === 0 ? 0 : lowest;
  }

  /** PUBLISH has one form in MQTT 3.1 and 3.1.1, and another in MQTT 5. */
  #sameForm({protocolVersion}: ConnectedClient): boolean {
    return (protocolVersion === 5) === (this.protocolVersion === 5);
  }

  /** The equal list of another topic, if there is one, so that a run of frames may go on across topics. */
  #sameList(targets: readonly Target[]): readonly Target[] {
    for (const list of this.#lists) {
      const same =
        list.length === targets.length && list.every(({client}, at) => client === targets[at]?.client);
      if (same) return list;
    }
    if (this.#lists.length >= mostLists) this.#lists.shift();
    this.#lists.push(targets);
    return targets;
  }
}

/** Routes by the bytes of their topics. */
class TopicCache {
  readonly #routes = new BoundedCache<number, ForwardingRoute>(mostCachedBytes);
  #last: ForwardingRoute | undefined;

  find(bytes: Uint8Array, start: number, end: number): ForwardingRoute | undefined {
    const last = this.#last;
    if (last !== undefined && isAt(last.topicBytes, bytes, start, end)) return last;
    const route = this.#routes.get(hash(bytes, start, end));
    if (route === undefined || !isAt(route.topicBytes, bytes, start, end)) return undefined;
    this.#last = route;
    return route;
  }

  /** Replaces a route whose topic has the same hash. */
  add(route: ForwardingRoute): void {
    const {topicBytes, targets, absent} = route;
    const receivers = (targets?.length ?? 0) + absent.length;
    const bytes = routeBytes + 3 * topicBytes.length + targetBytes * receivers;
    this.#routes.set(hash(topicBytes, 0, topicBytes.length), route, bytes);
  }

  clear(): void {
    this.#routes.clear();
    this.#last = undefined;
  }
}

function isAt(topic: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const {length} = topic;
  if (length !== end - start) return false;
  // From the end, where topics that follow each other usually differ.
  for (let index = length - 1; index >= 0; index--) {
    if (topic[index] !== bytes[start + index]) return false;
  }
  return true;
}

/** FNV-1a, 32 bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 | 0;
  for (let index = start; index < end; index++) value = Math.imul(value ^ bytes[index]!, 0x01000193);
  return value;
}
