/**
 * rr -l: a request for each line of standard input, a number of them at a time, and their responses in the order of the
 * lines. Correlation data, different for each request, says which response belongs to which.
 */

import {randomBytes} from 'node:crypto';
import type {Session} from '../../client/types.ts';
import {monotonicMilliseconds, Signal} from '../../client/waiting.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import type {Sink} from '../../format/sink.ts';
import {inputChunks} from '../../io/input/chunk-reader.ts';
import {lines} from '../../io/input/lines.ts';
import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {setLongTimeout} from '../../timers.ts';
import {openSession} from '../client/open-session.ts';
import {noConnection} from '../client/receive-options.ts';
import type {RrPlan} from './plan.ts';
import {ResponseOrder} from './response-order.ts';
import {type ResponsePrinter, responsePrinter} from './response-printer.ts';
import {requestTo, subscribeToResponses} from './response-topic.ts';

/** Correlation data: random bytes that differ from run to run, and the number of the request in four more. */
const runBytes = 12;

/** -W: for the connection and the subscription, and then for the request that has waited longest. */
class TimeLimit implements Disposable {
  readonly #seconds: number | undefined;
  readonly #sentence: (time: string) => string;
  readonly #controller = new AbortController();
  #since: number | undefined;
  #stop = () => {};

  /** @param sentence what has not come in time; it is given the words 'within 5 s' */
  constructor(seconds: number | undefined, sentence: (time: string) => string) {
    this.#seconds = seconds;
    this.#sentence = sentence;
    this.since(monotonicMilliseconds());
  }

  /** Aborts with a TmqError when the time is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Counts the time from that moment, by `monotonicMilliseconds`; undefined stops the clock. */
  since(start: number | undefined): void {
    if (this.#seconds === undefined || this.#since === start) return;
    this.#stop();
    this.#since = start;
    if (start === undefined) return;
    const end = start + this.#seconds * 1000;
    this.#stop = setLongTimeout(() => this.#expire(), Math.max(0, end - monotonicMilliseconds()));
  }

  #expire(): void {
    this.#controller.abort(new TmqError(this.#sentence(`within ${this.#seconds} s`), ExitCode.timeout));
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

/** Keeps what is written until it is taken. */
class Collected implements Sink {
  #parts: Uint8Array[] = [];

  text(value: string): void {
    this.#parts.push(Buffer.from(value));
  }

  bytes(value: Uint8Array): void {
    this.#parts.push(Uint8Array.prototype.slice.call(value));
  }

  take(): Uint8Array {
    const parts = this.#parts;
    this.#parts = [];
    return Buffer.concat(parts);
  }
}

interface Run {
  readonly plan: RrPlan;
  readonly io: Io;
  readonly session: Session;
  readonly order: ResponseOrder;
  readonly limit: TimeLimit;
}

const keyOf = (correlationData: Uint8Array): string => Buffer.from(correlationData).toString('latin1');

/** "3 of the 17 requests" */
const unanswered = ({sent, answered}: ResponseOrder): string => `${sent - answered} of the ${sent} requests`;

/** @throws TmqError 27 when a response does not come in time, and what ends the session or the input */
export async function askLines(plan: RrPlan, io: Io): Promise<ExitCode> {
  const order = new ResponseOrder();
  let isConnected = false;
  using limit = new TimeLimit(plan.timeoutSeconds, (time) => {
    if (!isConnected) return `${noConnection(plan.client.connection)} ${time}.`;
    const {oldest} = order;
    if (oldest === undefined) return `No answer to the subscription ${time}.`;
    return `No response to line ${oldest.number} ${time}: ${unanswered(order)} were not answered.`;
  });
  const signal = AbortSignal.any([io.signal, limit.signal]);
  try {
    const options = {signal, sendsAfterSubscribing: true, readsStdin: true};
    await using session = await openSession(plan.client, io, options);
    isConnected = true;
    try {
      await converse({plan, io, session, order, limit});
    } catch (error) {
      if (error === limit.signal.reason) await session.end(ReasonCode.disconnectWithWill);
      throw error;
    }
    await session.end();
    return ExitCode.success;
  } catch (error) {
    const isMissing = order.sent > order.answered && error !== limit.signal.reason;
    if (isMissing && !plan.client.quiet) io.stderr.write(`${unanswered(order)} were not answered.\n`);
    throw error;
  } finally {
    // A pending read would keep the process alive.
    io.stdin.destroy();
  }
}

/** Resolves when all lines are answered, or the reader of the output has gone. */
async function converse(run: Run): Promise<void> {
  const {plan, io, session, order, limit} = run;
  const output = new Output(io.stdout);
  const print = withEmptyLines(await responsePrinter(plan, io), plan);
  const collected = new Collected();
  /** Notified when a response was printed or a request was acknowledged. */
  const progress = new Signal();
  const receiving = session.receive({
    message(message) {
      const data = message.properties?.correlationData;
      if (data === undefined || (message.retain && !plan.takesRetained)) return 'more';
      const key = keyOf(data);
      const request = order.awaited(key);
      if (request === undefined) return 'more';
      print(message, collected, request.sentAt);
      for (const response of order.answer(key, collected.take())) output.bytes(response);
      limit.since(order.oldest?.sentAt);
      return 'more';
    },
    async flush() {
      await output.flush();
      progress.notify();
    },
  });
  const asking = askAll(run, progress);
  using _reader = output.watchReader();
  for (const each of [asking, receiving]) each.catch(() => undefined);
  await Promise.race([asking, receiving, output.closed]);
  await output.flush();
}

/** Without a format of its own, an empty response is printed as nothing; here it would shift the lines. */
function withEmptyLines(print: ResponsePrinter, {output}: RrPlan): ResponsePrinter {
  const {format, verbose = false, noNewline = false} = output;
  if (format !== undefined || verbose || noNewline) return print;
  return (message, out, sentAt) => {
    if (message.payload.length === 0) out.text('\n');
    print(message, out, sentAt);
  };
}

/**
 * Sends all lines; resolves when each has its response. What ends the input early is thrown when the lines before it
 * have theirs.
 */
async function askAll({plan, io, session, order, limit}: Run, progress: Signal): Promise<void> {
  const topic = await subscribeToResponses(plan, session);
  limit.since(undefined);
  const {maxInflight} = plan.client.connection;
  const data = Buffer.alloc(runBytes + 4);
  randomBytes(runBytes).copy(data);
  let unacknowledged = 0;
  const send = (line: Uint8Array) => {
    data.writeUInt32BE(order.sent >>> 0, runBytes);
    const correlationData = Buffer.from(data);
    order.add(keyOf(correlationData), monotonicMilliseconds());
    limit.since(order.oldest?.sentAt);
    unacknowledged++;
    const published = () => {
      unacknowledged--;
      progress.notify();
    };
    session
      .publish(Buffer.from(line), requestTo(plan, topic, correlationData))
      .then(published, (error: unknown) => progress.fail(error));
  };
  let failure: {readonly error: unknown} | undefined;
  try {
    for await (const batch of lines(inputChunks(io.stdin))) {
      for (const line of batch) {
        while (order.size >= maxInflight) await progress.wait();
        send(line);
      }
    }
  } catch (error) {
    failure = {error};
  }
  while (order.size > 0 || unacknowledged > 0) await progress.wait();
  if (failure !== undefined) throw failure.error;
}
