/**
 * Reads the frames that floods are made of where they stand, without a buffer of their own: PUBLISH of
 * known topics without properties, and acknowledgements without a reason. All others, and all that are
 * not as they should be, are left to the general way.
 *
 * Measured at QoS 1 and 2: buffers for frames and their fields, and collecting them, are a third of the
 * time that is not spent in system calls.
 */

import type {ProtocolVersion} from '../mqtt/message.ts';
import type {ConnectionHandler} from './connection.ts';
import type {Counters} from './counters.ts';
import type {FastPublish} from './fast-publish.ts';
import type {FrameSplitter} from './frames.ts';
import {isAcknowledgement, PacketType} from './validate.ts';

/** The fast way of what one client sends. */
export class FastFrames {
  readonly #handler: ConnectionHandler;
  readonly #counters: Counters;
  /** Bytes after the fixed header. */
  readonly #longestAcknowledgement: number;
  #publish: FastPublish | undefined;
  #asked = false;

  constructor(handler: ConnectionHandler, counters: Counters, protocolVersion: ProtocolVersion) {
    this.#handler = handler;
    this.#counters = counters;
    this.#longestAcknowledgement = protocolVersion === 5 ? 4 : 2;
  }

  /** Handles the next frames, one or more; false: the next one takes the general way. */
  pass(splitter: FrameSplitter): boolean {
    const {piece, position, limit} = splitter;
    const type = piece[position]! >> 4;
    if (type !== PacketType.publish) return isAcknowledgement(type) && this.#acknowledgement(splitter, type);
    if (this.#publish === undefined) return false;
    const bytes = this.#publish.forward(piece, position, limit);
    if (bytes > 0) {
      splitter.skip(bytes);
      return true;
    }
    const publish = this.#publish.decode(piece, position, limit);
    if (publish === undefined) return false;
    splitter.skip(publish.size);
    this.#counters.messagesReceived++;
    this.#counters.publishReceived++;
    this.#counters.publishBytesReceived += publish.payload.length;
    this.#handler.publish(publish);
    return true;
  }

  /** Told of the topic of a PUBLISH that went the general way; empty where only an alias says it. */
  learn(topic: string): void {
    if (!this.#asked) {
      this.#asked = true;
      this.#publish = this.#handler.fastPublish();
    }
    this.#publish?.learn(topic);
  }

  /**
   * An acknowledgement that says success; in MQTT 5 it may say so, and that it has no properties
   * [MQTT 5, 3.4.2.1].
   */
  #acknowledgement(splitter: FrameSplitter, type: number): boolean {
    const {piece, position, limit} = splitter;
    const flags = type === PacketType.pubrel ? 2 : 0;
    const remaining = piece[position + 1]!;
    const size = 2 + remaining;
    if (piece[position] !== ((type << 4) | flags) || position + size > piece.length) return false;
    if (remaining < 2 || remaining > this.#longestAcknowledgement || size > limit) return false;
    for (let index = 4; index < size; index++) if (piece[position + index] !== 0) return false;
    const packetId = (piece[position + 2]! << 8) | piece[position + 3]!;
    if (packetId === 0) return false;
    splitter.skip(size);
    this.#counters.messagesReceived++;
    this.#handler.acknowledgement({type, packetId, reasonCode: 0});
    return true;
  }
}
