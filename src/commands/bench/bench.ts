/** Loads a broker with many clients, and reports how fast it was and what it lost. */

import {defineCommand} from '../../cli/command.ts';
import {ExitCode} from '../../errors.ts';
import {print} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import {withEnvironment} from '../client/environment.ts';
import {options} from './options.ts';
import {type BenchPlan, toBenchPlan} from './plan.ts';

export const bench = defineCommand({
  name: 'bench',
  summary: 'load a broker with many clients, and report its latency and losses',
  synopsis: [
    '[options] conn',
    '[options] pub',
    '[options] sub',
    '[options] e2e',
    '[options] merge <report>…',
  ],
  description: [
    'conn connects clients, and disconnects them. pub publishes, sub receives what another bench publishes, and e2e does both, so that it knows what was lost. merge makes one report of several, which were printed with --json.',
    'The clients are light ones, thousands in one process: they connect once, and a connection that is lost stays so and is reported; when none is left, the load ends. Sessions are clean ones. pub, sub and e2e begin when all clients have connected, or were refused.',
    'With --rate, each client has a schedule, and latency counts from the time at which a message was to be sent: if the broker stalls, the messages that had to wait for it count with all of their wait (no coordinated omission). Sending happens on ticks of a millisecond, which the latency includes. Without --rate, latency counts from the sending.',
  ],
  options,
  mostUsed: ['clients', 'topics', 'qos', 'rate', 'for', 'host'],
  operands: 'bench',
  examples: {
    'tmq bench conn -n 1000 --rate 500/s': 'Connect 1000 clients, 500 a second.',
    "tmq bench pub -n 200 --rate 50/s --size 256 -t 'b/{i}' -q 1 --for 30s":
      'Publish 50 messages a second from each of 200 clients, for half a minute.',
    "tmq bench e2e --pubs 10 --subs 10 --rate 100/s -q 1 --fail-if 'p99 > 20ms or lost > 0'":
      'Measure from the publisher to the subscriber, and fail where that is too slow or incomplete.',
    "tmq bench sub -n 5 -t 'b/#' --for 40s --json > sub.json":
      'Receive what is published elsewhere, and keep the report.',
    'tmq bench pub -n 10 --first 10 --json > b.json': 'On a second machine: the clients 10 to 19.',
    'tmq bench merge a.json b.json sub.json': 'One report of several.',
  },
  sections: [
    {
      title: 'The report',
      text: [
        'It is printed on standard output, as text or with --json as one object, whose figures stand under figures, with times in milliseconds; the rest of the object is for bench merge. Ctrl-C ends a load early, with a report of what was done until then.',
        'The names for --fail-if are those below; times have a unit, as in p99 > 20ms, or are milliseconds. A latency that was not measured, as of pub at QoS 0, counts as a failure.',
        'Each payload says which run, client and message it is, and when it was to be sent, by which clock. sub leaves out the latency of messages from a machine with another clock, and says of how many.',
      ],
      remarks: {
        'clients, connected, refused':
          'Of all clients. Refused are also those that could not reach the broker.',
        disconnected: 'Connections that the broker or the network has ended.',
        rate: 'A second: connections of conn, messages sent of pub, messages received of sub and e2e.',
        'p50, p90, p99, p99.9, max, mean':
          'The latency: of conn from when a client was to connect to CONNACK; of pub to the acknowledgement that ends the handshake of its QoS; of sub and e2e to the subscriber. Off by 0.4 % at most; max is exact.',
        'sent, acknowledged, unsent, rejected':
          'Of pub and e2e: messages sent, those that the broker has acknowledged, those that were due and not sent in time, and those that it refused.',
        'received, lost, twice, disordered':
          'Of sub and e2e: lost are messages that were acknowledged (at QoS 0: sent) and did not come to a subscriber; of sub, which does not know what was sent, the gaps in what came. Disordered came behind a later one of the same client.',
        foreign: 'Messages on the same topics that no bench has sent.',
      },
    },
    {
      title: 'Several machines',
      text: [
        'Run bench on each with --json and its own --first, at the same time, then bench merge the reports: counts and histograms are added up exactly, of durations the longest counts. Reports of pub and sub merge into one of e2e, which knows what was lost.',
        'Each connection takes a file descriptor. tmq looks at the limit (ulimit -n) before it connects, and says how to raise it.',
      ],
    },
  ],
  differences: ['mosquitto has no bench.'],
  environment: {'MQTT_URL, MQTT_USERNAME, MQTT_PASSWORD, MQTT_CA_FILE': 'As for tmq pub.'},
  exitStatuses: {
    0: 'Success; also where some clients were refused, or messages lost.',
    1: 'The command line is wrong, the limit of file descriptors is too low, or a report cannot be read.',
    7: 'All connections were lost, with a report.',
    50: 'The report fulfils --fail-if.',
    130: 'Interrupted (SIGINT), with a report.',
    others: 'As of tmq pub, where no client could connect.',
  },
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan: toBenchPlan,
  async run(plan, io): Promise<ExitCode> {
    return await runBench(plan, io);
  },
});

async function runBench(plan: BenchPlan, io: Io): Promise<ExitCode> {
  const {action, failIf, json} = plan;
  const {figuresOf, toJson} = await import('./report.ts');
  const {failureTest} = await import('./judge.ts');
  const {reportText} = await import('./text.ts');
  const test = failIf === undefined || action === 'merge' ? undefined : failureTest(failIf, action);
  const {report, failure} =
    action === 'merge'
      ? await (await import('./merge.ts')).mergeFiles(plan.files)
      : await (await import('./run.ts')).runLoad(plan, action, io);
  const failed = test ?? (failIf === undefined ? undefined : failureTest(failIf, report.kind));
  await print(io, json ? toJson(report) : reportText(report));
  io.signal.throwIfAborted();
  const error = failure ?? failed?.(figuresOf(report));
  if (error !== undefined) throw error;
  return ExitCode.success;
}
