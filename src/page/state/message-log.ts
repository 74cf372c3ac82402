/** The newest messages, as many as fit into a bound of number and bytes. */

import {type PageMessage, weightOf} from './message.ts';

export interface LogLimits {
  readonly messages: number;
  /** Bytes of topics, payloads and properties; the newest message stays, however large it is. */
  readonly bytes: number;
}

const usualLimits: LogLimits = {messages: 5000, bytes: 33_554_432};

export class MessageLog {
  readonly #limits: LogLimits;
  /** The oldest ones of more than the limit are removed when they are as many again, or asked for. */
  #messages: PageMessage[] = [];
  #bytes = 0;

  constructor(limits = usualLimits) {
    this.#limits = limits;
  }

  add(message: PageMessage): void {
    this.#messages.push(message);
    this.#bytes += weightOf(message);
    const {messages, bytes} = this.#limits;
    if (this.#messages.length > 2 * messages || this.#bytes > 2 * bytes) this.#trim();
  }

  /** Oldest first. */
  get messages(): readonly PageMessage[] {
    this.#trim();
    return this.#messages;
  }

  /** The message of a number, if it is still there. */
  find(number: number): PageMessage | undefined {
    return this.#messages[number - (this.#messages[0]?.number ?? 0)];
  }

  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
  }

  #trim(): void {
    const {messages, bytes} = this.#limits;
    const all = this.#messages;
    let count = 0;
    while (all.length - count > messages || (this.#bytes > bytes && all.length - count > 1)) {
      this.#bytes -= weightOf(all[count]!);
      count++;
    }
    if (count > 0) all.splice(0, count);
  }
}
