/**
 * What leaves for one connected client: its limits (Receive Maximum, Maximum Packet Size, Topic Alias
 * Maximum), and what to do when it reads more slowly than others publish.
 *
 * A reader that lags holds back the publishers that feed it; when it has not caught up after a while,
 * they go on and its QoS 0 messages are dropped, as mosquitto does at once.
 */

import {largestTwoByteInteger, PacketType} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {BrokerLimits} from '../config/settings.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Delivery, DeliveryQueue, Outlet} from '../state/delivery-queue.ts';
import type {ScheduledTask} from '../state/schedule.ts';
import type {Passage, SessionLink} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import type {PublishForm} from '../wire/publish-packet.ts';
import {payloadBytes, SharedFrame} from '../wire/shared-frame.ts';

export interface WriterSettings {
  /** What the client said in CONNECT; the protocol's own maxima where it said nothing. */
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  /** The listener's mount point; empty where there is none. */
  readonly mountPoint: string;
}

export interface WriterOptions {
  readonly connection: Connection;
  readonly settings: WriterSettings;
  readonly state: BrokerState;
  readonly deliveries: DeliveryQueue;
}

/** Messages waiting for the window from which on a client counts as slow, unless fewer may wait. */
const slowMessages = 1000;
/** Seconds that a slow client may hold its publishers back. */
const stallTimeoutSeconds = 5;
/** Topics that get an alias on one connection, at most. */
const mostAliases = 256;

/** What the session of a connected client and the router write to. */
export class ClientWriter implements Outlet, Passage {
  readonly sendQuota: number;
  readonly protocolVersion: ProtocolVersion;
  readonly maximumPacketSize: number;
  /** This outlet, unless it changes what leaves here. */
  readonly passage: Passage | undefined;
  readonly #connection: Connection;
  readonly #settings: WriterSettings;
  readonly #state: BrokerState;
  readonly #deliveries: DeliveryQueue;
  /** Made for a client that takes aliases. */
  #aliases: Map<string, number> | undefined;
  readonly #slowMessages: number;
  /** Bytes that waited for the network when last looked. */
  #buffered = 0;
  /** Milliseconds of the broker's clock: since when there is a notable backlog of which nothing has left. */
  #stalledSince: number | undefined;
  /** Publishers held because of this client. */
  #heldPublishers: Set<SessionLink> | undefined;
  #stallTimer: ScheduledTask | undefined;
  /** It was waited for in vain. */
  #dropping = false;

  constructor({connection, settings, state, deliveries}: WriterOptions) {
    const {maxInflightMessages} = state.limits;
    this.#connection = connection;
    this.#settings = settings;
    this.#state = state;
    this.#deliveries = deliveries;
    this.sendQuota = Math.min(settings.receiveMaximum, maxInflightMessages || largestTwoByteInteger);
    this.#slowMessages = slowThreshold(state.limits);
    this.protocolVersion = connection.protocolVersion;
    this.maximumPacketSize = settings.maximumPacketSize;
    this.passage = settings.mountPoint === '' && settings.topicAliasMaximum === 0 ? this : undefined;
  }

  publish(delivery: Delivery, packetId: number, dup: boolean): boolean {
    const {message, qos} = delivery;
    const {counters} = this.#state;
    if (message instanceof SharedFrame && this.#takesUnchanged(message, qos)) {
      this.#connection.writeShared(message, packetId, dup);
      counters.publishSent++;
      counters.publishBytesSent += message.end - message.payloadAt;
      return true;
    }
    return this.#encode(delivery, packetId, dup);
  }

  /** The frame itself, as long as it is for this protocol level, and all of it. */
  #takesUnchanged({levelFive, start, end, qos}: SharedFrame, granted: QoS): boolean {
    const same = qos === granted && levelFive === (this.protocolVersion === 5);
    return same && this.passage !== undefined && end - start <= this.maximumPacketSize;
  }

  #encode(delivery: Delivery, packetId: number, dup: boolean): boolean {
    const {message, qos} = delivery;
    const {topicAliasMaximum, maximumPacketSize} = this.#settings;
    let form = this.#form(delivery);
    // Not at QoS 2: MQTT.js keeps the packet until PUBREL, and has then forgotten what the alias stood for.
    if (topicAliasMaximum > 0 && qos < 2) form = this.#aliased(form, message.topic);
    const {frame, size, packetIdAt} = this.#state.encoder.encode(message, form, this.#state.schedule.now);
    // [MQTT-3.1.2-24], [MQTT-3.1.2-25]
    if (size > maximumPacketSize) {
      if (form.topicAlias !== undefined && form.topic !== '') this.#aliases?.delete(message.topic);
      return false;
    }
    this.#connection.write(frame, qos === 0 ? undefined : {packetId, at: packetIdAt, dup});
    const {counters} = this.#state;
    counters.publishSent++;
    counters.publishBytesSent += payloadBytes(message);
    return true;
  }

  #form({message, qos, retain, subscriptionIdentifiers}: Delivery): PublishForm {
    const {protocolVersion} = this.#connection;
    const {mountPoint} = this.#settings;
    if (mountPoint === '') return {protocolVersion, qos, retain, subscriptionIdentifiers};
    const topic = unmounted(message.topic, mountPoint);
    return {protocolVersion, qos, retain, subscriptionIdentifiers, topic};
  }

  /** The topic once with an alias, then only the alias [MQTT-3.3.2-11], [MQTT-3.1.2-26]. */
  #aliased(form: PublishForm, topic: string): PublishForm {
    this.#aliases ??= new Map();
    const known = this.#aliases.get(topic);
    if (known !== undefined) return {...form, topic: '', topicAlias: known};
    if (this.#aliases.size >= Math.min(this.#settings.topicAliasMaximum, mostAliases)) return form;
    const topicAlias = this.#aliases.size + 1;
    this.#aliases.set(topic, topicAlias);
    return {...form, topicAlias};
  }

  release(packetId: number): void {
    this.#connection.acknowledge(PacketType.pubrel, packetId);
  }

  /** Sends a QoS 0 message; false when it was dropped for a client that does not read. */
  sendAtMostOnce(delivery: Delivery): boolean {
    const {backpressure} = this.#state;
    // Of one that is lossy it is known when its backlog has left: there is no need to look each time.
    if (this.#dropping && this.#buffered > backpressure.slow) return false;
    if (this.#connection.buffered > (this.#dropping ? backpressure.slow : backpressure.tooMany)) return false;
    this.publish(delivery, 0, false);
    return true;
  }

  /** Bytes that wait for the network now. */
  #look(): number {
    const {backpressure, schedule} = this.#state;
    const {buffered} = this.#connection;
    if (buffered < this.#buffered || buffered < backpressure.notable) this.#stalledSince = undefined;
    else this.#stalledSince ??= schedule.now();
    backpressure.changed(buffered - this.#buffered);
    this.#buffered = buffered;
    return buffered;
  }

  /** Sends frames as they came, counted by whoever made a run of them. */
  send(bytes: Buffer, frames: number): void {
    this.#connection.writeFrames(bytes, frames);
  }

  /** More waits for this client than should. */
  get lagging(): boolean {
    return this.#look() > this.#state.backpressure.slow || this.#deliveries.queued > this.#slowMessages;
  }

  get queueFull(): boolean {
    return this.#deliveries.queued >= this.#slowMessages;
  }

  /** Holds a publisher back while this client lags; never the client itself, which could not catch up. */
  slow(publisher: SessionLink | undefined): void {
    if (this.#dropping || !this.lagging) return;
    if (this.#stallTimer === undefined) {
      const {schedule} = this.#state;
      const waited = this.#stalledSince === undefined ? 0 : (schedule.now() - this.#stalledSince) / 1000;
      // Where many are stuck, each of them would otherwise be waited for in its turn.
      if (waited >= stallTimeoutSeconds) {
        this.#dropping = true;
        return;
      }
      this.#stallTimer = schedule.after(stallTimeoutSeconds - waited, () => {
        this.#dropping = true;
        this.#releasePublishers();
      });
    }
    if (publisher === undefined || this.#heldPublishers?.has(publisher)) return;
    this.#heldPublishers ??= new Set();
    this.#heldPublishers.add(publisher);
    publisher.hold();
  }

  /** Bytes or messages have left: those who wait go on when the client has caught up. */
  drained(): void {
    const backlog = this.#look();
    if (this.#stallTimer === undefined && !this.#dropping) return;
    if (backlog > this.#state.backpressure.slow / 2 || this.#deliveries.queued > this.#slowMessages / 2)
      return;
    this.#dropping = false;
    this.#releasePublishers();
    this.#stallTimer = undefined;
  }

  /** The connection is gone. */
  close(): void {
    this.#releasePublishers();
    this.#state.backpressure.changed(-this.#buffered);
    this.#buffered = 0;
  }

  #releasePublishers(): void {
    this.#stallTimer?.cancel();
    for (const publisher of this.#heldPublishers ?? []) publisher.unhold();
    this.#heldPublishers = undefined;
  }
}

/** What a session got under another mount point keeps its topic. */
function unmounted(topic: string, mountPoint: string): string {
  return topic.startsWith(mountPoint) ? topic.slice(mountPoint.length) : topic;
}

function slowThreshold({maxQueuedMessages}: BrokerLimits): number {
  return maxQueuedMessages > 0 ? Math.min(Math.floor(maxQueuedMessages / 2), slowMessages) : slowMessages;
}
