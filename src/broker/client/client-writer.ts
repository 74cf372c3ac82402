/**
 * Writes messages to one connected client within the limits of its CONNECT, and decides what happens
 * when it is a slow consumer: first its publishers are held back; when it has not caught up before the
 * broker's stall budget is used up, they go on and its QoS 0 messages are dropped, as mosquitto does at once.
 */

import {largestTwoByteInteger, PacketType} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {BrokerLimits} from '../config/settings.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {DeliveryQueue} from '../state/delivery-queue.ts';
import type {Delivery} from '../state/in-flight-table.ts';
import type {ConnectedClient} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import {keptBytes, type PublishForm} from '../wire/publish-packet.ts';
import {payloadBytes, SharedFrame} from '../wire/shared-frame.ts';
import {closeWithReason} from './connection-end.ts';
import {AssignedAliases} from './topic-aliases.ts';

/** From CONNECT; without a value there, the protocol's own maximum. */
export interface WriterSettings {
  readonly receiveMaximum: number;
  /** Bytes. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  /** The listener's mount point; empty: it has none. */
  readonly mountPoint: string;
}

export interface WriterOptions {
  readonly connection: Connection;
  readonly settings: WriterSettings;
  readonly state: BrokerState;
  readonly deliveries: DeliveryQueue;
}

/** Messages in the delivery queue from which on a client is slow, unless the limits allow fewer. */
const slowMessages = 1000;

/**
 * A client is
 * - keeping up: neither `#giveUp` nor `#dropping` is set;
 * - stalling: `#giveUp` waits for the end of the stall budget, and `#heldPublishers` wait;
 * - dropping: it has given up, no publisher waits, and QoS 0 messages are dropped.
 * It keeps up again once half of what makes it slow has left.
 */
export class ClientWriter implements ConnectedClient {
  readonly sendQuota: number;
  readonly protocolVersion: ProtocolVersion;
  readonly maximumPacketSize: number;
  readonly takesFrames: boolean;
  readonly #connection: Connection;
  readonly #settings: WriterSettings;
  readonly #state: BrokerState;
  readonly #deliveries: DeliveryQueue;
  readonly #aliases: AssignedAliases | undefined;
  readonly #slowMessages: number;
  /** Bytes that waited for the network when last measured. */
  #buffered = 0;
  #heldPublishers: Set<ConnectedClient> | undefined;
  #giveUp: (() => void) | undefined;
  #dropping = false;

  constructor({connection, settings, state, deliveries}: WriterOptions) {
    const {maxInflightMessages} = state.limits;
    this.#connection = connection;
    this.#settings = settings;
    this.#state = state;
    this.#deliveries = deliveries;
    this.#aliases =
      settings.topicAliasMaximum === 0 ? undefined : new AssignedAliases(settings.topicAliasMaximum);
    this.sendQuota = Math.min(settings.receiveMaximum, maxInflightMessages || largestTwoByteInteger);
    this.#slowMessages = slowThreshold(state.limits);
    this.protocolVersion = connection.protocolVersion;
    this.maximumPacketSize = settings.maximumPacketSize;
    this.takesFrames = settings.mountPoint === '' && settings.topicAliasMaximum === 0;
  }

  // Packets

  publish(delivery: Delivery, packetId: number, dup: boolean): boolean {
    const {message, qos} = delivery;
    if (message instanceof SharedFrame && this.#takesUnchanged(message, qos)) {
      this.#connection.writeShared(message, packetId, dup);
      this.#count(message.end - message.payloadAt);
      return true;
    }
    return this.#encode(delivery, packetId, dup);
  }

  /** A frame of the same form of PUBLISH, QoS included, that is not too large. */
  #takesUnchanged({levelFive, start, end, qos}: SharedFrame, granted: QoS): boolean {
    const same = qos === granted && levelFive === (this.protocolVersion === 5);
    return same && this.takesFrames && end - start <= this.maximumPacketSize;
  }

  #encode(delivery: Delivery, packetId: number, dup: boolean): boolean {
    const {message, qos} = delivery;
    let form = this.#form(delivery);
    // Not at QoS 2: MQTT.js keeps the packet until PUBREL, and has forgotten the alias by then.
    if (this.#aliases !== undefined && qos < 2) form = this.#aliases.apply(form, message.topic);
    const {frame, size, packetIdAt} = this.#state.encoder.encode(message, form, this.#state.schedule.now);
    // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
    if (size > this.maximumPacketSize) {
      if (form.topicAlias !== undefined && form.topic !== '') this.#aliases?.revoke(message.topic);
      return false;
    }
    this.#connection.write(frame, qos === 0 ? undefined : {packetId, at: packetIdAt, dup});
    this.#count(payloadBytes(message));
    return true;
  }

  #form({message, qos, retain, subscriptionIdentifiers}: Delivery): PublishForm {
    const {protocolVersion} = this;
    const {mountPoint} = this.#settings;
    if (mountPoint === '') return {protocolVersion, qos, retain, subscriptionIdentifiers};
    const topic = unmounted(message.topic, mountPoint);
    return {protocolVersion, qos, retain, subscriptionIdentifiers, topic};
  }

  release(packetId: number): void {
    this.#connection.acknowledge(PacketType.pubrel, packetId);
  }

  sendAtMostOnce(delivery: Delivery): boolean {
    const {backpressure} = this.#state;
    // While dropping, `drained` measures when bytes have left: no need to measure for each message.
    if (this.#dropping && this.#buffered > backpressure.slowBytes) return false;
    const most = this.#dropping ? backpressure.slowBytes : backpressure.dropBytes;
    if (this.#connection.buffered > most) return false;
    if (!this.#writePlain(delivery)) this.publish(delivery, 0, false);
    return true;
  }

  /**
   * Writes a retained message without building a frame, which pays only where several clients get copies of it.
   * Measured with 100,000 of them: half of the processor time.
   */
  #writePlain({message, retain, subscriptionIdentifiers}: Delivery): boolean {
    if (!retain || !this.takesFrames || this.maximumPacketSize < keptBytes) return false;
    const levelFive = this.protocolVersion === 5;
    const {topic, payload, properties, expiresAt} = message;
    const hasProperties =
      properties.length > 0 || expiresAt !== undefined || subscriptionIdentifiers.length > 0;
    if (levelFive && hasProperties) return false;
    const {open, output} = this.#connection;
    if (!open || !output.plain({topic, payload, retain, levelFive})) return false;
    this.#count(payload.length);
    return true;
  }

  #count(payloadBytes: number): void {
    const {counters} = this.#state;
    counters.publishSent++;
    counters.publishBytesSent += payloadBytes;
  }

  sendFrames(bytes: Buffer, frames: number): void {
    this.#connection.writeFrames(bytes, frames);
  }

  // Slow consumer

  get slow(): boolean {
    return (
      this.#measure() > this.#state.backpressure.slowBytes || this.#deliveries.queued > this.#slowMessages
    );
  }

  get queueFull(): boolean {
    return this.#deliveries.queued >= this.#slowMessages;
  }

  /** Measures the bytes that wait for the network. */
  #measure(): number {
    const {backpressure} = this.#state;
    const {buffered} = this.#connection;
    backpressure.changed(buffered - this.#buffered);
    this.#buffered = buffered;
    return buffered;
  }

  /** Never holds back the client itself, which could not catch up then. */
  holdBack(publisher: ConnectedClient | undefined): void {
    if (publisher === undefined || publisher === this || this.#dropping || !this.slow) return;
    if (this.#giveUp === undefined) {
      const giveUp = () => {
        this.#dropping = true;
        this.#releasePublishers(false);
      };
      if (!this.#state.stallBudget.enter(giveUp)) {
        this.#dropping = true;
        return;
      }
      this.#giveUp = giveUp;
    }
    if (this.#heldPublishers?.has(publisher)) return;
    this.#heldPublishers ??= new Set();
    this.#heldPublishers.add(publisher);
    publisher.hold();
  }

  /** Bytes or messages have left: held publishers go on when the client has caught up. */
  drained(): void {
    const buffered = this.#measure();
    if (this.#giveUp === undefined && !this.#dropping) return;
    if (buffered > this.#state.backpressure.slowBytes / 2) return;
    if (this.#deliveries.queued > this.#slowMessages / 2) return;
    this.#dropping = false;
    this.#releasePublishers(true);
  }

  #releasePublishers(hasCaughtUp: boolean): void {
    if (this.#giveUp !== undefined) this.#state.stallBudget.leave(this.#giveUp, hasCaughtUp);
    this.#giveUp = undefined;
    for (const publisher of this.#heldPublishers ?? []) publisher.unhold();
    this.#heldPublishers = undefined;
  }

  // Connection

  hold(): void {
    this.#connection.hold('publish');
  }

  unhold(): void {
    this.#connection.unhold('publish');
  }

  disconnect(reasonCode: number, log: string): void {
    if (log !== '' && this.#connection.open) this.#state.notice(log);
    closeWithReason(this.#connection, reasonCode);
  }

  /** The connection has ended. */
  close(): void {
    this.#releasePublishers(false);
    this.#state.backpressure.changed(-this.#buffered);
    this.#buffered = 0;
  }
}

/** A message that the session got under another mount point keeps its whole topic. */
function unmounted(topic: string, mountPoint: string): string {
  return topic.startsWith(mountPoint) ? topic.slice(mountPoint.length) : topic;
}

function slowThreshold({maxQueuedMessages}: BrokerLimits): number {
  return maxQueuedMessages > 0 ? Math.min(Math.floor(maxQueuedMessages / 2), slowMessages) : slowMessages;
}
