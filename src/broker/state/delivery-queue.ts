/**
 * What one session has yet to get: messages waiting, PUBLISH packets unacknowledged, PUBREL packets
 * unanswered; the window, the limits, and the order they keep across connections [MQTT 5, 4.3, 4.4, 4.6,
 * 4.9]. Knows no stream and no subscription.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {BrokerLimits} from '../config/settings.ts';
import type {RestoredSession, SavedDelivery} from '../persistence/journal.ts';
import {payloadBytes} from '../wire/shared-frame.ts';
import {InFlightTable} from './in-flight-table.ts';
import {RingBuffer} from './ring-buffer.ts';

/** One message on its way to one session. */
export interface Delivery extends SavedDelivery {
  /** The shared subscription it was taken from, where another member may get it instead. */
  readonly group?: object;
}

/** Writes the packets of one connection. */
export interface DeliveryWriter {
  /** QoS 1 and 2 messages that may be unacknowledged at once [MQTT-3.3.4-9]. */
  readonly sendQuota: number;
  /** False: the packet is larger than the client takes, and counts as sent [MQTT-3.1.2-25]. */
  publish(delivery: Delivery, packetId: number, dup: boolean): boolean;
  release(packetId: number): void;
}

/** What survives in a journal is told here. */
export interface DeliveryObserver {
  queued(delivery: Delivery): void;
  sent(delivery: Delivery, packetId: number): void;
  released(delivery: Delivery, packetId: number): void;
  /** Acknowledged, refused, expired, dropped or taken out. */
  settled(delivery: Delivery): void;
  completed(packetId: number): void;
}

/** 'unknown': nothing with this packet identifier. 'wrong': not an answer to what was sent. */
export type AcknowledgementResult = 'accepted' | 'unknown' | 'wrong';

export type DeliveryLimits = Pick<BrokerLimits, 'maxInflightBytes' | 'maxQueuedMessages' | 'maxQueuedBytes'>;

/** Nothing is ever added to this one: most sessions have no use for a set of their own. */
const nothing: Set<number> = new Set();

/** The window and the queue of one session. */
export class DeliveryQueue {
  readonly #limits: DeliveryLimits;
  readonly #observer: DeliveryObserver;
  readonly #now: () => number;
  /** PUBLISH packets unacknowledged, in the order first sent [MQTT-4.6.0-1]. */
  readonly #published = new InFlightTable<Delivery>();
  /** Those of them not sent again on the present connection. */
  #unsent: Set<number> = nothing;
  /** PUBREL packets unanswered, with the turn in which their PUBREC came [MQTT-4.6.0-4]. */
  readonly #released = new InFlightTable<number>();
  #releases = 0;
  readonly #queue = new RingBuffer<Delivery>();
  #queuedBytes = 0;
  #inflightBytes = 0;
  #lastPacketId = 0;
  #writer: DeliveryWriter | undefined;

  constructor(limits: DeliveryLimits, observer: DeliveryObserver, now: () => number) {
    this.#limits = limits;
    this.#observer = observer;
    this.#now = now;
  }

  /** Messages waiting for the window. */
  get queued(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get inflight(): number {
    return this.#published.size + this.#released.size;
  }

  /** What was there before a restart; nobody is told again. */
  restore({sent, released, queued}: Pick<RestoredSession, 'sent' | 'released' | 'queued'>): void {
    for (const {delivery, packetId} of sent) {
      this.#published.set(packetId, delivery);
      this.#inflightBytes += payloadBytes(delivery.message);
      this.#lastPacketId = packetId;
    }
    for (const packetId of released) this.#released.set(packetId, ++this.#releases);
    for (const delivery of queued) {
      this.#queue.push(delivery);
      this.#queuedBytes += payloadBytes(delivery.message);
    }
  }

  /** What `restore` takes. */
  saved(): Pick<RestoredSession, 'sent' | 'released' | 'queued'> {
    return {
      sent: this.#inOrder().map(([packetId, delivery]) => ({delivery, packetId})),
      released: this.#releasedInOrder(),
      queued: this.#queue.toArray(),
    };
  }

  /** A new connection: resends what was unacknowledged [MQTT-4.4.0-1], then goes on with the queue. */
  attach(writer: DeliveryWriter): void {
    this.#writer = writer;
    for (const packetId of this.#releasedInOrder()) writer.release(packetId);
    if (this.#published.size > 0) this.#unsent = new Set(this.#inOrder().map(([packetId]) => packetId));
    this.pump();
  }

  detach(): void {
    this.#writer = undefined;
    this.#unsent = nothing;
  }

  /** Takes a message; false when it had to be dropped because too many wait. */
  add(delivery: Delivery): boolean {
    this.#queue.push(delivery);
    this.#queuedBytes += payloadBytes(delivery.message);
    this.#observer.queued(delivery);
    this.pump(delivery);
    if (!this.#overfull()) return true;
    // The last in is the one that waits: had it been sent, nobody would be waiting.
    const last = this.#queue.pop()!;
    this.#queuedBytes -= payloadBytes(last.message);
    this.#observer.settled(last);
    return false;
  }

  #overfull(): boolean {
    const {maxQueuedMessages, maxQueuedBytes} = this.#limits;
    return (
      (maxQueuedMessages > 0 && this.queued > maxQueuedMessages) ||
      (maxQueuedBytes > 0 && this.#queuedBytes > maxQueuedBytes && this.queued > 0)
    );
  }

  /** What is unacknowledged, in the order first sent. */
  #inOrder(): [packetId: number, delivery: Delivery][] {
    return this.#published.entries(this.#lastPacketId);
  }

  #releasedInOrder(): number[] {
    const all = this.#released.entries(this.#lastPacketId);
    return all.sort(([, one], [, other]) => one - other).map(([packetId]) => packetId);
  }

  /**
   * Sends as much as the window allows [MQTT-4.9.0-1], [MQTT-4.9.0-2]; it stops nothing but PUBLISH at QoS 1 and 2
   * [MQTT-4.9.0-3], [MQTT-3.3.4-10]. What is only just `arriving` is in time, however short its time is.
   */
  pump(arriving?: Delivery): void {
    while (
      this.#writer !== undefined &&
      (this.#unsent.size > 0 ? this.#resendOne() : this.#sendOne(arriving))
    ) {
      // Each round sends or settles one.
    }
  }

  #windowOpen(writer: DeliveryWriter): boolean {
    const onTheWay = this.#published.size - this.#unsent.size + this.#released.size;
    return onTheWay < writer.sendQuota;
  }

  #resendOne(): boolean {
    const writer = this.#writer!;
    if (!this.#windowOpen(writer)) return false;
    const [packetId] = this.#unsent;
    this.#unsent.delete(packetId!);
    const delivery = this.#published.get(packetId!)!;
    // [MQTT-3.3.1-1], [MQTT-4.3.3-7]: a message once sent no longer expires.
    if (!writer.publish(delivery, packetId!, true)) this.#settle(packetId!, delivery);
    return true;
  }

  #sendOne(arriving: Delivery | undefined): boolean {
    const writer = this.#writer!;
    const delivery = this.#queue.first;
    if (delivery === undefined) return false;
    const {message, qos} = delivery;
    // [MQTT-3.3.2-5]
    const expired =
      delivery !== arriving && message.expiresAt !== undefined && message.expiresAt <= this.#now();
    if (expired || qos === 0) {
      this.#shift();
      if (!expired) writer.publish(delivery, 0, false);
      this.#observer.settled(delivery);
      return true;
    }
    const {maxInflightBytes} = this.#limits;
    const full =
      maxInflightBytes > 0 &&
      this.#published.size > 0 &&
      this.#inflightBytes + payloadBytes(message) > maxInflightBytes;
    if (full || !this.#windowOpen(writer)) return false;
    const packetId = this.#freePacketId();
    if (packetId === 0) return false;
    this.#shift();
    this.#published.set(packetId, delivery);
    this.#inflightBytes += payloadBytes(message);
    this.#observer.sent(delivery, packetId);
    if (!writer.publish(delivery, packetId, false)) this.#settle(packetId, delivery);
    return true;
  }

  #shift(): void {
    this.#queuedBytes -= payloadBytes(this.#queue.shift()!.message);
  }

  /** An unused packet identifier [MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]; 0 when all are used. */
  #freePacketId(): number {
    if (this.inflight >= largestTwoByteInteger) return 0;
    do {
      this.#lastPacketId = (this.#lastPacketId % largestTwoByteInteger) + 1;
    } while (this.#published.has(this.#lastPacketId) || this.#released.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #settle(packetId: number, delivery: Delivery): void {
    this.#published.delete(packetId);
    this.#unsent.delete(packetId);
    this.#inflightBytes -= payloadBytes(delivery.message);
    this.#observer.settled(delivery);
  }

  // What these settle makes room in the window; whoever is done with telling calls `pump`.

  /** PUBACK [MQTT-4.3.2-3]; a refusal settles it too [MQTT-4.4.0-2]. */
  acknowledged(packetId: number): AcknowledgementResult {
    const delivery = this.#published.get(packetId);
    if (delivery === undefined) return 'unknown';
    if (delivery.qos !== 1) return 'wrong';
    this.#settle(packetId, delivery);
    return 'accepted';
  }

  /** PUBREC [MQTT-4.3.3-3]: PUBREL follows, unless the client refuses [MQTT-4.3.3-4], and PUBLISH no more [MQTT-4.3.3-6]. */
  received(packetId: number, refused: boolean): AcknowledgementResult {
    const delivery = this.#published.get(packetId);
    if (delivery === undefined) {
      if (!this.#released.has(packetId)) return 'unknown';
      this.#writer?.release(packetId);
      return 'accepted';
    }
    if (delivery.qos !== 2) return 'wrong';
    if (refused) {
      this.#settle(packetId, delivery);
      return 'accepted';
    }
    this.#published.delete(packetId);
    this.#unsent.delete(packetId);
    this.#inflightBytes -= payloadBytes(delivery.message);
    this.#released.set(packetId, ++this.#releases);
    this.#observer.released(delivery, packetId);
    this.#writer?.release(packetId);
    return 'accepted';
  }

  /** PUBCOMP [MQTT-4.3.3-5]. */
  completed(packetId: number): AcknowledgementResult {
    if (!this.#released.delete(packetId)) return this.#published.has(packetId) ? 'wrong' : 'unknown';
    this.#observer.completed(packetId);
    return 'accepted';
  }

  /**
   * Takes out what another member of a shared subscription can get: of all that waits, and of the QoS 1
   * messages unacknowledged. A QoS 2 message once sent goes to nobody else [MQTT-4.8.2-4], [MQTT-4.8.2-5],
   * nor does what was refused [MQTT-4.8.2-6].
   */
  takeShared(movable: (delivery: Delivery) => boolean): Delivery[] {
    const taken: Delivery[] = [];
    for (const [packetId, delivery] of this.#inOrder()) {
      if (delivery.qos !== 1 || !movable(delivery)) continue;
      this.#settle(packetId, delivery);
      taken.push(delivery);
    }
    this.#filterQueue((delivery) => {
      const move = movable(delivery);
      if (move) taken.push(delivery);
      return !move;
    });
    return taken;
  }

  /** Forgets what waits and may no longer be received. */
  keep(allowed: (delivery: Delivery) => boolean): void {
    this.#filterQueue(allowed);
  }

  #filterQueue(keep: (delivery: Delivery) => boolean): void {
    const before = this.#queue.toArray();
    this.#queue.clear();
    this.#queuedBytes = 0;
    for (const delivery of before) {
      if (keep(delivery)) {
        this.#queue.push(delivery);
        this.#queuedBytes += payloadBytes(delivery.message);
      } else this.#observer.settled(delivery);
    }
  }
}
