/** Scenarios of pub: where payloads come from, how they are sent, and what they put on the wire. */

import type {Row} from './expectation.ts';

const versions = ['31', '311', '5'] as const;
const levels = ['0', '1', '2'] as const;

function line(
  name: string,
  input: string | Uint8Array,
  payloads: readonly string[],
  more: Partial<Row> = {},
): Row {
  return {
    name: `-l: ${name}`,
    shows: [`3.3: ${name}`],
    tool: 'pub',
    words: ['-t', '{topic}', '-l', '-q', '1'],
    input,
    expect: {sent: payloads.map((payload, index) => ({packet: 'PUBLISH', id: index + 1, payload}))},
    ...more,
  };
}

const ok = (sent: readonly Readonly<Record<string, unknown>>[]) => ({sent});

export const pubRows: readonly Row[] = [
  ...versions.flatMap((version) =>
    levels.map(
      (qos): Row => ({
        name: `QoS ${qos}, version ${version}`,
        shows: ['1.2: -q', '1.6: DISCONNECT', '3.2: -q', '3.2: packet ids'],
        tool: 'pub',
        words: ['-t', '{topic}/a', '-m', 'payload', '-q', qos, '-V', version],
        expect: ok([
          {packet: 'PUBLISH', topic: 'TOPIC/a', payload: 'payload', qos: Number(qos), retain: false},
          {packet: 'DISCONNECT', reason: 0, properties: []},
        ]),
      }),
    ),
  ),
  {
    name: 'a value that begins with a dash is a value',
    shows: ['1.1: values starting with -'],
    tool: 'pub',
    words: ['-t', '{topic}', '-t', '-m', '-m', '-m'],
    expect: ok([{packet: 'PUBLISH', topic: '-m', payload: '-m'}]),
  },
  {
    name: 'values attached to their options',
    shows: ['1.1: attached values'],
    tool: 'pub',
    words: ['-t{topic}', '-q1', '--message=x=y'],
    expect: ok([{packet: 'PUBLISH', topic: 'TOPIC', qos: 1, payload: 'x=y'}]),
    mosquitto: {
      because: 'mosquitto wants each value in a word of its own',
      voice: 'usage',
      status: 1,
      says: /^Error: Unknown option '-t/,
      sent: [],
      wire: 'differs',
    },
  },
  {
    name: 'several short options in one word',
    shows: ['1.1: joined switches'],
    tool: 'pub',
    words: ['-rt', '{topic}', '-m', 'x'],
    expect: ok([{packet: 'PUBLISH', topic: 'TOPIC', retain: true, payload: 'x'}]),
    mosquitto: {
      because: 'mosquitto wants each option in a word of its own',
      voice: 'usage',
      status: 1,
      says: /^Error: Unknown option '-rt'\./,
      sent: [],
      wire: 'differs',
    },
  },
  {
    name: 'the last -t and -q win',
    shows: ['1.1: last wins'],
    tool: 'pub',
    words: ['-t', 'nowhere', '-q', '2', '-t', '{topic}', '-q', '1', '-m', 'x'],
    expect: ok([{packet: 'PUBLISH', topic: 'TOPIC', qos: 1}]),
  },
  {
    name: "-m ''",
    shows: ['3.1: -m'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', ''],
    expect: ok([{packet: 'PUBLISH', payload: ''}]),
  },
  {
    name: '-m with UTF-8',
    shows: ['3.1: -m'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'ü😀'],
    expect: ok([{packet: 'PUBLISH', payload: Buffer.from('ü😀').toString('latin1')}]),
  },
  {
    name: '-n',
    shows: ['3.1: -n', '3.2: -r'],
    tool: 'pub',
    words: ['-t', '{topic}', '-n', '-r'],
    expect: ok([{packet: 'PUBLISH', payload: '', retain: true}]),
  },
  {
    name: '-f',
    shows: ['3.1: -f'],
    tool: 'pub',
    words: ['-t', '{topic}', '-f', '{directory}/file'],
    files: {file: 'one\r\ntwo\0\n'},
    expect: ok([{packet: 'PUBLISH', payload: 'one\r\ntwo\0\n'}]),
  },
  {
    name: '-f with an empty file',
    shows: ['3.1: -f'],
    tool: 'pub',
    words: ['-t', '{topic}', '-f', '{directory}/file'],
    files: {file: ''},
    expect: ok([{packet: 'PUBLISH', payload: ''}]),
  },
  {
    name: '-f with a file that is not there',
    shows: ['3.1: -f'],
    tool: 'pub',
    words: ['-t', '{topic}', '-f', '{directory}/file'],
    expect: {
      voice: 'line',
      status: 1,
      says: /^Error: Cannot read the file DIRECTORY\/file: no such file/,
      sent: [],
    },
    mosquitto: {
      because: 'mosquitto_pub says it twice; 2.0 in other words',
      voice: 'lines',
      says: /Unable to open file|Unable to read file/,
    },
  },
  {
    name: '-f with --quiet and a file that is not there',
    shows: ['1.2: --quiet'],
    tool: 'pub',
    words: ['-t', '{topic}', '-f', '{directory}/file', '--quiet'],
    expect: {status: 1},
  },
  {
    name: '-f with a directory',
    shows: ['3.1: -f'],
    tool: 'pub',
    words: ['-t', '{topic}', '-f', '{directory}'],
    expect: {voice: 'line', status: 1, says: /Cannot read the file DIRECTORY: it is a directory\./},
    mosquitto: 'newer',
  },
  {
    name: '-s',
    shows: ['3.1: -s'],
    tool: 'pub',
    words: ['-t', '{topic}', '-s', '-q', '2'],
    input: Buffer.from([0, 10, 255, 13, 10]),
    expect: ok([{packet: 'PUBLISH', payload: '\0\n\u00ff\r\n', qos: 2}]),
  },
  {
    name: '-s of nothing',
    shows: ['3.1: -s'],
    tool: 'pub',
    words: ['-t', '{topic}', '-s'],
    expect: {voice: 'line', status: 1, says: /^Error: Zero length input/},
    mosquitto: {because: 'mosquitto_pub says it twice', voice: 'lines', says: /Zero length input/},
  },
  ...levels.map(
    (qos): Row => ({
      name: `--repeat at QoS ${qos} waits for each`,
      shows: ['3.2: --repeat', '3.2: packet ids'],
      tool: 'pub',
      words: ['-t', '{topic}', '-m', 'x', '-q', qos, '--repeat', '3', '--repeat-delay', '0.01'],
      expect: ok(
        [1, 2, 3].map((id) => ({packet: 'PUBLISH', id: qos === '0' ? undefined : id, payload: 'x'})),
      ),
    }),
  ),
  ...['0', '1'].map(
    (qos): Row => ({
      name: `a topic alias says the topic once, at QoS ${qos}`,
      shows: ['3.2: topic alias', '3.6: topic-alias'],
      tool: 'pub',
      words: ['-t', '{topic}', '-m', 'x', '-q', qos, '--repeat', '3', '-D', 'publish', 'topic-alias', '3'],
      expect: ok(
        ['TOPIC', '', ''].map((topic) => ({packet: 'PUBLISH', topic, properties: ['topic-alias 3']})),
      ),
    }),
  ),
  {
    name: 'properties of PUBLISH, in their order',
    shows: ['3.6: publish', '3.6: user-property', '3.6: order'],
    tool: 'pub',
    words: [
      ...['-t', '{topic}', '-m', 'x', '-D', 'PUBLISH', 'Content-Type', 'a/b', '-D', 'publish'],
      ...['user-property', '2', 'two', '-D', 'publish', 'user-property', '1', 'one', '-D', 'publish'],
      ...['user-property', '2', '', '-D', 'publish', 'message-expiry-interval', '4294967295'],
      ...['-D', 'publish', 'payload-format-indicator', '1', '-D', 'publish', 'response-topic', 'r/t'],
      ...['-D', 'publish', 'correlation-data', '-x'],
    ],
    expect: ok([
      {
        packet: 'PUBLISH',
        properties: [
          ...['content-type a/b', 'user-property 2=two', 'user-property 1=one', 'user-property 2='],
          ...['message-expiry-interval 4294967295', 'payload-format-indicator 1', 'response-topic r/t'],
          'correlation-data -x',
        ],
      },
    ]),
  },
  {
    name: 'user properties that stand apart are put together',
    shows: ['3.6: order'],
    tool: 'pub',
    words: [
      ...['-t', '{topic}', '-m', 'x', '-D', 'publish', 'user-property', 'a', 'b', '-D', 'publish'],
      ...['content-type', 'c', '-D', 'publish', 'user-property', 'd', 'e'],
    ],
    expect: ok([
      {packet: 'PUBLISH', properties: ['user-property a=b', 'user-property d=e', 'content-type c']},
    ]),
    mosquitto: {
      because: 'tmq keeps user properties as one list, where the first of them was given',
      sent: [{packet: 'PUBLISH', properties: ['user-property a=b', 'content-type c', 'user-property d=e']}],
      wire: 'differs',
    },
  },
  {
    name: 'properties of DISCONNECT',
    shows: ['3.6: disconnect', '3.4: DISCONNECT'],
    tool: 'pub',
    words: [
      ...['-t', '{topic}', '-m', 'x', '-q', '1', '-x', '100', '-V', '5'],
      ...['-D', 'disconnect', 'session-expiry-interval', '3', '-D', 'disconnect', 'user-property', 'a', 'b'],
    ],
    expect: ok([
      {packet: 'DISCONNECT', reason: 0, properties: ['session-expiry-interval 3', 'user-property a=b']},
    ]),
  },
  {
    name: 'a refused publication is no news before version 5',
    shows: ['3.5: denied in version 3'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'x', '-q', '1', '-u', 'ann', '-P', 'secret'],
    expect: {},
    mosquitto: {because: 'mosquitto 2.0 may close the connection behind a denial', wire: 'any'},
  },
  {
    name: 'a refused publication of version 5',
    shows: ['3.5: refused', '8: 128 and above'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'x', '-q', '1', '-u', 'ann', '-P', 'secret', '-V', '5'],
    expect: {status: 135, voice: 'line', says: /Not authorized/},
    mosquitto: {
      because: 'mosquitto_pub warns, with a second line for a reason string, and ends with 0 (Q6)',
      status: 0,
      voice: 'any',
      says: /^Warning: Publish 1 failed: Not authorized/,
      wire: 'any',
    },
  },
  {
    name: 'no subscriber',
    shows: ['3.5: success'],
    tool: 'pub',
    words: ['-t', '{topic}/unheard', '-m', 'x', '-q', '1', '-V', '5'],
    expect: {},
  },
  {
    name: 'a wrong password',
    shows: ['1.11: CONNACK refused', '3.5: CONNACK of version 3', '8: 1 to 5'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'x', '-u', 'ann', '-P', 'wrong'],
    expect: {
      status: 5,
      voice: 'line',
      says: /Connection error: Connection Refused: not authorised/,
      sent: [],
    },
    mosquitto: {because: 'mosquitto_pub says it twice', voice: 'lines'},
  },
  {
    name: 'a wrong password, with -l',
    shows: ['3.3: CONNACK refusal'],
    tool: 'pub',
    words: ['-t', '{topic}', '-l', '-u', 'ann', '-P', 'wrong'],
    input: 'one\n',
    expect: {status: 5, voice: 'line', says: /Connection error: Connection Refused: not authorised/},
    mosquitto: {because: 'mosquitto_pub says it twice', voice: 'lines'},
  },
  {
    name: 'a wrong password in version 5',
    shows: ['1.11: CONNACK refused', '3.5: CONNACK of version 5'],
    tool: 'pub',
    words: ['-t', '{topic}', '-m', 'x', '-u', 'ann', '-P', 'wrong', '-V', '5'],
    expect: {status: 135, voice: 'line', says: /Connection error: Not authorized/},
    mosquitto: {because: 'mosquitto_pub says it twice', voice: 'lines'},
  },
  line('LF ends a line, CR stays', 'one\ntwo\r\n', ['one', 'two\r']),
  line('an empty line', 'one\n\ntwo\n', ['one', '', 'two']),
  line('a last line without LF', 'one\ntwo', ['one', 'two']),
  line('nothing', '', []),
  line('a long line', `${'x'.repeat(5000)}\n${'y'.repeat(70_000)}\n`, ['x'.repeat(5000), 'y'.repeat(70_000)]),
  line('NUL in a line', 'ab\0cd\nef\n', ['ab\0cd', 'ef'], {
    mosquitto: {
      because: 'mosquitto_pub ends the line at the NUL, and may lose what follows (Q19)',
      sent: [{packet: 'PUBLISH', payload: 'ab'}],
      wire: 'differs',
    },
  }),
  {
    name: '-l at QoS 0 and a topic alias',
    shows: ['3.2: topic alias'],
    tool: 'pub',
    words: ['-t', '{topic}', '-l', '-D', 'publish', 'topic-alias', '1'],
    input: 'one\ntwo\n',
    expect: ok([
      {packet: 'PUBLISH', topic: 'TOPIC', payload: 'one'},
      {packet: 'PUBLISH', topic: '', payload: 'two'},
    ]),
  },
];
