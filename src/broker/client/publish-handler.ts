/**
 * What a client publishes: aliases, permissions and limits, the flows of QoS 1 and 2, and its
 * acknowledgements of what it gets [MQTT 5, 3.3 to 3.7, 4.3].
 */

import {isUtf8} from 'node:buffer';
import {PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import {isFailure, ReasonCode} from '../../protocol/reason-codes.ts';
import {isPublishTopic} from '../../protocol/topic.ts';
import {PacketIdSet} from '../state/packet-id-set.ts';
import {PacketViolation, protocolError} from '../wire/packet-violation.ts';
import type {DecodedPublish, StoredMessage} from '../wire/publish-packet.ts';
import type {Acknowledgement} from '../wire/validate.ts';
import {type ReplyContext, sendWithReason} from './reply.ts';

/** What an acknowledgement says. */
interface Outcome {
  readonly reasonCode: number;
  readonly reason?: string;
}

/** Why a message is not taken. */
type Rejection = Required<Outcome>;

const success: Outcome = {reasonCode: ReasonCode.success};
const notFound: Outcome = {reasonCode: ReasonCode.packetIdentifierNotFound};

const rejections = {
  denied: {reasonCode: ReasonCode.notAuthorized, reason: 'Not authorized to publish to this topic.'},
  topic: {reasonCode: ReasonCode.topicNameInvalid, reason: 'The topic has too many levels.'},
  format: {reasonCode: ReasonCode.payloadFormatInvalid, reason: 'The payload is not UTF-8, as it says.'},
  size: {reasonCode: ReasonCode.packetTooLarge, reason: 'The payload is over message_size_limit.'},
} as const satisfies Record<string, Rejection>;

/** Handles PUBLISH and the acknowledgements of one client. */
export class PublishHandler {
  readonly #context: ReplyContext;
  /** The client's topic aliases, gone with the connection [MQTT-3.3.2-7]. */
  #aliases: Map<number, string> | undefined;
  /** QoS 2 messages of this connection not yet released: they count against Receive Maximum [4.9]. */
  readonly #unreleased = new PacketIdSet();

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  /**
   * Answers as the QoS demands [MQTT-3.3.4-1]; after PUBACK, PUBCOMP or a refusal the identifier means something
   * new [MQTT-4.3.2-5], [MQTT-4.3.3-9], [MQTT-4.3.3-12]. @throws PacketViolation
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
    const topic = mountPoint + this.#topic(publish);
    if (qos === 2) {
      // [MQTT-4.3.3-10]: taken before, so only acknowledged again.
      if (session.incoming.has(packetId)) {
        this.#acknowledge(PacketType.pubrec, packetId, success);
        return;
      }
      this.#countAgainstMaximum();
    }
    const rejection = this.#rejection(publish, topic);
    if (rejection !== undefined) {
      this.#reject(publish, topic, rejection);
      return;
    }
    if (qos === 2) this.#receive(packetId);
    const matched = state.router.publish(this.#message(publish, topic), session);
    const outcome = matched ? success : {reasonCode: ReasonCode.noMatchingSubscribers};
    // [MQTT-4.3.2-4], [MQTT-4.3.3-8]
    if (qos === 1) this.#acknowledge(PacketType.puback, packetId, outcome);
    if (qos === 2) this.#acknowledge(PacketType.pubrec, packetId, outcome);
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
    return connection.protocolVersion === 5 && maximum > 0 && this.#unreleased.size >= maximum;
  }

  #receive(packetId: number): void {
    const {state, session} = this.#context;
    state.registry.received(session, packetId);
    this.#unreleased.add(packetId);
  }

  /**
   * Begins with a message that is known to be allowed and in order; false: nothing was done, and the
   * general way must take it. `taken` follows.
   */
  begins(qos: QoS, packetId: number): boolean {
    const {listener, session} = this.#context;
    if (qos > listener.maxQos) return false;
    if (qos < 2) return true;
    if (session.incoming.has(packetId) || this.#atMaximum) return false;
    this.#receive(packetId);
    return true;
  }

  /** The message is where it was to go: it is acknowledged [MQTT-4.3.2-4], [MQTT-4.3.3-8]. */
  taken(qos: QoS, packetId: number): void {
    this.#context.connection.acknowledge(qos === 1 ? PacketType.puback : PacketType.pubrec, packetId);
  }

  /** The topic said, or the one its alias stands for [MQTT-3.3.2-12]. */
  #topic({topic, topicAlias}: DecodedPublish): string {
    if (topicAlias === undefined) return topic;
    // [MQTT-3.3.2-9], [MQTT-3.2.2-17], [MQTT-3.2.2-18]
    if (topicAlias > this.#context.listener.maxTopicAlias) {
      throw new PacketViolation(
        ReasonCode.topicAliasInvalid,
        'MQTT-3.3.2-9',
        `The topic alias ${topicAlias} is over the maximum.`,
      );
    }
    if (topic !== '') {
      this.#aliases ??= new Map();
      this.#aliases.set(topicAlias, topic);
      return topic;
    }
    const known = this.#aliases?.get(topicAlias);
    if (known === undefined) {
      throw protocolError('3.3.4', `The topic alias ${topicAlias} stands for no topic yet.`);
    }
    return known;
  }

  #rejection({payload, utf8Payload}: DecodedPublish, topic: string): Rejection | undefined {
    const {state, session} = this.#context;
    const limit = state.limits.messageSizeLimit;
    if (limit > 0 && payload.length > limit) return rejections.size;
    if (!session.mayPublish(topic)) return isPublishTopic(topic) ? rejections.denied : rejections.topic;
    if (utf8Payload && !isUtf8(payload)) return rejections.format;
    return undefined;
  }

  /** MQTT 5 is told; MQTT 3 has no words for it: the message is acknowledged and dropped, as by mosquitto. */
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
    // PUBACK has no such code; DISCONNECT has.
    if (v5 && reasonCode === ReasonCode.packetTooLarge) {
      throw new PacketViolation(reasonCode, '3.14.2.1', reason);
    }
    if (qos === 0) return;
    const type = qos === 1 ? PacketType.puback : PacketType.pubrec;
    // MQTT 3 goes on to PUBREL; its PUBCOMP needs no memory.
    this.#acknowledge(type, packetId, v5 ? rejection : success);
  }

  #message(publish: DecodedPublish, topic: string): StoredMessage {
    const {state} = this.#context;
    const {qos, retain, expirySeconds} = publish;
    // What may be kept must not keep the whole chunk it came in.
    const kept = publish.copied !== true && (qos > 0 || retain || state.limits.queueQos0Messages);
    return {
      topic,
      payload: kept ? Buffer.from(publish.payload) : publish.payload,
      qos,
      retain,
      properties: kept ? Buffer.from(publish.properties) : publish.properties,
      ...(expirySeconds === undefined ? {} : {expiresAt: state.schedule.now() + expirySeconds * 1000}),
    };
  }

  #acknowledge(type: number, messageId: number, {reasonCode, reason}: Outcome): void {
    const {connection} = this.#context;
    if (connection.protocolVersion < 5 || reasonCode === 0) {
      connection.acknowledge(type, messageId);
      return;
    }
    const cmd = acknowledgements[type]!;
    sendWithReason(this.#context, {cmd, messageId, reasonCode}, reason);
  }

  /** @throws PacketViolation */
  acknowledgement(acknowledgement: Acknowledgement): void {
    const {deliveries} = this.#context.session;
    const {type, packetId, reasonCode} = acknowledgement;
    if (type === PacketType.pubrel) {
      this.#release(packetId);
      return;
    }
    const result =
      type === PacketType.puback
        ? deliveries.acknowledged(packetId)
        : type === PacketType.pubrec
          ? deliveries.received(packetId, isFailure(reasonCode))
          : deliveries.completed(packetId);
    if (result === 'accepted') {
      deliveries.pump();
      return;
    }
    const name = packetNames[type];
    if (result === 'wrong') {
      throw protocolError('MQTT-2.2.1-5', `${name} does not answer packet ${packetId}.`);
    }
    const {state, session} = this.#context;
    const what = `${name} from ${session.clientId} for an unknown packet identifier ${packetId}`;
    state.context.log('warning', `Warning: Received ${what}.`);
    if (type === PacketType.pubrec) this.#acknowledge(PacketType.pubrel, packetId, notFound);
  }

  /**
   * The same for one that says success. What it makes room for waits until all that came with it are told.
   * False: nothing was done, and the general way must take it.
   */
  succeeded(type: number, packetId: number): boolean {
    const {deliveries, incoming} = this.#context.session;
    if (type === PacketType.puback) return deliveries.acknowledged(packetId) === 'accepted';
    if (type === PacketType.pubrec) return deliveries.received(packetId, false) === 'accepted';
    if (type === PacketType.pubcomp) return deliveries.completed(packetId) === 'accepted';
    if (!incoming.has(packetId)) return false;
    this.#release(packetId);
    return true;
  }

  /** [MQTT-4.3.3-11], whatever has become of the message [MQTT-4.3.3-13]. */
  #release(messageId: number): void {
    const {state, session} = this.#context;
    const known = state.registry.released(session, messageId);
    this.#unreleased.delete(messageId);
    this.#acknowledge(PacketType.pubcomp, messageId, known ? success : notFound);
  }
}

const acknowledgements: Readonly<Record<number, 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'>> = {
  [PacketType.puback]: 'puback',
  [PacketType.pubrec]: 'pubrec',
  [PacketType.pubrel]: 'pubrel',
  [PacketType.pubcomp]: 'pubcomp',
};
