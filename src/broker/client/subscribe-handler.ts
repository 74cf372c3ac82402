/** Handles SUBSCRIBE and UNSUBSCRIBE: permissions, granted QoS, retained messages [MQTT 5, 3.8 to 3.11]. */

import {isFailure, ReasonCode, subscriptionFailure} from '../../protocol/reason-codes.ts';
import {parseSubscription} from '../../protocol/topic.ts';
import type {Session} from '../state/session.ts';
import type {BrokerSubscription} from '../state/subscriptions.ts';
import type {ISubscribePacket, IUnsubscribePacket} from '../wire/packets.ts';
import {type ReplyContext, sendWithReason, withAnswer} from './reply.ts';

type Requested = ISubscribePacket['subscriptions'][number];

/** Reason strings of SUBACK [MQTT-3.9.3-2] and UNSUBACK [MQTT-3.11.3-2]. */
const reasons: Readonly<Record<number, string>> = {
  [ReasonCode.notAuthorized]: 'Not authorized to subscribe.',
  [ReasonCode.topicFilterInvalid]: 'The topic filter has too many levels.',
  [ReasonCode.quotaExceeded]: 'The subscription cannot be stored.',
  [ReasonCode.noSubscriptionExisted]: 'No subscription existed.',
};

/** Handles SUBSCRIBE and UNSUBSCRIBE of one client. */
export class SubscribeHandler {
  readonly #context: ReplyContext;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  subscribe(packet: ISubscribePacket): void {
    const {connection, session, state} = this.#context;
    const ask = state.context.hooks?.subscribe;
    if (ask === undefined) {
      this.#inSlices(this.#subscribing(packet));
      return;
    }
    const answers = packet.subscriptions.map(({topic}) => ask(session, topic));
    const codes = answers.some((answer) => typeof answer !== 'number')
      ? Promise.all(answers)
      : (answers as readonly number[]);
    withAnswer(connection, codes, (verdicts) => this.#inSlices(this.#subscribing(packet, verdicts)));
  }

  unsubscribe(packet: IUnsubscribePacket): void {
    this.#inSlices(this.#unsubscribing(packet));
  }

  /** Works for one packet, in slices; meanwhile the client's next packets of such kinds wait. */
  #inSlices(steps: Iterator<number>): void {
    const {connection, state} = this.#context;
    const rest = state.slicedWork.run(steps);
    if (rest === undefined) return;
    connection.hold('publish');
    rest.catch((error: unknown) => connection.fail(error)).finally(() => connection.unhold('publish'));
  }

  /**
   * One SUBACK with the packet's identifier [MQTT-2.2.1-6] and a code for each filter in order [MQTT-3.8.4-5],
   * [MQTT-3.8.4-6], [MQTT-3.9.3-1]: the QoS granted, or a reason code [MQTT-3.8.4-7]; then the retained messages. A
   * filter is refused where its verdict is not 0.
   */
  *#subscribing(packet: ISubscribePacket, verdicts: readonly number[] = []): Generator<number, void> {
    const {connection, state} = this.#context;
    const identifier = packet.properties?.subscriptionIdentifier;
    const fresh: BrokerSubscription<Session>[] = [];
    const granted: number[] = [];
    for (const [index, requested] of packet.subscriptions.entries()) {
      const outcome = verdicts[index] || this.#subscribe(requested, identifier);
      if (typeof outcome === 'number')
        granted.push(connection.protocolVersion === 5 ? outcome : subscriptionFailure);
      else granted.push(outcome.subscription.qos);
      if (typeof outcome !== 'number' && outcome.wantsRetained) fresh.push(outcome.subscription);
      yield 1;
      if (!connection.open) return;
    }
    const refused = granted.find(isFailure);
    // [MQTT-3.8.4-1], [MQTT-3.8.4-2]
    sendWithReason(
      this.#context,
      {cmd: 'suback', messageId: packet.messageId!, granted},
      refused === undefined ? undefined : reasons[refused],
    );
    for (const subscription of fresh) {
      for (const step of state.router.sendRetained(subscription)) {
        yield step;
        if (!connection.open) return;
      }
    }
  }

  #subscribe(
    requested: Requested,
    identifier: number | undefined,
  ): number | {readonly subscription: BrokerSubscription<Session>; readonly wantsRetained: boolean} {
    const {session, listener, state} = this.#context;
    const filter = this.#mounted(requested.topic);
    const parsed = parseSubscription(filter);
    if (parsed === undefined) return ReasonCode.topicFilterInvalid;
    if (session.permissions?.maySubscribe(filter) === false) return ReasonCode.notAuthorized;
    if (session.persistent && state.context.changeLog?.accepts(1) === false) return ReasonCode.quotaExceeded;
    // [MQTT-3.2.2-10]
    const qos = requested.qos > listener.maxQos ? listener.maxQos : requested.qos;
    const subscription: BrokerSubscription<Session> = {
      subscriber: session,
      filter,
      qos,
      noLocal: requested.nl ?? false,
      retainAsPublished: requested.rap ?? false,
      ...(identifier === undefined ? {} : {identifier}),
    };
    const fresh = state.registry.subscribe(subscription);
    state.context.log('subscribe', `${session.clientId} ${qos} ${requested.topic}`);
    const handling = requested.rh ?? 0;
    // [MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]; none for a shared subscription [4.8.2].
    const wantsRetained = parsed.shareName === undefined && (handling === 0 || (handling === 1 && fresh));
    return {subscription, wantsRetained};
  }

  /** [MQTT-3.10.4-4] to [MQTT-3.10.4-6], [MQTT-3.11.3-1] */
  *#unsubscribing(packet: IUnsubscribePacket): Generator<number, void> {
    const {connection, session, state} = this.#context;
    const granted: number[] = [];
    for (const topic of packet.unsubscriptions) {
      const filter = this.#mounted(topic);
      const isFilter = parseSubscription(filter) !== undefined;
      if (isFilter) state.context.log('unsubscribe', `${session.clientId} ${topic}`);
      const existed = isFilter && state.registry.unsubscribe(session, filter);
      granted.push(existed ? ReasonCode.success : ReasonCode.noSubscriptionExisted);
      yield 1;
      if (!connection.open) return;
    }
    sendWithReason(this.#context, {cmd: 'unsuback', messageId: packet.messageId!, granted}, undefined);
  }

  /** The filter with the listener's mount point put in, after $share/name/ if it has that. */
  #mounted(filter: string): string {
    const {mountPoint} = this.#context;
    if (mountPoint === '') return filter;
    const [, share = '', rest = filter] = /^(\$share\/[^/]*\/)(.*)$/s.exec(filter) ?? [];
    return share + mountPoint + rest;
  }
}
