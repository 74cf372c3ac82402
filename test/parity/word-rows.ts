/** Scenarios of words that are refused before anything is connected: the sentence, the hint, status 1. */

import type {Tool} from '../support/scenario.ts';
import type {Difference, Row} from './expectation.ts';

interface Refused {
  readonly shows: string;
  readonly tool?: Tool;
  readonly words: readonly string[];
  /** How the sentence begins, after "Error: ". */
  readonly says: string;
  readonly mosquitto?: Difference | 'newer';
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Accepted by mosquitto, whose atoi ignores trailing text: its only error is the refused connection. */
const acceptedByAtoi: Difference = {
  because: 'mosquitto takes the digits at the front for the number, and 0 where there are none (Q35)',
  voice: 'line',
  says: /refused/,
};

/** mosquitto does not say which character it is. */
const malformedByMosquitto: Difference = {
  because: 'tmq names the character, mosquitto only the argument',
  says: /^Error: Malformed UTF-8 in /,
};

const deep = `a${'/b'.repeat(201)}`;
const message = ['-t', 'a', '-m', 'x'];

const refused: readonly Refused[] = [
  // Form
  {shows: '1.1: one dash too few', words: ['-topic', 'a', '-m', 'x'], says: "Unknown option '-topic'."},
  {shows: '1.1: no --', words: [...message, '--'], says: "Unknown option '--'."},
  {shows: '1.1: no operands', words: [...message, 'word'], says: "Unknown option 'word'."},
  {shows: '1.1: unknown option', tool: 'sub', words: ['-t', 'a', '-r'], says: "Unknown option '-r'."},
  {shows: '1.1: unknown option', tool: 'rr', words: ['-U'], says: "Unknown option '-U'."},
  {shows: '1.1: case', words: [...message, '-V', 'MQTTV5'], says: 'Invalid protocol version argument given'},
  {shows: '1.1: left to right', words: ['-q', '7', '--bogus'], says: 'Invalid QoS given: 7'},
  {shows: '1.1: left to right', words: ['--bogus', '-q', '7'], says: "Unknown option '--bogus'."},
  {shows: '1.1: usage errors are never quiet', words: ['--quiet', '-q', '7'], says: 'Invalid QoS given: 7'},
  {shows: '1.1: missing value', words: ['--topic'], says: '-t argument given but no topic specified.'},
  {
    shows: '1.1: numbers',
    words: [...message, '-q', '1x'],
    says: 'Invalid QoS given: 1x',
    mosquitto: acceptedByAtoi,
  },
  {
    shows: '9: Q35',
    tool: 'sub',
    words: ['-t', 'a', '-C', '1.5'],
    says: 'Invalid message count "1.5".',
    mosquitto: acceptedByAtoi,
  },
  {
    shows: '9: Q35',
    words: [...message, '-p', 'abc'],
    says: 'Invalid port given: ',
    mosquitto: {
      because: 'mosquitto reads port 0, which is a unix socket named by the host (Q35)',
      voice: 'line',
      says: /No such file|refused/,
    },
  },
  {
    shows: '1.1: UTF-8',
    words: ['-t', 'a\u0001', '-m', 'x'],
    says: 'Invalid -t argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8',
    tool: 'sub',
    words: ['-t', 'a\u0085'],
    says: 'Invalid -t argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8',
    tool: 'sub',
    words: ['-t', 'a', '-T', '\u0007'],
    says: 'Invalid -T argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8',
    tool: 'sub',
    words: ['-t', 'a', '-U', '\uFFFF'],
    says: 'Invalid -U argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8',
    words: [...message, '--will-topic', '\uFDD0'],
    says: 'Invalid --will-topic argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8',
    tool: 'rr',
    words: [...message, '-e', '\u0001'],
    says: 'Invalid -e argument: it has ',
    mosquitto: malformedByMosquitto,
  },
  {
    shows: '1.1: UTF-8 of a user name',
    words: [...message, '-u', 'a\u0001'],
    says: 'Problem setting username and/or password',
    mosquitto: {
      because: 'mosquitto finds it later, and gives no hint',
      voice: 'line',
      says: /Problem setting username and\/or password\./,
    },
  },
  {
    shows: '1.1: UTF-8 of a client id',
    words: [...message, '-i', 'a\u0001'],
    says: 'Invalid -i argument: it has ',
    mosquitto: {because: 'mosquitto ends without a word', voice: 'silent', says: /^$/},
  },
  {
    shows: '1.1: publish topic',
    words: ['-t', 'a/+', '-m', 'x'],
    says: "Invalid publish topic 'a/+', does it contain",
  },
  {
    shows: '1.1: publish topic',
    words: ['-t', '', '-m', 'x'],
    says: 'The publish topic of -t is empty',
    mosquitto: 'newer',
  },
  {
    shows: '1.1: publish topic',
    words: ['-t', deep, '-m', 'x'],
    says: "Invalid publish topic 'a/b/b",
    mosquitto: 'newer',
  },
  {
    shows: '1.1: publish topic',
    tool: 'rr',
    words: [...message, '-e', 'a/#'],
    says: "Invalid response topic 'a/#'",
  },
  {shows: '1.1: publish topic', words: [...message, '--will-topic', '+'], says: "Invalid will topic '+'"},
  {
    shows: '1.1: filter',
    tool: 'sub',
    words: ['-t', 'a/#/b'],
    says: "Invalid subscription topic 'a/#/b', are all",
  },
  {shows: '1.1: filter', tool: 'sub', words: ['-t', 'a+'], says: "Invalid subscription topic 'a+', are all"},
  {
    shows: '1.1: filter',
    tool: 'sub',
    words: ['-t', deep],
    says: "Invalid subscription topic 'a/b/b",
    mosquitto: 'newer',
  },
  {shows: '1.1: filter', tool: 'sub', words: ['-t', 'a', '-T', 'b#'], says: "Invalid filter topic 'b#'"},
  {shows: '1.1: filter', tool: 'sub', words: ['-t', 'a', '-U', '#/'], says: "Invalid unsubscribe topic '#/'"},

  // Ranges and words
  {shows: '1.2: -i', words: [...message, '-i', ''], says: 'Invalid id', mosquitto: 'newer'},
  {shows: '1.2: -I', words: ['-I', 'a', '-i', 'b'], says: '-i and -I argument cannot be used together.'},
  {
    shows: '1.2: -k',
    words: [...message, '-k', '4'],
    says: 'Invalid keepalive given, it must be between 5 and 65535 inclusive',
    mosquitto: {because: 'the sentence of 2.0', says: /keepalive/},
  },
  {shows: '1.2: -k', words: [...message, '-k', '0'], says: 'Invalid keepalive given'},
  {shows: '1.2: -k', words: [...message, '-k', '65536'], says: 'Invalid keepalive given'},
  {
    shows: '1.2: -M',
    words: [...message, '-M', '0'],
    says: 'Maximum inflight messages must be greater than 0',
    mosquitto: 'newer',
  },
  {shows: '1.2: -p', words: [...message, '-p', '65536'], says: 'Invalid port given: 65536'},
  {shows: '1.2: -p', words: [...message, '-p', '-1'], says: 'Invalid port given: -1'},
  {shows: '1.2: -q', words: [...message, '-q', '3'], says: 'Invalid QoS given: 3'},
  {shows: '1.2: -V', words: [...message, '-V', '4'], says: 'Invalid protocol version argument given'},
  {shows: '1.2: -W', tool: 'sub', words: ['-t', 'a', '-W', '0'], says: 'Invalid timeout "0".'},
  {shows: '1.2: --will-qos', words: [...message, '--will-qos', '3'], says: 'Invalid will QoS 3.'},
  {
    shows: '1.2: --retain-handling',
    tool: 'sub',
    words: ['-t', 'a', '--retain-handling', 'often'],
    says: "Unknown value 'often' for --retain-handling.",
    mosquitto: 'newer',
  },
  {
    shows: '1.2: -o',
    words: ['-o', '{directory}/a', '-o', '{directory}/b'],
    says: 'Duplicate -o argument given.',
    files: {a: '-t a\n', b: '-t b\n'},
    mosquitto: 'newer',
  },
  {
    shows: '1.2: -P',
    words: [...message, '-P', 'secret'],
    says: 'Problem setting username and/or password',
    mosquitto: {
      because: 'mosquitto finds it later, and gives no hint',
      voice: 'line',
      says: /Problem setting username and\/or password\.|refused/,
    },
  },
  {
    shows: '1.4: scheme',
    words: ['-L', 'http://localhost/a', '-m', 'x'],
    says: 'Unsupported URL scheme.',
    mosquitto: {because: 'the capital letter is new in 2.1', says: /^Error: unsupported URL scheme\./},
  },
  {
    shows: '1.4: topic',
    words: ['-L', 'mqtt://localhost', '-m', 'x'],
    says: 'Invalid URL for -L argument specified - topic missing.',
  },
  {shows: '1.4: topic', words: ['-L', 'mqtt://localhost/', '-m', 'x'], says: 'Invalid', mosquitto: 'newer'},

  // Sessions
  {
    shows: '1.5: -c without -i',
    words: [...message, '-c'],
    says: 'You must provide a client id if you are using the -c',
  },
  {
    shows: '1.5: -c with -I',
    tool: 'sub',
    words: ['-t', 'a', '-c', '-I', 'p'],
    says: 'You must provide a client id',
  },
  {
    shows: '1.5: -c in version 5',
    words: [...message, '-c', '-V', '5'],
    says: 'You must provide a client id if you are using an infinite session expiry interval.',
  },
  {
    shows: '1.5: infinite -x without -i',
    words: [...message, '-x', '∞'],
    says: 'You must provide a client id if you are using an infinite session expiry interval.',
    mosquitto: 'newer',
  },
  {
    shows: '1.5: -c -x without -i',
    words: [...message, '-V', '5', '-c', '-x', '10'],
    says: 'You must provide a client id',
    mosquitto: {because: 'mosquitto finds it later, and gives no hint', voice: 'line', says: /Invalid id/},
  },
  {shows: '1.5: -x', words: [...message, '-x', 'soon'], says: 'session-expiry-interval not a number'},
  {shows: '1.5: -x', words: [...message, '-x', '4294967296'], says: 'session-expiry-interval out of range'},
  {
    shows: '1.5: -x and -D connect',
    words: [...message, '-V', '5', '-x', '1', '-D', 'connect', 'session-expiry-interval', '2'],
    says: 'Duplicate property in property list',
    mosquitto: {
      because: 'mosquitto says in which packet',
      says: /^Error in CONNECT properties: Duplicate property in property list/,
    },
  },

  // TLS
  {
    shows: '1.9: --cert and --key',
    words: [...message, '--cert', 'c'],
    says: 'Both certfile and keyfile must be provided',
  },
  {
    shows: '1.9: --keyform',
    words: [...message, '--keyform', 'pem'],
    says: 'If keyform is set, keyfile must be also',
  },
  {
    shows: '1.9: --keyform',
    words: [...message, '--cert', 'c', '--key', 'k', '--keyform', 'der'],
    says: "Problem setting key form, it must be one of 'pem' or 'engine'.",
    mosquitto: {
      because: 'mosquitto finds it later, and gives no hint',
      voice: 'line',
      says: /key form|refused/,
    },
  },
  {
    shows: '1.9: --tls-engine-kpass-sha1',
    words: [...message, '--tls-engine-kpass-sha1', 'aa'],
    says: 'When using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.',
    mosquitto: {
      because: 'the capital letter is new in 2.1',
      says: /^Error: when using tls-engine-kpass-sha1/,
    },
  },
  {
    shows: '1.9: --psk',
    words: [...message, '--psk', 'aa', '--cafile', 'c', '--psk-identity', 'i'],
    says: 'Only one of --psk or --cafile/--capath may be used at once.',
  },
  {shows: '1.9: --psk', words: [...message, '--psk', 'aa'], says: '--psk-identity required if --psk used.'},
  {
    shows: '1.9: --psk',
    words: [...message, '--psk', 'xy', '--psk-identity', 'i'],
    says: 'Problem setting TLS-PSK options',
    mosquitto: {
      because: 'mosquitto finds it later, and gives no hint',
      voice: 'line',
      says: /TLS-PSK options/,
    },
  },
  {
    shows: '1.9: --tls-version',
    words: [...message, '--cafile', '/etc/ssl/certs/ca-certificates.crt', '--tls-version', 'tlsv1.4'],
    says: 'Problem setting TLS options, check the options are valid',
    mosquitto: {because: 'mosquitto finds it later, and gives no hint', voice: 'line', says: /TLS options/},
  },

  // Sources, topics and what else is checked last
  {
    shows: '1.10: will payload',
    words: [...message, '--will-payload', 'x'],
    says: 'Will payload given, but no will topic given.',
  },
  {
    shows: '1.10: will retain',
    words: [...message, '--will-retain'],
    says: 'Will retain given, but no will topic given.',
  },
  {
    shows: '1.10: sub without a topic',
    tool: 'sub',
    words: [],
    says: 'You must specify a topic to subscribe to',
  },
  {
    shows: '3.1: two sources',
    words: ['-t', 'a', '-m', 'x', '-n'],
    says: 'Only one type of message can be sent at once.',
  },
  {
    shows: '3.1: two sources',
    words: ['-t', 'a', '-l', '-s'],
    says: 'Only one type of message can be sent at once.',
  },
  {
    shows: '3.1: two sources',
    words: ['-m', 'x', '-m', 'y'],
    says: 'Only one type of message can be sent at once.',
  },
  {
    shows: '3.1: no source',
    words: ['-t', 'a'],
    says: 'Both topic and message must be supplied.',
    mosquitto: {because: 'mosquitto prints the whole usage on stdout', stdout: 'USAGE', voice: 'line'},
  },
  {
    shows: '3.1: no topic',
    words: ['-m', 'x'],
    says: 'Both topic and message must be supplied.',
    mosquitto: {because: 'mosquitto prints the whole usage on stdout', stdout: 'USAGE', voice: 'line'},
  },
  {shows: '3.2: --repeat', words: [...message, '--repeat', '0'], says: '--repeat argument must be >0'},
  {
    shows: '3.2: --repeat-delay',
    words: [...message, '--repeat-delay', '-1'],
    says: '--repeat-delay argument must be >=0.0',
  },
  {shows: '4.2: -C', tool: 'sub', words: ['-t', 'a', '-C', '0'], says: 'Invalid message count "0".'},
  {
    shows: '4.3: -R with --retained-only',
    tool: 'sub',
    words: ['-t', 'a', '-R', '--retained-only'],
    says: "Combining '-R' and '--retained-only' makes no sense.",
    mosquitto: {because: 'mosquitto gives no hint here', voice: 'line', says: /makes no sense/},
  },
  {
    shows: '4.3: --random-filter',
    tool: 'sub',
    words: ['-t', 'a', '--random-filter', '101'],
    says: '--random-filter chance must be between 0.1-100.0',
    mosquitto: {because: 'mosquitto takes ten times the percentage (Q4)', voice: 'line', says: /refused/},
  },
  {shows: '4.6: format', tool: 'sub', words: ['-t', 'a', '-F', '%'], says: 'Incomplete format specifier.'},
  {shows: '4.6: format', tool: 'sub', words: ['-t', 'a', '-F', '%b'], says: "Invalid format specifier 'b'."},
  {shows: '4.6: format', tool: 'sub', words: ['-t', 'a', '-F', '\\q'], says: "Invalid escape specifier 'q'."},
  {
    shows: '5: needs',
    tool: 'rr',
    words: ['-t', 'a', '-m', 'x', '-V', '311'],
    says: 'All of topic, message, and response topic must be',
  },
  {
    shows: '5: needs',
    tool: 'rr',
    words: ['-t', 'a', '-e', 'b'],
    says: 'All of topic, message, and response topic must be',
  },
  {
    shows: '5: -D publish response-topic',
    tool: 'rr',
    words: ['-t', 'a', '-e', 'b', '-n', '-D', 'publish', 'response-topic', 'c'],
    says: 'Duplicate response topic',
    mosquitto: {because: 'mosquitto gives no hint here', voice: 'line', says: /Duplicate response topic/},
  },

  // -D
  {
    shows: '3.6: too few words',
    words: ['-D', 'publish', 'content-type'],
    says: '--property argument given but not enough',
  },
  {
    shows: '3.6: unknown command',
    words: ['-D', 'shout', 'content-type', 'x'],
    says: 'Invalid command shout given in --property',
    mosquitto: {because: 'mosquitto 2.0 does not repeat the word', says: /^Error: Invalid command given in/},
  },
  {
    shows: '3.6: unknown name',
    words: ['-D', 'publish', 'colour', 'x'],
    says: 'Invalid property name colour given in --property',
    mosquitto: {
      because: 'mosquitto 2.0 does not repeat the word',
      says: /^Error: Invalid property name given/,
    },
  },
  {
    shows: '3.6: not allowed for',
    words: ['-D', 'publish', 'receive-maximum', '3'],
    says: 'receive-maximum property not allowed for publish in --property argument.',
  },
  {
    shows: '3.6: not supported for',
    words: ['-D', 'publish', 'subscription-identifier', '3'],
    says: 'subscription-identifier property not supported for publish in --property argument.',
  },
  {
    shows: '3.6: not supported for',
    words: ['-D', 'puback', 'reason-string', 'x'],
    says: 'reason-string property not supported for puback in --property argument.',
  },
  {
    shows: '3.6: out of range',
    words: ['-D', 'publish', 'topic-alias', '65536'],
    says: 'Property value (65536) out of range for property topic-alias.',
  },
  {
    shows: '3.6: out of range',
    words: ['-D', 'connect', 'maximum-packet-size', '4294967296'],
    says: 'Property value (4294967296) out of range for property maximum-packet-size.',
  },
  {
    shows: '3.6: varint',
    tool: 'sub',
    words: ['-D', 'subscribe', 'subscription-identifier', '268435456'],
    says: 'Property value (268435456) out of range for property subscription-identifier.',
    mosquitto: {
      because: 'mosquitto says only that adding it failed',
      says: /Error adding property subscription-identifier/,
    },
  },
  {
    shows: '3.6: text',
    words: ['-D', 'publish', 'content-type', '\u0001'],
    says: 'Invalid --property argument for content-type: it has ',
    mosquitto: {
      because: 'mosquitto says only that adding it failed',
      says: /Error adding property content-type/,
    },
  },
  {
    shows: '3.6: binary',
    words: ['-D', 'publish', 'correlation-data', 'x'.repeat(65_536)],
    says: 'Property value too long for property correlation-data.',
  },
  {
    shows: '3.6: flags are 0 or 1',
    words: [...message, '-D', 'publish', 'payload-format-indicator', '2'],
    says: 'Property value (2) out of range for property payload-format-indicator.',
    mosquitto: acceptedLater(/refused/),
  },
  {
    shows: '3.6: not 0',
    words: [...message, '-D', 'connect', 'receive-maximum', '0'],
    says: 'Property value (0) out of range for property receive-maximum.',
    mosquitto: {because: 'mosquitto says only in which packet', says: /^Error in CONNECT properties/},
  },
  {
    shows: '3.6: twice',
    words: [...message, '-D', 'publish', 'content-type', 'a', '-D', 'publish', 'content-type', 'b'],
    says: 'Duplicate property in property list',
    mosquitto: {
      because: 'mosquitto says in which packet',
      says: /^Error in PUBLISH properties: Duplicate property/,
    },
  },
  {
    shows: '3.6: connect properties before version 5',
    words: [...message, '-D', 'connect', 'receive-maximum', '3', '-V', '311'],
    says: '-D connect is not supported before MQTT 5.',
    mosquitto: acceptedLater(/Unable to connect|refused/),
  },
  {
    shows: '3.6: publish properties before version 5',
    words: [...message, '-D', 'publish', 'content-type', 'a', '-V', '311'],
    says: '-D publish is not supported before MQTT 5.',
    mosquitto: acceptedLater(/refused/),
  },

  {
    shows: '9: Q10',
    tool: 'sub',
    words: [
      ...['-t', 'a', '-D', 'subscribe', 'subscription-identifier', '1'],
      ...['-D', 'subscribe', 'subscription-identifier', '2'],
    ],
    says: 'Duplicate property in property list',
    mosquitto: {
      because: 'mosquitto says in which packet',
      says: /Duplicate property in property list|SUBSCRIBE/,
    },
  },
  {
    shows: '9: Q10',
    tool: 'sub',
    words: ['-t', 'a', '-D', 'subscribe', 'user-property', 'a', 'b', '-V', '311'],
    says: '-D subscribe is not supported before MQTT 5.',
    mosquitto: acceptedLater(/refused/),
  },

  // Options files
  {
    shows: '2: errors in the file',
    words: message,
    says: "DIRECTORY/mosquitto_pub:2: Unknown option '--bogus'.",
    files: {mosquitto_pub: '# comment\n--bogus\n'},
    environment: {XDG_CONFIG_HOME: '{directory}'},
    mosquitto: {because: 'mosquitto does not say where', says: /^Error: Unknown option '--bogus'\./},
  },
  {
    shows: '2: a conflict across file and words',
    words: [...message, '-I', 'p'],
    says: '-i and -I argument cannot be used together.',
    files: {mosquitto_pub: '-i fixed\n'},
    environment: {XDG_CONFIG_HOME: '{directory}'},
  },
  {
    shows: '2: a source in the file and in the words',
    words: ['-t', 'a', '-n'],
    says: 'Only one type of message can be sent at once.',
    files: {mosquitto_pub: '-m x\n'},
    environment: {XDG_CONFIG_HOME: '{directory}'},
  },
];

function acceptedLater(says: RegExp): Difference {
  return {because: 'mosquitto finds it when the packet is made, after connecting', voice: 'line', says};
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

export const wordRows: readonly Row[] = refused.map(
  ({shows, tool = 'pub', words, says, mosquitto, files, environment}) => ({
    name: `refuses ${words.map((word) => (word.length > 40 ? `${word.slice(0, 20)}…` : word)).join(' ')}${files === undefined ? '' : ' (options file)'}`,
    shows: [shows],
    tool,
    words,
    closedPort: true,
    expect: {voice: 'usage', status: 1, says: new RegExp(`^Error: ${escaped(says)}`)},
    ...(mosquitto === undefined ? {} : {mosquitto}),
    ...(files === undefined ? {} : {files}),
    ...(environment === undefined ? {} : {environment}),
  }),
);
