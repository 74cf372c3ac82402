/** Asks: publishes a request, or one for each line, waits for the response on the response topic, and prints it. */

import {defineCommand} from '../../cli/command.ts';
import {ExitCode, UsageError} from '../../errors.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {clientDifferences} from '../client/client-differences.ts';
import {withEnvironment} from '../client/environment.ts';
import {openSession} from '../client/open-session.ts';
import {type PayloadSource, readPayload} from '../client/payload-source.ts';
import {noConnection, timeLimit} from '../client/receive-options.ts';
import {formatDifference, formatSection} from '../manual/format-section.ts';
import {ask, type Progress} from './ask.ts';
import {options} from './options.ts';
import {incomplete, type RrPlan, toRrPlan} from './plan.ts';

export const rr = defineCommand({
  name: 'rr',
  summary: 'publish a request and print the response',
  synopsis: [
    '[options] -t <topic> (-m <message> | -f <file> | -n | -s)',
    '[options] -t <topic> -l',
    '[options] -t <topic> -e <response topic> (-m <message> | -f <file> | -n | -s | -l)',
  ],
  description: [
    'Connects, subscribes to the response topic, publishes the request, prints the first response and disconnects. With MQTT 5, the default, the request carries the response topic as a property. tmq reply answers such requests.',
    'Without -e the response topic is made up, and so is correlation data for the request.',
    'A message counts as the response if it came after the request, is not a retained one, and, where the request carries correlation data, made up or given with -D publish correlation-data, carries the same data. Others, such as late responses to earlier requests, are passed over.',
  ],
  options,
  mostUsed: ['topic', 'responseTopic', 'message', 'timeout', 'verbose', 'host'],
  optionsFile: 'rr',
  examples: {
    'tmq rr -t clock -n -W 5': 'Ask, and wait five seconds at most.',
    'seq 1 100 | tmq rr -t square -l -W 5': 'A request for each line, and a line for each response.',
    'tmq rr -t whoami -n -C 3 -W 5': 'The responses of three clients.',
    'tmq rr -t whoami -n --idle 0.5 -W 5':
      'The responses of all clients, until none has come for half a second.',
    'tmq rr -t clock/request -e clock/response -n -W 5': 'With a response topic that is agreed on.',
    "tmq rr -t clock/request -e clock/response -m now -W 5 -F '%t %p'":
      'Print the topic of the response, too.',
    'tmq rr -t sum -e sum/me -m "1 2" -D publish correlation-data 42 -W 5':
      'Take only the response to this very request.',
  },
  sections: [formatSection],
  differences: [
    'Without -e, tmq makes up a response topic and correlation data; -l, -C and --idle are additions.',
    'A retained message on the response topic is not taken for the response, and correlation data is compared; mosquitto_rr prints the first message that comes, of any kind.',
    'A refused subscription or request, and a broker that disconnects before the response, give a status other than 0.',
    'DISCONNECT is sent at the end, so no will is published.',
    formatDifference,
    ...clientDifferences,
  ],
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan: toRrPlan,
  async run(plan, io): Promise<ExitCode> {
    if (isDropIn(io)) checkDropIn(plan);
    const {source} = plan;
    if (source.kind === 'lines') return await (await import('./ask-lines.ts')).askLines(plan, io);
    return await askOnce(plan, source, io);
  },
});

/** mosquitto_rr needs -e, and has none of -l, -C and --idle. @throws UsageError */
function checkDropIn({source, responseTopic, count, idleSeconds}: RrPlan): void {
  const unknown = [
    ...(source.kind === 'lines' ? ['-l'] : []),
    ...(idleSeconds === undefined ? [] : ['--idle']),
    ...(count === 1 ? [] : ['-C']),
  ];
  if (unknown.length > 0) throw new UsageError(`Unknown option '${unknown[0]}'.`);
  if (responseTopic === undefined) throw incomplete('-e');
}

async function askOnce(plan: RrPlan, source: PayloadSource, io: Io): Promise<ExitCode> {
  const payload = await readPayload(source, io);
  const progress: Progress = {isConnected: false, topic: plan.responseTopic, received: 0};
  using limit = timeLimit(plan.timeoutSeconds, () => missing(plan, progress));
  const signal = AbortSignal.any([io.signal, limit.signal]);
  await using session = await openSession(plan.client, io, {signal, sendsAfterSubscribing: true});
  progress.isConnected = true;
  try {
    await ask(plan, {payload, session, progress}, io);
  } catch (error) {
    if (error === limit.signal.reason) await session.end(ReasonCode.disconnectWithWill);
    throw error;
  }
  await session.end();
  return ExitCode.success;
}

/** What did not come in time, for the error of -W. */
function missing({client, count}: RrPlan, {isConnected, topic, received}: Progress): string {
  if (!isConnected) return noConnection(client.connection);
  const place = topic === undefined ? '' : ` on ${topic}`;
  if (received === 0) return `No response${place}`;
  if (Number.isFinite(count)) return `Only ${received} of ${count} responses${place}`;
  return `Only ${received} response${received === 1 ? '' : 's'}${place}`;
}
