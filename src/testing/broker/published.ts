/** The messages that were published, within bounds, and the waits for them. Knows no broker. */

import {isTopicFilter, matches} from '../../protocol/topic.ts';
import {listed} from '../waits/preview.ts';
import {checkMilliseconds, type Wait, type Waits} from '../waits/waits.ts';
import type {Published, StartOptions, WaitForOptions, WaitOptions} from './types.ts';
import {UnexpectedMessageError} from './unexpected-message.ts';

const defaultMessages = 10_000;
const defaultBytes = 64 * 1024 * 1024;

/** The last messages, and the waits for more. */
export class PublishedList {
  readonly messages: Published[] = [];
  readonly #waits: Waits;
  readonly #watching = new Set<(message: Published) => void>();
  readonly #mostMessages: number;
  readonly #mostBytes: number;
  #bytes = 0;
  #dropped = 0;

  /** @throws TypeError for bounds that are no numbers */
  constructor(waits: Waits, {keepMessages = defaultMessages, keepBytes = defaultBytes}: StartOptions) {
    if (!(keepMessages >= 0))
      throw new TypeError(`keepMessages is ${keepMessages}: it is a number of messages.`);
    if (!(keepBytes >= 0)) throw new TypeError(`keepBytes is ${keepBytes}: it is a number of bytes.`);
    this.#waits = waits;
    this.#mostMessages = keepMessages;
    this.#mostBytes = keepBytes;
  }

  add(message: Published): void {
    this.messages.push(message);
    this.#bytes += message.payload.length;
    while (
      this.messages.length > this.#mostMessages ||
      (this.#bytes > this.#mostBytes && this.messages.length > 1)
    ) {
      this.#bytes -= this.messages.shift()!.payload.length;
      this.#dropped++;
    }
    for (const watch of [...this.#watching]) watch(message);
  }

  clear(): void {
    this.messages.length = 0;
    this.#bytes = 0;
    this.#dropped = 0;
  }

  /** As `TestBroker.waitFor`. */
  waitFor(
    caller: Wait<never>['caller'],
    filter: string,
    {count = 1, where = () => true, ...options}: WaitForOptions,
  ): Promise<Published> {
    const problem = filterProblem(filter) ?? countProblem(count);
    if (problem !== undefined) return Promise.reject(problem);
    let matching = 0;
    let fitting = 0;
    return this.#waits.wait<Published>(
      {
        caller,
        missing: (reason) => {
          const what =
            fitting > 0
              ? `Only ${fitting} of ${count} messages to ${filter} came`
              : `No message to ${filter}${matching > 0 ? " that fits 'where' came" : ''}`;
          const unfit = matching > fitting ? `; ${matching - fitting} did not fit 'where'` : '';
          return `${what} ${reason}${unfit}; ${this.#summary()}.`;
        },
        begin: ({resolve, reject}) => {
          let isOver = false;
          const look = (message: Published) => {
            if (isOver || !matches(filter, message.topic)) return;
            matching++;
            try {
              if (!judged(where(message))) return;
            } catch (error) {
              isOver = true;
              reject(error);
              return;
            }
            if (++fitting < count) return;
            isOver = true;
            resolve(message);
          };
          for (const message of [...this.messages]) look(message);
          this.#watching.add(look);
          return () => this.#watching.delete(look);
        },
      },
      options,
    );
  }

  /** As `TestBroker.expectNothing`. */
  expectNothing(
    caller: Wait<never>['caller'],
    filter: string,
    milliseconds: number,
    {signal}: Pick<WaitOptions, 'signal'>,
  ): Promise<void> {
    const problem = filterProblem(filter);
    if (problem !== undefined) return Promise.reject(problem);
    return this.#waits.wait<void>(
      {
        caller,
        missing: (reason) => `Whether a message to ${filter} comes is not known ${reason}.`,
        begin: ({resolve, reject}, errorAt) => {
          checkMilliseconds('milliseconds', milliseconds);
          const look = (message: Published) => {
            if (!matches(filter, message.topic)) return;
            const error = new UnexpectedMessageError(filter, message);
            reject(Object.assign(error, {stack: errorAt(error.message).stack}));
          };
          this.#watching.add(look);
          const timer = setTimeout(() => resolve(undefined), milliseconds);
          return () => {
            clearTimeout(timer);
            this.#watching.delete(look);
          };
        },
      },
      {timeout: Number.POSITIVE_INFINITY, ...(signal === undefined ? {} : {signal})},
    );
  }

  /** 'published were a, b and 3 more topics'; what is no longer there is said. */
  #summary(): string {
    const topics = [...new Set(this.messages.map(({topic}) => topic))];
    const dropped =
      this.#dropped === 0
        ? ''
        : `; ${this.#dropped} earlier messages are no longer kept (keepMessages, keepBytes)`;
    return `${topics.length === 0 ? 'nothing was published' : `published were ${listed(topics, ' topics')}`}${dropped}`;
  }
}

/** A promise would count as true. @throws TypeError */
function judged(answer: boolean): boolean {
  if (typeof answer === 'object')
    throw new TypeError("'where' returned a promise or an object: it returns true or false.");
  return answer;
}

function filterProblem(filter: string): TypeError | undefined {
  if (typeof filter === 'string' && isTopicFilter(filter)) return undefined;
  return new TypeError(`${JSON.stringify(filter)} is not a topic filter.`);
}

function countProblem(count: number): TypeError | undefined {
  return Number.isInteger(count) && count >= 1
    ? undefined
    : new TypeError(`A count of ${count} messages cannot be waited for.`);
}
