/** The table of rr: the options that the clients share, and those about requests and their responses. */

import {inGroup, integer, type OptionTable, type Values} from '../../cli/option.ts';
import {clientOptions} from '../client/client-options.ts';
import {publishTopicOption} from '../client/network-options.ts';
import {payloadOptions} from '../client/payload-source.ts';
import {receiveOptions} from '../client/receive-options.ts';
import {idleRow} from '../client/receiving/idle-option.ts';
import {publishTopic} from '../client/topic-option.ts';

const requestOptions = inGroup('Message', {
  responseTopic: {
    flags: '-e, --response-topic <topic>',
    summary: 'topic of the response; with MQTT 5, tmq makes one up without -e',
    details:
      'The one made up is a prefix and the client id: see --response-prefix. The request then also carries random correlation data, and only a response with the same data counts. MQTT 3.1.1 needs -e, because there the request cannot name the topic.',
    noun: 'response topic',
    parse: publishTopic({option: '-e', what: 'response topic'}),
  },
  responsePrefix: {
    flags: '--response-prefix <topic>',
    summary: 'without -e, the response topic is this, a slash and the client id (default tmq/reply)',
    details:
      'Without this option, tmq asks the broker for its Response Information, and takes that as the prefix if there is any.',
    noun: 'response prefix',
    parse: publishTopic({option: '--response-prefix', what: 'response prefix'}),
  },
  stdinLine: {
    flags: '-l, --stdin-line',
    summary: 'send each line of standard input as a request, and print the responses in their order',
    details:
      'Needs MQTT 5: each request has correlation data of its own. At most as many requests as -M says (by default 20) wait for their response; a response that comes early is held back until it is its turn. With -W, tmq gives up when a request has had no response for that time: the status is 27, the error names the line and how many requests were not answered, and what was printed are the responses of the lines before it, without a gap. The response to a line is a line, also where it is empty.',
  },
});

const responseOptions = inGroup('Messages', {
  count: {
    flags: '-C, --count <count>',
    summary: 'end after this many responses (default 1)',
    details: 'For a request that several clients answer.',
    parse: integer({
      minimum: 1,
      problem: (given) => `Invalid response count "${given}". It is a number from 1.`,
    }),
  },
  idle: {
    ...idleRow,
    summary: 'end after so long without a further response, once there is one, with exit status 0',
    details:
      'For a request that an unknown number of clients answer; the number of seconds may have a fraction. With -C, whichever comes first ends the run. Without any response, tmq waits until the time of -W is over.',
  },
});

export const options = {
  topic: {...publishTopicOption, summary: 'topic to publish the request to'},
  ...requestOptions,
  ...payloadOptions,
  ...responseOptions,
  ...receiveOptions,
  latency: {flags: '--latency', group: 'Output', summary: 'after each response, print how long it took'},
  ...clientOptions,
} as const satisfies OptionTable;

export type RrValues = Values<typeof options>;
