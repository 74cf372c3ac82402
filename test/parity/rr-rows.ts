/** Scenarios of rr: one request, one response. */

import type {Row} from './expectation.ts';

const without = {because: 'mosquitto_rr leaves without DISCONNECT (Q3)', wire: 'any'} as const;

const answer = [['-t', '{topic}/answer', '-m', 'thus']];
const ask = ['-t', '{topic}/ask', '-e', '{topic}/answer'];

/** Asks, gets 'thus', and ends. */
function asks(name: string, shows: string, words: readonly string[], more: Partial<Row> = {}): Row {
  return {
    name,
    shows: [shows],
    tool: 'rr',
    words: [...ask, ...words],
    meanwhile: answer,
    expect: {stdout: 'thus\n'},
    mosquitto: without,
    ...more,
  };
}

export const rrRows: readonly Row[] = [
  asks('SUBSCRIBE, then PUBLISH with the response topic, then DISCONNECT', '5: flow', ['-m', 'how?'], {
    expect: {
      stdout: 'thus\n',
      sent: [
        {packet: 'SUBSCRIBE', id: 1, filters: ['TOPIC/answer 0x00']},
        {packet: 'PUBLISH', topic: 'TOPIC/ask', payload: 'how?', properties: ['response-topic TOPIC/answer']},
        {packet: 'DISCONNECT', reason: 0},
      ],
    },
    mosquitto: {...without, sent: [{packet: 'SUBSCRIBE'}, {packet: 'PUBLISH'}]},
  }),
  asks('-q is for both', '1.2: -q', ['-m', 'how?', '-q', '1'], {
    expect: {
      stdout: 'thus\n',
      sent: [
        {packet: 'SUBSCRIBE', id: 1, filters: ['TOPIC/answer 0x01']},
        {packet: 'PUBLISH', id: 2, qos: 1, retain: false},
      ],
    },
  }),
  asks('version 3.1.1', '5: request properties', ['-m', 'how?', '-V', '311'], {
    expect: {stdout: 'thus\n', sent: [{packet: 'PUBLISH', properties: []}]},
  }),
  asks(
    '-D publish comes before the response topic',
    '5: request properties',
    ['-m', 'how?', '-D', 'publish', 'content-type', 'a'],
    {
      expect: {
        stdout: 'thus\n',
        sent: [{packet: 'PUBLISH', properties: ['content-type a', 'response-topic TOPIC/answer']}],
      },
    },
  ),
  asks('-n', '3.1: -n', ['-n'], {expect: {stdout: 'thus\n', sent: [{packet: 'PUBLISH', payload: ''}]}}),
  asks('-s', '3.1: -s', ['-s'], {
    input: 'from stdin',
    expect: {stdout: 'thus\n', sent: [{packet: 'PUBLISH', payload: 'from stdin'}]},
    mosquitto: 'newer',
  }),
  asks('-f', '3.1: -f', ['-f', '{directory}/file'], {
    files: {file: 'from a file'},
    expect: {stdout: 'thus\n', sent: [{packet: 'PUBLISH', payload: 'from a file'}]},
    mosquitto: 'newer',
  }),
  asks('-v', '5: output', ['-n', '-v'], {expect: {stdout: 'TOPIC/answer thus\n'}}),
  asks('-N', '5: output', ['-n', '-N'], {expect: {stdout: 'thus'}}),
  asks('-F', '5: output', ['-n', '-F', '%p|%q|%l'], {expect: {stdout: 'thus|0|4\n'}}),
  asks('-W', '5: -W', ['-n', '-W', '3'], {
    meanwhile: [],
    expect: {
      status: 27,
      voice: 'line',
      says: /No response on .* within \d+ s\.\n$/,
      sent: [{packet: 'DISCONNECT', reason: 4}],
    },
    mosquitto: {
      because: 'mosquitto_rr does not say what did not come (E6), and may leave before its DISCONNECT (Q3)',
      says: /^Timed out\n$/,
      wire: 'any',
      sent: [],
    },
  }),
  asks('Q41: a retained message is no response', '9: Q41', ['-n'], {
    before: [['-t', '{topic}/answer', '-r', '-m', 'stale']],
    mosquitto: {because: 'mosquitto_rr prints what comes first (Q41)', stdout: 'stale\n', wire: 'any'},
  }),
  asks(
    'Q41: correlation data is compared',
    '5: correlation',
    ['-n', '-D', 'publish', 'correlation-data', 'mine'],
    {
      meanwhile: [
        ['-t', '{topic}/answer', '-m', 'other', '-D', 'publish', 'correlation-data', 'yours'],
        ['-t', '{topic}/answer', '-m', 'thus', '-D', 'publish', 'correlation-data', 'mine'],
      ],
      mosquitto: {because: 'mosquitto_rr prints what comes first (Q41)', stdout: 'other\n', wire: 'any'},
    },
  ),
  asks('-R, and a retained message', '1.2: -R', ['-n', '-R'], {
    before: [['-t', '{topic}/answer', '-r', '-m', 'stale']],
    mosquitto: 'newer',
  }),
];
