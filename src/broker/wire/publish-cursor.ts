/**
 * Finds its way through a PUBLISH frame where it stands, without making anything of it: where its topic,
 * what follows, and the next frame begin. Only for frames whose length takes two bytes at most.
 */

/** Stands on one frame at a time. */
export class PublishCursor {
  readonly #hasProperties: boolean;
  /** The frame last read: where its topic, what follows its topic, and the next frame begin. */
  topic = 0;
  afterTopic = 0;
  end = 0;

  constructor(hasProperties: boolean) {
    this.#hasProperties = hasProperties;
  }

  /** Reads the frame at `at` up to the end of its topic; whether it is there as a whole. */
  read(bytes: Buffer, at: number, largestPacket: number): boolean {
    let body = at + 2;
    let remaining = bytes[at + 1]!;
    if (remaining >= 0x80) {
      const high = bytes[body++]!;
      // Larger frames gain nothing, and a length may not end with 0.
      if (high >= 0x80 || high === 0) return false;
      remaining = (remaining & 0x7f) | (high << 7);
    }
    this.end = body + remaining;
    if (remaining < 2 || this.end > bytes.length || this.end - at > largestPacket) return false;
    this.topic = body + 2;
    this.afterTopic = this.topic + ((bytes[body]! << 8) | bytes[body + 1]!);
    return this.afterTopic <= this.end;
  }

  /** Where the payload begins, after an empty property list at `at`, or none in MQTT 3; 0: it is not so. */
  payload(bytes: Buffer, at: number): number {
    if (!this.#hasProperties) return at > this.end ? 0 : at;
    return at >= this.end || bytes[at] !== 0 ? 0 : at + 1;
  }
}
