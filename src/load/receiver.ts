/** What a subscriber does with a message: says whose it is, whether it is new and in order, and how long it took. */

import {NumberSet} from './measuring/number-set.ts';
import type {HeadReader} from './measuring/payload-head.ts';
import type {Received, Recorder} from './measuring/recorder.ts';
import type {Identifier} from './plan.ts';
import type {SessionRole} from './session/light-session.ts';

export class Receiver implements SessionRole {
  readonly #recorder: Recorder;
  readonly #head: HeadReader;
  readonly #warmupMilliseconds: number;
  /** Set once it has subscribed. */
  received: Received | undefined;
  /** The sender of the last message: floods have few. */
  #run: Identifier = '';
  #sender = -1;
  #numbers = new NumberSet();

  constructor(recorder: Recorder, head: HeadReader, warmupMilliseconds: number) {
    this.#recorder = recorder;
    this.#head = head;
    this.#warmupMilliseconds = warmupMilliseconds;
  }

  onMessage(bytes: Buffer, at: number, end: number, time: number): void {
    const recorder = this.#recorder;
    const head = this.#head;
    recorder.received++;
    recorder.receiving.extend(time);
    if (!head.read(bytes, at, end)) {
      recorder.foreign++;
      return;
    }
    const novelty = this.#numbersOf(head.run, head.sender).add(head.counter);
    if (novelty === 'twice') {
      recorder.twice++;
      return;
    }
    recorder.different++;
    if (novelty === 'late') recorder.disordered++;
    const sentAt = head.time;
    if (sentAt === undefined) {
      recorder.otherClock++;
      return;
    }
    // Without a warm-up every message counts, also one that is older than the first to come.
    recorder.measuresFrom ??= this.#warmupMilliseconds === 0 ? 0 : sentAt + this.#warmupMilliseconds;
    if (sentAt >= recorder.measuresFrom) recorder.messageLatency.record(time - sentAt);
  }

  onAcknowledged(): void {
    // It publishes nothing.
  }

  onDrain(): void {
    // It writes nothing but acknowledgements.
  }

  onLost(reason: string): void {
    this.#recorder.lose(reason);
  }

  #numbersOf(run: Identifier, sender: number): NumberSet {
    if (run === this.#run && sender === this.#sender) return this.#numbers;
    const received = this.received ?? new Map<Identifier, Map<number, NumberSet>>();
    const ofRun = received.get(run) ?? new Map<number, NumberSet>();
    received.set(run, ofRun);
    const numbers = ofRun.get(sender) ?? new NumberSet();
    ofRun.set(sender, numbers);
    this.#run = run;
    this.#sender = sender;
    this.#numbers = numbers;
    return numbers;
  }
}
