import type {Packet} from './packet.ts';

/**
 * QoS 2 messages that came and were not yet released, by identifier [MQTT 5, 4.3.3]; MQTT.js fills it.
 * Each connection has one; those of connections to one session share what is in it.
 */
export class IncomingMessages {
  #packets: Map<number, Packet>;
  #taken: WeakSet<Packet>;
  /** Identifiers of messages that were taken, and for which no PUBCOMP was sent yet. */
  #uncompleted: Set<number>;

  /** @param previous of the connection before, whose session this one may find kept */
  constructor(previous?: IncomingMessages) {
    this.#packets = previous === undefined ? new Map() : previous.#packets;
    this.#taken = previous === undefined ? new WeakSet() : previous.#taken;
    this.#uncompleted = previous === undefined ? new Set() : previous.#uncompleted;
  }

  /** The server began a new session. What a connection before this one still has under way is not touched. */
  forget(): void {
    this.#packets = new Map();
    this.#uncompleted = new Set();
  }

  /** The message is in the receiver's hands: a PUBREL that comes again must not bring it again. */
  take(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    if (this.#packets.get(messageId) === packet) this.#packets.delete(messageId);
    this.#taken.add(packet);
    this.#uncompleted.add(messageId);
  }

  /** PUBCOMP is being sent: from now on the identifier may come with another message [MQTT-4.3.3-12]. */
  completed(messageId: number): void {
    this.#uncompleted.delete(messageId);
  }

  /** Whether the message was taken before, after a PUBREL on another connection. */
  wasTaken(packet: Packet): boolean {
    return this.#taken.has(packet);
  }

  /**
   * A message came. Where it comes again before it was completed, it is the same one, even if it had been
   * released: mosquitto 2.0 forgets, over a restart, the PUBRECs of what was beyond its in-flight window.
   */
  put(packet: Packet, done?: () => void): this {
    const messageId = packet.messageId ?? 0;
    if (!packet.dup) this.#uncompleted.delete(messageId);
    if (this.#uncompleted.has(messageId)) this.#taken.add(packet);
    if (!packet.dup || !this.#packets.has(messageId)) this.#packets.set(messageId, packet);
    done?.();
    return this;
  }

  get({messageId}: Packet, done: (error: Error | null, packet?: Packet) => void): this {
    const packet = this.#packets.get(messageId ?? 0);
    if (packet === undefined) done(new Error('unknown packet identifier'));
    else done(null, packet);
    return this;
  }

  del({messageId}: Packet, done?: (error: Error | null) => void): this {
    this.#packets.delete(messageId ?? 0);
    done?.(null);
    return this;
  }

  /** A link ended; the messages are for the next one. */
  close(done?: () => void): void {
    done?.();
  }
}
