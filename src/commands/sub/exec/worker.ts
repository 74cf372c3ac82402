/**
 * Runs a command for each message, and again when it fails. A message is acknowledged when its command has succeeded.
 * Knows neither options nor how a command is run.
 */

import type {Delivery, DeliveryReceiver, ReceiveDecision} from '../../../client/types.ts';
import {type ExitCode, TmqError} from '../../../errors.ts';
import {CannotRun} from '../../../io/command/start-command.ts';
import type {Message} from '../../../protocol/message.ts';
import {sleep} from '../../../timers.ts';
import {JobQueue} from '../../client/exec/job-queue.ts';
import type {ExecPlan} from './exec-options.ts';

export interface WorkerSetup {
  readonly plan: Pick<ExecPlan, 'jobs' | 'onFailure'>;
  /** How many messages it has at a time. */
  readonly window: number;
  /** Runs the command; resolves with its status. @throws CannotRun, and what ends the work */
  readonly run: (message: Message) => Promise<number>;
  /** Whether the message is for the command, and whether another one is wanted; called once for each, in order. */
  readonly select: (message: Message) => {
    readonly decision: ReceiveDecision;
    readonly print: boolean;
    readonly counts: boolean;
  };
  /** Receives a sentence about a command that failed. */
  readonly tell: (sentence: string) => void;
}

/** A command that did not succeed. */
interface Failure {
  readonly status: ExitCode;
  /** What happened, without a full stop. */
  readonly what: string;
}

/** Milliseconds before the second attempt; before each further one twice as long, up to the longest. */
const firstPause = 200;
const longestPause = 60_000;

/** The pause after so many attempts, in milliseconds. */
function pauseAfter(attempts: number): number {
  return Math.min(firstPause * 2 ** (attempts - 1), longestPause);
}

export class Worker implements DeliveryReceiver {
  readonly window: number;
  /** Resolves with the exit status when the last message is done, or after `drain`. @throws what ended the work */
  readonly finished: Promise<ExitCode>;
  /** Resolves when no command runs, and none waits. */
  readonly idle: () => Promise<void>;
  /** Lets the commands that run finish, and starts no further one. Resolves when none runs. */
  readonly drain: () => Promise<void>;
  readonly #setup: WorkerSetup;
  readonly #queue: JobQueue;
  /** The status of the first command whose message was skipped. */
  #skipped: ExitCode | undefined;

  constructor(setup: WorkerSetup) {
    this.#setup = setup;
    this.window = setup.window;
    this.#queue = new JobQueue({jobs: setup.plan.jobs, work: (message) => this.#isDone(message)});
    this.finished = this.#queue.finished.then(() => this.status);
    this.finished.catch(() => undefined);
    this.idle = () => this.#queue.idle();
    this.drain = () => this.#queue.drain();
  }

  /** The exit status so far: that of the first command whose message was skipped, or 0. */
  get status(): ExitCode {
    return this.#skipped ?? 0;
  }

  delivered(delivery: Delivery): ReceiveDecision {
    if (this.#queue.isEnding) return 'stop';
    const {decision, print} = this.#setup.select(delivery.message);
    if (decision !== 'stop' && !print) delivery.acknowledge();
    if (decision !== 'stop' && print) this.#queue.add(delivery);
    if (decision !== 'more') this.#queue.end();
    return decision;
  }

  /** Whether the message may be acknowledged. @throws what ends the work */
  async #isDone(message: Message): Promise<boolean> {
    const {plan, tell} = this.#setup;
    const {onFailure} = plan;
    const signal = this.#queue.draining;
    for (let attempts = 1; ; attempts++) {
      const failure = await this.#attempt(message);
      if (failure === undefined) return true;
      const {status, what} = failure;
      if (attempts > onFailure.attempts && onFailure.skips) {
        tell(`${what}: skipped.`);
        this.#skipped ??= status;
        return true;
      }
      if (attempts > onFailure.attempts)
        throw new TmqError(`${what}: the message is not acknowledged.`, status);
      const pause = pauseAfter(attempts);
      tell(signal.aborted ? `${what}.` : `${what}: once more in ${pause / 1000} s.`);
      const isInterrupted = await sleep(pause, signal).then(
        () => false,
        () => true,
      );
      if (isInterrupted) return false;
    }
  }

  /** Runs the command once. @throws what no further attempt can change */
  async #attempt(message: Message): Promise<Failure | undefined> {
    const of = `for a message of ${message.topic}`;
    try {
      const status = await this.#setup.run(message);
      return status === 0 ? undefined : {status, what: `The command failed with status ${status} ${of}`};
    } catch (error) {
      if (!(error instanceof CannotRun) || error.isFinal) throw error;
      return {status: error.exitCode, what: `${error.message.replace(/\.$/, '')} ${of}`};
    }
  }
}
