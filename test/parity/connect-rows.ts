/** Scenarios of CONNECT: what each option that pub, sub and rr share puts on the wire, bit for bit. */

import type {Difference, Row} from './expectation.ts';

const message = ['-t', '{topic}', '-m', 'x'];

/** A publication that succeeds, and the fields of its CONNECT. */
function connects(
  name: string,
  shows: string,
  words: readonly string[],
  fields: Readonly<Record<string, unknown>>,
  more: Partial<Row> = {},
): Row {
  return {
    name,
    shows: [shows],
    tool: 'pub',
    words: [...message, ...words],
    expect: {sent: [{packet: 'CONNECT', ...fields}]},
    ...more,
  };
}

/** mosquitto 2.0 sends an empty identifier, which the broker replaces. */
function leavesIdToBroker(fields: Readonly<Record<string, unknown>>): Difference {
  return {
    because: 'tmq makes the identifier itself, so that its lines can name it (E9)',
    sent: [{packet: 'CONNECT', ...fields, clientId: ''}],
  };
}

const everyConnectProperty = [
  ...['session-expiry-interval', '7', 'maximum-packet-size', '100000', 'topic-alias-maximum', '5'],
  ...['request-response-information', '1', 'request-problem-information', '0'],
];

const connectProperties = everyConnectProperty.flatMap((word, index) =>
  index % 2 === 0 ? ['-D', 'connect', word, everyConnectProperty[index + 1]!] : [],
);

const will = ['--will-topic', '{topic}/will'];

export const connectRows: readonly Row[] = [
  connects('a client without an id of version 3.1 makes one', '1.6: client id', ['-V', 'mqttv31'], {
    protocol: 'MQIsdp',
    level: 3,
    clientId: 'RANDOM',
  }),
  connects(
    'a client without an id of version 3.1.1 makes one',
    '1.6: client id',
    [],
    {protocol: 'MQTT', level: 4, clientId: 'RANDOM', clean: true, keepalive: 60},
    {mosquitto: leavesIdToBroker({protocol: 'MQTT', level: 4})},
  ),
  connects(
    'a client without an id of version 5 makes one',
    '1.6: client id',
    ['-V', '5'],
    {level: 5, clientId: 'RANDOM', properties: ['receive-maximum 20']},
    {mosquitto: leavesIdToBroker({level: 5})},
  ),
  ...['31', 'mqttv31', '311', 'mqttv311', '5', 'mqttv5'].map((version) =>
    connects(`-V ${version}`, '1.2: -V', ['-i', '{topic}', '-V', version], {
      level: version.endsWith('5') ? 5 : version.endsWith('311') ? 4 : 3,
    }),
  ),
  connects('-i', '1.2: -i', ['-i', '{topic}-id'], {clientId: 'TOPIC-id'}),
  connects('a long -i, also in version 3.1', '1.2: -i', ['-V', '31', '-i', `{topic}${'x'.repeat(60)}`], {
    clientId: `TOPIC${'x'.repeat(60)}`,
  }),
  connects('-I puts the process id behind it', '1.2: -I', ['-I', 'with-pid-'], {clientId: 'PID'}),
  connects('-k', '1.2: -k', ['-k', '5'], {keepalive: 5}),
  connects('-k at its most', '1.2: -k', ['-k', '65535'], {keepalive: 65_535}),
  connects('-c keeps the session', '1.5: -c', ['-c', '-i', '{topic}'], {clean: false}),
  connects('-c in version 5 keeps it for ever', '1.5: -c in version 5', ['-c', '-i', '{topic}', '-V', '5'], {
    clean: false,
    properties: ['session-expiry-interval 4294967295', 'receive-maximum 20'],
  }),
  connects('-x', '1.5: -x', ['-V', '5', '-x', '30'], {
    level: 5,
    clean: true,
    properties: ['session-expiry-interval 30', 'receive-maximum 20'],
  }),
  connects('-x selects version 5', '1.2: -x', ['-x', '30'], {level: 5}, {mosquitto: 'newer'}),
  connects('-x 0 sends nothing', '1.5: -x', ['-V', '5', '-x', '0'], {properties: ['receive-maximum 20']}),
  ...['-1', '4294967295', '∞'].map((forever) =>
    connects(`-x ${forever} is for ever`, '1.5: -x', ['-V', '5', '-i', '{topic}', '-x', forever], {
      properties: ['session-expiry-interval 4294967295', 'receive-maximum 20'],
    }),
  ),
  connects('-x reads hexadecimal and octal', '1.5: -x', ['-V', '5', '-x', '0x10'], {
    properties: ['session-expiry-interval 16', 'receive-maximum 20'],
  }),
  connects('-x and then -V 311', '1.5: -x', ['-x', '30', '-V', '311'], {level: 4, properties: []}),
  connects(
    '-u alone',
    '1.2: -u',
    ['-u', 'ann', '-V', '311'],
    {username: 'ann'},
    {
      expect: {
        status: 5,
        voice: 'line',
        says: /not authorised/,
        sent: [{packet: 'CONNECT', username: 'ann'}],
      },
      mosquitto: {because: 'mosquitto_pub says it twice', voice: 'lines'},
    },
  ),
  connects('-u and -P', '1.2: -P', ['-u', 'ann', '-P', 'secret'], {username: 'ann', password: 'secret'}),
  connects(
    'an empty -u',
    '1.2: -u',
    ['-u', '', '-V', '5'],
    {username: ''},
    {
      server: async (connection) => {
        await connection.accept();
        await connection.idle();
      },
    },
  ),
  connects('-P without -u in version 5', '1.2: -P', ['-V', '5', '-P', 'only'], {
    username: undefined,
    password: 'only',
  }),
  connects('--will-topic alone leaves an empty will', '1.2: --will-topic', will, {
    willTopic: 'TOPIC/will',
    willPayload: '',
    willQos: 0,
    willRetain: false,
  }),
  connects(
    'a whole will',
    '1.2: --will-payload',
    [...will, '--will-payload', 'gone', '--will-qos', '2', '--will-retain'],
    {willTopic: 'TOPIC/will', willPayload: 'gone', willQos: 2, willRetain: true},
  ),
  {
    ...connects('--will-qos without a topic makes no will', '1.2: --will-qos', ['--will-qos', '2'], {}),
    expect: {
      voice: 'line',
      says: /^Warning: --will-qos has no effect without --will-topic\.$/m,
      sent: [{packet: 'CONNECT', willTopic: undefined}],
    },
    mosquitto: {
      because: 'mosquitto says nothing',
      voice: 'silent',
      says: /^$/,
      sent: [{packet: 'CONNECT', willTopic: undefined}],
    },
  },
  connects(
    'properties of the will, in their order',
    '3.6: will',
    [
      ...will,
      ...['-D', 'will', 'will-delay-interval', '3', '-D', 'will', 'content-type', 'text/plain'],
      ...['-D', 'will', 'user-property', '2', 'b', '-D', 'will', 'user-property', '1', 'a'],
      ...['-D', 'will', 'payload-format-indicator', '1', '-D', 'will', 'message-expiry-interval', '60'],
      ...['-D', 'will', 'response-topic', 'an/swer', '-D', 'will', 'correlation-data', 'c'],
    ],
    {
      willProperties: [
        ...['will-delay-interval 3', 'content-type text/plain', 'user-property 2=b', 'user-property 1=a'],
        ...['payload-format-indicator 1', 'message-expiry-interval 60', 'response-topic an/swer'],
        'correlation-data c',
      ],
    },
  ),
  connects('-D connect, in its order, then receive-maximum', '3.6: connect', connectProperties, {
    properties: [
      ...['session-expiry-interval 7', 'maximum-packet-size 100000', 'topic-alias-maximum 5'],
      ...['request-response-information 1', 'request-problem-information 0', 'receive-maximum 20'],
    ],
  }),
  connects(
    'a receive-maximum of the user stays where it stands',
    '1.6: properties',
    ['-D', 'connect', 'receive-maximum', '7', '-D', 'CONNECT', 'User-Property', 'a', 'b'],
    {properties: ['receive-maximum 7', 'user-property a=b']},
  ),
  connects('-D selects version 5', '1.2: -D', ['-D', 'publish', 'content-type', 'a'], {level: 5}),
  connects(
    'properties of packets that pub never sends are ignored',
    '3.6: others',
    ['-D', 'subscribe', 'user-property', 'a', 'b'],
    {level: 5},
  ),
  connects('-V after -x wins', '1.1: last wins', ['-V', '5', '-V', '311'], {level: 4}),
  connects(
    'the last of -h, -i and -k wins',
    '1.1: last wins',
    ['-i', 'a', '-k', '9', '-i', '{topic}', '-k', '10'],
    {clientId: 'TOPIC', keepalive: 10},
  ),
  connects(
    '-L says host, port, user, password and topic',
    '1.4: shape',
    [],
    {username: 'ann', password: 'secret'},
    {
      ownAddress: true,
      words: ['-L', 'mqtt://ann:secret@127.0.0.1:{port}/{topic}/a b', '-m', 'x'],
      expect: {
        sent: [
          {packet: 'CONNECT', username: 'ann', password: 'secret'},
          {packet: 'PUBLISH', topic: 'TOPIC/a b'},
        ],
      },
    },
  ),
  connects(
    'after -L, -p and -t still count',
    '1.4: later wins',
    [],
    {},
    {
      ownAddress: true,
      words: ['-p', '1', '-L', 'mqtt://127.0.0.1:1/{topic}', '-p', '{port}', '-t', '{topic}/b', '-m', 'x'],
      expect: {sent: [{packet: 'PUBLISH', topic: 'TOPIC/b'}]},
    },
  ),
  connects(
    'the topic of -L may begin with a slash',
    '1.4: topic',
    [],
    {},
    {
      ownAddress: true,
      words: ['-L', 'mqtt://127.0.0.1:{port}//{topic}', '-m', 'x'],
      expect: {sent: [{packet: 'PUBLISH', topic: '/TOPIC'}]},
    },
  ),
  connects('-A', '1.2: -A', ['-A', '127.0.0.1'], {}),
  connects('--nodelay', '1.2: --nodelay', ['--nodelay'], {}),
  connects('--no-tls', '1.2: --no-tls', ['--cafile', '/nowhere', '--no-tls'], {}, {mosquitto: 'newer'}),
  connects(
    'an options file',
    '2: default file',
    [],
    {keepalive: 17},
    {
      words: ['-m', 'x'],
      files: {mosquitto_pub: '# a comment\n\n-t  {topic}/with  spaces\n-k 17\r\n -i "{topic}"\n-r\n'},
      environment: {XDG_CONFIG_HOME: '{directory}'},
      expect: {
        sent: [
          {packet: 'CONNECT', keepalive: 17, clientId: '"TOPIC"'},
          {packet: 'PUBLISH', topic: ' TOPIC/with  spaces', retain: true},
        ],
      },
    },
  ),
  connects(
    'words win over an options file',
    '2: precedence',
    ['-k', '18'],
    {keepalive: 18},
    {files: {mosquitto_pub: '-k 17\n-t nowhere\n'}, environment: {XDG_CONFIG_HOME: '{directory}'}},
  ),
  connects(
    '-o takes the place of the usual file',
    '2: -o',
    ['-o', '{directory}/mine'],
    {keepalive: 19},
    {
      files: {mosquitto_pub: '-k 17\n-q 2\n', mine: '-k 19\n-o elsewhere\n'},
      environment: {XDG_CONFIG_HOME: '{directory}'},
      expect: {
        sent: [
          {packet: 'CONNECT', keepalive: 19},
          {packet: 'PUBLISH', qos: 0},
        ],
      },
      mosquitto: 'newer',
    },
  ),
  connects(
    'no file in $XDG_CONFIG_HOME, no file at all',
    '2: no fallback',
    [],
    {keepalive: 60},
    {files: {'.config': 'not a directory'}, environment: {XDG_CONFIG_HOME: '{directory}/empty'}},
  ),
  connects(
    'Q28: a value that looks like -o is a value',
    '2: -o',
    ['-m', '-o'],
    {},
    {words: ['-t', '{topic}', '-m', '-o'], expect: {sent: [{packet: 'PUBLISH', payload: '-o'}]}},
  ),
  connects(
    'Q29: -D in an options file',
    '2: multi-word options',
    [],
    {properties: ['receive-maximum 3']},
    {
      files: {mosquitto_pub: '-D connect receive-maximum 3\n'},
      environment: {XDG_CONFIG_HOME: '{directory}'},
      mosquitto: {
        because: 'mosquitto reads one value a line',
        voice: 'usage',
        status: 1,
        says: /not enough arguments/,
        sent: [],
        wire: 'differs',
      },
    },
  ),
  {
    name: 'sub -C n asks for no more than n at a time',
    shows: ['1.6: properties', '4.3: -C'],
    tool: 'sub',
    words: ['-V', '5', '-t', '{topic}', '-C', '3', '-E'],
    expect: {sent: [{packet: 'CONNECT', properties: ['receive-maximum 3']}]},
  },
  {
    name: 'rr asks for one at a time',
    shows: ['1.6: properties', '5: flow'],
    tool: 'rr',
    words: ['-t', '{topic}', '-e', '{topic}/answer', '-m', 'x'],
    meanwhile: [['-t', '{topic}/answer', '-m', 'y']],
    expect: {stdout: 'y\n', sent: [{packet: 'CONNECT', level: 5, properties: ['receive-maximum 1']}]},
    mosquitto: {because: 'mosquitto_rr leaves without DISCONNECT (Q3)', wire: 'any'},
  },
];
