/** Publishes standard input message by message: lines, what NUL ends, or frames, each as the form of the line says. */

import type {PublishBatch, PublishReport} from '../../client/types.ts';
import {ExitCode, Interrupted, TmqError} from '../../errors.ts';
import {inputChunks} from '../../io/input/chunk-reader.ts';
import {lengthFrames} from '../../io/input/length-frames.ts';
import {type LineSpans, lineSpans, views} from '../../io/input/lines.ts';
import type {Io} from '../../io/process.ts';
import {oneSafeLine} from '../../io/sanitise.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {openSession} from '../client/open-session.ts';
import {BadLines, lineMessages, lineReader, type MessageDefaults} from './line-messages.ts';
import type {LinesSource} from './line-options.ts';
import {watchLines} from './line-progress.ts';

export interface LinesPlan {
  readonly kind: 'lines';
  readonly client: ClientPlan;
  readonly source: LinesSource;
  readonly defaults: MessageDefaults;
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
  const chunks = inputChunks(io.stdin);
  const {framing} = plan.source;
  if (framing === 'u32be') return lengthFrames(chunks, limits);
  return framing === 'nul' ? lineSpans(chunks, limits, 0) : lineSpans(chunks, limits);
}

/** @throws TmqError 3 when a line was no message, the first refusal's code, and what ends the session or the input */
export async function publishLines(plan: LinesPlan, io: Io): Promise<ExitCode> {
  const {source, defaults} = plan;
  const progress = {read: 0, acknowledged: 0, refused: 0};
  try {
    using view = watchLines(inputLines(plan, io), progress, {plan: plan.client, io});
    await using session = await openSession(withSessionOfRun(plan), io, {
      reconnects: true,
      readsStdin: true,
      beforeLine: () => view.erase(),
    });
    const bad = new BadLines(source, (sentence) => {
      view.erase();
      if (!plan.client.quiet) io.stderr.write(`${oneSafeLine(sentence)}\n`);
    });
    const batches = view.start();
    const isPlain = source.form.kind === 'payload';
    const messages = isPlain ? views(batches) : lineMessages(batches, lineReader(source, defaults), bad);
    const input = upToError(messages);
    const report = await session.publishAll(input.batches, {topic: '', ...defaults}, progress);
    const failure = report.refused > 0 ? refusal(report) : bad.failure;
    if (failure !== undefined) throw failure;
    if (input.failed !== undefined) throw input.failed.error;
    await session.end();
    return ExitCode.success;
  } catch (error) {
    const {read} = progress;
    const missing = read - progress.acknowledged;
    if (!plan.client.quiet && (missing > 0 || endsInOrder(error))) {
      io.stderr.write(`${missing} of the ${read} lines read were not acknowledged.\n`);
    }
    throw error;
  } finally {
    // A pending read would keep the process alive.
    io.stdin.destroy();
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
