/** Publishes: one message, a file, all of stdin, or stdin line by line. */

import {defineCommand} from '../../cli/command.ts';
import {decimal, inGroup, integer} from '../../cli/option.ts';
import type {Payload} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {ExitCode, UsageError} from '../../errors.ts';
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
import {jsonLinesSection} from '../manual/json-lines.ts';
import {type LinesSource, lineOptions, linesSource} from './line-options.ts';
import {watchReading} from './line-progress.ts';
import {watchMessages} from './message-progress.ts';
import {outageOptions, toOutagePlan} from './outage-options.ts';
import type {LinesPlan} from './publish-lines.ts';

/** One message, perhaps several times. */
export interface MessagePlan {
  readonly kind: 'message';
  readonly client: ClientPlan;
  readonly publication: Publication;
  readonly source: PayloadSource;
  /** How often the message is sent, and the least milliseconds from one's completion to the next. */
  readonly repeat: {readonly count: number; readonly delayMilliseconds: number};
}

export type PubPlan = MessagePlan | LinesPlan;

const options = {
  topic: publishTopicOption,
  ...payloadOptions,
  ...lineOptions,
  ...outageOptions,
  ...inGroup('Message', {
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
    '[options] (--json | --topic-from <separator>)',
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
    "printf '%s\\n' kitchen=21.5 hall=19 | tmq pub --topic-from =": 'Lines that bring their topics.',
    "echo 't1 kitchen 21.5' | tmq pub --topic-template 'sensors/{2}/{1}'":
      'The topic is made of fields of the line.',
    'seq 1 1000 | tmq pub -t numbers -q 1 -l --on-outage spool:numbers.spool --summary text':
      'Lines that an outage or a kill does not lose, and the counts at the end.',
    'tmq pub -t job -m go -D publish content-type text/plain -D publish user-property from me':
      'With MQTT 5 properties.',
  },
  sections: [publishDelivery, jsonLinesSection],
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
    const lines = linesSource(values);
    const source = payloadSource(values, lines === undefined ? 0 : 1);
    if (lines !== undefined && values.repeat !== undefined) {
      throw new UsageError('--repeat and -l cannot be used together: each line is sent once.');
    }
    const {topic} = values;
    const {protocolVersion} = client.connection;
    const properties = propertiesFor(values.property, 'publish', protocolVersion);
    const rest = {qos: values.qos ?? 0, retain: values.retain ?? false, ...defined({properties})};
    const byLine = lines && {qos: rest.qos, hasOwnQos: lines.form.kind === 'envelope'};
    const outage = toOutagePlan(values, byLine);
    if (lines !== undefined && takesTopics(lines, topic)) {
      const defaults = {...rest, ...defined({topic}), protocolVersion};
      return {kind: 'lines', client, source: lines, defaults, outage};
    }
    if (topic === undefined) {
      checkUrlTopic(values);
      throw new UsageError(
        `Both topic and message must be supplied. The topic is missing: give it with -t, as in tmq pub -t greetings ${source === undefined && lines === undefined ? '-m Hello' : '…'}`,
      );
    }
    if (source === undefined) {
      throw new UsageError(
        'Both topic and message must be supplied. The message is missing: give one of -m, -f, -n, -s and -l.',
      );
    }
    return {
      kind: 'message',
      client,
      source,
      publication: {topic, ...rest},
      repeat: {count: values.repeat ?? 1, delayMilliseconds: (values.repeatDelay ?? 0) * 1000},
    };
  },
  async run(plan, io): Promise<ExitCode> {
    if (plan.kind === 'lines') return await (await import('./publish-lines.ts')).publishLines(plan, io);
    return await publishRepeatedly(plan, await payloadOf(plan, io), io);
  },
});

/**
 * Whether the lines have all that a message needs: a topic of their own, or the one of -t.
 * @throws UsageError where both say what it is
 */
function takesTopics({form}: LinesSource, topic: string | undefined): boolean {
  const isOfLine = form.kind === 'prefixed' || form.kind === 'template';
  if (isOfLine && topic !== undefined) {
    const option = form.kind === 'prefixed' ? '--topic-from' : '--topic-template';
    throw new UsageError(`-t and ${option} cannot be used together: both say what the topic is.`);
  }
  return isOfLine || form.kind === 'envelope' || topic !== undefined;
}

async function payloadOf({source, client}: MessagePlan, io: Io): Promise<Payload> {
  if (source.kind !== 'stdin') return await readPayload(source, io);
  const progress = {bytes: 0};
  using _line = watchReading(progress, {plan: client, io});
  return await readPayload(source, io, progress);
}

async function publishRepeatedly(plan: MessagePlan, payload: Payload, io: Io): Promise<ExitCode> {
  const {publication, repeat} = plan;
  await using session = await openSession(plan.client, io, {pipelined: true, minimal: true});
  const progress = {sent: 0, count: repeat.count, isAccepted: () => session.connections > 0};
  using watch = watchMessages(payload, progress, {plan: plan.client, io});
  for (; progress.sent < repeat.count; progress.sent++) {
    if (progress.sent > 0 && repeat.delayMilliseconds > 0) await sleep(repeat.delayMilliseconds, io.signal);
    await session.publish(watch.payload, publication, progress.sent === repeat.count - 1);
  }
  await session.end();
  return ExitCode.success;
}
