/**
 * Messages on their way to the receiver: batches, a flush after each, and only then the acknowledgements. While no
 * receiver takes messages, or a flush lasts, reading stops, so that the broker slows down and memory does not grow.
 * Every message comes by `offered`; one that is still coming, by `begun`.
 *
 * | state     | meaning                                        | a message is …                         |
 * |-----------|------------------------------------------------|----------------------------------------|
 * | closed    | no receiver yet                                | held by its source, or kept (see below)|
 * | taking    | the receiver takes messages                    | taken; 'stop': passed                  |
 * | flushing  | a batch is being flushed                       | held by its source, or kept            |
 * | streaming | the last message is still coming               | passed                                 |
 * | ending    | the last message has come and is not flushed   | passed                                 |
 * | finished  | the receiver wants no more, or an error came   | passed                                 |
 *
 * closed → taking ⇄ flushing; taking → streaming → flushing → finished; taking → ending → flushing → finished.
 * Kept: in memory here, when its source has ended or an answer is awaited that may come behind it.
 * Passed: not acknowledged, so that a session keeps it for the next time.
 */

import {ExitCode} from '../../errors.ts';
import type {Message} from '../../protocol/message.ts';
import {MessageBroken} from '../connection/connection-lost.ts';
import type {
  KeptMessage,
  MessageEvents,
  MessageSource,
  OfferAnswer,
  PayloadStream,
} from '../connection/events.ts';
import type {PayloadSink, ReceiveDecision, Receiver} from '../types.ts';

/** A call of `receive` that has not ended. */
interface ActiveReceive {
  readonly receiver: Receiver;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ReceiverQueue implements MessageEvents {
  /** Whether an answer is awaited that may come behind a message: then reading goes on. */
  readonly #awaitsReply: () => boolean;
  #active: ActiveReceive | undefined;
  #state: 'closed' | 'taking' | 'flushing' | 'streaming' | 'ending' | 'finished' = 'closed';
  #kept: KeptMessage[] = [];
  /** Kept messages that were taken and are not yet acknowledged. */
  #takenOfKept: KeptMessage[] = [];
  /** The sources of messages that were taken and are not yet acknowledged. */
  #sources: MessageSource[] = [];
  /** The sources that hold a message. */
  readonly #holding = new Set<MessageSource>();
  #flushPlanned: NodeJS.Immediate | undefined;
  /** Whether the receiver got messages since the last flush began. */
  #isUnflushed = false;
  /** Resolves when the last flush has ended and what it took was acknowledged. */
  flushed: Promise<void> = Promise.resolve();
  /** Callbacks of `emptied`. */
  #onEmptied: (() => void)[] = [];

  constructor(awaitsReply: () => boolean) {
    this.#awaitsReply = awaitsReply;
  }

  offered(message: Message, source: MessageSource, isRepeated = false): OfferAnswer {
    if (this.#state === 'taking') {
      if (!this.#give(message, isRepeated)) return 'passed';
      if (this.#sources.at(-1) !== source) this.#sources.push(source);
      return 'taken';
    }
    if (!this.#mayStillTake) return 'passed';
    if (source.hasEnded || this.#awaitsReply()) {
      this.#kept.push(source.keep());
      return 'passed';
    }
    this.#holding.add(source);
    return 'later';
  }

  begun(message: Message, payloadBytes: number): PayloadStream | undefined {
    if (this.#state !== 'taking') return undefined;
    const active = this.#active!;
    let sink: PayloadSink | undefined;
    try {
      sink = active.receiver.stream?.(message, payloadBytes);
    } catch (error) {
      this.fail(error);
    }
    if (sink === undefined) return undefined;
    this.#state = 'streaming';
    return this.#streamTo(sink, active, payloadBytes);
  }

  flush(): void {
    if (this.#isUnflushed && this.#active !== undefined) void this.#flush(this.#state === 'ending');
  }

  /** Resolves when the receiver wants no more. @throws what the receiver throws, and the error given to `fail` */
  receive(receiver: Receiver): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#active = {receiver, resolve, reject};
      this.#state = 'taking';
      this.#takeKept();
    });
  }

  /** Another queue takes over what waits here, and what sources hold. */
  handOver = (): readonly KeptMessage[] => this.#finish();

  /** A connection found its session kept: the broker sends messages that were not acknowledged again. */
  resumed(): void {
    this.#kept = this.#kept.filter(({message, connection}) => message.qos === 0 || connection.isOpen);
  }

  /** Resolves when all that has come was taken and flushed, or no receiver takes it any more. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmptied.push(resolve);
      this.#checkEmptied();
    });
  }

  /** Ends `receive` with the error. */
  fail(error: unknown): void {
    const active = this.#active;
    this.#finish();
    active?.reject(error);
  }

  /** Whether messages are taken now, or will be. */
  get #mayStillTake(): boolean {
    return this.#state === 'closed' || this.#state === 'taking' || this.#state === 'flushing';
  }

  /** Gives the message to the receiver; false when it does not take it. */
  #give(message: Message, isRepeated: boolean): boolean {
    let decision: ReceiveDecision;
    try {
      decision = isRepeated ? 'more' : this.#active!.receiver.message(message);
    } catch (error) {
      this.fail(error);
      return false;
    }
    this.#isUnflushed = true;
    if (decision !== 'more' && this.#state === 'taking') this.#state = 'ending';
    return decision !== 'stop';
  }

  #takeKept(): void {
    while (this.#state === 'taking') {
      const next = this.#kept.shift();
      if (next === undefined) {
        this.#offerAgain();
        return;
      }
      if (this.#give(next.message, next.isRepeated)) {
        next.take();
        this.#takenOfKept.push(next);
      }
      this.#flushPlanned ??= setImmediate(() => this.flush());
    }
  }

  #offerAgain(): void {
    const holding = [...this.#holding];
    this.#holding.clear();
    for (const source of holding) source.offerAgain();
  }

  #checkEmptied(): void {
    const {length} = this.#kept;
    const isBusy = this.#state === 'taking' && (length > 0 || this.#isUnflushed);
    if (isBusy || this.#state === 'flushing' || this.#state === 'ending') return;
    for (const resolve of this.#onEmptied.splice(0)) resolve();
  }

  /** What comes after the receiver has failed is discarded. */
  #streamTo(sink: PayloadSink, active: ActiveReceive, payloadBytes: number): PayloadStream {
    const isWanted = () => this.#active === active;
    let written = 0;
    return {
      write: async (chunk) => {
        if (!isWanted()) return;
        try {
          await sink.write(chunk);
          written += chunk.length;
        } catch (error) {
          if (isWanted()) this.fail(error);
        }
      },
      end: () => {
        if (!isWanted()) return;
        sink.end();
        void this.#flush(true);
      },
      broken: () => {
        if (!isWanted()) return undefined;
        const count = `${written} of its ${payloadBytes} bytes were written`;
        const sentence = `The connection was lost in the midst of a message: ${count}.`;
        const error = new MessageBroken(sentence, ExitCode.connectionLost);
        this.fail(error);
        return error;
      },
    };
  }

  /** Flushes what was taken, then acknowledges it. */
  async #flush(isLast: boolean): Promise<void> {
    const active = this.#active!;
    // Messages before one that is still coming are acknowledged while it comes.
    const isStreaming = this.#state === 'streaming' && !isLast;
    if (!isStreaming) this.#state = 'flushing';
    const acknowledge = this.#beginFlush();
    try {
      const flushing = active.receiver.flush();
      if (flushing !== undefined) {
        this.flushed = flushing.then(acknowledge, () => undefined);
        await Promise.all([flushing, this.flushed]);
      } else acknowledge();
    } catch (error) {
      if (this.#active === active) this.fail(error);
      return;
    }
    if (this.#active !== active) return;
    if (isLast) {
      this.#finish();
      active.resolve();
    } else if (!isStreaming) {
      this.#state = 'taking';
      this.#takeKept();
      this.#checkEmptied();
    }
  }

  /** What acknowledges the messages taken so far. */
  #beginFlush(): () => void {
    this.#isUnflushed = false;
    clearImmediate(this.#flushPlanned);
    this.#flushPlanned = undefined;
    const kept = this.#takenOfKept.splice(0);
    const acknowledgements = this.#sources.splice(0).map((source) => source.acknowledgementOfTaken());
    return () => {
      for (const message of kept) message.acknowledge();
      for (const acknowledge of acknowledgements) acknowledge();
    };
  }

  #finish(): readonly KeptMessage[] {
    const kept = this.#kept;
    // What was taken and not flushed is not acknowledged.
    this.#beginFlush();
    this.#active = undefined;
    this.#state = 'finished';
    this.#kept = [];
    this.#offerAgain();
    this.#checkEmptied();
    return kept;
  }
}
