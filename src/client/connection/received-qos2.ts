/**
 * The packet identifiers of QoS 2 messages that the receiver took and whose PUBREL has not come [MQTT 5, 4.3.3].
 * Each connection has one; those of one session share what is in it.
 */

export class ReceivedQos2 {
  #taken: Set<number>;

  /** @param previous of the connection before, whose session this one may find kept */
  constructor(previous?: ReceivedQos2) {
    this.#taken = previous === undefined ? new Set() : previous.#taken;
  }

  /** The server began a new session. What an earlier connection still shares is not touched. */
  forget(): void {
    this.#taken = new Set();
  }

  /** A PUBLISH came. Without DUP it brings another message, even if the identifier was not released. */
  came(messageId: number, isDuplicate: boolean): void {
    if (!isDuplicate) this.#taken.delete(messageId);
  }

  /** The receiver took the message: until its PUBREL it is not given to it again [MQTT-4.3.3-10]. */
  take(messageId: number): void {
    this.#taken.add(messageId);
  }

  /** Whether the receiver took the message before, perhaps on another connection. */
  wasTaken(messageId: number): boolean {
    return this.#taken.has(messageId);
  }

  /** PUBREL came: from now on the identifier stands for another message [MQTT-4.3.3-12]. */
  released(messageId: number): void {
    this.#taken.delete(messageId);
  }
}
