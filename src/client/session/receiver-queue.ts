/**
 * Messages on their way to whoever takes them: batches, a flush after each, and only then the
 * acknowledgements. While nobody takes any, or a flush lasts, reading stops, which slows the broker down
 * instead of filling our memory. Knows links only as what acknowledges.
 */

import {ExitCode} from '../../errors.ts';
import type {Message} from '../../protocol/message.ts';
import {MessageBroken} from '../connection/connection-lost.ts';
import type {Arrival, PayloadStream, Reception as TapReception} from '../connection/events.ts';
import type {PayloadSink, Receiver, Verdict} from '../types.ts';

interface Waiting {
  readonly arrival: Arrival;
  readonly proceed: () => void;
}

interface Reception {
  readonly receiver: Receiver;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Inbox {
  /** Whether an answer is awaited that may come behind a message: then reading goes on. */
  readonly #awaitsReply: () => boolean;
  #reception: Reception | undefined;
  /** 'streaming': the last message is still coming. 'ending': it was taken and is not flushed yet. */
  #state: 'closed' | 'taking' | 'flushing' | 'streaming' | 'ending' | 'finished' = 'closed';
  #waiting: Waiting[] = [];
  /** Taken and not yet acknowledged. */
  #batch: Arrival[] = [];
  #flushPlanned: NodeJS.Immediate | undefined;
  /** Whether messages were taken since `settle`. */
  #unsettled = false;
  /** To be called when messages are taken again. */
  #offerAgain: (() => void) | undefined;
  /** Who waits until all that came is flushed. */
  #onEmptied: (() => void)[] = [];

  constructor(awaitsReply: () => boolean) {
    this.#awaitsReply = awaitsReply;
  }

  /** Whether messages are taken now or will be after the flush. */
  get accepting(): boolean {
    return this.#state === 'taking' || this.#state === 'flushing';
  }

  /** The last message has come, or begun to. */
  get #isOver(): boolean {
    return this.#state === 'finished' || this.#state === 'ending' || this.#state === 'streaming';
  }

  /** A message came; `proceed` lets the next packet be read. */
  arrived(arrival: Arrival, proceed: () => void): void {
    if (this.#state === 'taking') {
      this.#take(arrival);
      proceed();
      return;
    }
    // After the last message: neither taken nor acknowledged, so a session keeps it for the next time.
    const isOver = this.#isOver;
    if (!isOver) this.#waiting.push({arrival, proceed});
    if (isOver || this.#awaitsReply()) proceed();
  }

  /**
   * A message came on the fast way. Taken, it is the caller's to acknowledge after `settle`; where it has
   * to wait, `offerAgain` is called when it may come again.
   */
  offer(message: Message, arrival: () => Arrival, offerAgain: () => void): TapReception {
    if (this.#isOver) return 'elsewhere';
    if (this.#state !== 'taking') {
      if (this.#awaitsReply()) {
        this.#waiting.push({arrival: arrival(), proceed: () => undefined});
        return 'elsewhere';
      }
      this.#offerAgain = offerAgain;
      return 'later';
    }
    let verdict: Verdict;
    try {
      verdict = this.#reception!.receiver.message(message);
    } catch (error) {
      this.fail(error);
      return 'elsewhere';
    }
    this.#unsettled = true;
    if (verdict !== 'more') this.#state = 'ending';
    return verdict === 'stop' ? 'elsewhere' : 'taken';
  }

  /** A large message has begun to come on the fast way: taken as the last one, or undefined. */
  begun(message: Message, payloadBytes: number): PayloadStream | undefined {
    if (this.#state !== 'taking') return undefined;
    const reception = this.#reception!;
    let sink: PayloadSink | undefined;
    try {
      sink = reception.receiver.stream?.(message, payloadBytes);
    } catch (error) {
      this.fail(error);
    }
    if (sink === undefined) return undefined;
    this.#state = 'streaming';
    return this.#stream(sink, reception, payloadBytes);
  }

  /** What came after the reception has failed is passed over. */
  #stream(sink: PayloadSink, reception: Reception, payloadBytes: number): PayloadStream {
    const isWanted = () => this.#reception === reception;
    let written = 0;
    return {
      write: async (piece) => {
        if (!isWanted()) return;
        try {
          await sink.write(piece);
          written += piece.length;
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
        const told = `${written} of its ${payloadBytes} bytes were written`;
        const sentence = `The connection was lost in the midst of a message: ${told}.`;
        const error = new MessageBroken(sentence, ExitCode.connectionLost);
        this.fail(error);
        return error;
      },
    };
  }

  /** Flushes what was offered and taken, then acknowledges; undefined when there is nothing to flush. */
  settle(acknowledge: () => void): Promise<void> | undefined {
    if (!this.#unsettled || this.#reception === undefined) return undefined;
    return this.#flush(this.#state === 'ending', acknowledge);
  }

  /** Resolves when the receiver wants no more. @throws what the receiver throws, and what `fail` is given */
  receive(receiver: Receiver): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reception = {receiver, resolve, reject};
      this.#state = 'taking';
      this.#takeWaiting();
    });
  }

  /** A connection found its session kept: at QoS 1, what was not taken from the one before will be sent again. */
  resumed(): void {
    const repeated = ({arrival}: Waiting) => arrival.message.qos === 1 && !arrival.link.isOpen;
    const dropped = this.#waiting.filter(repeated);
    this.#waiting = this.#waiting.filter((waiting) => !repeated(waiting));
    for (const {proceed} of dropped) proceed();
  }

  /** Resolves when all that has come was taken and flushed, or nobody takes it any more. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmptied.push(resolve);
      this.#checkEmptied();
    });
  }

  #checkEmptied(): void {
    const isBusy = this.#waiting.length + this.#batch.length > 0 || this.#unsettled;
    if (this.#state === 'flushing' || (this.#state === 'taking' && isBusy)) return;
    for (const resolve of this.#onEmptied.splice(0)) resolve();
  }

  /** Nobody takes messages any more. */
  fail(error: unknown): void {
    const reception = this.#reception;
    this.#finish();
    reception?.reject(error);
  }

  #take(arrival: Arrival): void {
    let verdict: Verdict = 'more';
    try {
      if (!arrival.isRepeated()) verdict = this.#reception!.receiver.message(arrival.message);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (verdict !== 'stop') {
      arrival.take();
      this.#batch.push(arrival);
    }
    if (verdict !== 'more') void this.#flush(true);
    else this.#flushPlanned ??= setImmediate(() => void this.#flush(false));
  }

  #takeWaiting(): void {
    while (this.#state === 'taking') {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#askAgain();
        return;
      }
      this.#take(next.arrival);
      next.proceed();
    }
  }

  #askAgain(): void {
    const offerAgain = this.#offerAgain;
    this.#offerAgain = undefined;
    offerAgain?.();
  }

  async #flush(last: boolean, acknowledge?: () => void): Promise<void> {
    const reception = this.#reception!;
    // What came before a message that is still coming is acknowledged meanwhile.
    const streaming = this.#state === 'streaming' && !last;
    this.#unsettled = false;
    clearImmediate(this.#flushPlanned);
    this.#flushPlanned = undefined;
    if (!streaming) this.#state = 'flushing';
    const batch = this.#batch;
    this.#batch = [];
    try {
      await reception.receiver.flush();
    } catch (error) {
      this.fail(error);
      return;
    }
    for (const arrival of batch) arrival.acknowledge();
    acknowledge?.();
    if (this.#reception !== reception) return;
    if (last) {
      this.#finish();
      reception.resolve();
    } else if (!streaming) {
      this.#state = 'taking';
      this.#takeWaiting();
      this.#checkEmptied();
    }
  }

  #finish(): void {
    clearImmediate(this.#flushPlanned);
    this.#flushPlanned = undefined;
    this.#reception = undefined;
    this.#state = 'finished';
    this.#batch = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const {proceed} of waiting) proceed();
    this.#askAgain();
    this.#checkEmptied();
  }
}
