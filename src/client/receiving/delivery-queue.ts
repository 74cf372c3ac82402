/**
 * Messages on their way to a receiver that acknowledges each by itself, such as the commands of `sub --exec`. While the
 * window is full, reading stops, so that the broker slows down and memory does not grow. Takes the place of
 * receiver-queue.ts, whose acknowledgements follow a flush.
 */

import type {Message} from '../../protocol/message.ts';
import type {
  KeptMessage,
  MessageEvents,
  MessageSource,
  OfferAnswer,
  PayloadStream,
} from '../connection/events.ts';
import type {DeliveryReceiver} from '../types.ts';
import {DeliveryWindow} from './delivery-window.ts';

export class DeliveryQueue implements MessageEvents {
  /** Whether an answer is awaited that may come behind a message: then reading goes on. */
  readonly #awaitsReply: () => boolean;
  readonly #window: DeliveryWindow;
  /** Messages that wait here, because their source has ended or an answer is awaited. */
  #kept: KeptMessage[] = [];
  /** The sources that hold a message. */
  readonly #holding = new Set<MessageSource>();
  /** The receiver takes messages. */
  #isTaking = true;
  #fail: (error: unknown) => void = () => undefined;
  /** Rejects with what ends the session; never resolves. */
  readonly failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });
  /** Callbacks of `emptied`. */
  #onEmptied: (() => void)[] = [];

  constructor(receiver: DeliveryReceiver, awaitsReply: () => boolean) {
    this.#awaitsReply = awaitsReply;
    this.#window = new DeliveryWindow(receiver, () => this.#takeKept());
    this.failed.catch(() => undefined);
  }

  offered(_: Message, source: MessageSource): OfferAnswer {
    const kept = source.keep();
    if (this.#window.recognises(kept) || !this.#isTaking) return 'passed';
    if (!this.#window.isFull) this.#give(kept);
    else if (source.hasEnded || this.#awaitsReply()) this.#kept.push(kept);
    else {
      this.#holding.add(source);
      return 'later';
    }
    return 'passed';
  }

  /** A command gets its message whole. */
  begun(): PayloadStream | undefined {
    return undefined;
  }

  /** Acknowledgements do not wait for the end of what was read. */
  flush(): void {}

  /** Takes over what was kept elsewhere. */
  takeOver(kept: readonly KeptMessage[]): void {
    this.#kept.push(...kept.filter((each) => !this.#window.recognises(each)));
    this.#takeKept();
  }

  /** There is another connection: where the session was kept, the broker sends again what was not acknowledged. */
  connected(isSessionKept: boolean): void {
    if (isSessionKept) this.#window.acknowledge();
    else this.#window.forget();
    if (isSessionKept)
      this.#kept = this.#kept.filter(({message, connection}) => message.qos === 0 || connection.isOpen);
  }

  /** Resolves when the receiver is done with all that has come, or the session has failed. */
  emptied(): Promise<void> {
    this.#window.acknowledge();
    return new Promise((resolve) => {
      this.#onEmptied.push(resolve);
      this.#checkEmptied();
    });
  }

  /** Ends `failed` with the error; no further message is taken. */
  fail(error: unknown): void {
    this.#stop();
    this.#fail(error);
    for (const resolve of this.#onEmptied.splice(0)) resolve();
  }

  #give(kept: KeptMessage): void {
    try {
      const decision = this.#window.give(kept);
      if (decision !== 'more') this.#stop();
    } catch (error) {
      this.fail(error);
    }
  }

  #takeKept(): void {
    while (this.#isTaking && !this.#window.isFull && this.#kept.length > 0) this.#give(this.#kept.shift()!);
    if (this.#isTaking && !this.#window.isFull) this.#offerAgain();
    this.#checkEmptied();
  }

  /** What is not taken is not acknowledged: a session keeps it for the next time. */
  #stop(): void {
    this.#isTaking = false;
    this.#kept = [];
    this.#offerAgain();
  }

  #offerAgain(): void {
    const holding = [...this.#holding];
    this.#holding.clear();
    for (const source of holding) source.offerAgain();
  }

  #checkEmptied(): void {
    if (this.#kept.length > 0 || !this.#window.isEmpty) return;
    for (const resolve of this.#onEmptied.splice(0)) resolve();
  }
}
