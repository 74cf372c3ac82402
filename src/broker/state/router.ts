/**
 * Delivers each message to its receivers: direct and shared subscriptions, retained messages, the QoS and
 * permissions of each receiver [MQTT 5, 3.3.4, 4.8.2]. Knows sessions, and nothing of their connections.
 */

import type {QoS} from '../../protocol/message.ts';
import type {BrokerLimits} from '../config/settings.ts';
import type {Counters} from '../wire/counters.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Delivery} from './in-flight-table.ts';
import type {RetainedMessages} from './retained.ts';
import type {SlicedWork} from './schedule.ts';
import type {Session} from './session.ts';
import type {BrokerSubscription, Receiver, SharedGroup, Subscriptions} from './subscriptions.ts';

export interface RouterOptions {
  readonly subscriptions: Subscriptions<Session>;
  readonly retained: RetainedMessages;
  readonly counters: Counters;
  readonly limits: BrokerLimits;
  readonly slicedWork: SlicedWork;
  readonly notice: (line: string) => void;
  /** The next number of a delivery. */
  readonly sequence: () => number;
}

/** Shared subscriptions that get a message in one turn: some milliseconds. */
const groupsAtOnce = 1000;

const noIdentifiers: readonly number[] = [];

/** Refused: the session may not receive the message, or is away and gets nothing at QoS 0. */
type Outcome = 'taken' | 'full' | 'refused';

/** Every message that is not forwarded as a frame goes through it. */
export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /**
   * Publishes a message to all subscribers of its topic [MQTT-4.5.0-1], [MQTT-3.3.2-3], at once and so in
   * order, on any topic [MQTT-4.6.0-6]; whether it has any. Very many shared subscriptions get it in slices:
   * `rest` is called with the promise of their end, before which `from` may publish nothing more; without `rest`,
   * they get it at once. Without its flag nothing is retained or removed [MQTT-3.3.1-8].
   */
  publish(message: StoredMessage, from: Session | undefined, rest?: (done: Promise<void>) => void): boolean {
    if (message.retain) this.#options.retained.set(message);
    const receivers = this.#options.subscriptions.receivers(message.topic);
    for (const receiver of receivers.direct) {
      const delivery = this.#combine(message, receiver, from);
      if (delivery !== undefined) this.#send(receiver.subscriber, delivery, from);
    }
    if (receivers.groups.length > groupsAtOnce && rest !== undefined) {
      const done = this.#options.slicedWork.run(this.#sharing(receivers.groups, message, from));
      if (done !== undefined) rest(done);
    } else for (const group of receivers.groups) this.#share(group, message, from);
    return receivers.direct.length > 0 || receivers.groups.length > 0;
  }

  /** The same for a publisher that waits for nothing: the broker itself, and one that has gone. */
  announce(message: StoredMessage, from: Session | undefined): void {
    const failed = (error: unknown) => this.#options.notice(`Error: ${String(error)}`);
    this.publish(message, from, (done) => void done.catch(failed));
  }

  /** One group in each step. */
  *#sharing(
    groups: readonly SharedGroup<Session>[],
    message: StoredMessage,
    from: Session | undefined,
  ): Generator<number, void> {
    for (const group of groups) {
      this.#share(group, message, from);
      yield 1;
    }
  }

  /**
   * One delivery for all matching subscriptions of a client: the highest QoS [MQTT-3.3.4-2], (3.1.1:
   * [MQTT-3.3.5-1]), all of their identifiers [MQTT-3.3.4-3], [MQTT-3.3.4-4], the retain flag as published where one
   * of them requests that [MQTT-3.3.1-12], [MQTT-3.3.1-13].
   */
  #combine(
    message: StoredMessage,
    {subscriber, subscriptions}: Receiver<Session>,
    from: Session | undefined,
  ): Delivery | undefined {
    let granted = -1;
    let retain = false;
    let identifiers: number[] | undefined;
    for (const subscription of subscriptions) {
      // [MQTT-3.8.3-3]
      if (subscription.noLocal && from === subscriber) continue;
      if (subscription.qos > granted) granted = subscription.qos;
      retain ||= subscription.retainAsPublished;
      if (subscription.identifier === undefined) continue;
      identifiers ??= [];
      identifiers.push(subscription.identifier);
    }
    if (granted === -1) return undefined;
    const qos = this.#qos(message, granted as QoS);
    const sequence = this.#options.sequence();
    const subscriptionIdentifiers = identifiers ?? noIdentifiers;
    return {sequence, message, qos, retain: retain && message.retain, subscriptionIdentifiers};
  }

  /** [MQTT-3.8.4-8] */
  #qos(message: StoredMessage, granted: QoS): QoS {
    return this.#options.limits.upgradeOutgoingQos || granted < message.qos ? granted : message.qos;
  }

  #sharedDelivery(
    group: SharedGroup<Session>,
    message: StoredMessage,
    to: BrokerSubscription<Session>,
  ): Delivery {
    return {
      sequence: this.#options.sequence(),
      message,
      // [MQTT-4.8.2-3]
      qos: this.#qos(message, to.qos),
      retain: to.retainAsPublished && message.retain,
      subscriptionIdentifiers: to.identifier === undefined ? noIdentifiers : [to.identifier],
      group,
      shareFilter: group.filter,
    };
  }

  /**
   * Gives a message to the next member in turn: to one that keeps up rather than a slow one, to that rather than one
   * away. A member with a full queue passes it on.
   */
  #share(group: SharedGroup<Session>, message: StoredMessage, from: Session | undefined): void {
    const members = group.inTurn().filter(({subscriber}) => subscriber.mayReceive(message.topic));
    const keepsUp = members.find(({subscriber}) => subscriber.client?.slow === false);
    const first = keepsUp ?? members.find(isPresent) ?? members[0];
    if (first === undefined) return;
    // A member that becomes slow with this message need not hold back the publisher: another gets the next.
    const heldBack = keepsUp === undefined ? from : undefined;
    const outcome = this.#deliver(first.subscriber, this.#sharedDelivery(group, message, first), heldBack);
    if (outcome === 'taken') return;
    const others = members.filter((member) => member !== first);
    const absent = others.filter((member) => !isPresent(member));
    if ([...others.filter(isPresent), ...absent].some((next) => this.#offer(group, message, next))) return;
    if (outcome === 'full') this.dropped(first.subscriber);
  }

  /** Whether another member takes a message from a shared subscription. */
  #offer(group: SharedGroup<Session>, message: StoredMessage, to: BrokerSubscription<Session>): boolean {
    return this.#deliver(to.subscriber, this.#sharedDelivery(group, message, to), undefined) === 'taken';
  }

  /**
   * Gives the messages from shared subscriptions that a session cannot deliver now to present members that may
   * read them and have room, and those of a session that ends to absent ones, too. The rest stays with the session.
   */
  reshare(session: Session, ends: boolean): void {
    session.deliveries.moveShared(({group, message}) => {
      const shared = group as SharedGroup<Session>;
      const others = shared.inTurn().filter(({subscriber}) => subscriber !== session);
      const present = others.filter(isPresent);
      const absent = ends ? others.filter((one) => !isPresent(one)) : [];
      return [...present, ...absent].some((next) => this.#offer(shared, message, next));
    });
  }

  /** Sends the retained messages of a new subscription, as retained [MQTT-3.3.1-9], in small steps. */
  sendRetained({subscriber, filter, ...subscription}: BrokerSubscription<Session>): Generator<number, void> {
    const subscriptionIdentifiers =
      subscription.identifier === undefined ? noIdentifiers : [subscription.identifier];
    return this.#options.retained.match(filter, (message) => {
      if (!subscriber.decideReceiving(message.topic)) return;
      const qos = this.#qos(message, subscription.qos);
      const sequence = this.#options.sequence();
      const delivery = {sequence, message, qos, retain: true, subscriptionIdentifiers};
      if (this.#give(subscriber, delivery, undefined) === 'full') this.dropped(subscriber);
    });
  }

  /** Sends or queues a message, or drops it where the session's queue is full. */
  #send(session: Session, delivery: Delivery, from: Session | undefined): void {
    if (this.#deliver(session, delivery, from) === 'full') this.dropped(session);
  }

  /** A message for the session was dropped because its queue is full. */
  dropped(session: Session): void {
    const {counters, notice} = this.#options;
    counters.publishDropped++;
    if (!session.dropping) notice(`Outgoing messages are being dropped for client ${session.clientId}.`);
    session.dropping = true;
  }

  #deliver(session: Session, delivery: Delivery, from: Session | undefined): Outcome {
    return session.mayReceive(delivery.message.topic) ? this.#give(session, delivery, from) : 'refused';
  }

  #give(session: Session, delivery: Delivery, from: Session | undefined): Outcome {
    const {limits} = this.#options;
    const {client} = session;
    let isTaken: boolean;
    // Queued messages at QoS 0 go first [MQTT-4.6.0-5].
    const behind = limits.queueQos0Messages && session.deliveries.queued > 0;
    if (delivery.qos === 0 && client !== undefined && !behind) isTaken = client.sendAtMostOnce(delivery);
    else if (delivery.qos === 0 && !limits.queueQos0Messages) return 'refused';
    else isTaken = session.deliveries.add(delivery);
    if (isTaken) session.dropping = false;
    client?.holdBack(from?.client);
    return isTaken ? 'taken' : 'full';
  }
}

function isPresent({subscriber}: BrokerSubscription<Session>): boolean {
  return subscriber.client !== undefined;
}
