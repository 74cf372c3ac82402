/** The table of bench: how many clients, what they send and how fast, and what becomes of the report. */

import {inGroup, integer, type OptionTable, text, type Values} from '../../cli/option.ts';
import {UsageError} from '../../errors.ts';
import {headBytes} from '../../load/measuring/payload-head.ts';
import {largestVariableInteger} from '../../protocol/fixed-header.ts';
import {isMqttString, isTopicFilter} from '../../protocol/topic.ts';
import {clientOptions} from '../client/client-options.ts';
import {networkOptions, subscribeUrlOption} from '../client/network-options.ts';
import {tlsOptions} from '../client/tls-options.ts';
import {rate, time} from './values.ts';

const {protocolVersion, keepalive, maxInflight, color, quiet, header} = clientOptions;

/** The number of something, from 1. */
const number = (option: string, maximum: number) =>
  integer({
    minimum: 1,
    maximum,
    problem: (given) => `Invalid ${option} given: ${given}. It is a number from 1 to ${maximum}.`,
  });

const mostClients = 1_000_000;
const mostThreads = 256;
/** A counter of messages has four bytes. */
const mostMessages = 4_294_967_295;

/** The value as a list of one: that of -L is one more, and the last one counts. */
function topicOrFilter(option: string): (given: string) => readonly string[] {
  return (given) => {
    if (isMqttString(given) && isTopicFilter(given)) return [given];
    throw new UsageError(`Invalid ${option} given: '${given}' is neither a topic nor a filter.`);
  };
}

const loadOptions = {
  ...inGroup('Load', {
    clients: {
      flags: '-n, --clients <number>',
      summary: 'of conn, pub and sub: how many clients (default 1)',
      noun: 'number of clients',
      parse: number('-n', mostClients),
    },
    publishers: {
      flags: '--pubs <number>',
      summary: 'of e2e: how many clients publish (default 1)',
      noun: 'number of clients',
      parse: number('--pubs', mostClients),
    },
    subscribers: {
      flags: '--subs <number>',
      summary: 'of e2e: how many clients subscribe (default 1)',
      noun: 'number of clients',
      parse: number('--subs', mostClients),
    },
    topics: {
      flags: '-t, --topic <topic>',
      summary: "topic, or of sub the filter; {i} is the client's number (default tmq-bench/{i})",
      details:
        'The numbers begin with that of --first. The default of sub is tmq-bench/#. In e2e, publishers and subscribers are numbered each for themselves, so that with b/{i} the third subscriber gets what the third publisher sends.',
      parse: topicOrFilter('-t'),
    },
    filter: {
      flags: '--filter <filter>',
      summary: 'of e2e: what the subscribers subscribe to (default: the topic of -t)',
      details:
        'Where there are not as many subscribers as publishers, the default has + in the place of {i}. {i} is the number of the subscriber. Of a shared subscription, $share/GROUP/FILTER, each message is expected once for the group.',
      parse: topicOrFilter('--filter'),
    },
    size: {
      flags: '--size <bytes>',
      summary: 'bytes of each payload (default 256)',
      details: `At least ${headBytes}: the payload begins with the number of its run, its sender and its message, and the time.`,
      parse: integer({
        minimum: headBytes,
        maximum: largestVariableInteger - 70_000,
        problem: (given) =>
          `Invalid --size given: ${given}. A payload has at least the ${headBytes} bytes that tell who sent it and when, and at most 268365455.`,
      }),
    },
    rate: {
      flags: '--rate <rate>',
      summary: 'messages a second of each client, or of conn connections a second in all: 50/s',
      details:
        'Also 50, 3000/m and 0.5/s. Without it, clients send as fast as the broker takes it: at QoS 1 and 2 with at most -M messages unacknowledged.',
      parse: rate('--rate'),
    },
    connectRate: {
      flags: '--connect-rate <rate>',
      summary: 'of pub, sub and e2e: connections a second in all, before the load begins',
      parse: rate('--connect-rate'),
    },
    for: {
      flags: '--for <time>',
      summary: 'how long: 30s, 500ms, 2m (default of pub and e2e: 10s)',
      details:
        'Of pub and e2e, messages are due within this time; of sub, the time from the last subscription on; of conn, the time for which all connections are held. Without it, conn disconnects as soon as all have connected, and sub runs until Ctrl-C or --count.',
      noun: 'time',
      parse: time('--for'),
    },
    count: {
      flags: '--count <number>',
      summary: 'messages of each client that publishes; of sub, messages in all',
      details: 'The load ends with them, or with --for if that is sooner.',
      noun: 'number of messages',
      parse: number('--count', mostMessages),
    },
    warmup: {
      flags: '--warmup <time>',
      summary: 'leave messages of the first 5s, say, out of the latencies (default 0s)',
      details: 'They are counted all the same, so that none of them can be lost without a word.',
      noun: 'time',
      parse: time('--warmup'),
    },
    settle: {
      flags: '--settle <time>',
      summary: 'wait so long for what is still to come once nothing more comes (default 3s)',
      noun: 'time',
      parse: time('--settle'),
    },
    first: {
      flags: '--first <number>',
      summary: 'number of the first client (default 0)',
      details:
        'So that several machines can load one broker, each with clients and topics of its own: bench merge then makes one report of theirs.',
      parse: integer({
        minimum: 0,
        maximum: mostMessages,
        problem: (given) => `Invalid --first given: ${given}. It is a number from 0.`,
      }),
    },
    threads: {
      flags: '--threads <number>',
      summary: 'threads to spread the clients over (default: one for each 2500, up to the cores but one)',
      noun: 'number of threads',
      parse: number('--threads', mostThreads),
    },
  }),
  ...inGroup('Output', {
    json: {
      flags: '--json',
      summary: 'print the report as one JSON object, for bench merge and other programs',
    },
    failIf: {
      flags: '--fail-if <condition>',
      summary: "end with 50 if this is true of the report: 'p99 > 20ms or lost > 0'",
      details: 'See The report below for the names, and Conditions in tmq(1) for the form.',
      parse: text,
    },
  }),
} as const;

/** Rows of connections that are as those of the other clients. */
export const options = {
  ...loadOptions,
  qos: {...clientOptions.qos, summary: 'QoS of messages and subscriptions: 0, 1 or 2 (default 0)'},
  protocolVersion: {...protocolVersion, details: 'Also mqttv31, mqttv311 and mqttv5. The default is 311.'},
  keepalive: {...keepalive, details: 'With 0 nothing is sent only to show that the client is there.'},
  maxInflight: {
    ...maxInflight,
    summary: 'most unacknowledged messages of each client at QoS 1 and 2 (default 20)',
    details: 'An MQTT 5 broker may lower it (Receive Maximum).',
  },
  ...networkOptions,
  url: {...subscribeUrlOption, summary: 'broker and topic in one: mqtt://user:password@host:port/topic'},
  host: {
    ...networkOptions.host,
    summary: 'host of the broker (default localhost), or several: a,b:1884,[::1]:1885',
    details:
      'Clients are spread evenly over several hosts, separated by commas, each with the port behind its name or else that of -p.',
  },
  username: {...networkOptions.username, summary: "user name; {i} is the client's number"},
  header,
  id: {
    flags: '-i, --id <id>',
    group: 'Session',
    summary: "client id; {i} is the client's number (default tmq-bench-RANDOM-{i})",
    details:
      'In e2e the subscribers have the numbers behind those of the publishers. Sessions are clean ones.',
    parse: (given: string): string => {
      if (given !== '' && isMqttString(given)) return given;
      throw new UsageError('Invalid -i argument: it is empty or has characters that no client id has.');
    },
  },
  ...tlsOptions,
  quiet: {...quiet, details: 'Also suppresses the progress line.'},
  color,
} as const satisfies OptionTable;

export type BenchValues = Values<typeof options>;
