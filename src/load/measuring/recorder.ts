/** What one thread counts while it runs. Others watch some of the numbers meanwhile, in memory that they share. */

import type {Identifier, LoadPlan} from '../plan.ts';
import {Histogram} from './histogram.ts';
import {senderKey} from './loss.ts';
import {type ClientGroup, count, type Measurement, type Numbers, union} from './measurement.ts';
import type {NumberSet} from './number-set.ts';

/** The numbers that can be watched. */
export interface Watched {
  readonly connected: number;
  /** Not accepted, or ended before their time. */
  readonly failed: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  /** Messages received, each of a sender once for each receiver. */
  readonly different: number;
}

const watchedNames = ['connected', 'failed', 'sent', 'acknowledged', 'received', 'different'] as const;

/** Memory for the watched numbers of a thread. */
export function watchedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(watchedNames.length * Float64Array.BYTES_PER_ELEMENT);
}

/** The watched numbers of all threads, added up. */
export function watchedNumbers(memories: readonly SharedArrayBuffer[]): Watched {
  const cells = memories.map((memory) => new Float64Array(memory));
  const sums = watchedNames.map((name, at) => [name, cells.reduce((sum, each) => sum + each[at]!, 0)]);
  return Object.fromEntries(sums) as Watched;
}

/** What came to one receiver: the numbers of each sender of each run. */
export type Received = Map<Identifier, Map<number, NumberSet>>;

/** From the first to the last of something, in milliseconds of the clock. */
class Span {
  #first: number | undefined;
  #last = 0;

  extend(time: number): void {
    this.#first ??= time;
    this.#last = time;
  }

  get seconds(): number {
    return this.#first === undefined ? 0 : (this.#last - this.#first) / 1000;
  }
}

export class Recorder implements Watched {
  readonly #shared: Float64Array;
  clients = 0;
  connected = 0;
  failed = 0;
  sent = 0;
  acknowledged = 0;
  received = 0;
  different = 0;
  foreign = 0;
  otherClock = 0;
  twice = 0;
  disordered = 0;
  /** When messages begin to count for their latency; undefined until the first. */
  measuresFrom: number | undefined;
  readonly connecting = new Span();
  readonly sending = new Span();
  readonly receiving = new Span();
  readonly connectLatency = new Histogram();
  readonly acknowledgeLatency = new Histogram();
  readonly messageLatency = new Histogram();
  readonly #refused: Record<string, number> = {};
  readonly #refusedMessages: Record<string, number> = {};
  readonly #lost: Record<string, number> = {};
  /** Everything that has subscribed; the members of a shared subscription have one key. */
  readonly receivers: (readonly [key: string, received: Received])[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#shared = new Float64Array(memory);
  }

  refuse(reason: string): void {
    this.failed++;
    count(this.#refused, reason);
  }

  lose(reason: string): void {
    this.failed++;
    count(this.#lost, reason);
  }

  refuseMessage(reason: string): void {
    count(this.#refusedMessages, reason);
  }

  /** Lets others see the numbers. */
  share(): void {
    for (const [at, name] of watchedNames.entries()) this.#shared[at] = this[name];
  }

  /** @param acknowledged by number of the sender */
  measurement(
    {run, first, publishing, subscribing}: LoadPlan,
    acknowledged: ReadonlyMap<number, NumberSet>,
    unsent: number,
  ): Measurement {
    const numbers = (sets: ReadonlyMap<number, NumberSet>, ofRun: Identifier) =>
      [...sets].map(([sender, set]) => [senderKey(ofRun, sender), set.toJSON()] as const);
    const receivedNumbers: Record<string, Numbers> = {};
    let {twice} = this;
    for (const [key, received] of this.receivers) {
      const came = Object.fromEntries([...received].flatMap(([ofRun, sets]) => numbers(sets, ofRun)));
      receivedNumbers[key] = union([receivedNumbers[key] ?? {}, came], (times) => {
        twice += times;
      });
    }
    const group = (template: string, clients: number): ClientGroup => ({run, template, first, clients});
    return {
      clients: this.clients,
      connected: this.connected,
      refused: this.#refused,
      lost: this.#lost,
      sent: this.sent,
      acknowledged: this.acknowledged,
      unsent,
      refusedMessages: this.#refusedMessages,
      received: this.received,
      foreign: this.foreign,
      otherClock: this.otherClock,
      twice,
      disordered: this.disordered,
      connectSeconds: this.connecting.seconds,
      sendSeconds: this.sending.seconds,
      receiveSeconds: this.receiving.seconds,
      latency: {
        connect: this.connectLatency.toJSON(),
        acknowledge: this.acknowledgeLatency.toJSON(),
        message: this.messageLatency.toJSON(),
      },
      publishers: publishing === undefined ? [] : [group(publishing.topic, publishing.clients)],
      acknowledgedNumbers: Object.fromEntries(numbers(acknowledged, run)),
      subscribers: subscribing === undefined ? [] : [group(subscribing.filter, subscribing.clients)],
      receivedNumbers,
    };
  }
}
