/** `sub --exec`: the worker, its command, their output, and how signals end them. */

import {closeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import type {Session} from '../../../client/types.ts';
import type {ExitCode} from '../../../errors.ts';
import {chunksOf, temporaryFile} from '../../../io/command/temporary-file.ts';
import {Output} from '../../../io/output.ts';
import type {Io} from '../../../io/process.ts';
import {oneSafeLine} from '../../../io/sanitise.ts';
import type {BrokerPlace} from '../../client/exec/broker-environment.ts';
import {CommandRunner} from '../../client/exec/command-runner.ts';
import {commonEnvironment} from '../../client/exec/message-environment.ts';
import type {ExecPlan} from './exec-options.ts';
import {Worker, type WorkerSetup} from './worker.ts';

/** The descriptor of standard error. */
const standardError = 2;

/** Milliseconds between the signal that asks the commands to end and SIGKILL. */
const killDelay = 5000;

export interface ExecutionSetup extends Pick<WorkerSetup, 'select' | 'window'> {
  readonly plan: ExecPlan;
  readonly io: Io;
  readonly client: {readonly quiet: boolean; readonly connection: BrokerPlace};
  /** Called for each message that counts. */
  readonly counted: () => void;
  /** Its abort ends the work, once the commands that run have finished. */
  readonly signal: AbortSignal;
}

/** Finds out that nothing has come for some time. */
export interface IdleClock {
  /** A message came that counts. */
  news(): void;
  /** Work on what came has begun; the time begins when it ends. */
  flushing(work: Promise<void>): Promise<void> | undefined;
  /** Resolves when the time is over. @param subscribed resolves when it begins */
  over(subscribed: Promise<void>): Promise<void>;
}

export class Execution implements Disposable {
  /** Aborts after `signal` of the setup, when no command runs any more: for the session. */
  readonly signal: AbortSignal;
  /** Whether a second signal has ended the commands. */
  isCut = false;
  #onCounted: () => void;
  readonly #signal: AbortSignal;
  readonly #io: Io;
  readonly #output: Output;
  readonly #runner: CommandRunner;
  readonly #worker: Worker;
  /** Resolves when the output collected so far is written. */
  #written: Promise<void> = Promise.resolve();
  readonly #stop: () => void;

  /** @throws TmqError where no temporary file can be made */
  constructor(setup: ExecutionSetup) {
    const {plan, io, client, window, signal} = setup;
    this.#signal = signal;
    this.#onCounted = setup.counted;
    this.#io = io;
    const directory = tmpdir();
    closeSync(temporaryFile(directory));
    this.#output = new Output(io.stdout);
    const {fd} = io.stdout;
    const isAlone = plan.jobs === 1 && typeof fd === 'number';
    this.#runner = new CommandRunner({
      words: plan.words,
      env: commonEnvironment(io.env, client.connection),
      platform: io.platform,
      pid: io.pid,
      stderr: io.stderr,
      directory,
      own: isAlone ? {stdout: fd, stderr: standardError} : undefined,
    });
    const run = (message: Parameters<CommandRunner['run']>[0]) =>
      this.#runner.run(message, (descriptor) => this.#write(descriptor));
    const select: WorkerSetup['select'] = (message) => {
      const selected = setup.select(message);
      if (selected.counts) this.#onCounted();
      return selected;
    };
    const tell = (sentence: string) => {
      if (!client.quiet) io.stderr.write(`${oneSafeLine(sentence)}\n`);
    };
    this.#worker = new Worker({plan, window, select, tell, run});
    const ending = new AbortController();
    this.signal = ending.signal;
    const onAbort = () => void this.#drained().then(() => ending.abort(signal.reason));
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    this.#stop = () => signal.removeEventListener('abort', onAbort);
  }

  /**
   * Runs the command for each message of the session, until the last one is done or the reader of the output goes away.
   * Resolves with the exit status.
   * @param subscribe resolves when the filters are granted
   * @param idle ends it after a time without messages
   * @throws what the command's failure ends the work with, what ends the session, what `subscribe` throws
   */
  async run(session: Session, subscribe: () => Promise<void>, idle?: IdleClock): Promise<ExitCode> {
    const stopListening = this.#io.onFurtherSignal?.(() => this.#kill());
    using _reader = this.#output.watchReader();
    try {
      const counted = this.#onCounted;
      this.#onCounted = () => {
        counted();
        idle?.news();
        // The command for this message is about to run.
        void idle?.flushing(Promise.resolve().then(() => this.#worker.idle()));
      };
      const delivering = session.deliver(this.#worker);
      const subscribed = subscribe();
      const quiet = idle === undefined ? [] : [idle.over(subscribed).then(() => this.status)];
      const work = Promise.all([this.#worker.finished, subscribed]).then(([status]) => status);
      const status = await Promise.race([work, delivering, this.#output.closed.then(() => 0), ...quiet]);
      if (this.#signal.aborted) throw this.#signal.reason;
      return status;
    } finally {
      await this.#drained();
      await this.#runner.ended();
      stopListening?.();
    }
  }

  /** The exit status so far: that of the first command whose message was skipped, or 0. */
  get status(): ExitCode {
    return this.#worker.status;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  /** The commands that run have finished, and what they printed is written. */
  async #drained(): Promise<void> {
    await this.#worker.drain();
    await this.#written.catch(() => undefined);
  }

  /** Writes the output of one command, after that of those before it. @throws TmqError when writing fails */
  #write(descriptor: number): Promise<void> {
    const written = this.#written.then(async () => {
      for (const chunk of chunksOf(descriptor)) {
        this.#output.bytes(chunk);
        await this.#output.flush();
      }
    });
    this.#written = written;
    written.catch(() => undefined);
    return written;
  }

  /** A second signal: the commands are to end at once. */
  #kill(): void {
    this.isCut = true;
    this.#runner.kill('SIGTERM');
    setTimeout(() => this.#runner.kill('SIGKILL'), killDelay).unref();
  }
}
