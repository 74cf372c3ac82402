/** Publishes: one message, a file, all of stdin, or stdin line by line. */

import {defineCommand} from '../../cli/command.ts';
import {decimal, inGroup, integer} from '../../cli/option.ts';
import type {Payload, PublishReport} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {ExitCode, Interrupted, TmqError, UsageError} from '../../errors.ts';
import {inputChunks} from '../../io/chunk-reader.ts';
import {lines} from '../../io/lines.ts';
import type {Io} from '../../io/process.ts';
import type {Publication} from '../../protocol/message.ts';
import {propertiesFor} from '../../protocol/property-option.ts';
import {sleep} from '../../timers.ts';
import {clientDifferences} from '../client/client-differences.ts';
import {type ClientPlan, clientOptions, toClientPlan} from '../client/client-options.ts';
import {withEnvironment} from '../client/environment.ts';
import {checkUrlTopic, publishTopicOption} from '../client/network-options.ts';
import {openSession} from '../client/open-session.ts';
import {type PayloadSource, payloadOptions, payloadSource, readPayload} from '../client/payload-source.ts';
import {publishDelivery} from '../manual/delivery.ts';
import {watchLines, watchReading} from './line-progress.ts';
import {watchMessages} from './message-progress.ts';

export interface PubPlan {
  readonly client: ClientPlan;
  readonly publication: Publication;
  readonly source: PayloadSource | {readonly kind: 'lines'};
  /** How often the message is sent, and the least milliseconds from one's completion to the next. */
  readonly repeat: {readonly count: number; readonly delayMilliseconds: number};
}

const options = {
  topic: publishTopicOption,
  ...payloadOptions,
  ...inGroup('Message', {
    stdinLine: {
      flags: '-l, --stdin-line',
      summary: 'send each line of standard input as a message',
      details:
        'A line ends at LF, which is not sent; an empty line is an empty message, and a last line without LF is sent too. Bytes are never changed. Input is read only as fast as the broker accepts it. When the connection is lost, tmq connects again and sends what was not acknowledged once more. The exit status is 0 only if every line was acknowledged (at QoS 0: handed to the operating system). An acknowledgement means that the broker has the message, not that a subscriber gets it: for each subscriber that reads slowly, mosquitto queues 1000 messages by default, and drops the rest. max_queued_messages in its configuration raises that limit. Up to 20 lines are unacknowledged at a time; a larger -M fills the queue faster.',
    },
    retain: {flags: '-r, --retain', summary: 'the broker retains the message for later subscribers'},
    repeat: {
      flags: '--repeat <count>',
      summary: 'send the message this many times (default 1)',
      details: 'The next one is sent when the one before is complete. Not for -l.',
      parse: integer({minimum: 1, problem: (given) => `--repeat argument must be >0, not ${given}.`}),
    },
    repeatDelay: {
      flags: '--repeat-delay <seconds>',
      summary: 'wait between repeated messages; may have a fraction (default 0)',
      noun: 'time',
      parse: decimal({
        minimum: 0,
        problem: (given) => `--repeat-delay argument must be >=0.0, not ${given}.`,
      }),
    },
  }),
  ...clientOptions,
} as const;

export const pub = defineCommand({
  name: 'pub',
  summary: 'publish messages',
  synopsis: [
    '[options] -t <topic> -m <message>',
    '[options] -t <topic> (-f <file> | -n | -s | -l)',
    '[options] -L <url> (-m <message> | -f <file> | -n | -s | -l)',
  ],
  description: [
    'Connects to an MQTT broker, publishes, and disconnects: at QoS 0 after the message was handed to the operating system, at QoS 1 and 2 after the broker has acknowledged it. See Delivery.',
    'Standard output stays empty; everything else goes to standard error.',
  ],
  options,
  mostUsed: ['topic', 'message', 'stdinLine', 'host', 'qos', 'retain'],
  optionsFile: 'pub',
  examples: {
    'tmq pub -t home/lamp -m on': 'Publish a message to the broker on this machine.',
    'tmq pub -t home/lamp -q 1 -r -m on': 'At QoS 1, and retained for later subscribers.',
    'tmq pub -t home/lamp -r -n': 'Clear the retained message.',
    'seq 1 1000 | tmq pub -t numbers -q 1 -l': 'A message for each line of a pipeline.',
    'tmq pub -t job -m go -D publish content-type text/plain -D publish user-property from me':
      'With MQTT 5 properties.',
  },
  sections: [publishDelivery],
  differences: [
    'A publication that the broker refuses (an MQTT 5 reason code of 128 or above) ends with that code as exit status; mosquitto_pub warns and ends with 0.',
    '-l connects again after the connection was lost, sends unacknowledged lines again, and ends with 0 only if every line arrived. A NUL byte does not end a line.',
    '-f also reads pipes and devices, so process substitution works.',
    'The exit status is 24 if the broker does not support the QoS, and 25 if the message is larger than it allows. If the broker closes the connection before it has acknowledged, the status is not 0, for any reason code.',
    ...clientDifferences,
  ],
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan(values): PubPlan {
    const client = toClientPlan(values, {protocolVersion: 4});
    const byLine = values.stdinLine === true;
    const source = payloadSource(values, byLine ? 1 : 0) ?? (byLine ? ({kind: 'lines'} as const) : undefined);
    if (byLine && values.repeat !== undefined) {
      throw new UsageError('--repeat and -l cannot be used together: each line is sent once.');
    }
    const {topic} = values;
    if (topic === undefined) {
      checkUrlTopic(values);
      throw new UsageError(
        `Both topic and message must be supplied. The topic is missing: give it with -t, as in tmq pub -t greetings ${source === undefined ? '-m Hello' : '…'}`,
      );
    }
    if (source === undefined) {
      throw new UsageError(
        'Both topic and message must be supplied. The message is missing: give one of -m, -f, -n, -s and -l.',
      );
    }
    const properties = propertiesFor(values.property, 'publish', client.connection.protocolVersion);
    return {
      client,
      source,
      publication: {topic, qos: values.qos ?? 0, retain: values.retain ?? false, ...defined({properties})},
      repeat: {count: values.repeat ?? 1, delayMilliseconds: (values.repeatDelay ?? 0) * 1000},
    };
  },
  async run(plan, io): Promise<ExitCode> {
    if (plan.source.kind === 'lines') return await publishLines(plan, io);
    return await publishRepeatedly(plan, await payloadOf(plan.source, plan, io), io);
  },
});

async function payloadOf(source: PayloadSource, plan: PubPlan, io: Io): Promise<Payload> {
  if (source.kind !== 'stdin') return await readPayload(source, io);
  const progress = {bytes: 0};
  using _line = watchReading(progress, {plan: plan.client, io});
  return await readPayload(source, io, progress);
}

async function publishRepeatedly(plan: PubPlan, payload: Payload, io: Io): Promise<ExitCode> {
  const {publication, repeat} = plan;
  await using session = await openSession(plan.client, io, {pipelined: true, oneShot: true});
  const progress = {sent: 0, count: repeat.count, isAccepted: () => session.isAccepted};
  using watch = watchMessages(payload, progress, {plan: plan.client, io});
  for (; progress.sent < repeat.count; progress.sent++) {
    if (progress.sent > 0 && repeat.delayMilliseconds > 0) await sleep(repeat.delayMilliseconds, io.signal);
    await session.publish(watch.payload, publication, progress.sent === repeat.count - 1);
  }
  await session.end();
  return ExitCode.success;
}

/**
 * At QoS 0 a batch is one write, so the larger the better. Else a batch waits for the window while its
 * lines grow old: in short ones most of the memory, and a fifth of the time, is saved.
 */
function linesAtOnce({qos}: Publication): number {
  return qos === 0 ? Number.POSITIVE_INFINITY : 512;
}

/** Seconds for which a broker keeps the session of a run that was killed, or waits for its next connection. */
const runSessionSeconds = 3600;

/**
 * At QoS 2 the session lasts as long as the run, so that no line arrives twice after a lost connection. Only MQTT 5
 * can begin a new session and delete it at the end; before, it would be left behind.
 */
function withSessionOfRun({client, publication}: PubPlan): ClientPlan {
  const {connection} = client;
  if (publication.qos < 2 || connection.protocolVersion < 5 || !connection.clean) return client;
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

async function publishLines(plan: PubPlan, io: Io): Promise<ExitCode> {
  const progress = {read: 0, acknowledged: 0, refused: 0};
  try {
    using view = watchLines(
      lines(inputChunks(io.stdin), {mostLines: linesAtOnce(plan.publication)}),
      progress,
      {plan: plan.client, io},
    );
    await using session = await openSession(withSessionOfRun(plan), io, {
      reconnects: true,
      readsStdin: true,
      beforeLine: () => view.erase(),
    });
    const report = await session.publishAll(view.start(), plan.publication, progress);
    if (report.refused > 0) throw refusal(report);
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
