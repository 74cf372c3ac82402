/**
 * The messages that one session has yet to get: those in flight, and those that wait for the send quota
 * [MQTT 5, 4.3, 4.4, 4.6, 4.9]. Knows no stream and no subscription. A message is sent at once, or queued,
 * then in flight, then removed; what a journal must save of that is reported to an observer.
 */

import type {BrokerLimits} from '../config/settings.ts';
import type {RestoredSession} from '../persistence/journal.ts';
import {payloadBytes} from '../wire/shared-frame.ts';
import {type Delivery, InFlightMessages} from './in-flight-table.ts';
import {RingBuffer} from './ring-buffer.ts';

/** Writes the packets of one connection. */
export interface DeliveryWriter {
  /** QoS 1 and 2 messages that may be in flight at once [MQTT-3.3.4-9]. */
  readonly sendQuota: number;
  /** False: the packet is larger than the client accepts, and counts as delivered [MQTT-3.1.2-25]. */
  publish(delivery: Delivery, packetId: number, dup: boolean): boolean;
  /** Sends PUBREL. */
  release(packetId: number): void;
}

/** The changes that a journal saves. */
export interface DeliveryObserver {
  queued(delivery: Delivery): void;
  sent(delivery: Delivery, packetId: number): void;
  released(delivery: Delivery, packetId: number): void;
  /** Acknowledged, refused, expired, dropped, or moved to another session. */
  removed(delivery: Delivery): void;
  completed(packetId: number): void;
}

/** 'unknown': nothing has this packet identifier. 'wrong': it does not answer the packet that was sent. */
export type AcknowledgementResult = 'accepted' | 'unknown' | 'wrong';

export type DeliveryLimits = Pick<BrokerLimits, 'maxInflightBytes' | 'maxQueuedMessages' | 'maxQueuedBytes'>;

/** Of all sessions for which nothing has waited yet: nothing is added to it. */
const noQueue = new RingBuffer<never>();

/** The deliveries of one session. */
export class DeliveryQueue {
  readonly #limits: DeliveryLimits;
  readonly #observer: DeliveryObserver | undefined;
  readonly #now: () => number;
  readonly #inFlight = new InFlightMessages();
  #queue: RingBuffer<Delivery> = noQueue;
  #queuedBytes = 0;
  /** Milliseconds of the broker's clock: nothing in the queue expires before. */
  #firstExpiry = Number.POSITIVE_INFINITY;
  /** Undefined while the client is away. */
  #writer: DeliveryWriter | undefined;

  /** `now` in milliseconds of the broker's clock. */
  constructor(limits: DeliveryLimits, observer: DeliveryObserver | undefined, now: () => number) {
    this.#limits = limits;
    this.#observer = observer;
    this.#now = now;
  }

  /** Messages that wait for the send quota. */
  get queued(): number {
    return this.#queue.length;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get inflight(): number {
    return this.#inFlight.size;
  }

  /** Restores the state of before a restart; the observer is not called. */
  restore({sent, released, queued}: Pick<RestoredSession, 'sent' | 'released' | 'queued'>): void {
    this.#inFlight.restore({sent, released});
    for (const delivery of queued) this.#push(delivery);
  }

  /** What `restore` takes. */
  saved(): Pick<RestoredSession, 'sent' | 'released' | 'queued'> {
    const sent = this.#inFlight.inOrder().map(([packetId, delivery]) => ({delivery, packetId}));
    return {sent, released: this.#inFlight.releasedInOrder(), queued: this.#queue.toArray()};
  }

  /** A new connection: sends again what is in flight [MQTT-4.4.0-1], then what is queued. */
  attach(writer: DeliveryWriter): void {
    this.#writer = writer;
    for (const packetId of this.#inFlight.releasedInOrder()) writer.release(packetId);
    this.#inFlight.markUnsent();
    this.pump();
  }

  detach(): void {
    this.#writer = undefined;
    this.#inFlight.markSent();
  }

  /** Sends or queues a message; expired ones make room for it. False: it was dropped because the queue is full. */
  add(delivery: Delivery): boolean {
    this.#observer?.queued(delivery);
    if (this.#queue.length === 0 && !this.#inFlight.hasUnsent && this.#send(delivery)) return true;
    this.#push(delivery);
    this.pump(delivery);
    if (isOverfull(this, this.#limits)) this.#removeExpired(delivery);
    if (!isOverfull(this, this.#limits)) return true;
    // The queue is too long only if this one was not sent: it is the last.
    const last = this.#queue.pop()!;
    this.#queuedBytes -= payloadBytes(last.message);
    this.#observer?.removed(last);
    return false;
  }

  #push(delivery: Delivery): void {
    if (this.#queue === noQueue) this.#queue = new RingBuffer();
    this.#queue.push(delivery);
    this.#queuedBytes += payloadBytes(delivery.message);
    this.#firstExpiry = Math.min(this.#firstExpiry, delivery.message.expiresAt ?? Number.POSITIVE_INFINITY);
  }

  /** Removes what has expired from the whole queue [MQTT-3.3.2-5]; a message just `arriving` has not. */
  #removeExpired(arriving: Delivery): void {
    const now = this.#now();
    if (this.#firstExpiry <= now) this.#keepQueued((one) => one === arriving || !isExpired(one, () => now));
  }

  /**
   * Sends as much as the quota allows [MQTT-4.9.0-1], [MQTT-4.9.0-2], which limits only PUBLISH at QoS 1 and 2
   * [MQTT-4.9.0-3], [MQTT-3.3.4-10]. A message just `arriving` has not expired, however short its lifetime is.
   */
  pump(arriving?: Delivery): void {
    while (
      this.#writer !== undefined &&
      (this.#inFlight.hasUnsent ? this.#resend() : this.#sendFirst(arriving))
    ) {
      // Each round sends or removes one.
    }
  }

  #resend(): boolean {
    const writer = this.#writer!;
    if (!hasQuota(writer, this.#inFlight)) return false;
    const packetId = this.#inFlight.takeUnsent();
    const delivery = this.#inFlight.get(packetId)!;
    // [MQTT-3.3.1-1], [MQTT-4.3.3-7]: a message once sent no longer expires.
    if (!writer.publish(delivery, packetId, true)) this.#remove(packetId, delivery);
    return true;
  }

  /** Sends or removes the first of the queue; false: it has to wait. */
  #sendFirst(arriving: Delivery | undefined): boolean {
    const delivery = this.#queue.first;
    if (delivery === undefined) return false;
    // [MQTT-3.3.2-5]
    if (delivery !== arriving && isExpired(delivery, this.#now)) this.#observer?.removed(delivery);
    else if (!this.#send(delivery)) return false;
    this.#queuedBytes -= payloadBytes(this.#queue.shift()!.message);
    return true;
  }

  /** Sends a message for the first time; false: it has to wait. */
  #send(delivery: Delivery): boolean {
    const writer = this.#writer;
    if (writer === undefined) return false;
    if (delivery.qos === 0) {
      writer.publish(delivery, 0, false);
      this.#observer?.removed(delivery);
      return true;
    }
    if (!hasQuota(writer, this.#inFlight) || isOverBytes(delivery, this.#inFlight, this.#limits))
      return false;
    const packetId = this.#inFlight.freePacketId();
    if (packetId === 0) return false;
    this.#inFlight.add(packetId, delivery);
    this.#observer?.sent(delivery, packetId);
    if (!writer.publish(delivery, packetId, false)) this.#remove(packetId, delivery);
    return true;
  }

  #remove(packetId: number, delivery: Delivery): void {
    this.#inFlight.remove(packetId, delivery);
    this.#observer?.removed(delivery);
  }

  // Acknowledgements. They make room for other messages: the caller calls `pump` after the last one.

  /** PUBACK [MQTT-4.3.2-3], with success or not [MQTT-4.4.0-2]. */
  acknowledged(packetId: number): AcknowledgementResult {
    const delivery = this.#inFlight.get(packetId);
    if (delivery === undefined) return this.#inFlight.isReleased(packetId) ? 'wrong' : 'unknown';
    if (delivery.qos !== 1) return 'wrong';
    this.#remove(packetId, delivery);
    return 'accepted';
  }

  /** PUBREC [MQTT-4.3.3-3]: PUBREL follows, unless the client refuses [MQTT-4.3.3-4], and PUBLISH no more [MQTT-4.3.3-6]. */
  received(packetId: number, refused: boolean): AcknowledgementResult {
    const delivery = this.#inFlight.get(packetId);
    if (delivery === undefined) {
      if (!this.#inFlight.isReleased(packetId)) return 'unknown';
      this.#writer?.release(packetId);
      return 'accepted';
    }
    if (delivery.qos !== 2) return 'wrong';
    if (refused) this.#remove(packetId, delivery);
    else this.#release(packetId, delivery);
    return 'accepted';
  }

  #release(packetId: number, delivery: Delivery): void {
    this.#inFlight.remove(packetId, delivery);
    this.#inFlight.release(packetId);
    this.#observer?.released(delivery, packetId);
    this.#writer?.release(packetId);
  }

  /** PUBCOMP [MQTT-4.3.3-5]. */
  completed(packetId: number): AcknowledgementResult {
    if (!this.#inFlight.complete(packetId))
      return this.#inFlight.get(packetId) === undefined ? 'unknown' : 'wrong';
    this.#observer?.completed(packetId);
    return 'accepted';
  }

  /**
   * Offers the messages of shared subscriptions to `move`, and removes those that it gives to another session: of the
   * queued ones, and of those in flight at QoS 1. A QoS 2 message once sent goes to no other session [MQTT-4.8.2-4],
   * [MQTT-4.8.2-5], nor does a message that was refused [MQTT-4.8.2-6].
   */
  moveShared(move: (delivery: Delivery) => boolean): void {
    const moved = (delivery: Delivery) => delivery.group !== undefined && move(delivery);
    for (const [packetId, delivery] of this.#inFlight.inOrder()) {
      if (delivery.qos === 1 && moved(delivery)) this.#remove(packetId, delivery);
    }
    this.#keepQueued((delivery) => !moved(delivery));
  }

  /**
   * Removes what is not allowed of what waits, and of what is in flight and has to be sent again. At QoS 2 PUBREL ends
   * the exchange: the client may hold the identifier, and would take the next message with it for a duplicate.
   */
  keep(isAllowed: (delivery: Delivery) => boolean): void {
    for (const [packetId, delivery] of this.#inFlight.toSendAgain(this.#writer === undefined)) {
      if (isAllowed(delivery)) continue;
      if (delivery.qos === 2) this.#release(packetId, delivery);
      else this.#remove(packetId, delivery);
    }
    this.#keepQueued(isAllowed);
  }

  #keepQueued(isAllowed: (delivery: Delivery) => boolean): void {
    const before = this.#queue.toArray();
    this.#queue = noQueue;
    this.#queuedBytes = 0;
    this.#firstExpiry = Number.POSITIVE_INFINITY;
    for (const delivery of before) {
      if (isAllowed(delivery)) this.#push(delivery);
      else this.#observer?.removed(delivery);
    }
  }
}

function isOverfull(
  {queued, queuedBytes}: Pick<DeliveryQueue, 'queued' | 'queuedBytes'>,
  {maxQueuedMessages, maxQueuedBytes}: DeliveryLimits,
): boolean {
  if (maxQueuedMessages > 0 && queued > maxQueuedMessages) return true;
  return maxQueuedBytes > 0 && queuedBytes > maxQueuedBytes && queued > 0;
}

/** Few messages expire: the clock is not read for the others. */
function isExpired({message}: Delivery, now: () => number): boolean {
  return message.expiresAt !== undefined && message.expiresAt <= now();
}

function hasQuota({sendQuota}: DeliveryWriter, inFlight: InFlightMessages): boolean {
  return inFlight.sent < sendQuota;
}

/** With nothing in flight, a message of any size is sent. */
function isOverBytes(
  {message}: Delivery,
  inFlight: InFlightMessages,
  {maxInflightBytes}: DeliveryLimits,
): boolean {
  if (maxInflightBytes === 0 || inFlight.published === 0) return false;
  return inFlight.bytes + payloadBytes(message) > maxInflightBytes;
}
