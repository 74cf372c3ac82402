/** The messages of the log that pass a filter, as they come; and the same ones for as long as the view is held. */

import {isTopicFilter, matches} from '../../protocol/topic.ts';
import type {PageMessage} from './message.ts';
import type {MessageLog} from './message-log.ts';

export interface MessageFilter {
  /** A topic filter with + and #; empty: every topic. */
  readonly topic: string;
  /** Text in topic or payload, in any case; empty: everything. */
  readonly search: string;
}

/** Bytes of a payload that are searched. */
const searchedBytes = 16_384;

const decoder = new TextDecoder();

/** What a filter lets pass; a topic filter that is not valid lets everything pass. */
export function passes({topic, search}: MessageFilter): (message: PageMessage) => boolean {
  const text = search.toLowerCase();
  const byTopic = topic === '' || !isTopicFilter(topic) ? undefined : topic;
  return (message) => {
    if (byTopic !== undefined && !matches(byTopic, message.topic)) return false;
    if (text === '' || message.topic.toLowerCase().includes(text)) return true;
    const payload = decoder.decode(message.payload.subarray(0, searchedBytes));
    return payload.toLowerCase().includes(text);
  };
}

export class MessageView {
  readonly #log: MessageLog;
  #filter: MessageFilter = {topic: '', search: ''};
  #passes = passes(this.#filter);
  #shown: PageMessage[] = [];
  /** The number of the last message that was judged. */
  #judged = 0;
  #held = false;

  constructor(log: MessageLog) {
    this.#log = log;
  }

  get filter(): MessageFilter {
    return this.#filter;
  }

  set filter(filter: MessageFilter) {
    this.#filter = filter;
    this.#passes = passes(filter);
    this.#shown = this.#log.messages.filter(this.#passes);
    this.#judged = this.#log.messages.at(-1)?.number ?? this.#judged;
  }

  get isHeld(): boolean {
    return this.#held;
  }

  /** While it is held, the view shows the same messages. */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** The number of messages that came since the view is held, whether or not they pass the filter. */
  get newer(): number {
    return this.#held ? (this.#log.messages.at(-1)?.number ?? this.#judged) - this.#judged : 0;
  }

  /** Oldest first. */
  get shown(): readonly PageMessage[] {
    if (this.#held) return this.#shown;
    const {messages} = this.#log;
    const first = messages[0]?.number ?? 0;
    const fresh = messages.slice(Math.max(0, this.#judged + 1 - first)).filter(this.#passes);
    this.#judged = messages.at(-1)?.number ?? this.#judged;
    const gone = this.#shown.findIndex(({number}) => number >= first);
    this.#shown.splice(0, gone === -1 ? this.#shown.length : gone);
    for (const message of fresh) this.#shown.push(message);
    return this.#shown;
  }

  clear(): void {
    this.#shown = [];
  }
}
