/** The table of reply: what is subscribed to, and where the answers come from. */

import {inGroup, integer, type OptionTable, text, type Values} from '../../cli/option.ts';
import {clientOptions} from '../client/client-options.ts';
import {subscribeUrlOption} from '../client/network-options.ts';
import {withinLimit} from '../client/payload-source.ts';
import {receiveOptions} from '../client/receive-options.ts';
import {topicFilters} from '../client/topic-option.ts';

const {timeout} = receiveOptions;

export const options = {
  ...inGroup('Messages', {
    topics: {
      flags: '-t, --topic <filter>',
      summary: 'topic filter of the requests; repeatable',
      details: 'With $share/GROUP/FILTER, the broker gives each request to one of several responders.',
      noun: 'topic',
      parse: topicFilters({option: '-t', what: 'subscription topic'}),
    },
    count: {
      flags: '-C, --count <count>',
      summary: 'end after this many requests',
      parse: integer({
        minimum: 1,
        problem: (given) => `Invalid request count "${given}". It is a number from 1.`,
      }),
    },
    timeout,
  }),
  ...inGroup('Message', {
    echo: {flags: '--echo', summary: 'answer with the payload of the request'},
    message: {
      flags: '-m, --message <text>',
      summary: 'answer with this text',
      details: "The payload is the argument's bytes. Use -f for bytes that are not valid UTF-8.",
      noun: 'message',
      parse: withinLimit,
    },
    file: {
      flags: '-f, --file <file>',
      summary: 'answer with the contents of a file, which is read once, at the start',
      parse: text,
      complete: 'file',
    },
    nullMessage: {flags: '-n, --null-message', summary: 'answer with a message of zero length'},
  }),
  ...inGroup('Commands', {
    exec: {
      flags: '--exec',
      summary: 'run the command after -- for each request, and answer with what it prints',
      details:
        'The payload of the request is its standard input, and the rest of the message is in its environment: see A command for each message in tmq-sub(1). Its standard error is that of tmq. A command that fails gives no answer: see Requests and answers.',
    },
    jobs: {
      flags: '--jobs <number>',
      summary: 'with --exec, run so many commands at a time (default 1)',
      details: 'With more than one, the answers are sent as the commands end.',
      noun: 'number',
      parse: integer({
        minimum: 1,
        maximum: 1000,
        problem: (given) => `Invalid number of jobs "${given}". It is a number from 1 to 1000.`,
      }),
    },
    noNewline: {
      flags: '-N, --no-newline',
      summary: 'with --exec, leave out the newline at the end of what the command prints',
      details:
        'Only the last one, and only where there is one. Otherwise the answer is what was printed, byte for byte.',
    },
  }),
  ...clientOptions,
  qos: {
    ...clientOptions.qos,
    summary: 'QoS of subscription and answers (default: 2, and that of the request)',
  },
  protocolVersion: {
    ...clientOptions.protocolVersion,
    summary: 'version of MQTT: 5 (default)',
    details: 'Before MQTT 5 a request names no response topic, so the others are refused.',
    complete: ['5', 'mqttv5'],
  },
  url: subscribeUrlOption,
} as const satisfies OptionTable;

export type ReplyValues = Values<typeof options>;
