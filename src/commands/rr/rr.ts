/** Asks once: publishes a request, waits for the answer on the response topic, and prints it. */

import {defineCommand} from '../../cli/command.ts';
import type {OptionTable} from '../../cli/option.ts';
import {type Endpoint, eachEndpoint} from '../../client/connection-options.ts';
import type {Payload, Session, SubscribeOptions} from '../../client/types.ts';
import {monotonicMilliseconds} from '../../client/waiting.ts';
import {defined} from '../../defined.ts';
import {ExitCode, TmqError, UsageError} from '../../errors.ts';
import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import type {Message, Publication} from '../../protocol/message.ts';
import {propertiesFor} from '../../protocol/property-option.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {clientDifferences} from '../client/client-differences.ts';
import {type ClientPlan, clientOptions, toClientPlan} from '../client/client-options.ts';
import {withEnvironment} from '../client/environment.ts';
import {checkUrlTopic, publishTopicOption} from '../client/network-options.ts';
import {openSession} from '../client/open-session.ts';
import {type PayloadSource, payloadOptions, payloadSource, readPayload} from '../client/payload-source.ts';
import {
  noConnection,
  type ReceiveValues,
  receiveOptions,
  retainOptions,
  timeLimit,
  toFormatter,
} from '../client/receive-options.ts';
import {subscriptionRefusal} from '../client/refusal.ts';
import {publishTopic} from '../client/topic-option.ts';
import {formatDifference, formatSection} from '../manual/format-section.ts';

export interface RrPlan {
  readonly client: ClientPlan;
  readonly source: PayloadSource;
  readonly request: Publication;
  readonly responseTopic: string;
  readonly subscribe: SubscribeOptions;
  readonly output: ReceiveValues;
  /** The retain flag does not mean a stale message: none was asked for, and live ones keep the flag they had. */
  readonly takesRetained: boolean;
  readonly latency: boolean;
  readonly timeoutSeconds?: number;
}

const options = {
  topic: {...publishTopicOption, summary: 'topic to publish the request to'},
  responseTopic: {
    flags: '-e, --response-topic <topic>',
    group: 'Message',
    summary: 'topic of the response',
    noun: 'response topic',
    parse: publishTopic({option: '-e', what: 'response topic'}),
  },
  ...payloadOptions,
  ...receiveOptions,
  latency: {flags: '--latency', group: 'Output', summary: 'after the response, print how long it took'},
  ...clientOptions,
} as const satisfies OptionTable;

export const rr = defineCommand({
  name: 'rr',
  summary: 'publish a request and print the response',
  synopsis: ['[options] -t <topic> -e <response topic> (-m <message> | -f <file> | -n | -s)'],
  description: [
    'Connects, subscribes to the response topic, publishes the request, prints the first response and disconnects. With MQTT 5, the default, the request carries the response topic as a property.',
    'A message counts as the response if it came after the request, is not a retained one, and, where the request was given correlation data (-D publish correlation-data), carries the same data.',
  ],
  options,
  mostUsed: ['topic', 'responseTopic', 'message', 'timeout', 'verbose', 'host'],
  optionsFile: 'rr',
  examples: {
    'tmq rr -t clock/request -e clock/response -n -W 5': 'Ask, and wait five seconds at most.',
    "tmq rr -t clock/request -e clock/response -m now -W 5 -F '%t %p'":
      'Print the topic of the response, too.',
    'tmq rr -t sum -e sum/me -m "1 2" -D publish correlation-data 42 -W 5':
      'Take only the response to this very request.',
  },
  sections: [formatSection],
  differences: [
    'A retained message on the response topic is not taken for the response, and correlation data is compared; mosquitto_rr prints the first message that comes, of any kind.',
    'A refused subscription or request, and a broker that disconnects before the response, give a status other than 0.',
    'DISCONNECT is sent at the end, so no will is published.',
    formatDifference,
    ...clientDifferences,
  ],
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan(values): RrPlan {
    const client = toClientPlan(values, {protocolVersion: 5, receiveMaximum: 1});
    const source = payloadSource(values);
    const {topic, responseTopic} = values;
    if (topic === undefined) checkUrlTopic(values);
    if (topic === undefined || responseTopic === undefined || source === undefined) {
      const missing =
        topic === undefined ? '-t' : responseTopic === undefined ? '-e' : 'one of -m, -f, -n and -s';
      throw new UsageError(
        `All of topic, message, and response topic must be supplied. Missing: ${missing}, as in tmq rr -t request -e response -m Hello`,
      );
    }
    const version = client.connection.protocolVersion;
    const given = propertiesFor(values.property, 'publish', version);
    if (given?.responseTopic !== undefined) {
      throw new UsageError('Duplicate response topic: it was given by -e and by -D publish response-topic.');
    }
    const qos = values.qos ?? 0;
    const keepsFlag = version === 5 && values.retainAsPublished === true;
    const properties = propertiesFor(values.property, 'subscribe', version);
    return {
      client: values.latency === true ? withoutDelay(client) : client,
      source,
      request: {topic, qos, retain: false, ...(version === 5 ? {properties: {...given, responseTopic}} : {})},
      responseTopic,
      subscribe: {
        qos,
        ...retainOptions(values),
        // Otherwise a stale answer looks like one that is published as retained.
        ...(keepsFlag ? {retainHandling: 2} : {}),
        ...defined({properties}),
      },
      takesRetained: keepsFlag,
      output: values,
      latency: values.latency ?? false,
      ...defined({timeoutSeconds: values.timeout}),
    };
  },
  async run(plan, io): Promise<ExitCode> {
    const payload = await readPayload(plan.source, io);
    let connected = false;
    using limit = timeLimit(plan.timeoutSeconds, () =>
      connected ? `No response on ${plan.responseTopic}` : noConnection(plan.client.connection),
    );
    const signal = AbortSignal.any([io.signal, limit.signal]);
    await using session = await openSession(plan.client, io, {signal, sendsAfterSubscribing: true});
    connected = true;
    try {
      await ask(plan, payload, session, io);
    } catch (error) {
      if (error === limit.signal.reason) await session.end(ReasonCode.disconnectWithWill);
      throw error;
    }
    await session.end();
    return ExitCode.success;
  },
});

/** Waiting in the network's buffers would be measured too. */
function withoutDelay(client: ClientPlan): ClientPlan {
  const atOnce = (endpoint: Endpoint): Endpoint =>
    endpoint.transport === 'unix' ? endpoint : {...endpoint, noDelay: true};
  return {...client, connection: eachEndpoint(client.connection, atOnce)};
}

async function ask(plan: RrPlan, payload: Payload, session: Session, io: Io): Promise<void> {
  const output = new Output(io.stdout);
  const format = await toFormatter(plan.output, io, plan.client);
  // The wall clock may be set meanwhile.
  const request = {sentAt: 0, isSent: false};
  const receiving = session.receive({
    message(message) {
      if (!request.isSent || !isResponse(message, plan)) return 'more';
      const milliseconds = monotonicMilliseconds() - request.sentAt;
      format(message, output, io.now);
      if (plan.latency) output.text(`Latency: ${duration(BigInt(Math.round(milliseconds * 1e6)))}\n`);
      return 'last';
    },
    flush: () => output.flush(),
  });
  receiving.catch(() => undefined);
  const asking = (async () => {
    const codes = await session.subscribe([plan.responseTopic], plan.subscribe);
    const refused = subscriptionRefusal([plan.responseTopic], codes, plan.client.connection.protocolVersion);
    if (refused instanceof TmqError) throw refused;
    request.isSent = true;
    request.sentAt = monotonicMilliseconds();
    await session.publish(payload, plan.request);
  })();
  using _reader = output.watchReader();
  await Promise.race([Promise.all([asking, receiving]), output.closed]);
  await output.flush();
}

/** Not a stale retained message, and the answer to this request where the request can be identified. */
function isResponse(message: Message, plan: RrPlan): boolean {
  if (message.retain && !plan.takesRetained) return false;
  const wanted = plan.request.properties?.correlationData;
  if (wanted === undefined) return true;
  const got = message.properties?.correlationData;
  return got !== undefined && Buffer.compare(got, wanted) === 0;
}

/** As mosquitto_rr writes it: 1.234567890, 3.200000ms, 12.000000µs or 800ns. */
function duration(nanoseconds: bigint): string {
  const second = 1_000_000_000n;
  if (nanoseconds >= second) {
    return `${nanoseconds / second}.${String(nanoseconds % second).padStart(9, '0')}`;
  }
  if (nanoseconds >= 1_000_000n) return `${(Number(nanoseconds) / 1e6).toFixed(6)}ms`;
  return nanoseconds >= 1000n ? `${(Number(nanoseconds) / 1e3).toFixed(6)}µs` : `${nanoseconds}ns`;
}
