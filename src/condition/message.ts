/** Conditions about messages: the names of their parts, and paths into payloads that are JSON. */

import type {Message} from '../protocol/message.ts';
import {JsonPaths} from './json-paths.ts';
import type {Vocabulary} from './parse.ts';

const none: Message = {topic: '', qos: 0, retain: false, payload: new Uint8Array(0)};

/**
 * The message that conditions are about, one after the other. Its payload is read at most once for all conditions that
 * were parsed with this vocabulary, and only where one of them comes to ask for it.
 */
export class MessageSubject {
  readonly #paths = new JsonPaths();
  #message = none;
  #text: string | undefined;
  #isRead = false;

  readonly vocabulary: Vocabulary<MessageSubject> = {
    names: {
      topic: (subject) => subject.#message.topic,
      qos: (subject) => subject.#message.qos,
      retain: (subject) => subject.#message.retain,
      payload: (subject) => subject.#payloadText,
    },
    path: (steps) => {
      const number = this.#paths.add(steps);
      return (subject) => subject.#valueOf(number);
    },
  };

  set message(message: Message) {
    this.#message = message;
    this.#text = undefined;
    this.#isRead = false;
  }

  /** With U+FFFD in place of what is not UTF-8. */
  get #payloadText(): string {
    const {buffer, byteOffset, byteLength} = this.#message.payload;
    this.#text ??= Buffer.from(buffer, byteOffset, byteLength).toString();
    return this.#text;
  }

  #valueOf(number: number): unknown {
    if (!this.#isRead) this.#paths.read(this.#message.payload);
    this.#isRead = true;
    return this.#paths.values[number];
  }
}
