/** Scenarios of sub: what is asked for, what is printed, when it ends. */

import type {Difference, Row} from './expectation.ts';

const one = [['-t', '{topic}', '-m', 'one']];
const numbered = ['1', '2', '3'].map((text) => ['-t', `{topic}/${text}`, '-m', text]);

/** Subscribes to {topic}, gets a message, and ends. */
function prints(
  name: string,
  shows: string,
  words: readonly string[],
  stdout: string,
  more: Partial<Row> = {},
): Row {
  return {
    name,
    shows: [shows],
    tool: 'sub',
    words: ['-t', '{topic}', '-C', '1', ...words],
    meanwhile: one,
    expect: {stdout},
    ...more,
  };
}

/** Subscribes and leaves at once. */
function subscribes(
  name: string,
  shows: string,
  words: readonly string[],
  subscribe: Readonly<Record<string, unknown>>,
  more: Partial<Row> = {},
): Row {
  return {
    name,
    shows: [shows],
    tool: 'sub',
    words: ['-E', ...words],
    expect: {sent: [{packet: 'SUBSCRIBE', ...subscribe}]},
    ...more,
  };
}

const empty = [
  ['-t', '{topic}', '-n'],
  ['-t', '{topic}', '-m', 'end'],
];

const five = ['-V', '5'];

const printsAtPubrel: Difference = {
  because: 'mosquitto_sub prints at PUBREL; tmq prints before PUBREC, and leaves once that is sent (G1)',
  sent: [
    {packet: 'PUBREC', reason: 0},
    {packet: 'PUBCOMP', reason: 0},
  ],
  wire: 'differs',
};

export const subRows: readonly Row[] = [
  // Subscriptions
  ...['0', '1', '2'].map((qos) =>
    subscribes(`QoS ${qos} for every filter`, '1.2: -q', ['-t', '{topic}/#', '-t', '{topic}/+', '-q', qos], {
      id: 1,
      filters: [`TOPIC/# 0x0${qos}`, `TOPIC/+ 0x0${qos}`],
    }),
  ),
  subscribes(
    '-E',
    '4.2: -E',
    ['-t', '{topic}'],
    {},
    {expect: {sent: [{packet: 'SUBSCRIBE'}, {packet: 'DISCONNECT', reason: 0}]}},
  ),
  subscribes(
    '-R asks for no retained messages',
    '1.2: -R',
    [...five, '-t', '{topic}', '-R'],
    {filters: ['TOPIC 0x20']},
    {mosquitto: {because: 'new in 2.1', sent: [{packet: 'SUBSCRIBE'}], wire: 'any'}},
  ),
  subscribes('-R before version 5', '1.2: -R', ['-t', '{topic}', '-R'], {filters: ['TOPIC 0x00']}),
  subscribes(
    '--retain-as-published',
    '1.2: --retain-as-published',
    [...five, '-t', '{topic}', '--retain-as-published'],
    {filters: ['TOPIC 0x08']},
  ),
  ...Object.entries({always: '0x00', new: '0x10', never: '0x20'}).map(([when, bits]) =>
    subscribes(
      `--retain-handling ${when}`,
      '1.2: --retain-handling',
      [...five, '-t', '{topic}', '--retain-handling', when],
      {filters: [`TOPIC ${bits}`]},
      {mosquitto: 'newer'},
    ),
  ),
  subscribes(
    'Q10: --retain-handling new and -R, in either order, still subscribe',
    '9: Q10',
    [...five, '-t', '{topic}', '--retain-handling', 'new', '-R'],
    {filters: ['TOPIC 0x10']},
    {mosquitto: 'newer'},
  ),
  subscribes(
    'retain options before version 5',
    '1.2: --retain-handling',
    ['-t', '{topic}', '--retain-as-published'],
    {filters: ['TOPIC 0x00']},
  ),
  subscribes(
    'properties of SUBSCRIBE',
    '3.6: subscribe',
    [
      ...['-t', '{topic}', '-D', 'subscribe', 'subscription-identifier', '268435455'],
      ...['-D', 'subscribe', 'user-property', 'a', 'b'],
    ],
    {properties: ['subscription-identifier 268435455', 'user-property a=b']},
  ),
  {
    name: 'an UNSUBSCRIBE for each -U, behind the SUBSCRIBE',
    shows: ['4.1: one SUBSCRIBE', '4.2: -U', '3.6: unsubscribe'],
    tool: 'sub',
    words: [
      ...['-t', '{topic}/a', '-t', '{topic}/b', '-U', '{topic}/c', '-U', '{topic}/d'],
      ...['-D', 'unsubscribe', 'user-property', 'x', 'y'],
    ],
    signal: 'SIGINT',
    expect: {
      sent: [
        {packet: 'SUBSCRIBE', id: 1, filters: ['TOPIC/a 0x00', 'TOPIC/b 0x00']},
        {packet: 'UNSUBSCRIBE', id: 2, filters: ['TOPIC/c'], properties: ['user-property x=y']},
        {packet: 'UNSUBSCRIBE', id: 3, filters: ['TOPIC/d'], properties: ['user-property x=y']},
      ],
    },
  },
  {
    name: '-U alone',
    shows: ['4.2: -U'],
    tool: 'sub',
    words: ['-U', '{topic}', '-W', '3', '-i', '{topic}', '-c'],
    expect: {status: 27, voice: 'line', sent: [{packet: 'UNSUBSCRIBE', filters: ['TOPIC']}]},
    mosquitto: 'newer',
  },
  subscribes(
    'the topic of -L and those of -t add up',
    '1.4: accumulate',
    [],
    {filters: ['TOPIC/a 0x00', 'TOPIC/b 0x00']},
    {ownAddress: true, words: ['-L', 'mqtt://127.0.0.1:{port}/{topic}/a', '-t', '{topic}/b', '-E']},
  ),
  subscribes(
    '-t in an options file and in the words add up',
    '2: precedence',
    ['-t', '{topic}/b'],
    {filters: ['TOPIC/a 0x00', 'TOPIC/b 0x00']},
    {files: {mosquitto_sub: '-t {topic}/a\n'}, environment: {XDG_CONFIG_HOME: '{directory}'}},
  ),
  subscribes('$share is a filter like any other', '1.1: filter', [...five, '-t', '$share/group/{topic}'], {
    filters: ['$share/group/TOPIC 0x00'],
  }),

  // Output
  prints('the payload and a newline', '4.5: default', [], 'one\n'),
  prints('-N', '4.5: -N', ['-N'], 'one'),
  prints('-v', '4.5: -v', ['-v'], 'TOPIC one\n'),
  prints('-v -N', '4.5: -v -N', ['-v', '-N'], 'TOPIC one'),
  prints('-F wins over -v', '4.5: -F', ['-v', '-F', '%p|%t'], 'one|TOPIC\n'),
  prints('the last -F wins', '1.1: last wins', ['-F', '%t', '-F', '%p'], 'one\n'),
  prints('-F -N', '4.5: -F -N', ['-F', '<%p>', '-N'], '<one>'),
  prints('an empty payload prints nothing', '4.5: default', ['-C', '2'], 'end\n', {meanwhile: empty}),
  prints('an empty payload prints nothing with -N', '4.5: -N', ['-C', '2', '-N'], 'end', {meanwhile: empty}),
  prints('an empty payload is (null) with -v', '4.5: -v', ['-C', '2', '-v'], 'TOPIC (null)\nTOPIC end\n', {
    meanwhile: empty,
  }),
  prints(
    'Q42: an empty payload prints nothing with -v -N',
    '4.5: -v -N',
    ['-C', '2', '-v', '-N'],
    'TOPIC end',
    {meanwhile: empty},
  ),
  prints('an empty payload is formatted', '4.5: -F', ['-C', '2', '-F', '[%p]'], '[]\n[end]\n', {
    meanwhile: empty,
  }),
  prints('JSON in one line', '4.7: %j', ['-F', '%j'], '', {
    expect: {},
    meanwhile: [],
    words: ['-t', '{topic}', '-E', '-F', '%j'],
  }),
  prints('%J of what is no JSON', '4.7: %J', ['-F', '<%J>'], '<>\n', {
    expect: {
      stdout: '<>\n',
      voice: 'line',
      says: /^Error: Message payload is not valid JSON on topic TOPIC\.\n$/,
    },
  }),
  prints('%J of what is no JSON, with --quiet', '4.7: %J', ['-F', '<%J>', '--quiet'], '<>\n', {
    mosquitto: {because: 'mosquitto 2.0 says it even so', voice: 'any'},
  }),

  // Choice and counting
  {
    name: '-C counts what is printed',
    shows: ['4.3: -C', '4.4: -C'],
    tool: 'sub',
    words: ['-t', '{topic}/#', '-C', '2'],
    meanwhile: numbered,
    expect: {stdout: '1\n2\n', sent: [{packet: 'DISCONNECT', reason: 0}]},
  },
  {
    name: '-T drops, and does not count',
    shows: ['4.3: -T'],
    tool: 'sub',
    words: ['-t', '{topic}/#', '-T', '{topic}/1', '-T', '{topic}/2/#', '-C', '1'],
    meanwhile: numbered,
    expect: {stdout: '3\n'},
  },
  {
    name: '-R drops retained messages',
    shows: ['4.3: -R'],
    tool: 'sub',
    words: ['-t', '{topic}/#', '-R', '-C', '1'],
    before: [['-t', '{topic}/kept', '-r', '-m', 'kept']],
    meanwhile: one.map(() => ['-t', '{topic}/live', '-m', 'live']),
    expect: {stdout: 'live\n'},
  },
  {
    name: 'retained messages come first',
    shows: ['4.3: order'],
    tool: 'sub',
    words: ['-t', '{topic}', '-C', '2', '-F', '%r %p'],
    before: [['-t', '{topic}', '-r', '-m', 'kept']],
    meanwhile: [['-t', '{topic}', '-m', 'live']],
    expect: {stdout: '1 kept\n0 live\n'},
  },
  {
    name: '--retained-only ends at the first live message, also at one that -T would drop',
    shows: ['4.3: --retained-only', '4.4: --retained-only'],
    tool: 'sub',
    words: ['-t', '{topic}/#', '--retained-only', '-T', '{topic}/live'],
    before: [['-t', '{topic}/kept', '-r', '-m', 'kept']],
    meanwhile: [['-t', '{topic}/live', '-m', 'live']],
    expect: {stdout: 'kept\n', sent: [{packet: 'DISCONNECT', reason: 0}]},
  },
  {
    name: 'Q9: --remove-retained clears, and -C ends it',
    shows: ['4.3: --remove-retained', '9: Q9'],
    tool: 'sub',
    words: ['-t', '{topic}/#', '--remove-retained', '-C', '1'],
    before: [['-t', '{topic}/kept', '-r', '-m', 'kept']],
    expect: {
      stdout: 'kept\n',
      sent: [
        {packet: 'PUBLISH', topic: 'TOPIC/kept', payload: '', qos: 1, retain: true},
        {packet: 'DISCONNECT', reason: 0},
      ],
    },
    mosquitto: 'newer',
  },
  ...(['1', '2'] as const).map(
    (qos): Row => ({
      name: `QoS ${qos} is acknowledged`,
      shows: ['4.1: acknowledgement'],
      tool: 'sub',
      words: ['-t', '{topic}', '-q', '2', '-C', '1', ...five],
      meanwhile: [['-t', '{topic}', '-q', qos, '-m', 'x']],
      expect: {stdout: 'x\n', sent: [{packet: qos === '1' ? 'PUBACK' : 'PUBREC', reason: 0}]},
      ...(qos === '1' ? {} : {mosquitto: printsAtPubrel}),
    }),
  ),
  {
    name: 'NUL, CR and broken UTF-8 come out as they went in',
    shows: ['4.5: bytes'],
    tool: 'sub',
    words: ['-t', '{topic}', '-C', '1'],
    before: [['-t', '{topic}', '-r', '-f', '{directory}/bytes']],
    files: {bytes: 'a\0b\r\n\u00ff\u0001end'},
    expect: {stdout: `${Buffer.from('a\0b\r\n\u00ff\u0001end').toString('latin1')}\n`},
  },

  // Ends
  ...(['311', '5'] as const).map(
    (version): Row => ({
      name: `-W, version ${version}`,
      shows: ['1.2: -W', '4.4: -W', '8: 27'],
      tool: 'sub',
      words: ['-t', '{topic}', '-W', '3', '-V', version],
      expect: {
        status: 27,
        voice: 'line',
        says: /No message within \d+ s\.\n$/,
        sent: [{packet: 'DISCONNECT', reason: version === '5' ? 4 : 0}],
      },
      mosquitto: {because: 'mosquitto_sub does not say what did not come (E6)', says: /^Timed out\n$/},
    }),
  ),
  ...(['SIGINT', 'SIGTERM'] as const).flatMap((signal) =>
    (['311', '5'] as const).map(
      (version): Row => ({
        name: `${signal}, version ${version}`,
        shows: ['4.4: signals', '1.6: DISCONNECT'],
        tool: 'sub',
        words: ['-t', '{topic}', '-V', version],
        signal,
        expect: {sent: [{packet: 'DISCONNECT', reason: version === '5' ? 4 : 0}]},
      }),
    ),
  ),
  {
    name: 'Q11: -D disconnect and -V 311: -W still ends it',
    shows: ['9: Q11'],
    tool: 'sub',
    words: ['-t', '{topic}', '-D', 'disconnect', 'user-property', 'a', 'b', '-V', '311', '-W', '3'],
    expect: {status: 27, voice: 'line', sent: [{packet: 'DISCONNECT'}]},
    mosquitto: 'newer',
  },
  {
    name: 'properties of DISCONNECT at a timeout',
    shows: ['3.6: disconnect'],
    tool: 'sub',
    words: [...five, '-t', '{topic}', '-D', 'disconnect', 'reason-string', 'bye', '-W', '3'],
    expect: {
      status: 27,
      voice: 'line',
      sent: [{packet: 'DISCONNECT', reason: 4, properties: ['reason-string bye']}],
    },
  },
];
