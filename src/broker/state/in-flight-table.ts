/**
 * The packets of one session that are in flight, by packet identifier [MQTT 5, 2.2.1, 4.3, 4.4]. The table
 * has slots: identifiers in use lie close together, in the order they were assigned. Measured at QoS 1: a Map
 * allocates a new table every few messages, and old ones keep their messages until the next full collection.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {RestoredSession, SavedDelivery} from '../persistence/journal.ts';
import {payloadBytes} from '../wire/shared-frame.ts';

/** One message for one session. */
export interface Delivery extends SavedDelivery {
  /** The shared subscription it comes from: another of its members may get the message instead. */
  readonly group?: object;
}

const firstCapacity = 32;

/** Values by packet identifier, 1 to 65535. */
export class InFlightTable<Value> {
  #identifiers: number[] = [];
  #values: (Value | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(packetId: number): Value | undefined {
    const slot = packetId & (this.#values.length - 1);
    return this.#identifiers[slot] === packetId ? this.#values[slot] : undefined;
  }

  has(packetId: number): boolean {
    return this.get(packetId) !== undefined;
  }

  set(packetId: number, value: Value): void {
    if (this.#values.length === 0) this.#resize(firstCapacity);
    let slot = packetId & (this.#values.length - 1);
    while (this.#values[slot] !== undefined && this.#identifiers[slot] !== packetId) {
      this.#resize(this.#values.length * 2);
      slot = packetId & (this.#values.length - 1);
    }
    if (this.#values[slot] === undefined) this.#size++;
    this.#identifiers[slot] = packetId;
    this.#values[slot] = value;
  }

  delete(packetId: number): boolean {
    if (!this.has(packetId)) return false;
    this.#values[packetId & (this.#values.length - 1)] = undefined;
    this.#size--;
    return true;
  }

  /** All entries, in no particular order. */
  entries(): [packetId: number, value: Value][] {
    const all: [number, Value][] = [];
    if (this.#size === 0) return all;
    for (const [slot, value] of this.#values.entries()) {
      if (value !== undefined) all.push([this.#identifiers[slot]!, value]);
    }
    return all;
  }

  /** Values move to their slots in a larger table; with 65,536 slots no two identifiers share one. */
  #resize(capacity: number): void {
    const before = {values: this.#values, identifiers: this.#identifiers};
    this.#values = new Array<Value | undefined>(capacity).fill(undefined);
    this.#identifiers = new Array<number>(capacity).fill(0);
    for (const [slot, value] of before.values.entries()) {
      if (value === undefined) continue;
      const packetId = before.identifiers[slot]!;
      this.#values[packetId & (capacity - 1)] = value;
      this.#identifiers[packetId & (capacity - 1)] = packetId;
    }
  }
}

/** Nothing is ever added to these: most sessions need none of their own. */
const nothing: Set<number> = new Set();
const noTable = new InFlightTable<never>();

/**
 * What one session has in flight. A packet identifier is
 * - published: its PUBLISH is unacknowledged, and after a reconnect unsent until it is sent again;
 * - released: a QoS 2 message got its PUBREC, and PUBREL is unanswered;
 * - free.
 */
export class InFlightMessages {
  /** In the order first sent [MQTT-4.6.0-1]. */
  #published: InFlightTable<Delivery> = noTable;
  /** Published on an earlier connection, and not yet on this one. */
  #unsent: Set<number> = nothing;
  /** With a number that rises with each PUBREC [MQTT-4.6.0-4]. */
  #released: InFlightTable<number> = noTable;
  #releases = 0;
  #bytes = 0;
  #lastPacketId = 0;

  get size(): number {
    return this.#published.size + this.#released.size;
  }

  /** What counts against Receive Maximum on this connection. */
  get sent(): number {
    return this.size - this.#unsent.size;
  }

  get published(): number {
    return this.#published.size;
  }

  /** Of the payloads published. */
  get bytes(): number {
    return this.#bytes;
  }

  restore({sent, released}: Pick<RestoredSession, 'sent' | 'released'>): void {
    for (const {delivery, packetId} of sent) {
      this.add(packetId, delivery);
      this.#lastPacketId = packetId;
    }
    for (const packetId of released) this.release(packetId);
  }

  /** An unused packet identifier [MQTT-2.2.1-4], [MQTT-4.3.2-1], [MQTT-4.3.3-1]; 0 when all are used. */
  freePacketId(): number {
    if (this.size >= largestTwoByteInteger) return 0;
    do {
      this.#lastPacketId = (this.#lastPacketId % largestTwoByteInteger) + 1;
    } while (this.#published.has(this.#lastPacketId) || this.#released.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  add(packetId: number, delivery: Delivery): void {
    if (this.#published === noTable) this.#published = new InFlightTable();
    this.#published.set(packetId, delivery);
    this.#bytes += payloadBytes(delivery.message);
  }

  get(packetId: number): Delivery | undefined {
    return this.#published.get(packetId);
  }

  remove(packetId: number, delivery: Delivery): void {
    this.#published.delete(packetId);
    this.#unsent.delete(packetId);
    this.#bytes -= payloadBytes(delivery.message);
  }

  /** Everything published, in the order first sent: that of the numbers, as identifiers are used again and again. */
  inOrder(): [packetId: number, delivery: Delivery][] {
    return this.#published.entries().sort(([, one], [, other]) => one.sequence - other.sequence);
  }

  /** A new connection: all that is published has to be sent again. */
  markUnsent(): void {
    if (this.#published.size > 0) this.#unsent = new Set(this.inOrder().map(([packetId]) => packetId));
  }

  markSent(): void {
    this.#unsent = nothing;
  }

  /** What has to be sent again: published earlier and not on this connection; `isAway`: all that is published. */
  toSendAgain(isAway: boolean): [packetId: number, delivery: Delivery][] {
    if (!isAway && this.#unsent.size === 0) return [];
    return this.inOrder().filter(([packetId]) => isAway || this.#unsent.has(packetId));
  }

  get hasUnsent(): boolean {
    return this.#unsent.size > 0;
  }

  /** The oldest unsent packet identifier, which counts as sent from now on. */
  takeUnsent(): number {
    const [packetId] = this.#unsent;
    this.#unsent.delete(packetId!);
    return packetId!;
  }

  /** The packet identifier is in use until `complete`. */
  release(packetId: number): void {
    if (this.#released === noTable) this.#released = new InFlightTable();
    this.#released.set(packetId, ++this.#releases);
  }

  isReleased(packetId: number): boolean {
    return this.#released.has(packetId);
  }

  /** Whether it was released. */
  complete(packetId: number): boolean {
    return this.#released.delete(packetId);
  }

  releasedInOrder(): number[] {
    const all = this.#released.entries();
    return all.sort(([, one], [, other]) => one - other).map(([packetId]) => packetId);
  }
}
