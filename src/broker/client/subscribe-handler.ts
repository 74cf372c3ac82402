/** Handles SUBSCRIBE and UNSUBSCRIBE: permissions, granted QoS, retained messages [MQTT 5, 3.8 to 3.11]. */

import {isFailure, ReasonCode, subscriptionFailure} from '../../protocol/reason-codes.ts';
import {parseSubscription} from '../../protocol/topic.ts';
import type {Session} from '../state/session.ts';
import type {BrokerSubscription} from '../state/subscriptions.ts';
import type {ISubscribePacket, IUnsubscribePacket} from '../wire/packets.ts';
import {type ReplyContext, sendWithReason} from './reply.ts';

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

  /**
   * One SUBACK with the packet's identifier [MQTT-2.2.1-6] and a code for each filter in order [MQTT-3.8.4-5],
   * [MQTT-3.8.4-6], [MQTT-3.9.3-1]: the QoS granted, or a reason code [MQTT-3.8.4-7]; then the retained messages.
   */
  subscribe(packet: ISubscribePacket): void {
    const {connection} = this.#context;
    const identifier = packet.properties?.subscriptionIdentifier;
    const retained: (() => void)[] = [];
    const granted = packet.subscriptions.map((requested) => {
      const outcome = this.#subscribe(requested, identifier);
      if (typeof outcome === 'number')
        return connection.protocolVersion === 5 ? outcome : subscriptionFailure;
      if (outcome.retained !== undefined) retained.push(outcome.retained);
      return outcome.qos;
    });
    const refused = granted.find(isFailure);
    if (!granted.every(isFailure)) this.#storeFirst();
    // [MQTT-3.8.4-1], [MQTT-3.8.4-2]
    sendWithReason(
      this.#context,
      {cmd: 'suback', messageId: packet.messageId!, granted},
      refused === undefined ? undefined : reasons[refused],
    );
    for (const send of retained) send();
  }

  #subscribe(
    requested: Requested,
    identifier: number | undefined,
  ): number | {readonly qos: number; readonly retained: (() => void) | undefined} {
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
    const wanted = parsed.shareName === undefined && (handling === 0 || (handling === 1 && fresh));
    return {
      qos,
      retained: wanted ? () => state.router.sendRetained(session, filter, subscription) : undefined,
    };
  }

  /** What the answer says is stored before it leaves, where the session is. */
  #storeFirst(): void {
    const {session, connection} = this.#context;
    if (session.persistent) connection.output.needCommit();
  }

  /** [MQTT-3.10.4-4] to [MQTT-3.10.4-6], [MQTT-3.11.3-1] */
  unsubscribe(packet: IUnsubscribePacket): void {
    const {session, state} = this.#context;
    const granted = packet.unsubscriptions.map((topic) => {
      const filter = this.#mounted(topic);
      if (parseSubscription(filter) === undefined) return ReasonCode.noSubscriptionExisted;
      state.context.log('unsubscribe', `${session.clientId} ${topic}`);
      const existed = state.registry.unsubscribe(session, filter);
      return existed ? ReasonCode.success : ReasonCode.noSubscriptionExisted;
    });
    this.#storeFirst();
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
