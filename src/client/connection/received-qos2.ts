/**
 * The QoS 2 messages that came and were not yet released, by packet identifier [MQTT 5, 4.3.3], in the form of
 * MQTT.js's store. Each connection has one; those of one session share what is in it.
 */

/** Of a PUBLISH or PUBREL packet: what is looked at here. */
export interface StoredPacket {
  readonly messageId?: number | undefined;
  readonly dup?: boolean | undefined;
}

export class ReceivedQos2 {
  #packets: Map<number, StoredPacket>;
  #taken: WeakSet<StoredPacket>;
  /** Identifiers of messages that the receiver took, and for which no PUBCOMP was sent yet. */
  #uncompleted: Set<number>;

  /** @param previous of the connection before, whose session this one may find kept */
  constructor(previous?: ReceivedQos2) {
    this.#packets = previous === undefined ? new Map() : previous.#packets;
    this.#taken = previous === undefined ? new WeakSet() : previous.#taken;
    this.#uncompleted = previous === undefined ? new Set() : previous.#uncompleted;
  }

  /** The server began a new session. What an earlier connection still shares is not touched. */
  forget(): void {
    this.#packets = new Map();
    this.#uncompleted = new Set();
  }

  /** The receiver took the message: a repeated PUBREL must not deliver it again. */
  take(packet: StoredPacket): void {
    const messageId = packet.messageId ?? 0;
    if (this.#packets.get(messageId) === packet) this.#packets.delete(messageId);
    this.#taken.add(packet);
    this.#uncompleted.add(messageId);
  }

  /** PUBCOMP is being sent: from now on the identifier may come with another message [MQTT-4.3.3-12]. */
  completed(messageId: number): void {
    this.#uncompleted.delete(messageId);
  }

  /** Whether the receiver took the message before, after a PUBREL on another connection. */
  wasTaken(packet: StoredPacket): boolean {
    return this.#taken.has(packet);
  }

  /**
   * A message came. Where it comes again before it was completed, it is the same one, even if it had been
   * released: mosquitto 2.0 forgets, over a restart, the PUBRECs of messages beyond its in-flight window.
   */
  put(packet: StoredPacket, done?: () => void): this {
    const messageId = packet.messageId ?? 0;
    if (!packet.dup) this.#uncompleted.delete(messageId);
    if (this.#uncompleted.has(messageId)) this.#taken.add(packet);
    if (!packet.dup || !this.#packets.has(messageId)) this.#packets.set(messageId, packet);
    done?.();
    return this;
  }

  /** The message with the identifier of a PUBREL. */
  get({messageId}: StoredPacket, done: (error: Error | null, packet?: StoredPacket) => void): this {
    const packet = this.#packets.get(messageId ?? 0);
    if (packet === undefined) done(new Error('unknown packet identifier'));
    else done(null, packet);
    return this;
  }

  /** Removes the message with the identifier of a packet. */
  del({messageId}: StoredPacket, done?: (error: Error | null) => void): this {
    this.#packets.delete(messageId ?? 0);
    done?.(null);
    return this;
  }

  /** A connection ended. The messages stay for the next one. */
  close(done?: () => void): void {
    done?.();
  }
}
