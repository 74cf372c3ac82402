/**
 * What is open between the server and this client for the messages that came: the identifiers of QoS 2, which outlive
 * a connection, and how many messages are not acknowledged, which begins anew with each.
 */

import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import {Violation} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ConnectionOptions} from '../connection-options.ts';

/**
 * Counts the messages at QoS 1 and 2 that one connection has brought, up to PUBACK or PUBCOMP. A PUBCOMP for what an
 * earlier connection has brought counts as well, since it raises the server's quota, too [MQTT 5, 4.9].
 */
export class UnacknowledgedMessages {
  readonly #maximum: number;
  #count = 0;

  /** @param options of the connection, which before MQTT 5 have no properties */
  constructor({
    holdsToReceiveMaximum = false,
    properties,
  }: Pick<ConnectionOptions, 'holdsToReceiveMaximum' | 'properties'>) {
    this.#maximum = (holdsToReceiveMaximum && properties?.receiveMaximum) || Number.POSITIVE_INFINITY;
  }

  /**
   * A PUBLISH at QoS 1 or 2 is to be taken. One with DUP counts, but is not refused: where a session is resumed,
   * mosquitto 2.0 sends again all that was in flight, also when this CONNECT allows fewer.
   * @throws Violation when CONNECT does not allow one more [MQTT-3.3.4-9]
   */
  assertRoom(isDuplicate: boolean): void {
    if (this.#count < this.#maximum || isDuplicate) return;
    const sentence = `more than ${this.#maximum} messages that are not acknowledged`;
    throw new Violation(sentence, ReasonCode.receiveMaximumExceeded);
  }

  /** A PUBLISH at QoS 1 or 2 came. */
  came(): void {
    this.#count++;
  }

  /** PUBACK or PUBCOMP is sent for so many. */
  acknowledged(count = 1): void {
    this.#count -= count;
  }
}

/** One place for each packet identifier, and one for 0, which is none. */
const places = largestTwoByteInteger + 1;

/**
 * The packet identifiers of QoS 2 messages that the receiver took and whose PUBREL has not come [MQTT 5, 4.3.3].
 * Each connection has one; those of one session share what is in it.
 */
export class ReceivedQos2 {
  /** By packet identifier: 1 where it is one of them. */
  #taken: Uint8Array;

  /** @param previous of the connection before, whose session this one may find kept */
  constructor(previous?: ReceivedQos2) {
    this.#taken = previous === undefined ? new Uint8Array(places) : previous.#taken;
  }

  /** The server began a new session. What an earlier connection still shares is not touched. */
  forget(): void {
    this.#taken = new Uint8Array(places);
  }

  /** A PUBLISH came. Without DUP it brings another message, even if the identifier was not released. */
  came(messageId: number, isDuplicate: boolean): void {
    if (!isDuplicate) this.#taken[messageId] = 0;
  }

  /** The receiver took the message: until its PUBREL it is not given to it again [MQTT-4.3.3-10]. */
  take(messageId: number): void {
    this.#taken[messageId] = 1;
  }

  /** Whether the receiver took the message before, perhaps on another connection. */
  wasTaken(messageId: number): boolean {
    return this.#taken[messageId] === 1;
  }

  /** PUBREL came: from now on the identifier stands for another message [MQTT-4.3.3-12]. */
  released(messageId: number): void {
    this.#taken[messageId] = 0;
  }
}
