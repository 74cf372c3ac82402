/** Publishes standard input message by message: lines, what NUL ends, or frames, each as the form of the line says. */

import {describe} from '../../client/transport/transport.ts';
import type {MessageBatch, PublishBatch, PublishReport, Session} from '../../client/types.ts';
import {monotonicMilliseconds} from '../../client/waiting.ts';
import {ExitCode, Interrupted, TmqError} from '../../errors.ts';
import {sharedChunks} from '../../io/input/chunk-reader.ts';
import {lengthFrames} from '../../io/input/length-frames.ts';
import {type LineSpans, lineSpans, views} from '../../io/input/lines.ts';
import type {Io} from '../../io/process.ts';
import {oneSafeLine} from '../../io/sanitise.ts';
import type {Publication} from '../../protocol/message.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {openSession} from '../client/open-session.ts';
import {BadLines, lineMessages, lineReader, type MessageDefaults} from './line-messages.ts';
import type {LinesSource} from './line-options.ts';
import {watchLines} from './line-progress.ts';
import {DroppingSource, OutageWatch} from './outage.ts';
import type {OutagePlan} from './outage-options.ts';
import type {Spool} from './spool.ts';
import {type RunCounts, summaryText} from './summary.ts';

export interface LinesPlan {
  readonly kind: 'lines';
  readonly client: ClientPlan;
  readonly source: LinesSource;
  readonly defaults: MessageDefaults;
  readonly outage: OutagePlan;
}

/**
 * At QoS 0 a batch is one write, so the larger the better. Else a batch waits for the window while its
 * lines grow old: in short ones most of the memory, and a fifth of the time, is saved.
 */
function linesAtOnce({source, defaults}: LinesPlan): number {
  return defaults.qos === 0 && source.form.kind !== 'envelope' ? Number.POSITIVE_INFINITY : 512;
}

/** Seconds for which a broker keeps the session of a run that was killed, or waits for its next connection. */
const runSessionSeconds = 3600;

/**
 * At QoS 2 the session lasts as long as the run, so that no line arrives twice after a lost connection. Only MQTT 5
 * can begin a new session and delete it at the end; before, it would be left behind.
 */
function withSessionOfRun({client, source, defaults}: LinesPlan): ClientPlan {
  const {connection} = client;
  const mayBeQos2 = defaults.qos === 2 || source.form.kind === 'envelope';
  if (!mayBeQos2 || connection.protocolVersion < 5 || !connection.clean) return client;
  const {properties, disconnectProperties} = connection;
  if (properties?.sessionExpiryInterval !== undefined) {
    return {...client, connection: {...connection, continues: true}};
  }
  return {
    ...client,
    connection: {
      ...connection,
      continues: true,
      properties: {...properties, sessionExpiryInterval: runSessionSeconds},
      disconnectProperties: {sessionExpiryInterval: 0, ...disconnectProperties},
    },
  };
}

/** The lines of the input, as its framing says. */
function inputLines(plan: LinesPlan, io: Io): AsyncIterable<LineSpans> {
  const limits = {mostLines: linesAtOnce(plan)};
  const chunks = sharedChunks(io.stdin);
  const {framing} = plan.source;
  if (framing === 'u32be') return lengthFrames(chunks, limits);
  return framing === 'nul' ? lineSpans(chunks, limits, 0) : lineSpans(chunks, limits);
}

/** Publishes the input. @throws TmqError 3 when a line was no message, the first refusal's code, and what ends the session or the input */
export async function publishLines(plan: LinesPlan, io: Io): Promise<ExitCode> {
  const run = new LinesRun(plan, io);
  try {
    await run.publish();
    return ExitCode.success;
  } catch (error) {
    run.tellMissing(error);
    throw error;
  } finally {
    // A pending read would keep the process alive.
    io.stdin.destroy();
    await run.end();
  }
}

/** Messages that wait in the spool before the input has to, while there is a connection. */
const mostWaiting = 10_000;
/** Milliseconds between the marks of what is acknowledged in a spool. */
const markMilliseconds = 250;

class LinesRun {
  readonly #plan: LinesPlan;
  readonly #io: Io;
  readonly #progress = {read: 0, acknowledged: 0, refused: 0};
  readonly #bad: BadLines;
  readonly #watch: OutageWatch;
  readonly #startedAt = monotonicMilliseconds();
  #session: Session | undefined;
  #spool: Spool | undefined;
  #dropping: DroppingSource | undefined;
  #spooledNow = 0;
  #eraseView: () => void = () => undefined;

  constructor(plan: LinesPlan, io: Io) {
    this.#plan = plan;
    this.#io = io;
    this.#watch = new OutageWatch(plan.outage.maxSeconds);
    this.#bad = new BadLines(plan.source, (sentence) => this.#tell(sentence));
  }

  async publish(): Promise<void> {
    const {source, defaults, client, outage} = this.#plan;
    const {policy} = outage;
    using view = watchLines(inputLines(this.#plan, this.#io), this.#progress, {plan: client, io: this.#io});
    this.#eraseView = () => view.erase();
    if (policy.kind === 'spool') await this.#openSpool(policy.path);
    const isPlain = source.form.kind === 'payload';
    const publication = {topic: '', ...defaults};
    const lines = view.start();
    const messages = isPlain ? views(lines) : lineMessages(lines, lineReader(source, defaults), this.#bad);
    const input = upToError(messages);
    // What comes before the first connection is not dropped: it is not an outage.
    if (policy.kind !== 'drop') this.#watch.begin();
    const filling =
      this.#spool === undefined ? undefined : this.#fill(withPublications(input.batches, publication));
    filling?.catch(() => undefined);
    await using session = await this.#open();
    this.#session = session;
    const batches = this.#spool?.batches() ?? this.#undropped(input.batches, publication);
    using _marks = this.#markAcknowledged();
    const report = await session.publishAll(batches, publication, this.#progress);
    await filling;
    const failure = report.refused > 0 ? refusal(report) : (this.#bad.failure ?? this.#dropFailure);
    if (failure !== undefined) throw failure;
    if (input.failed !== undefined) throw input.failed.error;
    await session.end();
  }

  async #open(): Promise<Session> {
    const {client, outage} = this.#plan;
    const {kind} = outage.policy;
    const {reconnect} = client;
    const policy = {
      ...reconnect,
      ...(kind === 'exit' ? {afterLoss: false} : {}),
      ...(kind === 'spool' ? {atStart: true} : {}),
    };
    return await openSession({...withSessionOfRun(this.#plan), reconnect: policy}, this.#io, {
      signal: AbortSignal.any([this.#io.signal, this.#watch.signal]),
      reconnects: true,
      minimal: true,
      readsStdin: true,
      onEvent: this.#watch.onEvent,
      beforeLine: () => this.#eraseView(),
    });
  }

  async #openSpool(path: string): Promise<void> {
    const {Spool} = await import('./spool.ts');
    const {endpoint, alternatives = []} = this.#plan.client.connection;
    const broker = [endpoint, ...alternatives].map(describe).join(',');
    this.#spool = await Spool.open({path, broker}, this.#io);
    const {found} = this.#spool;
    if (found > 0) this.#tell(`Sending ${found} message${found === 1 ? '' : 's'} of ${path} first.`);
  }

  /** Writes the input into the spool. While there is a connection, no faster than the broker takes it. */
  async #fill(messages: AsyncIterable<MessageBatch>): Promise<void> {
    const spool = this.#spool!;
    try {
      for await (const batch of messages) {
        spool.append(batch, this.#io.now);
        this.#spooledNow += batch.payloads.length;
        while (!this.#watch.isOut && spool.waiting > mostWaiting) {
          await Promise.race([spool.changed.wait(), this.#watch.changed.wait()]);
        }
      }
    } finally {
      spool.end();
    }
  }

  /** The batches, without those of outages where they are dropped. */
  #undropped(batches: AsyncIterable<PublishBatch>, publication: Publication): AsyncIterable<PublishBatch> {
    if (this.#plan.outage.policy.kind !== 'drop') return batches;
    this.#dropping = new DroppingSource(withPublications(batches, publication), this.#watch);
    return this.#dropping.batches();
  }

  #markAcknowledged(): Disposable {
    const timer = this.#spool && setInterval(() => this.#settle(), markMilliseconds);
    return {[Symbol.dispose]: () => clearInterval(timer)};
  }

  #settle(): void {
    if (this.#session !== undefined) this.#spool?.settle(this.#session.publishState().settled);
  }

  get #dropFailure(): TmqError | undefined {
    const count = this.#dropping?.dropped ?? 0;
    if (count === 0) return undefined;
    const what = count === 1 ? '1 message was' : `${count} messages were`;
    return new TmqError(`${what} dropped during outages.`, ExitCode.connectionLost);
  }

  /** Says how much is not acknowledged. */
  tellMissing(error: unknown): void {
    if (this.#spool !== undefined) return;
    const {read, acknowledged} = this.#progress;
    const missing = read - acknowledged;
    if (missing > 0 || endsInOrder(error)) {
      this.#tell(`${missing} of the ${read} lines read were not acknowledged.`);
    }
  }

  /** Leaves the spool, and writes the summary. */
  async end(): Promise<void> {
    this.#watch[Symbol.dispose]();
    const spool = this.#spool;
    if (spool !== undefined) {
      spool.end();
      this.#settle();
      if (spool.unsettled > 0) {
        const all = spool.found + this.#spooledNow;
        this.#tell(
          `${spool.unsettled} of the ${all} messages were not acknowledged. They stay in ${spool.path} for the next run.`,
        );
      }
      await spool.close();
    }
    const {summary} = this.#plan.outage;
    if (summary !== undefined) {
      const text = summary === 'json' ? JSON.stringify(this.#counts) : summaryText(this.#counts);
      this.#io.stderr.write(`${text}\n`);
    }
  }

  get #counts(): RunCounts {
    const {read, acknowledged, refused} = this.#progress;
    return {
      read: this.#spool === undefined ? read + (this.#dropping?.dropped ?? 0) : this.#spooledNow,
      acknowledged,
      refused,
      repeated: this.#session?.publishState().repeated ?? 0,
      invalid: this.#bad.count,
      dropped: this.#dropping?.dropped ?? 0,
      spooled: this.#spool?.unsettled ?? 0,
      seconds: Math.round(monotonicMilliseconds() - this.#startedAt) / 1000,
    };
  }

  #tell(sentence: string): void {
    if (this.#plan.client.quiet) return;
    this.#eraseView();
    this.#io.stderr.write(`${oneSafeLine(sentence)}\n`);
  }
}

/** Batches in which each message has its publication. */
async function* withPublications(
  batches: AsyncIterable<PublishBatch>,
  publication: Publication,
): AsyncGenerator<MessageBatch, void, undefined> {
  for await (const batch of batches) {
    yield 'payloads' in batch ? batch : {payloads: batch, publications: batch.map(() => publication)};
  }
}

interface Input {
  readonly batches: AsyncIterable<PublishBatch>;
  failed?: {readonly error: unknown};
}

/** The batches; an error ends them, and is kept until what came before it is acknowledged. */
function upToError(batches: AsyncIterable<PublishBatch>): Input {
  async function* until(): AsyncGenerator<PublishBatch, void, undefined> {
    try {
      yield* batches;
    } catch (error) {
      input.failed = {error};
    }
  }
  const input: Input = {batches: until()};
  return input;
}

/** A signal, or an input that cannot be read further: the error line has the count even where nothing is missing. */
function endsInOrder(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof TmqError && error.exitCode === ExitCode.errno);
}

function refusal({refused, firstRefusal}: PublishReport): TmqError {
  const text = firstRefusal === undefined ? '' : ` The first one: ${firstRefusal.text}.`;
  return new TmqError(
    `The broker refused ${refused} of the messages.${text}`,
    firstRefusal?.reasonCode ?? ExitCode.failure,
  );
}
