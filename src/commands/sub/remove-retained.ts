/**
 * --remove-retained: clears retained messages, a few at a time, and counts what stays. With --retained-only it
 * subscribes again until a round brings nothing new: a broker's queue may cut off what one subscription brings.
 * Knows neither how messages are printed nor how a session works.
 */

import {setImmediate, setTimeout} from 'node:timers/promises';
import type {Session} from '../../client/types.ts';
import {ExitCode, Interrupted, TmqError} from '../../errors.ts';
import type {Message} from '../../protocol/message.ts';

/** Retained messages come behind SUBACK, and nothing marks the last one. */
const quietMilliseconds = 500;

/** Clearings that are handed to the session at a time; the others wait as topics. */
const mostAtOnce = 100;

/** The broker's reason codes that mean failure begin here [MQTT 5, 2.4]. */
const firstFailureCode = 0x80;

function counted(messages: number): string {
  return messages === 1 ? '1 retained message was' : `${messages} retained messages were`;
}

export class RetainedRemoval {
  readonly #session: Pick<Session, 'publish'>;
  /** Receives the sentence of the first refusal. */
  readonly #warn: (sentence: string) => void;
  #waiting: string[] = [];
  #active = 0;
  /** The first refusal, or what ended the session. */
  #failure: unknown;
  /** Topics that the broker refused to clear. */
  readonly #refused = new Set<string>();
  #idle: {readonly promise: Promise<void>; readonly resolve: () => void} | undefined;

  constructor(session: Pick<Session, 'publish'>, warn: (sentence: string) => void) {
    this.#session = session;
    this.#warn = warn;
  }

  /** Clears the topic's retained message now, or when earlier ones are done. */
  remove(topic: string): void {
    this.#waiting.push(topic);
    if (this.#active < mostAtOnce) void this.#work();
  }

  /** Resolves when the broker has answered every clearing. @throws what ended the session before that */
  async answered(): Promise<void> {
    if (this.#active > 0) {
      if (this.#idle === undefined) {
        let resolve: () => void = () => undefined;
        const promise = new Promise<void>((done) => {
          resolve = done;
        });
        this.#idle = {promise, resolve};
      }
      await this.#idle.promise;
    }
    if (this.#waiting.length > 0) throw this.#failure;
  }

  /**
   * The error to end with, if something was not removed. Its status is the broker's reason code, or 1.
   * @param came topics whose message came again although the broker had acknowledged that it was cleared
   */
  failure(came: Iterable<string> = []): TmqError | undefined {
    const unanswered = this.#waiting.length + this.#active;
    const left = new Set([...this.#refused, ...came]).size + unanswered;
    if (left === 0) return undefined;
    const status = this.#failure instanceof TmqError ? this.#failure.exitCode : ExitCode.failure;
    const cause =
      this.#refused.size > 0 || unanswered > 0
        ? ''
        : ' The broker acknowledged the removal, and sent them again: the user may not be permitted to publish to their topics.';
    return new TmqError(`At least ${counted(left)} not removed.${cause}`, status);
  }

  async #work(): Promise<void> {
    this.#active++;
    for (let topic = this.#waiting.pop(); topic !== undefined; topic = this.#waiting.pop()) {
      try {
        await this.#session.publish(new Uint8Array(0), {topic, qos: 1, retain: true});
      } catch (error) {
        if (!this.#isRefusal(topic, error)) break;
      }
    }
    this.#active--;
    if (this.#active > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Whether the broker refused this message alone; any other error ends the session, and the topic stays. */
  #isRefusal(topic: string, error: unknown): boolean {
    const isFirst = this.#failure === undefined;
    this.#failure ??= error;
    const isRefusal =
      error instanceof TmqError && !(error instanceof Interrupted) && error.exitCode >= firstFailureCode;
    if (isRefusal) this.#refused.add(topic);
    else this.#waiting.push(topic);
    if (isRefusal && isFirst) this.#warn(`the retained message of '${topic}' stays: ${error.message}`);
    return isRefusal;
  }
}

/** What `RetainedRounds` needs of its command. */
export interface RoundsSetup {
  readonly session: Pick<Session, 'roundTrip'>;
  /** Subscribes again, so that the broker sends what is retained once more; undefined: one round. */
  readonly again?: (() => Promise<unknown>) | undefined;
  readonly removal: Pick<RetainedRemoval, 'answered'>;
}

/** The rounds of --retained-only: finds the end of what is retained, and with --remove-retained begins again. */
export class RetainedRounds {
  readonly #setup: RoundsSetup;
  #round = 1;
  #messages = 0;
  #retained = 0;
  #fresh = 0;
  #flushing = 0;
  #hasEnded = false;
  /** Topics cleared so far, where there is another round. */
  readonly #topics = new Set<string>();
  /** Those that came again in this round. */
  #repeated = new Set<string>();

  constructor(setup: RoundsSetup) {
    this.#setup = setup;
  }

  /** Topics that came again in the last round. */
  get repeated(): ReadonlySet<string> {
    return this.#repeated;
  }

  /** A message came; returns whether it is to be passed over: a live one, or one that was to be cleared before. */
  isPassedOver({topic, retain, payload}: Message): boolean {
    this.#messages++;
    const isRetained = retain && payload.length > 0;
    if (isRetained) this.#retained++;
    if (this.#setup.again === undefined) return false;
    // A live message does not end the removal: it may be the echo of one.
    if (!isRetained) return true;
    if (this.#round === 1 || !this.#topics.has(topic)) return false;
    this.#repeated.add(topic);
    return true;
  }

  /** The retained message of the topic is being cleared. */
  removing(topic: string): void {
    if (this.#setup.again === undefined) return;
    this.#topics.add(topic);
    this.#fresh++;
  }

  /** What was printed is being written: acknowledgements follow it. */
  flushing(flush: Promise<void> | undefined): Promise<void> | undefined {
    if (this.#setup.again === undefined) return flush;
    this.#flushing++;
    return Promise.resolve(flush).finally(() => this.#flushing--);
  }

  /** No further round is begun. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Resolves behind the last retained message. @param subscribed resolves when the first SUBACK has come */
  async finished(subscribed: Promise<void>): Promise<void> {
    const {session, again, removal} = this.#setup;
    await subscribed;
    await session.roundTrip();
    while (again !== undefined) {
      if (this.#fresh === 0) await this.#quiet();
      if (this.#fresh === 0 || this.#hasEnded) return;
      await this.#drained();
      await removal.answered();
      this.#round++;
      this.#fresh = 0;
      this.#repeated = new Set();
      if (this.#hasEnded) return;
      await again();
      await session.roundTrip();
    }
    await this.#quiet();
  }

  /** Resolves after half a second without a retained message. */
  async #quiet(): Promise<void> {
    let retained = -1;
    while (retained !== this.#retained) {
      retained = this.#retained;
      await setTimeout(quietMilliseconds, undefined, {ref: false});
    }
  }

  /** Resolves when a PINGREQ behind all acknowledgements has brought nothing: the broker's queue is empty. */
  async #drained(): Promise<void> {
    let messages = -1;
    while (messages !== this.#messages || this.#flushing > 0) {
      messages = this.#messages;
      await setImmediate();
      if (!this.#hasEnded) await this.#setup.session.roundTrip();
    }
  }
}
