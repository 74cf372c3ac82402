/**
 * Handles PUBLISH and acknowledgements: aliases, permissions, limits, and the flows of QoS 1 and 2 in both
 * directions [MQTT 5, 3.3 to 3.7, 4.3]. Connection calls it.
 */

import {isUtf8} from 'node:buffer';
import {PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import {PacketViolation, protocolError} from '../../protocol/packet-violation.ts';
import {isFailure, ReasonCode, reasonText} from '../../protocol/reason-codes.ts';
import {isPublishTopic} from '../../protocol/topic.ts';
import {FastPublish} from '../forwarding/fast-publish.ts';
import {allowsFastPath, ForwardingRoutes} from '../forwarding/forwarding-routes.ts';
import type {PublishFlow} from '../forwarding/shared-frames.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {AcknowledgementResult} from '../state/delivery-queue.ts';
import {PacketIdSet} from '../state/packet-id-set.ts';
import type {MessageHandler} from '../wire/connection-handler.ts';
import type {DecodedPublish, StoredMessage} from '../wire/publish-packet.ts';
import type {DecodedAcknowledgement} from '../wire/validate.ts';
import type {ClientWriter} from './client-writer.ts';
import {notStored, type PublishResult, PublishResults, type Rejection} from './publish-results.ts';
import {type ReplyContext, withAnswer} from './reply.ts';
import {ReceivedAliases} from './topic-aliases.ts';

const success: PublishResult = {reasonCode: ReasonCode.success};
const notFound: PublishResult = {reasonCode: ReasonCode.packetIdentifierNotFound};

const rejections = {
  denied: {reasonCode: ReasonCode.notAuthorized, reason: 'Not authorized to publish to this topic.'},
  topic: {reasonCode: ReasonCode.topicNameInvalid, reason: 'The topic has too many levels.'},
  format: {reasonCode: ReasonCode.payloadFormatInvalid, reason: 'The payload is not UTF-8, as it says.'},
  size: {reasonCode: ReasonCode.packetTooLarge, reason: 'The payload is over message_size_limit.'},
} as const satisfies Record<string, Rejection>;

/** Handles PUBLISH and the acknowledgements of one client. */
export class PublishHandler implements MessageHandler, PublishFlow {
  readonly #context: ReplyContext;
  readonly #writer: ClientWriter;
  #aliases: ReceivedAliases | undefined;
  /** QoS 2 messages of this connection not yet released: they count against Receive Maximum [4.9]. */
  #unreleased: PacketIdSet | undefined;
  readonly #results: PublishResults;

  /** `writer` is the same client's. */
  constructor(context: ReplyContext, writer: ClientWriter) {
    this.#context = context;
    this.#writer = writer;
    this.#results = new PublishResults(context, this);
  }

  fastPublish(): FastPublish | undefined {
    const {connection, state, session, mountPoint} = this.#context;
    if (!allowsFastPath(state, mountPoint)) return undefined;
    const routes = new ForwardingRoutes(session, state, connection.protocolVersion);
    return new FastPublish({session, state, routes, flow: this});
  }

  /**
   * Publishes a message and acknowledges it as its QoS requires [MQTT-3.3.4-1]. After PUBACK, PUBCOMP or a
   * refusal the packet identifier is free [MQTT-4.3.2-5], [MQTT-4.3.3-9], [MQTT-4.3.3-12].
   * @throws PacketViolation
   */
  publish(publish: DecodedPublish): void {
    const {listener, state, session, mountPoint} = this.#context;
    const {qos, packetId} = publish;
    // [MQTT-3.2.2-11]
    if (qos > listener.maxQos) {
      throw new PacketViolation(ReasonCode.qosNotSupported, 'MQTT-3.2.2-11', `QoS ${qos} is not supported.`);
    }
    // [MQTT-3.2.2-14]
    if (publish.retain && !state.limits.retainAvailable) {
      throw new PacketViolation(
        ReasonCode.retainNotSupported,
        'MQTT-3.2.2-14',
        'Retained messages are not supported.',
      );
    }
    const topic = mountPoint + (publish.topicAlias === undefined ? publish.topic : this.#aliased(publish));
    const {hooks} = state.context;
    hooks?.received?.(session, topic, publish);
    if (qos === 2) {
      // [MQTT-4.3.3-10]: received before, so only acknowledged again.
      if (session.incoming.has(packetId)) {
        this.#results.acknowledge(PacketType.pubrec, packetId, success);
        return;
      }
      this.#countAgainstMaximum();
    }
    const rejection = this.#rejection(publish, topic);
    if (rejection !== undefined) {
      this.#reject(publish, topic, rejection);
      return;
    }
    if (hooks?.publish === undefined) this.#accept(publish, topic);
    else {
      withAnswer(this.#context.connection, hooks.publish(session, topic, publish), (reasonCode) => {
        if (reasonCode === 0) this.#accept(publish, topic);
        else this.#reject(publish, topic, {reasonCode, reason: `${reasonText(reasonCode)}.`});
      });
    }
  }

  /** @throws PacketViolation */
  #aliased(publish: DecodedPublish): string {
    this.#aliases ??= new ReceivedAliases(this.#context.listener.maxTopicAlias);
    return this.#aliases.topic(publish);
  }

  #accept(publish: DecodedPublish, topic: string): void {
    const {state, session} = this.#context;
    const {qos, packetId} = publish;
    state.context.changeLog?.begin();
    if (qos === 2) this.#receive(packetId);
    let rest: Promise<void> | undefined;
    // The records of a message at QoS 2 are stored together, or a crash between them would deliver it twice.
    const isWhole = qos === 2 && state.context.changeLog !== undefined;
    const slowly = isWhole ? undefined : (done: Promise<void>) => (rest = done);
    const matched = state.router.publish(storedMessage(publish, topic, state), session, slowly);
    const result = matched ? success : {reasonCode: ReasonCode.noMatchingSubscribers};
    if (rest !== undefined) this.#results.acceptedAfter(rest, publish, result);
    else if (qos > 0) this.#results.accepted(qos, packetId, result);
  }

  committed(isStored: boolean): void {
    this.#results.committed(isStored);
  }

  forget(packetId: number): void {
    this.#context.state.registry.released(this.#context.session, packetId);
    this.#unreleased?.delete(packetId);
  }

  /** [MQTT-3.3.4-7]: QoS 1 messages are acknowledged at once, so only QoS 2 can pile up. */
  #countAgainstMaximum(): void {
    if (!this.#atMaximum) return;
    throw new PacketViolation(
      ReasonCode.receiveMaximumExceeded,
      'MQTT-3.3.4-7',
      `More than ${this.#context.state.limits.maxInflightMessages} messages at QoS 2 are not released.`,
    );
  }

  get #atMaximum(): boolean {
    const {connection, state} = this.#context;
    const maximum = state.limits.maxInflightMessages;
    return connection.protocolVersion === 5 && maximum > 0 && (this.#unreleased?.size ?? 0) >= maximum;
  }

  #receive(packetId: number): void {
    const {state, session} = this.#context;
    state.registry.received(session, packetId);
    this.#unreleased ??= new PacketIdSet();
    this.#unreleased.add(packetId);
  }

  begin(qos: QoS, packetId: number): boolean {
    const {listener, session, state} = this.#context;
    const {changeLog} = state.context;
    if (qos > listener.maxQos || changeLog?.isFailing === true) return false;
    changeLog?.begin();
    if (qos < 2) return true;
    if (session.incoming.has(packetId) || this.#atMaximum) return false;
    this.#receive(packetId);
    return true;
  }

  finish(qos: QoS, packetId: number): void {
    this.#results.accepted(qos, packetId, success);
  }

  #rejection({payload, utf8Payload, qos, retain}: DecodedPublish, topic: string): Rejection | undefined {
    const {state, session} = this.#context;
    const limit = state.limits.messageSizeLimit;
    if (limit > 0 && payload.length > limit) return rejections.size;
    if (!session.mayPublish(topic)) return isPublishTopic(topic) ? rejections.denied : rejections.topic;
    if (utf8Payload && !isUtf8(payload)) return rejections.format;
    const isStored = qos > 0 || retain || state.limits.queueQos0Messages;
    if (isStored && state.context.changeLog?.accepts(qos) === false) return notStored;
    return undefined;
  }

  /** MQTT 5 has a reason code for it; in MQTT 3 the message is acknowledged and dropped, as by mosquitto. */
  #reject(publish: DecodedPublish, topic: string, rejection: Rejection): void {
    const {reasonCode, reason} = rejection;
    const {connection, state, session} = this.#context;
    const {qos, packetId, dup, retain, payload} = publish;
    state.counters.publishDropped++;
    const verb = reasonCode === ReasonCode.notAuthorized ? 'Denied' : 'Dropped';
    state.context.log(
      'debug',
      `${verb} PUBLISH from ${session.clientId} (d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}, '${topic}', ... (${payload.length} bytes))`,
    );
    const v5 = connection.protocolVersion === 5;
    // DISCONNECT has this code, PUBACK has not.
    if (v5 && reasonCode === ReasonCode.packetTooLarge) {
      throw new PacketViolation(reasonCode, '3.14.2.1', reason);
    }
    if (qos === 0) return;
    if (!v5 && reasonCode === ReasonCode.quotaExceeded) {
      this.#results.closeNotStored();
      return;
    }
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    // In MQTT 3 PUBREL follows: PUBCOMP answers it although nothing is stored.
    this.#results.acknowledge(type, packetId, v5 ? rejection : success);
  }

  /** @throws PacketViolation */
  acknowledgement({type, packetId, reasonCode}: DecodedAcknowledgement): void {
    const result = this.#acknowledged(type, packetId, isFailure(reasonCode));
    if (result === 'accepted') this.#context.session.deliveries.pump();
    else if (type === PacketType.pubrel) this.#release(packetId);
    else if (result === 'unknown' && (type !== PacketType.pubrec || this.#context.resumed)) {
      this.#unknown(type, packetId);
    } else throw protocolError('MQTT-2.2.1-5', `${packetNames[type]} does not answer packet ${packetId}.`);
    this.#writer.drained();
  }

  succeeded(type: number, packetId: number): boolean {
    return this.#acknowledged(type, packetId, false) === 'accepted';
  }

  acknowledgementsEnd(): void {
    this.#context.session.deliveries.pump();
    this.#writer.drained();
  }

  #acknowledged(type: number, packetId: number, refused: boolean): AcknowledgementResult {
    const {deliveries, incoming} = this.#context.session;
    if (type === PacketType.puback) return deliveries.acknowledged(packetId);
    if (type === PacketType.pubrec) return deliveries.received(packetId, refused);
    if (type === PacketType.pubcomp) return deliveries.completed(packetId);
    if (!incoming.has(packetId)) return 'unknown';
    this.#release(packetId);
    return 'accepted';
  }

  /** PUBREC for no message is an error, except when a session is resumed [MQTT 5, 3.6.2.1]. */
  #unknown(type: number, packetId: number): void {
    const {state, session} = this.#context;
    const what = `${packetNames[type]} from ${session.clientId} for an unknown packet identifier ${packetId}`;
    state.context.log('warning', `Warning: Received ${what}.`);
    if (type === PacketType.pubrec) this.#results.acknowledge(PacketType.pubrel, packetId, notFound);
  }

  /** Answers PUBREL [MQTT-4.3.3-11], even if the message has expired or been delivered [MQTT-4.3.3-13]. */
  #release(messageId: number): void {
    const {state, session} = this.#context;
    const known = state.registry.released(session, messageId);
    this.#unreleased?.delete(messageId);
    this.#results.acknowledge(PacketType.pubcomp, messageId, known ? success : notFound);
  }
}

function storedMessage(
  publish: DecodedPublish,
  topic: string,
  {limits, schedule}: BrokerState,
): StoredMessage {
  const {qos, retain, expirySeconds} = publish;
  // A message that may be kept is copied, so that it does not keep the whole chunk it came in.
  const kept = publish.copied !== true && (qos > 0 || retain || limits.queueQos0Messages);
  return {
    topic,
    payload: kept ? Buffer.from(publish.payload) : publish.payload,
    qos,
    retain,
    properties: kept ? Buffer.from(publish.properties) : publish.properties,
    ...(expirySeconds === undefined ? {} : {expiresAt: schedule.now() + expirySeconds * 1000}),
  };
}
