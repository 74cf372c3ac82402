/**
 * Runs a load in threads: starts them, leads them through connecting and publishing, sees when all has come or nothing
 * more comes, and adds up what they measured.
 */

import {Worker} from 'node:worker_threads';
import type {Failure} from './load-thread.ts';
import {now} from './measuring/clock.ts';
import {expectedSenders} from './measuring/loss.ts';
import {addUp, type ClientGroup, type Measurement} from './measuring/measurement.ts';
import {type Watched, watchedMemory, watchedNumbers} from './measuring/recorder.ts';
import type {Order, Report, ThreadData} from './messages.ts';
import {clientCount, type LoadPlan} from './plan.ts';
import {file} from './thread-file.ts';

export interface LoadSetup {
  readonly plan: LoadPlan;
  readonly threads: number;
  /** Ends the load early; what was measured until then is the result. */
  readonly signal: AbortSignal;
  /** Seconds for which the connections stay open where no client publishes; without it, until `messages` or the signal. */
  readonly holdSeconds?: number | undefined;
  /** Where no client publishes: ends when so many messages have come. */
  readonly messages?: number | undefined;
  /** Asks for the passphrase of a key. */
  readonly passphrase: () => Promise<string>;
}

export interface LoadResult {
  readonly measurement: Measurement;
  /** The first attempt to connect that failed. */
  readonly failure?: Failure | undefined;
}

/** What a load is doing. */
export type Phase = 'connecting' | 'running' | 'settling' | 'ending';

/** How often the counts of the threads are looked at. */
const lookMilliseconds = 20;
/** From the order to the first message: all threads have it by then. */
const leadMilliseconds = 20;

class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<Report['report'], (report: Report) => void>();
  readonly #fail: Promise<never>;

  constructor(data: ThreadData, passphrase: () => Promise<string>) {
    this.#worker = new Worker(file, {workerData: data});
    this.#fail = new Promise((_, reject) => {
      this.#worker.once('error', reject);
    });
    this.#fail.catch(() => undefined);
    this.#worker.on('message', (report: Report) => {
      if (report.report !== 'passphrase') this.#waiting.get(report.report)?.(report);
      else void passphrase().then((text) => this.tell({order: 'passphrase', text}));
    });
  }

  tell(order: Order): void {
    this.#worker.postMessage(order);
  }

  /** The report of this name, which has not come yet. @throws what ended the thread */
  async report<Name extends Report['report']>(name: Name): Promise<Extract<Report, {report: Name}>> {
    const came = new Promise<Report>((resolve) => this.#waiting.set(name, resolve));
    return (await Promise.race([came, this.#fail])) as Extract<Report, {report: Name}>;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

export class Load {
  readonly #setup: LoadSetup;
  readonly #memories: readonly SharedArrayBuffer[];
  phase: Phase = 'connecting';

  constructor(setup: LoadSetup) {
    this.#setup = setup;
    this.#memories = Array.from({length: setup.threads}, watchedMemory);
  }

  /** The counts so far. */
  get watched(): Watched {
    return watchedNumbers(this.#memories);
  }

  /** Runs it to its end. @throws what a passphrase cannot be had for */
  async run(): Promise<LoadResult> {
    const {plan, threads: count, signal} = this.#setup;
    let asked: Promise<string> | undefined;
    let refuse: (error: unknown) => void = () => undefined;
    const refused = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    const passphrase = () => {
      asked ??= this.#setup.passphrase();
      asked.catch(refuse);
      return asked;
    };
    const threads = this.#memories.map(
      (memory, thread) => new Thread({plan, memory, share: {thread, threads: count}}, passphrase),
    );
    const finish = () => {
      for (const thread of threads) thread.tell({order: 'finish'});
    };
    signal.addEventListener('abort', finish);
    try {
      return await Promise.race([this.#lead(threads), refused]);
    } finally {
      signal.removeEventListener('abort', finish);
      await Promise.all(threads.map((thread) => thread.terminate()));
    }
  }

  async #lead(threads: readonly Thread[]): Promise<LoadResult> {
    const {signal, plan} = this.#setup;
    const reports = await Promise.all(threads.map((thread) => thread.report('connected')));
    const failure = reports.find((report) => report.failure !== undefined)?.failure;
    this.phase = 'running';
    if (!signal.aborted && this.watched.connected > 0) {
      if (plan.publishing === undefined) await this.#hold();
      else await this.#publish(threads);
    }
    this.phase = 'ending';
    const stopped = threads.map((thread) => thread.report('stopped'));
    for (const thread of threads) thread.tell({order: 'stop'});
    const measurements = (await Promise.all(stopped)).map(({measurement}) => measurement);
    return {measurement: addUp(measurements), failure};
  }

  /** Keeps the connections, until the time is over, enough has come, or none is left. */
  async #hold(): Promise<void> {
    const {holdSeconds = Number.POSITIVE_INFINITY, messages = Number.POSITIVE_INFINITY} = this.#setup;
    const end = now() + holdSeconds * 1000;
    const {signal, plan} = this.#setup;
    const clients = clientCount(plan);
    await until(() => {
      const {received, failed} = this.watched;
      return signal.aborted || now() >= end || received >= messages || failed >= clients;
    });
  }

  async #publish(threads: readonly Thread[]): Promise<void> {
    const {plan} = this.#setup;
    const published = threads.map((thread) => thread.report('published'));
    const start = now() + leadMilliseconds;
    for (const thread of threads) thread.tell({order: 'publish', start});
    const acknowledged = new Map(
      (await Promise.all(published)).flatMap((report) => [...report.acknowledged]),
    );
    if (plan.subscribing === undefined) return;
    this.phase = 'settling';
    const expected = this.#expected(acknowledged);
    let different = -1;
    let since = now();
    await until(() => {
      const {different: current} = this.watched;
      if (current !== different) since = now();
      different = current;
      return current >= expected || now() - since >= plan.settleMilliseconds;
    });
  }

  /** How many messages should come, if each one that was acknowledged comes to each that has subscribed to it. */
  #expected(acknowledged: ReadonlyMap<string, number>): number {
    const {run, first, publishing, subscribing} = this.#setup.plan;
    const group = (template: string, clients: number): ClientGroup => ({run, template, first, clients});
    const senders = expectedSenders(
      [group(publishing!.topic, publishing!.clients)],
      [group(subscribing!.filter, subscribing!.clients)],
    );
    let sum = 0;
    for (const keys of senders.values()) for (const key of keys) sum += acknowledged.get(key) ?? 0;
    return sum;
  }
}

/** Looks again and again. */
async function until(isOver: () => boolean): Promise<void> {
  while (!isOver()) await new Promise((resolve) => setTimeout(resolve, lookMilliseconds));
}
